/** Raw public keys (RFC 7250) through the public API: credentials, verifiers, and what is refused. */
import { createHash, createPublicKey } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import type { TlsError } from "../../src/layers/TlsError.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Certificates from "../../src/layers/testing/certificates.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { open, read, text, world } from "./support.ts"

type Key = Pick<Certificates.Issued, "privateKeyPem" | "key">

const spkiOf = ({ privateKeyPem }: Key): Uint8Array =>
  Uint8Array.from(createPublicKey(privateKeyPem).export({ format: "der", type: "spki" }))
const pinOf = (key: Key): Uint8Array => Uint8Array.from(createHash("sha256").update(spkiOf(key)).digest())
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const rawKey = ({ privateKeyPem }: Key) => Credentials.layerRawPublicKey({ key: privateKeyPem })

interface Sides<A, B, R> {
  readonly client: Layer.Layer<A, TlsError, R>
  readonly server: Layer.Layer<B, TlsError, R>
  readonly options?: TlsServer.AcceptOptions
}

/** Both ends with services of their own; each ends in a connection or in its error. */
const meet = <A, B, R>({ client, server, options = {} }: Sides<A, B, R>) =>
  Effect.gen(function* () {
    const { left, right } = Pair.make()
    const [ours, theirs] = yield* Effect.all([Layer.build(client), Layer.build(server)])
    return yield* Effect.all(
      [
        Effect.result(Effect.provide(TlsClient.connect(left, { serverName: "localhost" }), ours)),
        Effect.result(Effect.provide(TlsServer.accept(right, options), theirs))
      ],
      { concurrency: 2 }
    )
  })

const outcome = (end: { readonly _tag: string; readonly failure?: TlsError }) =>
  end.failure === undefined
    ? "connected"
    : `${end.failure.reason._tag} ${end.failure.alertSent ?? end.failure.alertReceived ?? "none"}`
const outcomes = (ends: ReadonlyArray<object>) => ends.map((end) => outcome(end as { readonly _tag: string }))

const required = { clientAuthentication: "required" } as const

