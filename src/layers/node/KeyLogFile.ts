/** The key log as a file. Whoever can read the file can read what was said. */
import { open } from "node:fs/promises"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { KeyLog, type KeyLogger } from "../KeyLog.ts"
import { misconfigured, type TlsError } from "../TlsError.ts"

const describe = (cause: unknown): string => (cause instanceof Error ? cause.message : "unknown error")

/** A key log that cannot be written is worth a warning, and no connection. */
const makeLogger = Effect.fnUntraced(function* (path: string) {
  const file = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () => open(path, "a", 0o600),
      catch: (cause) => misconfigured(`key log file ${path}: ${describe(cause)}`)
    }),
    (file) => Effect.ignore(Effect.tryPromise(() => file.close()))
  )
  const logger: KeyLogger = {
    log: (line) =>
      Effect.tryPromise(() => file.appendFile(`${line}\n`)).pipe(
        Effect.catch(({ cause }) => Effect.logWarning(`key log file ${path}: ${describe(cause)}`))
      )
  }
  return logger
})

/** Appends to a file, which is made with mode 0600. Fails with `InvalidConfiguration` when it cannot be opened. */
export const layerFile = (path: string): Layer.Layer<never, TlsError> => Layer.effect(KeyLog, makeLogger(path))

/**
 * Appends to the file that the environment variable SSLKEYLOGFILE names, and does nothing when it is not set. It has
 * to be provided like any other layer: the variable alone gives nothing away.
 */
export const layerFromEnv: Layer.Layer<never, TlsError> = Layer.unwrap(
  Config.option(Config.NonEmptyString("SSLKEYLOGFILE")).pipe(
    Effect.mapError((error) => misconfigured(`SSLKEYLOGFILE: ${error.message}`)),
    Effect.map(Option.match({ onNone: () => Layer.empty, onSome: layerFile }))
  )
)
