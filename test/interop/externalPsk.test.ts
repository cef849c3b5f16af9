/**
 * External PSKs with OpenSSL, Node and GnuTLS, in both roles. None of them imports keys, so here they are used as they
 * are, in one role each.
 */

import { writeFileSync } from "node:fs"
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Socket from "effect/socket/Socket"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as ExternalPsks from "../../src/layers/ExternalPsks.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import { find } from "../../src/layers/TlsError.ts"
import { fixtures } from "./support/fixtures.ts"
import { listening } from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasGnutls, hasOpenssl, openssl, start } from "./support/programs.ts"

const secret = Uint8Array.from({ length: 32 }, (_, i) => i + 1)
const hex = Buffer.from(secret).toString("hex")
const wrongHex = Buffer.from(secret).reverse().toString("hex")
const key = { identity: "somebody", secret: Redacted.make(secret) }
const sha384 = { ...key, hash: "sha384" as const }

const keys = (role: "client" | "server", ...all: ReadonlyArray<ExternalPsks.Key>) =>
  ExternalPsks.dangerouslyUnimported({ role, keys: all.length === 0 ? [key] : all })

/** Our server, which has nothing but keys. */
const serve = Effect.fnUntraced(function* (...all: ReadonlyArray<ExternalPsks.Key>) {
  const context = yield* Layer.build(keys("server", ...all))
  return yield* Effect.provide(Ours.serve({ identity: Credentials.layerNone }), context)
})

/** Our client, which believes nothing but keys. */
const connect = Effect.fnUntraced(function* (port: number, ...all: ReadonlyArray<ExternalPsks.Key>) {
  const tcp = yield* NodeSocket.makeNet({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true })
  const services = Layer.mergeAll(ServerVerifier.layerNone, NodeCryptoProvider.layer, keys("client", ...all))
  return yield* Effect.provide(TlsClient.connect(tcp, { serverName: "localhost" }), yield* Layer.build(services))
})

const psk = (value = hex, identity = "somebody") => ["-psk", value, "-psk_identity", identity]

const reasonOf = (error: unknown) => {
  const tls = find(error)
  return [tls?.reason._tag, tls?.alertReceived ?? tls?.alertSent]
}

describe.skipIf(!hasOpenssl)(`${openssl}`, () => {
  /** `s_server` without a certificate. */
  const server = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
    const program = yield* Effect.acquireDisposable(
      Effect.sync(() => start("openssl", ["s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-nocert", ...args]))
    )
    const [, port] = yield* Openssl.says(program, /ACCEPT 127\.0\.0\.1:(\d+)/)
    return Number(port)
  })

  it.live("s_server takes our client's key", () =>
    Effect.gen(function* () {
      const connection = yield* connect(yield* server("-rev", ...psk()))
      assert.deepStrictEqual([connection.info.kind, connection.info.psk], ["external", "somebody"])
      assert.strictEqual((yield* Ours.exchange(connection, Buffer.from("olleh\n"))).toString(), "hello\n")
    })
  )

  it.live("s_server asks for another group, and the key is bound again", () =>
    Effect.gen(function* () {
      const connection = yield* connect(yield* server("-rev", "-groups", "P-384", ...psk()))
      assert.deepStrictEqual([connection.info.kind, connection.info.group], ["external", "secp384r1"])
      assert.strictEqual((yield* Ours.exchange(connection, Buffer.from("olleh\n"))).toString(), "hello\n")
    })
  )

  it.live("s_server with another key finds the binder wrong", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(connect(yield* server(...psk(wrongHex))))
      assert.strictEqual(reasonOf(error)[0], "AlertReceived")
    })
  )

  it.live("s_server that shows a certificate in the key's place is refused", () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(fixtures.server.p256)
      assert.deepStrictEqual(reasonOf(yield* Effect.flip(connect(port))), ["PskRequired", "handshake_failure"])
    })
  )

  it.live("s_client's key is taken by our server", () =>
    Effect.gen(function* () {
      const { port, served } = yield* serve()
      const program = yield* Openssl.client(port, ...psk())
      program.write("said by OpenSSL\n")
      yield* Openssl.says(program, /Reused, TLSv1\.3|said by OpenSSL/)
      yield* Openssl.says(program, /said by OpenSSL/)
      program.end()
      const { connection } = yield* Queue.take(served)
      assert.deepStrictEqual([connection.info.kind, connection.info.psk], ["external", "somebody"])
      assert.strictEqual(connection.info.suite, "TLS_AES_128_GCM_SHA256")
    })
  )

  it.live("s_client hears the same of our server for a wrong key and for an unknown identity", () =>
    Effect.gen(function* () {
      const { port } = yield* serve()
      for (const args of [psk(wrongHex), psk(hex, "nobody")]) {
        const program = yield* Openssl.client(port, ...args)
        assert.notStrictEqual(yield* Openssl.ended(program), 0)
        assert.match(program.stderr(), /alert decrypt error/)
      }
    })
  )
})

