/** Reading and writing files, with failures that people can read. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { type CliFailure, failed, oneLine, usage } from "./failure.ts"

/** Bytes of a file or of standard input that are read at most: 16 MiB. */
export const maxInput = 2 ** 24

const why = (error: PlatformError): string => {
  switch (error.reason._tag) {
    case "NotFound":
      return "there is no such file"
    case "PermissionDenied":
      return "permission denied"
    case "AlreadyExists":
      return "it exists already"
    default:
      return oneLine(error.message)
  }
}

/** The bytes of a file that a flag or an argument named. */
export const readFile = (path: string): Effect.Effect<Uint8Array, CliFailure, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { type, size } = yield* fs.stat(path)
    if (type === "Directory") return yield* usage(`${path} is a directory, not a file`)
    if (size > maxInput) return yield* usage(`${path} is longer than ${maxInput} bytes`)
    return yield* fs.readFile(path)
  }).pipe(Effect.catchTag("PlatformError", (error) => usage(`cannot read ${path}: ${why(error)}`)))

const decoder = new TextDecoder()

/** The text of a file. */
export const readText = (path: string): Effect.Effect<string, CliFailure, FileSystem.FileSystem> =>
  Effect.map(readFile(path), (bytes) => decoder.decode(bytes))

/** Standard input to its end. */
export const readStdin: Effect.Effect<Uint8Array, CliFailure, Stdio.Stdio> = Effect.gen(function* () {
  const { stdin } = yield* Stdio.Stdio
  const chunks: Array<Uint8Array> = []
  let size = 0
  yield* stdin.pipe(
    Stream.takeUntil((chunk) => {
      chunks.push(chunk)
      size += chunk.length
      return size > maxInput
    }),
    Stream.runDrain,
    Effect.catchTag("PlatformError", (error) => failed(`cannot read standard input: ${why(error)}`))
  )
  if (size > maxInput) return yield* failed(`standard input is longer than ${maxInput} bytes`)
  return Buffer.concat(chunks)
})

/** Who may read a file that is written. */
export type Readers = "everybody" | "owner"

const modes: { readonly [R in Readers]: number } = { everybody: 0o644, owner: 0o600 }

/** Writes a file; one for its owner alone is never open to others, not even when it was before. */
export const writeFile = (
  path: string,
  text: string,
  readers: Readers
): Effect.Effect<void, CliFailure, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    if (readers === "owner") yield* fs.remove(path, { force: true })
    yield* fs.writeFileString(path, text, { mode: modes[readers] })
  }).pipe(Effect.catchTag("PlatformError", (error) => failed(`cannot write ${path}: ${why(error)}`)))

export const makeDirectory = (path: string): Effect.Effect<void, CliFailure, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    yield* fs.makeDirectory(path, { recursive: true })
  }).pipe(Effect.catchTag("PlatformError", (error) => failed(`cannot make the directory ${path}: ${why(error)}`)))
