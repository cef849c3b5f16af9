/** Raw public keys on the command line, and what a server tells of a handshake that failed. */
import { createHash, createPublicKey } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fixtures, type Pair } from "../interop/support/fixtures.ts"
import { effectTls, type Program } from "../interop/support/programs.ts"
import { cli, isOneLine, silence } from "./support.ts"

const pinOf = ({ issued }: Pair) =>
  createHash("sha256")
    .update(createPublicKey(issued.privateKeyPem).export({ format: "der", type: "spki" }))
    .digest("hex")
const colons = (hex: string) => hex.toUpperCase().match(/../g)?.join(":") ?? ""

const server = fixtures.server.p256
const client = fixtures.client.p256

const serve = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const program = yield* Effect.acquireDisposable(Effect.sync(() => effectTls("serve", "--port", "0", ...args)))
    const [, port] = yield* Effect.promise(() => program.until(/^listening on 127\.0\.0\.1:(\d+)\n/))
    return { program, target: `localhost:${port}` }
  })
const says = (program: Program, pattern: RegExp) => Effect.promise(() => program.until(pattern))

describe("--raw-key, --server-key-pin and --client-key-pin", () => {
  it.live("both ends know each other by their keys alone", () =>
    Effect.gen(function* () {
      const { program, target } = yield* serve(
        ...["--raw-key", server.key, "--client-key-pin", pinOf(client), "--require-client-cert", "--summary", "json"]
      )
      const believed = ["--server-key-pin", colons(pinOf(server)), "--summary", "json"]
      const known = yield* cli(["connect", target, ...believed, "--raw-key", client.key], "there and back")
      assert.deepStrictEqual([known.status, known.stdout], [0, "there and back"], known.stderr)
      const summary = JSON.parse(known.stderr)
      assert.deepInclude(summary, {
        peer: `raw public key, SHA-256 ${pinOf(server)}`,
        peerCertificateType: "RawPublicKey",
        peerChain: []
      })
      const [accepted] = yield* says(program, /^\{.*\}$/m)
      assert.strictEqual(JSON.parse(accepted).peer, `raw public key, SHA-256 ${pinOf(client)}`)

      // Whoever writes while the server closes may see that before the alert.
      const unknown = yield* cli(["connect", target, ...believed, "--raw-key", server.key], silence)
      assert.strictEqual(unknown.status, 1)
      assert.strictEqual(JSON.parse(unknown.stderr.split("\n")[1] ?? "").error.alertReceived, "certificate_unknown")
      const [refused] = yield* says(program, /^\{"error".*\}$/m)
      assert.deepInclude(JSON.parse(refused).error, { reason: "CertificateRejected", alert: "certificate_unknown" })

      const wrong = yield* cli(["connect", target, "--server-key-pin", pinOf(client), "--raw-key", client.key])
      assert.strictEqual(wrong.status, 1)
      assert.match(wrong.stderr, /^effect-tls: CertificateRejected: raw public key, SHA-256 [0-9a-f]{64}, is not one/)
    })
  )

  it.live("cert inspect prints what to pin", () =>
    Effect.gen(function* () {
      const { stdout } = yield* cli(["cert", "inspect", server.cert])
      assert.include(stdout.match(/^Key SHA-256 +(.*)$/m)?.[1] ?? "", colons(pinOf(server)))
    })
  )

  const pin = pinOf(server)
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
    ["a short pin", ["connect", "localhost:1", "--server-key-pin", "abcd"], /--server-key-pin wants .*64 hexadecimal/],
    [
      "two ways to believe",
      ["connect", "localhost:1", "--server-key-pin", pin, "--insecure"],
      /leave --ca and --insecure/
    ],
    ["no key in the file", ["connect", "localhost:1", "--raw-key", server.cert], /PRIVATE KEY/],
    [
      "two ways to judge clients",
      ["serve", "--raw-key", server.key, "--client-key-pin", pin, "--client-ca", fixtures.ca.cert],
      /choose one/
    ],
    ["keys that are reloaded", ["serve", "--raw-key", server.key, "--reload"], /--reload is for certificates/]
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
