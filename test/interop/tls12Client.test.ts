/** Our client against servers that speak TLS 1.2. */
import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Socket from "effect/socket/Socket"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import { find } from "../../src/layers/TlsError.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import * as Product from "./support/product12.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

const versions = ["TLSv1.2"] as const
const both = ["TLSv1.3", "TLSv1.2"] as const

const reasonOf = (error: unknown) => {
  const tls = find(error)
  return tls === undefined ? String(error) : [tls.reason._tag, tls.alertReceived ?? tls.alertSent]
}

describe.skipIf(!hasOpenssl)(`openssl s_server -tls1_2 (${openssl})`, () => {
  it.live.each(["ticket", "session ID"])(
    "has nothing newer for our defaults, and resumes again and again by %s",
    (form) =>
      Effect.gen(function* () {
        const { program, port } = yield* Openssl.server(
          fixtures.server.p256,
          ...["-tls1_2", ...(form === "ticket" ? [] : ["-no_ticket"])]
        )
        for (const [i, kind] of ["full", "resumed", "resumed", "resumed"].entries()) {
          const { info, socket, close } = yield* Ours.connect(port)
          assert.deepStrictEqual([info.version, info.kind], ["TLSv1.2", kind])
          const { write } = yield* socket.writer
          yield* write(`said by our client, ${i}\n`)
          yield* Openssl.says(program, new RegExp(`said by our client, ${i}`))
          yield* close
        }
        assert.lengthOf(program.stdout().match(/^Reused session-id$/gm) ?? [], 3)
      }).pipe(Effect.provide(ClientSessionStore.layerMemory()))
  )

  it.live("is spoken to by a client of both versions, which has the better one with others", () =>
    Effect.gen(function* () {
      for (const [flags, version] of [
        [["-tls1_2"], "TLSv1.2"],
        [[], "TLSv1.3"]
      ] as const) {
        const { port } = yield* Openssl.server(fixtures.server.p256, ...flags, "-rev")
        const connection = yield* Ours.connect(port, { versions: both })
        assert.strictEqual(connection.info.version, version)
        assert.strictEqual((yield* Ours.exchange(connection, Buffer.from("olleh\n"))).toString(), "hello\n")
      }
    })
  )

  it.live("that speaks less, or more, than our client is refused", () =>
    Effect.gen(function* () {
      const newer = yield* Openssl.server(fixtures.server.p256)
      assert.deepStrictEqual(reasonOf(yield* Effect.flip(Ours.connect(newer.port, { versions }))), [
        "AlertReceived",
        "protocol_version"
      ])
      const older = yield* Openssl.server(fixtures.server.p256, "-tls1_2")
      const error = yield* Effect.flip(Ours.connect(older.port, { versions: ["TLSv1.3"] }))
      assert.deepStrictEqual(reasonOf(error), ["AlertReceived", "protocol_version"])
    })
  )

  for (const keyType of Product.certificates) {
    it.live(`gets our client's certificate: ${keyType}`, () =>
      Effect.gen(function* () {
        const { program, port } = yield* Openssl.server(
          fixtures.server.p256,
          ...["-tls1_2", "-Verify", "1", "-verify_return_error"]
        )
        const connection = yield* Ours.connect(port, {
          versions,
          provider: "node, all groups",
          pair: Product.clients[keyType]
        })
        const { write } = yield* connection.socket.writer
        yield* write("let in\n")
        yield* Openssl.says(program, /let in/)
        yield* Openssl.says(program, /subject=CN ?= ?effect-tls test client/)
      })
    )
  }

  it.live("that takes PKCS#1 v1.5 only gets it, and signs so itself", () =>
    Effect.gen(function* () {
      const { program, port } = yield* Openssl.server(
        fixtures.server.rsa2048,
        ...[
          "-tls1_2",
          "-Verify",
          "1",
          "-verify_return_error",
          "-sigalgs",
          "RSA+SHA256",
          "-client_sigalgs",
          "RSA+SHA256"
        ]
      )
      const connection = yield* Ours.connect(port, { versions, pair: fixtures.client.rsa2048 })
      assert.strictEqual(connection.info.signatureScheme, "rsa_pkcs1_sha256")
      const { write } = yield* connection.socket.writer
      yield* write("let in\n")
      yield* Openssl.says(program, /let in/)
    })
  )

  it.live("refuses clients without a certificate", () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(
        fixtures.server.p256,
        ...["-tls1_2", "-Verify", "1", "-verify_return_error"]
      )
      const error = yield* Effect.flip(Ours.connect(port, { versions }))
      assert.deepStrictEqual(reasonOf(error), ["AlertReceived", "handshake_failure"])
    })
  )

  it.live("that asks for a new handshake hears no, and that asks again is left", () =>
    Effect.gen(function* () {
      const { program, port } = yield* Openssl.server(fixtures.server.p256, "-tls1_2")
      const seen: Ours.Seen = []
      const connection = yield* Ours.connect(port, { versions, seen })
      const pull = yield* Socket.readerBytes(connection.socket)
      const reading = Effect.flip(Ours.takeAll(pull))
      program.write("r\n")
      assert.include(["RenegotiationRefused", "AlertReceived", "UncleanClose"], reasonOf(yield* reading)[0])
      assert.include(seen, "heard HelloRequest")
    })
  )

  it.live("shows the certificate for the name that our client asks for, and ALPN", () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(
        fixtures.server.p256,
        ...["-tls1_2", "-alpn", "h2,http/1.1"],
        ...["-servername", "named.example", "-cert2", fixtures.named.cert, "-key2", fixtures.named.key]
      )
      const connection = yield* Ours.connect(port, {
        versions,
        serverName: "named.example"
      })
      assert.deepStrictEqual(
        Buffer.from(connection.peerCertificates[0] ?? []),
        Buffer.from(fixtures.named.issued.certificate)
      )
      yield* connection.close
      // The context of its second certificate has no callback for ALPN.
      const other = yield* Ours.connect(port, { versions, alpnProtocols: ["http/1.1", "h2"] })
      assert.strictEqual(other.info.alpnProtocol, "h2")
    })
  )
})

