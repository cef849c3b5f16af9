/** The sessions of a client in a file, for programs that run again and again. The file is as secret as what they say. */
import { open, readFile, rename, rm, stat } from "node:fs/promises"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import { ClientSessionStore, limitsOf, make, type Options } from "../ClientSessionStore.ts"
import { useDocument } from "../sessionDocument.ts"
import { misconfigured, type TlsError } from "../TlsError.ts"

class FileFailure extends Data.TaggedError("FileFailure")<{ readonly message: string; readonly code: string }> {}

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, FileFailure> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => {
      const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
      return new FileFailure({ message: cause instanceof Error ? cause.message : "unknown error", code })
    }
  })

/** Only the owner reads and writes it, from the moment that it is there. */
const mode = 0o600

/** Makes the file; fails with EEXIST where there is one, a link included. */
const create = (path: string, text: string) =>
  attempt(async () => {
    const file = await open(path, "wx", mode)
    try {
      await file.writeFile(text)
    } finally {
      await file.close()
    }
  })

const remove = (path: string) => attempt(() => rm(path, { force: true }))

/** All of the new text or all of the old one is there, whenever somebody looks. */
const replace = Effect.fnUntraced(function* (path: string, text: string) {
  const beside = `${path}.new`
  yield* remove(beside)
  yield* create(beside, text)
  yield* attempt(() => rename(beside, path))
})

const absent = (failure: FileFailure): boolean => failure.code === "ENOENT"
const taken = (failure: FileFailure): boolean => failure.code === "EEXIST"

/** A lock is held for milliseconds; one as old as this, in milliseconds, was left by a process that died. */
const abandoned = 30_000

/**
 * Removes a lock that was left behind, under a lock of its own: else two who find it old would both remove one, and
 * the second that of the first. The age is told by the dates of the two files.
 */
const removeAbandoned = (lock: string) => {
  const breaking = `${lock}.break`
  const removal = Effect.gen(function* () {
    const [{ mtimeMs: then }, { mtimeMs: now }] = yield* attempt(() => Promise.all([stat(lock), stat(breaking)]))
    if (now - then > abandoned) yield* remove(lock)
  })
  return Effect.acquireUseRelease(
    create(breaking, ""),
    () => removal,
    () => Effect.ignore(remove(breaking))
  )
}

/** Looks every 20 ms for two seconds. */
const patience = { schedule: Schedule.spaced("20 millis"), times: 100, while: taken }

const lockBy = (lock: string) => {
  const locked = create(lock, String(process.pid))
  return locked.pipe(
    Effect.retry(patience),
    Effect.catchIf(taken, () => Effect.andThen(Effect.ignore(removeAbandoned(lock)), locked))
  )
}

/** One process at a time, and one fiber of it. */
const exclusively = (semaphore: Semaphore.Semaphore, lock: string) => {
  return <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    semaphore.withPermit(
      Effect.acquireUseRelease(
        lockBy(lock),
        () => effect,
        () => Effect.ignore(remove(lock))
      )
    )
}

/**
 * Keeps sessions in a file of mode 0600, which is made when there is something to keep and replaced as a whole. What is
 * in it are secrets. A ticket is handed out once, also when several processes use the file: they take turns by means of
 * a file beside it, `<path>.lock`.
 *
 * Fails with `InvalidConfiguration` when the path cannot be used or what is there is something else. What goes wrong
 * later is logged at debug, and means that no session is resumed.
 *
 * @example
 * Effect.provide(program, SessionFile.layer("sessions.json"))
 */
export const layer = (path: string, options: Options = {}): Layer.Layer<never, TlsError> =>
  Layer.effect(
    ClientSessionStore,
    Effect.gen(function* () {
      const locked = exclusively(yield* Semaphore.make(1), `${path}.lock`)
      const read = attempt(() => readFile(path, "utf8")).pipe(Effect.catchIf(absent, () => Effect.undefined))
      const place = { read, write: (text: string) => replace(path, text), limits: limitsOf(options) }
      yield* locked(useDocument(place, () => undefined)).pipe(
        Effect.mapError(({ message }) => misconfigured(`session file ${path}: ${message}`))
      )
      return make((use, otherwise) =>
        locked(useDocument(place, use)).pipe(
          Effect.catch(({ message }) =>
            Effect.as(Effect.logDebug(`session file ${path} cannot be used: ${message}`), otherwise)
          )
        )
      )
    })
  )
