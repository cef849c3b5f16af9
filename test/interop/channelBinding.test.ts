/** Exporters and channel bindings as node:tls and openssl compute them. */
import { createHash, X509Certificate } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Socket from "effect/socket/Socket"
import type { SignatureAlgorithm } from "../../src/codec/x509/algorithm.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import type { ChannelBindingType, TlsConnection } from "../../src/layers/TlsConnection.ts"
import type { TlsError } from "../../src/layers/TlsError.ts"
import { issue, type KeyType, makeIntermediate } from "../../src/layers/testing/certificates.ts"
import { fixtures, type Pair, suites } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

const none = Buffer.alloc(0)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const short = Buffer.from("There and back again")

/** A server whose certificate is signed in a certain way, under the authority of the other tests. */
const signedWith = Effect.fnUntraced(function* (keyType: KeyType, algorithm: SignatureAlgorithm) {
  const above = yield* makeIntermediate(fixtures.ca.issued, { keyType })
  const issued = yield* issue(above, { keyType: "p256", algorithm })
  return { issued, cert: "", key: "" } satisfies Pair
})

/** What OpenSSL in Node makes of the certificate that a server shows first. */
const independent = ({ issued }: Pair, hash: string) =>
  createHash(hash).update(new X509Certificate(issued.chainPem).raw).digest("hex")

/** Our client with a server of Node's, and our server with a client of Node's: both ends of both. */
const meetNode = Effect.fnUntraced(function* (pair: Pair, suite?: string) {
  const theirs = yield* Node.serve({ pair, ...(suite === undefined ? {} : { ciphers: suite }) })
  const client = yield* Ours.connect(theirs.port, { provider: "noble" })
  const { write } = yield* client.socket.writer
  yield* write(short) // with its echo, the server has surely attended
  yield* Ours.take(yield* Socket.readerBytes(client.socket), short.length)
  const attended = theirs.attended[0]?.socket ?? assert.fail("nobody came")

  const held = yield* Queue.unbounded<TlsConnection>()
  const ours = yield* Ours.serve({
    pairs: [pair],
    serve: (connection) => Effect.andThen(Queue.offer(held, connection), Ours.echo(connection))
  })
  const socket = yield* Node.connect(ours.port, suite === undefined ? {} : { ciphers: suite })
  return { "our client": [client, attended], "our server": [yield* Queue.take(held), socket] } as const
})

const bound = (connection: TlsConnection, type: ChannelBindingType) => Effect.map(connection.channelBinding(type), hex)