describe("node:tls as a server of TLS 1.2", () => {
  const options = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const

  it.live("has nothing newer for our defaults, and resumes again and again", () =>
    Effect.gen(function* () {
      const { port, errors } = yield* Node.serve(options)
      for (const kind of ["full", "resumed", "resumed", "resumed"]) {
        const connection = yield* Ours.connect(port)
        assert.deepStrictEqual([connection.info.version, connection.info.kind], ["TLSv1.2", kind])
        const data = randomBytes(40_000)
        assert.strictEqual(Node.digest(yield* Ours.exchange(connection, data)), Node.digest(data))
      }
      assert.deepStrictEqual(errors, [])
    }).pipe(Effect.provide(ClientSessionStore.layerMemory()))
  )

  it.live("has the same keying material and the same staple", () =>
    Effect.gen(function* () {
      const staple = Buffer.from("an OCSP response, for what anybody here knows")
      const server = yield* Node.serve(options, undefined, (server) => {
        server.on("OCSPRequest", (_certificate, _issuer, callback) => callback(null, staple))
      })
      const connection = yield* Ours.connect(server.port, { versions })
      const ours = yield* connection.exportKeyingMaterial("EXPERIMENTAL label", Buffer.from("context"), 48)
      const socket = server.attended[0]?.socket ?? assert.fail("nobody came")
      assert.deepStrictEqual(
        Buffer.from(ours),
        socket.exportKeyingMaterial(48, "EXPERIMENTAL label", Buffer.from("context"))
      )
      assert.deepStrictEqual(Buffer.from(connection.peerStaples.ocsp ?? []), staple)
    })
  )
})
