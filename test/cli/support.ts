/** The program in this process: arguments and standard input in, status and both outputs out. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { run } from "../../src/cli/program.ts"

export interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

const text = (chunk: string | Uint8Array): string =>
  typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("latin1")

/** Standard input that stays open, and silent. */
export const silence = Stream.never

const streamOf = (stdin: string | Uint8Array | typeof silence): Stream.Stream<Uint8Array> =>
  Stream.isStream(stdin) ? stdin : stdin.length === 0 ? Stream.empty : Stream.make(Buffer.from(stdin))

/** Runs `effect-tls` with these arguments; what it prints is collected. */
export const cli = (
  args: ReadonlyArray<string>,
  stdin: string | Uint8Array | typeof silence = ""
): Effect.Effect<Outcome> =>
  Effect.gen(function* () {
    const out: Array<string> = []
    const err: Array<string> = []
    const console: Console.Console = Object.assign(Object.create(globalThis.console), {
      log: (line: string) => out.push(`${line}\n`),
      error: (line: string) => err.push(`${line}\n`)
    })
    const collect = (to: Array<string>) => () =>
      Sink.forEachArray((chunks: ReadonlyArray<string | Uint8Array>) => Effect.sync(() => to.push(...chunks.map(text))))
    const stdio = Stdio.layerTest({
      stdin: streamOf(stdin),
      stdout: collect(out),
      stderr: collect(err)
    })
    const status = yield* run(args).pipe(
      Effect.provideService(Console.Console, console),
      Effect.provide(Layer.mergeAll(NodeServices.layer, stdio))
    )
    return { status, stdout: out.join(""), stderr: err.join("") }
  })

/** A directory of its own, gone when the scope ends. */
export const directory = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.makeTempDirectoryScoped({ prefix: "effect-tls-" })
}).pipe(Effect.provide(NodeServices.layer), Effect.orDie)

/** One line, no stack, no line of code: what everybody gets to see when something goes wrong. */
export const isOneLine = (stderr: string): boolean =>
  /^effect-tls: [^\n]+\n$/.test(stderr) && !/\bat \w+.*:\d+:\d+|node:internal|\.ts:\d+/.test(stderr)