describe(`node:tls with OpenSSL ${process.versions.openssl}`, () => {
  const pskCallback = () => ({ psk: Buffer.from(secret), identity: "somebody" })
  const options = { minVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256" } as const

  it.live("as a server", () =>
    Effect.gen(function* () {
      const server = Tls.createServer(
        { ...options, pskCallback: (_socket, identity) => (identity === "somebody" ? Buffer.from(secret) : null) },
        (socket) => void socket.pipe(socket)
      )
      const connection = yield* connect(yield* listening(server))
      assert.strictEqual(connection.info.kind, "external")
      assert.strictEqual((yield* Ours.exchange(connection, Buffer.from("hello"))).toString(), "hello")
    })
  )

  it.live("as a client", () =>
    Effect.gen(function* () {
      const { port, served } = yield* serve()
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() =>
          Tls.connect({
            ...options,
            ...{ host: "127.0.0.1", port, servername: "localhost", pskCallback },
            checkServerIdentity: () => undefined
          })
        ),
        (socket) => Effect.sync(() => void socket.destroy())
      )
      const heard = yield* Effect.callback<string, Error>((resume) => {
        socket.once("error", (error) => resume(Effect.fail(error)))
        socket.once("data", (bytes) => resume(Effect.succeed(bytes.toString())))
        socket.once("secureConnect", () => void socket.write("hello"))
      })
      assert.strictEqual(heard, "hello")
      socket.end()
      assert.strictEqual((yield* Queue.take(served)).connection.info.psk, "somebody")
    })
  )
})

describe.skipIf(!hasGnutls)("GnuTLS", () => {
  const priority = ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+DHE-PSK:+ECDHE-PSK:+PSK"]
  const freePort = Effect.scoped(Effect.suspend(() => listening(Net.createServer())))
  const program = (name: string, args: ReadonlyArray<string>) =>
    Effect.acquireDisposable(Effect.sync(() => start(name, args)))

  it.live("gnutls-serv takes our client's key", () =>
    Effect.gen(function* () {
      const file = `${fixtures.folder}/keys.psk`
      writeFileSync(file, `somebody:${hex}\n`, { mode: 0o600 })
      const port = yield* freePort
      const args = ["--echo", "-a", "--port", `${port}`, ...priority, "--pskpasswd", file]
      const running = yield* program("gnutls-serv", args)
      yield* Openssl.says(running, /listening on IPv4[^\n]*done/)
      const connection = yield* connect(port)
      assert.deepStrictEqual([connection.info.kind, connection.info.psk], ["external", "somebody"])
      const pull = yield* Socket.readerBytes(connection.socket)
      const { write } = yield* connection.socket.writer
      yield* write("hello\n")
      assert.strictEqual((yield* Ours.take(pull, 6)).toString(), "hello\n")
    })
  )

  it.live("gnutls-cli's key is taken by our server", () =>
    Effect.gen(function* () {
      const { port, served } = yield* serve()
      const args = ["--port", `${port}`, ...priority, "--pskusername", "somebody", "--pskkey", hex, "127.0.0.1"]
      const running = yield* program("gnutls-cli", args)
      running.write("hello\n")
      yield* Openssl.says(running, /hello/)
      running.end()
      assert.strictEqual((yield* Queue.take(served)).connection.info.psk, "somebody")
    })
  )
})

describe("a key of SHA-384", () => {
  it.live("serves TLS_AES_256_GCM_SHA384 alone", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(sha384)
      const { info } = yield* connect(port, sha384)
      assert.deepStrictEqual([info.suite, info.psk], ["TLS_AES_256_GCM_SHA384", "somebody"])
    })
  )
})
