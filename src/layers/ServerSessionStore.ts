/** Where a server keeps the sessions of its stateful tickets (RFC 9846 section 8.1). */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"

/** A store never fails: what it cannot keep or find is a session that is not resumed. */
export interface Shape {
  /**
   * Keeps `session`, bytes with a secret in them, until `expires` (milliseconds since 1970). The store copies what it
   * keeps, so the caller may wipe his own. It may forget the session earlier.
   */
  readonly put: (id: Uint8Array, session: Uint8Array, expires: number) => Effect.Effect<void>
  /** A copy of the session of this id, which stays. */
  readonly get: (id: Uint8Array) => Effect.Effect<Uint8Array | undefined>
  /** The session of this id, which is forgotten by that: of many who ask at once, one has it. The bytes are his. */
  readonly take: (id: Uint8Array) => Effect.Effect<Uint8Array | undefined>
}

/** The store in use. There is none by default; `Tickets.layerStateful` is who needs one. */
export const ServerSessionStore: Context.Reference<Shape | undefined> = Context.Reference(
  "effect-tls/layers/ServerSessionStore",
  { defaultValue: (): Shape | undefined => undefined }
)

/** Any store, such as a database that can delete and return a row at once. */
export const layer = (store: Shape): Layer.Layer<never> => Layer.succeed(ServerSessionStore, store)

/** Keeps nothing. */
export const layerNone: Layer.Layer<never> = layer({
  put: () => Effect.void,
  get: () => Effect.undefined,
  take: () => Effect.undefined
})

/** How much is kept in memory. What was put in first goes first. */
export interface Options {
  /** Sessions at most; 20 000 by default. */
  readonly capacity?: number | undefined
  /** Bytes of all sessions at most; 32 MiB by default. A session holds the client's chain if it sent one. */
  readonly bytes?: number | undefined
}

interface Kept {
  readonly session: Uint8Array
  readonly expires: number
}

/** A session is put in once and taken out once, so the least recently used is the oldest. */
const make = ({ capacity = 20_000, bytes = 2 ** 25 }: Options) => {
  const sessions = new Map<string, Kept>()
  let held = 0
  const remove = (id: string): Kept | undefined => {
    const kept = sessions.get(id)
    if (kept === undefined) return undefined
    sessions.delete(id)
    held -= kept.session.length
    return kept
  }
  const drop = (id: string): void => void remove(id)?.session.fill(0)
  const makeRoom = (now: number): void => {
    for (const [id, { expires }] of sessions) {
      if (expires > now && sessions.size <= capacity && held <= bytes) return
      drop(id)
    }
  }
  const put = (id: string, session: Uint8Array, expires: number, now: number): void => {
    drop(id)
    if (expires <= now || session.length > bytes || capacity < 1) return
    sessions.set(id, { session: session.slice(), expires })
    held += session.length
    makeRoom(now)
  }
  const take = (id: string, now: number): Uint8Array | undefined => {
    const kept = remove(id)
    if (kept === undefined || kept.expires > now) return kept?.session
    kept.session.fill(0)
    return undefined
  }
  const get = (id: string, now: number): Uint8Array | undefined => {
    const kept = sessions.get(id)
    return kept === undefined || kept.expires <= now ? undefined : kept.session.slice()
  }
  const store: Shape = {
    put: (id, session, expires) =>
      Effect.map(Clock.currentTimeMillis, (now) => put(Hex.encode(id), session, expires, now)),
    get: (id) => Effect.map(Clock.currentTimeMillis, (now) => get(Hex.encode(id), now)),
    take: (id) => Effect.map(Clock.currentTimeMillis, (now) => take(Hex.encode(id), now))
  }
  return { store, clear: () => [...sessions.keys()].forEach(drop) }
}

/**
 * Keeps sessions in the memory of this process, bounded in number, bytes and time. They are wiped when they are dropped
 * and when the layer ends.
 */
export const layerMemory = (options: Options = {}): Layer.Layer<never> =>
  Layer.effect(
    ServerSessionStore,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => make(options)),
        ({ clear }) => Effect.sync(clear)
      ),
      ({ store }) => store
    )
  )
