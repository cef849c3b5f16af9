/** The key log as a file. Whoever can read the file can read what was said. */
import { open } from "node:fs/promises"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { KeyLog, type KeyLogger } from "../KeyLog.ts"
import { misconfigured, type TlsError } from "../TlsError.ts"

const describe = (cause: unknown): string => (cause instanceof Error ? cause.message : "unknown error")

/** Bits of a mode by which others than its owner may read or write a file. */
const others = 0o066

/** A file that was there keeps the mode it has, since it is not ours to change. */
const warnOfReaders = (path: string, mode: number) =>
  (mode & others) === 0
    ? Effect.void
    : Effect.logWarning(
        `key log file ${path}: others may read it (mode ${(mode & 0o777).toString(8)}), chmod it to 600`
      )

/** A key log that cannot be written is worth a warning, and no connection. */
const makeLogger = Effect.fnUntraced(function* (path: string) {
  const failed = (cause: unknown) => misconfigured(`key log file ${path}: ${describe(cause)}`)
  const file = yield* Effect.acquireRelease(
    Effect.tryPromise({ try: () => open(path, "a", 0o600), catch: failed }),
    (file) => Effect.ignore(Effect.tryPromise(() => file.close()))
  )
  const stat = yield* Effect.tryPromise({ try: () => file.stat(), catch: failed })
  if (stat.isFile()) yield* warnOfReaders(path, stat.mode)
  const logger: KeyLogger = {
    log: (line) =>
      Effect.tryPromise(() => file.appendFile(`${line}\n`)).pipe(
        Effect.catch(({ cause }) => Effect.logWarning(`key log file ${path}: ${describe(cause)}`))
      )
  }
  return logger
})

/**
 * Appends to a file, which is made with mode 0600; one that was there is told of if others may read it. Fails with
 * `InvalidConfiguration` when it cannot be opened.
 */
export const layerFile = (path: string): Layer.Layer<never, TlsError> => Layer.effect(KeyLog, makeLogger(path))

/**
 * Appends to the file that the environment variable SSLKEYLOGFILE names, and does nothing when it is not set or empty.
 * It has to be provided like any other layer: the variable alone gives nothing away.
 *
 * @example
 * program.pipe(Effect.provide(KeyLogFile.layerFromEnv)) // SSLKEYLOGFILE=keys.log node program.ts
 */
export const layerFromEnv: Layer.Layer<never, TlsError> = Layer.unwrap(
  Config.option(Config.String("SSLKEYLOGFILE")).pipe(
    Effect.mapError((error) => misconfigured(`SSLKEYLOGFILE: ${error.message}`)),
    Effect.map(Option.filter((path) => path !== "")),
    Effect.map(Option.match({ onNone: () => Layer.empty, onSome: layerFile }))
  )
)
