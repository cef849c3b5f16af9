/** Reading and writing files, with failures that people can read. */
import { createReadStream } from "node:fs"
import { dirname } from "node:path"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import type * as Stream from "effect/Stream"
import { collect } from "../layers/collect.ts"
import { describeError } from "../layers/transport.ts"
import { type CliFailure, failed, oneLine, usage } from "./failure.ts"

/** Bytes of a file or of standard input that are read at most: 16 MiB. */
const maxInput = 2 ** 24

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

const tooLong = (name: string): string => `${name} is longer than ${maxInput} bytes`

const contentOf = (path: string): Stream.Stream<Uint8Array, CliFailure> =>
  NodeStream.fromReadable({
    evaluate: () => createReadStream(path),
    onError: (error) => usage(`cannot read ${path}: ${describeError(error)}`)
  })

/** The bytes of a file that a flag or an argument named. */
export const readFile = (path: string): Effect.Effect<Uint8Array, CliFailure, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { type } = yield* fs.stat(path)
    if (type === "Directory") return yield* usage(`${path} is a directory, not a file`)
    return (yield* collect(contentOf(path), maxInput)) ?? (yield* usage(tooLong(path)))
  }).pipe(Effect.catchTag("PlatformError", (error) => usage(`cannot read ${path}: ${why(error)}`)))

const decoder = new TextDecoder()

/** The text of a file. */
export const readText = (path: string): Effect.Effect<string, CliFailure, FileSystem.FileSystem> =>
  Effect.map(readFile(path), (bytes) => decoder.decode(bytes))

/** Standard input to its end. */
export const readStdin: Effect.Effect<Uint8Array, CliFailure, Stdio.Stdio> = Effect.gen(function* () {
  const { stdin } = yield* Stdio.Stdio
  const bytes = yield* Effect.mapError(collect(stdin, maxInput), (error) =>
    failed(`cannot read standard input: ${why(error)}`)
  )
  return bytes ?? (yield* failed(tooLong("standard input")))
})

/** Who may read a file that is written. */
export type Readers = "everybody" | "owner"

const modes: { readonly [R in Readers]: number } = { everybody: 0o644, owner: 0o600 }

/** Writes a file; one for its owner alone is never open to others, not even when it was before. */
export const writeFile = (
  path: string,
  content: string | Uint8Array,
  readers: Readers
): Effect.Effect<void, CliFailure, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    if (readers === "owner") yield* fs.remove(path, { force: true })
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
    yield* fs.writeFile(path, bytes, { mode: modes[readers] })
  }).pipe(Effect.catchTag("PlatformError", (error) => failed(`cannot write ${path}: ${why(error)}`)))

const isDirectory = (fs: FileSystem.FileSystem, path: string) =>
  Effect.map(fs.stat(path), ({ type }) => type === "Directory")

/** One level at a time: Node's own recursion never ends where nothing can be made, as below /proc. */
const makeLevel = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void, PlatformError> =>
  Effect.catch(fs.makeDirectory(path), (error) => {
    const { _tag } = error.reason
    const above = dirname(path)
    if (_tag === "NotFound" && above !== path) return Effect.andThen(makeLevel(fs, above), fs.makeDirectory(path))
    if (_tag !== "AlreadyExists") return Effect.fail(error)
    return Effect.flatMap(isDirectory(fs, path), (there) => (there ? Effect.void : Effect.fail(error)))
  })

/** Makes a directory, and those above it. */
export const makeDirectory = (path: string): Effect.Effect<void, CliFailure, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.catchTag(makeLevel(fs, path), "PlatformError", (error) =>
      failed(`cannot make the directory ${path}: ${why(error)}`)
    )
  )
