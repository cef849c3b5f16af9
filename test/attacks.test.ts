/** docs/ATTACKS.md names files and tests that exist, and one test that has no better place. */
import * as fs from "node:fs"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TlsClient from "../src/layers/TlsClient.ts"
import * as TlsServer from "../src/layers/TlsServer.ts"
import * as Mocks from "../src/layers/testing/mocks.ts"
import * as Pair from "../src/layers/testing/pair.ts"
import { world } from "./layers/support.ts"

const at = (path: string) => new URL(`../${path}`, import.meta.url)
const read = (path: string) => fs.readFileSync(at(path), "utf8")

describe("docs/ATTACKS.md", () => {
  const page = read("docs/ATTACKS.md")
  const bullets = page.split("\n").filter((line) => line.startsWith("- "))
  const tests = bullets.map((line) => /^- `(test\/[\w/.-]+)` "(.+)"$/.exec(line) ?? assert.fail(`no test: ${line}`))

  it("names files that exist", () => {
    const files = [...page.matchAll(/`((?:src|test)\/[\w/.-]+)`/g)].map(([, path = ""]) => path)
    assert.isAbove(files.length, 50)
    for (const path of files) assert.isTrue(fs.existsSync(at(path)), path)
  })

  it.each(tests.map(([, path = "", title = ""]) => [path, title] as const))("%s has %j", (path, title) => {
    assert.isTrue(read(path).includes(title))
  })

  it("shows a test for every attack", () => {
    const [entries = ""] = page.split("## Not built yet")
    const attacks = entries.split(/\n(?=\*\*)/).slice(1)
    assert.isAbove(attacks.length, 30)
    for (const attack of attacks) assert.include(attack, "\n- `test/", attack.slice(0, 60))
  })
})

layer(world)("hooks", (it) => {
  it.effect("a rejected promise in a hook is an internal error, and no rejection goes unhandled", () =>
    Effect.gen(function* () {
      const unhandled: Array<unknown> = []
      const note = (reason: unknown) => unhandled.push(reason)
      process.on("unhandledRejection", note)
      const { left, right } = Pair.make()
      const server = yield* Effect.forkChild(Effect.result(TlsServer.accept(right)))
      const verify = () => Effect.promise(() => Promise.reject(new Error("swordfish")))
      const client = yield* Effect.flip(
        TlsClient.connect(left, { serverName: "localhost" }).pipe(Effect.provide(Mocks.serverVerifier({ verify })))
      )
      yield* Fiber.join(server)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      process.off("unhandledRejection", note)
      assert.strictEqual(client.reason._tag, "InternalError")
      assert.notInclude(client.message, "swordfish")
      assert.deepStrictEqual(unhandled, [])
    })
  )
})