describe("channel bindings with node:tls", () => {
  for (const suite of suites) {
    it.live(`tls-exporter, ${suite}`, () =>
      Effect.gen(function* () {
        const ends = yield* meetNode(fixtures.server.p256, suite)
        const seen = new Set<string>()
        for (const [end, [ours, theirs]] of Object.entries(ends)) {
          const binding = yield* bound(ours, "tls-exporter")
          assert.strictEqual(binding, hex(theirs.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", none)), end)
          assert.lengthOf(binding, 64)
          seen.add(binding)
        }
        assert.strictEqual(seen.size, 2, "no two connections have the same")
      })
    )
  }

  const signatures = [
    ["p256", "ecdsa_sha256", "sha256"],
    ["p384", "ecdsa_sha384", "sha384"],
    ["p384", "ecdsa_sha512", "sha512"],
    ["rsa2048", "rsa_pkcs1_sha256", "sha256"],
    ["rsa2048", "rsa_pkcs1_sha384", "sha384"],
    ["rsa2048", "rsa_pkcs1_sha512", "sha512"],
    ["rsa2048", "rsa_pss_rsae_sha256", "sha256"],
    ["rsa2048", "rsa_pss_rsae_sha512", "sha512"]
  ] as const
  for (const [keyType, algorithm, hash] of signatures) {
    it.live(`tls-server-end-point of a certificate signed with ${algorithm}`, () =>
      Effect.gen(function* () {
        const pair = yield* signedWith(keyType, algorithm)
        const {
          "our client": [client, attended],
          "our server": [server, socket]
        } = yield* meetNode(pair)
        const expected = independent(pair, hash)
        assert.strictEqual(yield* bound(client, "tls-server-end-point"), expected)
        assert.strictEqual(yield* bound(server, "tls-server-end-point"), expected)
        // Both ends of Node's name the same certificate.
        const { raw } = socket.getPeerX509Certificate() ?? assert.fail("no certificate")
        assert.strictEqual(createHash(hash).update(raw).digest("hex"), expected)
        assert.deepStrictEqual(attended.getX509Certificate()?.raw, raw)
      }).pipe(Effect.provide(NodeCryptoProvider.layer))
    )
  }

  it.live("tls-server-end-point of an Ed25519 signature is not defined, and both ends say so", () =>
    Effect.gen(function* () {
      const ends = yield* meetNode(yield* signedWith("ed25519", "ed25519"))
      for (const [ours] of Object.values(ends)) {
        const error = yield* Effect.flip(ours.channelBinding("tls-server-end-point"))
        assert.strictEqual(error.reason._tag, "NoChannelBinding")
        assert.match(error.message, /Ed25519 .* names no hash function \(.*in CONNECTED\)\. Hint: .*tls-exporter/)
        assert.lengthOf(yield* ours.channelBinding("tls-exporter"), 32)
      }
    }).pipe(Effect.provide(NodeCryptoProvider.layer))
  )
})

const cases: ReadonlyArray<readonly [label: string, context: Uint8Array, length: number]> = [
  ["EXPORTER-effect-tls", none, 16],
  ["EXPORTER-effect-tls", Buffer.from("a context"), 48],
  ["EXPORTER-effect-tls", Buffer.alloc(1000, 7), 255],
  ["x", Buffer.from([0]), 1]
]

describe("exporters with node:tls", () => {
  it.live("with contexts and without, of any length", () =>
    Effect.gen(function* () {
      for (const suite of ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]) {
        const ends = yield* meetNode(fixtures.server.p256, suite)
        for (const [end, [ours, theirs]] of Object.entries(ends)) {
          for (const [label, context, length] of cases) {
            const material = hex(yield* ours.exportKeyingMaterial(label, context, length))
            assert.strictEqual(material, hex(theirs.exportKeyingMaterial(length, label, Buffer.from(context))), end)
          }
          const [label] = cases[0] ?? assert.fail("no case")
          const without = hex(yield* ours.exportKeyingMaterial(label, undefined, 16))
          const exported: unknown = Reflect.apply(theirs.exportKeyingMaterial, theirs, [16, label])
          assert.strictEqual(
            without,
            exported instanceof Uint8Array ? hex(exported) : exported,
            "TLS 1.3 knows no 'no context'"
          )
        }
      }
    })
  )

  it.live("wrong use is told in words, and harms nothing", () =>
    Effect.gen(function* () {
      const ends = yield* meetNode(fixtures.server.p256, "TLS_AES_128_GCM_SHA256")
      const misuse = [
        ["", 32, "InvalidConfiguration: an exporter label has 1 to 249 bytes, not 0 ("],
        ["é".repeat(125), 32, "InvalidConfiguration: an exporter label has 1 to 249 bytes, not 250 ("],
        ["EXPORTER-x", 8161, "InvalidConfiguration: keying material has 0 to 8160 bytes, not 8161 ("],
        ["EXPORTER-x", -1, "InvalidConfiguration: keying material has 0 to 8160 bytes, not -1 ("],
        ["EXPORTER-x", Number.NaN, "InvalidConfiguration: keying material has 0 to 8160 bytes, not NaN ("]
      ] as const
      for (const [ours, theirs] of Object.values(ends)) {
        for (const [label, length, message] of misuse) {
          const error: TlsError = yield* Effect.flip(ours.exportKeyingMaterial(label, none, length))
          assert.isTrue(error.message.startsWith(message), error.message)
        }
        const material = hex(yield* ours.exportKeyingMaterial("EXPORTER-x", none, 8160))
        assert.strictEqual(material, hex(theirs.exportKeyingMaterial(8160, "EXPORTER-x", none)))
      }
    })
  )
})

describe.skipIf(!hasOpenssl)(`exporters of ${openssl}`, () => {
  const asked = ["-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"]
  const printed = /Keying material: ([0-9A-F]{64})/

  it.live("s_server prints what our client binds to", () =>
    Effect.gen(function* () {
      const { program, port } = yield* Openssl.server(fixtures.server.p384, ...asked)
      const connection = yield* Ours.connect(port)
      const [, material = ""] = yield* Openssl.says(program, printed)
      assert.strictEqual(yield* bound(connection, "tls-exporter"), material.toLowerCase())
    })
  )

  it.live("s_client prints what our server binds to", () =>
    Effect.gen(function* () {
      const held = yield* Queue.unbounded<TlsConnection>()
      const { port } = yield* Ours.serve({
        serve: (connection) => Effect.andThen(Queue.offer(held, connection), Ours.echo(connection))
      })
      const program = yield* Openssl.client(port, ...asked)
      const [, material = ""] = yield* Openssl.says(program, printed)
      assert.strictEqual(yield* bound(yield* Queue.take(held), "tls-exporter"), material.toLowerCase())
    })
  )
})
