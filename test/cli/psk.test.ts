/** External PSKs on the command line, imported and as they are. */
import { writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fixtures } from "../interop/support/fixtures.ts"
import { effectTls } from "../interop/support/programs.ts"
import { cli, isOneLine } from "./support.ts"

const file = (name: string, text: string): string => {
  const path = `${fixtures.folder}/${name}`
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

const psk = file("fleet.psk", `fleet:${"0123456789abcdef".repeat(4)}\n`)

const serve = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const program = yield* Effect.acquireDisposable(
      Effect.sync(() => effectTls("serve", "--port", "0", "--psk", psk, ...args))
    )
    const [, port] = yield* Effect.promise(() => program.until(/^listening on 127\.0\.0\.1:(\d+)\n/))
    return { program, connect: ["connect", `localhost:${port}`] }
  })

describe("--psk and --psk-name", () => {
  it.live("both ends know each other by an imported key, and nobody else", () =>
    Effect.gen(function* () {
      const { program, connect } = yield* serve("--psk-name", "localhost")
      const known = yield* cli([...connect, "--psk", psk, "--psk-name", "a", "--summary", "json"], "there and back")
      assert.deepStrictEqual([known.status, known.stdout], [0, "there and back"], known.stderr)
      assert.deepInclude(JSON.parse(known.stderr), { psk: "fleet (a to localhost)", kind: "external", peer: null })
      yield* Effect.promise(() => program.until(/^accepted: .*external PSK fleet \(a to localhost\)$/m))

      const plain = yield* cli([...connect, "--psk", psk], "there and back")
      assert.strictEqual(plain.status, 1)
      assert.match(plain.stderr, /^effect-tls: AlertReceived: .*decrypt_error/)
      yield* Effect.promise(() => program.until(/UnknownPsk/))
    })
  )

  it.live("a key as it is, beside a certificate", () =>
    Effect.gen(function* () {
      const { cert, key } = fixtures.server.p256
      const { connect } = yield* serve("--cert", cert, "--key", key)
      const known = yield* cli([...connect, "--psk", psk], "there and back")
      assert.deepStrictEqual([known.status, known.stdout], [0, "there and back"], known.stderr)
      assert.match(known.stderr, /^External PSK +fleet$/m)
      const other = file("other.psk", `other:${"0123456789abcdef".repeat(4)}\n`)
      const refused = yield* cli([...connect, "--psk", other])
      assert.match(refused.stderr, /^effect-tls: PskRequired/)
      const certified = yield* cli([...connect, "--psk", other, "--ca", fixtures.ca.cert], "there and back")
      assert.deepStrictEqual([certified.status, certified.stdout], [0, "there and back"], certified.stderr)
    })
  )

  const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
    [
      "the name of the server",
      ["connect", "LOCALHOST:1", "--psk", psk, "--psk-name", "localhost"],
      /is the server's name/
    ],
    ["no name", ["connect", "localhost:1", "--psk", psk, "--psk-name", ""], /--psk-name : "" is no name/],
    ["a name without keys", ["connect", "localhost:1", "--psk-name", "a"], /--psk-name needs --psk/],
    ["a line that is no key", ["serve", "--psk", file("bad.psk", "fleet:xyz")], /line 1 is not IDENTITY:HEX/],
    ["a key that is too short", ["serve", "--psk", file("short.psk", "fleet:0123456789")], /5 bytes, and 16/],
    ["a file that is not there", ["connect", "localhost:1", "--psk", "/nowhere.psk"], /no such file/]
  ]
  for (const [name, args, line] of cases) {
    it.live(`${name}: status 2`, () =>
      Effect.gen(function* () {
        const { status, stderr } = yield* cli(args)
        assert.match(stderr, line)
        assert.isTrue(isOneLine(stderr), stderr)
        assert.strictEqual(status, 2)
      })
    )
  }
})
