/** A server that has no more descriptors for its clients, and has some again. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { world } from "../layers/support.ts"
import { dial, type Raw, shakeHands } from "./raw.ts"
import { eventually, quiet } from "./support.ts"

quiet()

const program = fileURLToPath(new URL("fewDescriptors.ts", import.meta.url))

/** The program with 64 descriptors at most; ended with the scope. */
const start = Effect.acquireRelease(
  Effect.callback<{ readonly child: ChildProcess; readonly port: number; readonly said: Array<string> }>((resume) => {
    const said: Array<string> = []
    const child = spawn("/bin/sh", ["-c", `ulimit -n 64 && exec "$0" "$1"`, process.execPath, program], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "--unhandled-rejections=strict" }
    })
    const listen = (data: Buffer) => {
      said.push(String(data))
      const port = /^port (\d+)/m.exec(said.join(""))?.[1]
      if (port !== undefined) resume(Effect.succeed({ child, port: Number(port), said }))
    }
    child.stdout.on("data", listen)
    child.stderr.on("data", listen)
    child.on("exit", (code) => resume(Effect.die(new Error(`it ended with ${code}: ${said.join("")}`))))
  }),
  ({ child }) =>
    Effect.callback<void>((resume) => {
      if (child.exitCode !== null) return resume(Effect.void)
      child.once("exit", () => resume(Effect.void))
      child.kill("SIGKILL")
    })
)

const open = (clients: ReadonlyArray<Raw>) => clients.filter(({ ended }) => ended() === undefined).length

layer(world, { excludeTestServices: true })("64 descriptors and 200 clients", (it) => {
  it.effect.skipIf(process.platform !== "linux")(
    "the server survives, turns some away, and serves when they are gone",
    () =>
      Effect.gen(function* () {
        const { child, port, said } = yield* start
        yield* Effect.scoped(shakeHands(port))
        for (let round = 0; round < 2; round++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const clients = yield* Effect.forEach(Array.from({ length: 200 }), () => dial(port), { concurrency: 50 })
              yield* Effect.sleep("200 millis")
              assert.isBelow(open(clients), 64)
              // Those who were let in say nothing, and are ended at the deadline.
              yield* eventually(
                () => open(clients),
                (count) => count === 0
              )
            })
          )
          const begin = performance.now()
          const client = yield* shakeHands(port)
          yield* eventually(
            () => client.end.data.length,
            (size) => size > 0
          )
          assert.isBelow(performance.now() - begin, 1000)
          client.socket.destroy()
        }
        assert.strictEqual(child.exitCode, null)
        assert.strictEqual(said.join(""), `port ${port}\n`)
      })
  )
})