layer(world)("raw public keys", (it) => {
  it.effect("a session of a pinned key is resumed, and under other pins it is not", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* Certificates.makeSelfSigned(), yield* Certificates.makeSelfSigned()]
      const sessions = yield* Layer.build(Layer.merge(ClientSessionStore.layerMemory(), Tickets.layerSealed()))
      const kinds = (pins: ReadonlyArray<Uint8Array>) =>
        Effect.gen(function* () {
          const [client, server] = yield* meet({
            client: Layer.mergeAll(ServerVerifier.layerRawPublicKey(pins), rawKey(two)),
            server: Layer.mergeAll(ClientVerifier.layerRawPublicKey([pinOf(two)]), rawKey(one)),
            options: required
          })
          if (client._tag === "Failure" || server._tag === "Failure")
            return assert.fail(outcomes([client, server]).join())
          yield* TlsTest.readTickets({ client: client.success, server: server.success })
          return [client.success, server.success].map(
            ({ info: { kind, peer }, peerCertificateType }) => `${kind} ${peerCertificateType} ${peer?.slice(-64)}`
          )
        }).pipe(Effect.provideContext(sessions))
      const peers = [one, two].map((key) => `RawPublicKey ${hex(pinOf(key))}`)
      const full = peers.map((peer) => `full ${peer}`)
      assert.deepStrictEqual(yield* kinds([pinOf(one)]), full)
      assert.deepStrictEqual(yield* kinds([pinOf(one), pinOf(two)]), full)
      assert.deepStrictEqual(
        yield* kinds([spkiOf(one)]),
        peers.map((peer) => `resumed ${peer}`)
      )
    })
  )

  it.effect("credentials that are replaced offer what is loaded now, and resume as who they are now", () =>
    Effect.gen(function* () {
      const [server, first, second] = [
        yield* Certificates.makeSelfSigned(),
        yield* Certificates.makeSelfSigned(),
        yield* Certificates.makeSelfSigned()
      ]
      const sessions = yield* Layer.build(Layer.merge(ClientSessionStore.layerMemory(), Tickets.layerSealed()))
      const loaded = (key: Key) =>
        Effect.flatMap(Layer.build(rawKey(key)), (context) => Effect.provide(Credentials.Credentials, context))
      const current = yield* Ref.make(yield* loaded(first))
      const seen = Effect.gen(function* () {
        // Each time a layer of its own, as in another run of the program.
        const [client, served] = yield* meet({
          client: Layer.merge(
            ServerVerifier.layerRawPublicKey([pinOf(server)]),
            Credentials.layerReloading(Ref.get(current))
          ),
          server: Layer.merge(ClientVerifier.layerRawPublicKey([pinOf(first), pinOf(second)]), rawKey(server)),
          options: required
        })
        if (client._tag === "Failure" || served._tag === "Failure")
          return assert.fail(outcomes([client, served]).join())
        yield* TlsTest.readTickets({ client: client.success, server: served.success })
        return `${served.success.info.kind} ${served.success.info.peer?.slice(-64)}`
      }).pipe(Effect.provideContext(sessions))
      assert.deepStrictEqual([yield* seen, yield* seen], [`full ${hex(pinOf(first))}`, `resumed ${hex(pinOf(first))}`])
      yield* Ref.set(current, yield* loaded(second))
      assert.deepStrictEqual(
        [yield* seen, yield* seen],
        [`full ${hex(pinOf(second))}`, `resumed ${hex(pinOf(second))}`]
      )
    })
  )

  for (const keyType of ["p256", "p384", "ed25519", "rsa2048"] as const) {
    it.effect(`${keyType}, of both ends, known by the key and by its SHA-256`, () =>
      Effect.gen(function* () {
        const [one, two] = [
          yield* Certificates.makeSelfSigned({ keyType }),
          yield* Certificates.makeSelfSigned({ keyType })
        ]
        const [client, server] = yield* meet({
          client: Layer.mergeAll(ServerVerifier.layerRawPublicKey([pinOf(one)]), rawKey(two)),
          server: Layer.mergeAll(ClientVerifier.layerRawPublicKey([spkiOf(one), spkiOf(two)]), rawKey(one)),
          options: required
        })
        if (client._tag === "Failure" || server._tag === "Failure")
          return assert.fail(outcomes([client, server]).join())
        for (const [end, peer] of [
          [client.success, one],
          [server.success, two]
        ] as const) {
          assert.strictEqual(end.peerCertificateType, "RawPublicKey")
          assert.deepStrictEqual(end.peerCertificates.map(hex), [hex(spkiOf(peer))])
          assert.strictEqual(end.info.peer, `raw public key, SHA-256 ${hex(pinOf(peer))}`)
        }
        const [left, right] = [yield* open(client.success.socket), yield* open(server.success.socket)]
        yield* left.write("without a certificate")
        assert.strictEqual(text(yield* read(right.pull, 21)), "without a certificate")
      })
    )
  }

  it.effect("another key of the server ends the handshake (CVE-2024-12797)", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* Certificates.makeSelfSigned(), yield* Certificates.makeSelfSigned()]
      const ends = yield* meet({ client: ServerVerifier.layerRawPublicKey([pinOf(two)]), server: rawKey(one) })
      assert.deepStrictEqual(outcomes(ends), [
        "CertificateRejected certificate_unknown",
        "AlertReceived certificate_unknown"
      ])
    })
  )

  it.effect("another key of the client, and none, end the handshake", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* Certificates.makeSelfSigned(), yield* Certificates.makeSelfSigned()]
      const server = Layer.mergeAll(ClientVerifier.layerRawPublicKey([pinOf(one)]), rawKey(one))
      const believing = ServerVerifier.layerRawPublicKey([pinOf(one)])
      const [, wrong] = yield* meet({ client: Layer.mergeAll(believing, rawKey(two)), server, options: required })
      assert.strictEqual(outcome(wrong), "CertificateRejected certificate_unknown")
      const [, none] = yield* meet({ client: believing, server, options: required })
      assert.strictEqual(outcome(none), "NoCommonCertificateType unsupported_certificate")
    })
  )

  it.effect("a key that is not the signer's own ends the handshake", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* Certificates.makeSelfSigned(), yield* Certificates.makeSelfSigned()]
      const thief = Layer.effect(
        Credentials.Credentials,
        Effect.gen(function* () {
          const own = yield* Credentials.loadRawPublicKey({ key: two.privateKeyPem })
          const real = yield* Effect.flatMap(Layer.build(rawKey(two)), (context) =>
            Effect.provide(
              Effect.map(Credentials.Credentials, (service) => service),
              context
            )
          )
          const choose: typeof real.choose = (request) =>
            Effect.map(real.choose(request), (found) => ({ ...(found ?? own), chain: [spkiOf(one)] }))
          return { ...real, choose }
        })
      )
      const [client] = yield* meet({ client: ServerVerifier.layerRawPublicKey([pinOf(one)]), server: thief })
      assert.strictEqual(outcome(client), "SignatureMismatch decrypt_error")
    })
  )

  it.effect("certificates and raw public keys do not pass for each other", () =>
    Effect.gen(function* () {
      const one = yield* Certificates.makeSelfSigned()
      const certificate = Credentials.layerPem({ chain: one.chainPem, key: one.privateKeyPem })
      const wantsRaw = yield* meet({ client: ServerVerifier.layerRawPublicKey([pinOf(one)]), server: certificate })
      assert.deepStrictEqual(outcomes(wantsRaw), [
        "AlertReceived unsupported_certificate",
        "NoCommonCertificateType unsupported_certificate"
      ])
      const wantsChain = yield* meet({ client: ServerVerifier.layerPinned([pinOf(one)]), server: rawKey(one) })
      assert.deepStrictEqual(outcomes(wantsChain), [
        "AlertReceived handshake_failure",
        "NoCredential handshake_failure"
      ])
    })
  )

  it.effect("a server with both shows each client what it takes", () =>
    Effect.gen(function* () {
      const one = yield* Certificates.makeSelfSigned()
      const both = Layer.unwrap(
        Effect.map(
          Effect.all([
            Credentials.loadPem({ chain: one.chainPem, key: one.privateKeyPem }),
            Credentials.loadRawPublicKey({ key: one.privateKeyPem })
          ]),
          Credentials.layer
        )
      )
      for (const [verifier, type] of [
        [ServerVerifier.layerRawPublicKey([pinOf(one)]), "RawPublicKey"],
        [ServerVerifier.layerPinned([pinOf(one)]), "X509"]
      ] as const) {
        const [client] = yield* meet({ client: verifier, server: both })
        if (client._tag === "Failure") return assert.fail(client.failure.message)
        assert.strictEqual(client.success.peerCertificateType, type)
      }
    })
  )

  for (const [what, keys] of [
    ["nothing at all", []],
    ["31 bytes", [new Uint8Array(31)]],
    ["a key with bytes behind it", [Uint8Array.of(0x30, 0, 1)]]
  ] as const) {
    it.effect(`${what} is no raw public key to believe`, () =>
      Effect.gen(function* () {
        const servers = Effect.flip(Layer.build(ServerVerifier.layerRawPublicKey(keys)))
        const clients = Effect.flip(Layer.build(ClientVerifier.layerRawPublicKey(keys)))
        for (const error of yield* Effect.all([servers, clients])) {
          assert.strictEqual(error.reason._tag, "InvalidConfiguration")
          assert.include(error.message, "raw public key")
        }
      })
    )
  }
})
