/** Our client against servers that speak TLS 1.2. */
import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Socket from "effect/socket/Socket"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import { find } from "../../src/layers/TlsError.ts"
import type { KeyType } from "../../src/layers/testing/certificates.ts"
import { fixtures, groups, keyTypes, opensslGroup } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

const versions = ["TLSv1.2"] as const
const both = ["TLSv1.3", "TLSv1.2"] as const

const aeads = [
  ["AES_128_GCM_SHA256", "AES128-GCM-SHA256"],
  ["AES_256_GCM_SHA384", "AES256-GCM-SHA384"],
  ["CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"]
] as const
const kindOf = (keyType: KeyType) => (keyType === "rsa2048" ? "RSA" : "ECDSA")

/** Every suite with every key type, every group with both. */
const combinations = aeads.flatMap(([aead, theirs], i) =>
  keyTypes.map((keyType, j) => ({
    suite: `TLS_ECDHE_${kindOf(keyType)}_WITH_${aead}`,
    cipher: `ECDHE-${kindOf(keyType)}-${theirs}`,
    keyType,
    group: groups[(i + j) % groups.length] ?? "x25519"
  }))
)

/** Groups are about certificates too (RFC 8422 section 5.1.1), so the server makes the choice. */
const offered = (group: (typeof groups)[number]) => [...new Set([group, ...groups])]

const reasonOf = (error: unknown) => {
  const tls = find(error)
  return tls === undefined ? String(error) : [tls.reason._tag, tls.alertReceived ?? tls.alertSent]
}

describe.skipIf(!hasOpenssl)(`openssl s_server -tls1_2 (${openssl})`, () => {
  for (const [i, { suite, cipher, group, keyType }] of combinations.entries()) {
    const form = i % 2 === 0 ? "ticket" : "session ID"
    it.live(`${suite}, ${group}, ${keyType}: full, then resumed by ${form}`, () =>
      Effect.gen(function* () {
        const { program, port } = yield* Openssl.server(
          fixtures.server[keyType],
          ...["-tls1_2", "-cipher", cipher, "-groups", opensslGroup[group]],
          ...(form === "ticket" ? [] : ["-no_ticket"])
        )
        const seen: Ours.Seen = []
        for (const kind of ["full", "resumed", "resumed"]) {
          const connection = yield* Ours.connect(port, { versions, groups: offered(group), seen })
          const { info } = connection
          assert.deepStrictEqual([info.version, info.suite, info.group, info.kind], ["TLSv1.2", suite, group, kind])
          const pull = yield* Socket.readerBytes(connection.socket)
          const { write } = yield* connection.socket.writer
          yield* write(`said by our client, ${kind}\n`)
          yield* Openssl.says(program, new RegExp(`said by our client, ${kind}`))
          program.write("said by OpenSSL\n")
          assert.strictEqual((yield* Ours.take(pull, 16)).toString(), "said by OpenSSL\n")
          yield* connection.close
        }
        assert.strictEqual(seen.includes("heard NewSessionTicket"), form === "ticket")
        assert.strictEqual(seen.filter((message) => message === "heard Certificate").length, 1)
      }).pipe(Effect.scoped, Effect.provide(ClientSessionStore.layerMemory()))
    )
  }

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

  for (const keyType of keyTypes) {
    it.live(`gets our client's certificate: ${keyType}`, () =>
      Effect.gen(function* () {
        const { program, port } = yield* Openssl.server(
          fixtures.server.p256,
          ...["-tls1_2", "-Verify", "1", "-verify_return_error"]
        )
        const connection = yield* Ours.connect(port, { versions, pair: fixtures.client[keyType] })
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

  for (const { suite, cipher, group, keyType } of combinations) {
    it.live(`${suite}, ${group}, ${keyType}: full and resumed`, () =>
      Effect.gen(function* () {
        const server = yield* Node.serve({
          ...options,
          pair: fixtures.server[keyType],
          ciphers: cipher,
          ecdhCurve: opensslGroup[group]
        })
        for (const kind of ["full", "resumed", "resumed"]) {
          const connection = yield* Ours.connect(server.port, { versions: both, groups: offered(group) })
          const { info } = connection
          assert.deepStrictEqual([info.version, info.suite, info.group, info.kind], ["TLSv1.2", suite, group, kind])
          const data = randomBytes(40_000)
          assert.strictEqual(Node.digest(yield* Ours.exchange(connection, data)), Node.digest(data))
        }
        assert.deepStrictEqual(server.errors, [])
      }).pipe(Effect.scoped, Effect.provide(ClientSessionStore.layerMemory()))
    )
  }

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

  it.live("has the same key log, and gets large data in both directions", () =>
    Effect.gen(function* () {
      const server = yield* Node.serve(options)
      const connection = yield* Ours.connect(server.port, { versions })
      const data = randomBytes(3_000_000)
      assert.strictEqual(Node.digest(yield* Ours.exchange(connection, data)), Node.digest(data))
    })
  )
})
