/** `serve --reload`, `--strict-sni` and `--strict-alpn`, with node:tls as the client. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fixtures } from "../interop/support/fixtures.ts"
import * as Node from "../interop/support/node.ts"
import { effectTls, type Program } from "../interop/support/programs.ts"
import { cli } from "./support.ts"

const { p256, ed25519 } = fixtures.server

/** The program, listening. */
const serve = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const program = yield* Effect.acquireDisposable(Effect.sync(() => effectTls("serve", "--port", "0", ...args)))
  const [, port] = yield* Effect.promise(() => program.until(/^listening on 127\.0\.0\.1:(\d+)\n/))
  return { program, port: Number(port) }
})

const says = (program: Program, pattern: RegExp) => Effect.promise(() => program.until(pattern))

describe("serve", () => {
  it.live(
    "--reload takes new files on SIGHUP, keeps connections, and the old certificate when the new one is bad",
    () =>
      Effect.gen(function* () {
        const folder = mkdtempSync(join(tmpdir(), "effect-tls-"))
        yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
        const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")]
        const write = ({ issued }: typeof p256) => {
          writeFileSync(key, issued.privateKeyPem)
          writeFileSync(cert, issued.chainPem)
        }
        write(p256)
        const { program, port } = yield* serve("--cert", cert, "--key", key, "--reload")
        const shown = Effect.map(Node.connect(port), (socket) => socket.getPeerCertificate().raw.toString("hex"))
        const hex = ({ issued }: typeof p256) => Buffer.from(issued.certificate).toString("hex")

        const early = yield* Node.connect(port)
        assert.strictEqual(yield* shown, hex(p256))
        write(ed25519)
        program.child.kill("SIGHUP")
        for (let i = 0; i < 100 && (yield* shown) !== hex(ed25519); i++) yield* Effect.sleep("50 millis")
        assert.strictEqual(yield* shown, hex(ed25519))

        writeFileSync(cert, "no PEM at all")
        program.child.kill("SIGHUP")
        yield* says(program, /^effect-tls: .*the certificates in use are kept: .*cert\.pem/m)
        assert.strictEqual(yield* shown, hex(ed25519))
        const short = Buffer.from("There and back again")
        assert.deepStrictEqual(yield* Node.exchange(early, short), short)
        program.child.kill("SIGTERM")
        assert.strictEqual(yield* Effect.promise(() => program.exit), 0)
      })
  )

  it.live("--strict-sni and --strict-alpn refuse with their alerts", () =>
    Effect.gen(function* () {
      const identity = ["--cert", p256.cert, "--key", p256.key]
      const { port } = yield* serve(...identity, "--strict-sni", "--strict-alpn", "--alpn", "http/1.1")
      const ALPNProtocols = ["http/1.1"]
      assert.match(
        yield* Effect.flip(Node.connect(port, { ALPNProtocols, servername: "other.example" })),
        /UNRECOGNIZED_NAME/
      )
      assert.match(yield* Effect.flip(Node.connect(port)), /NO_APPLICATION_PROTOCOL/)
      yield* Node.connect(port, { ALPNProtocols })
      const wrong = yield* cli(["serve", ...identity, "--strict-alpn"])
      assert.strictEqual(wrong.status, 2)
      assert.match(wrong.stderr, /--strict-alpn needs --alpn/)
    })
  )
})
