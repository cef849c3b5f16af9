/** The examples of the README, type-checked; `test/readme.test.ts` compares the text. */

import { NodeRuntime, NodeSocket, NodeSocketServer } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Stream } from "effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import type { Socket } from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import * as TestClock from "effect/testing/TestClock"
import * as Core from "../../src/core.ts"
import {
  AntiReplay,
  CertificateTransparency,
  ClientVerifier,
  Credentials,
  ExternalPsks,
  Padding,
  Revocation,
  RevocationFetch,
  ServerVerifier,
  Tickets,
  TlsClient,
  TlsConnection,
  TlsServer,
  TrustAnchors,
  Verifier
} from "../../src/index.ts"
import { NodeTcp, NodeTls, nodeHeaderProtection, SessionFile } from "../../src/layers/node/index.ts"
import { TlsTest } from "../../src/layers/testing/index.ts"

declare const chain: string
declare const key: string
declare const ca: string
declare const sha256OfItsKey: Uint8Array
declare const pins: ReadonlyArray<Uint8Array>
declare const isPartner: (chain: ReadonlyArray<Uint8Array>) => boolean

// README: begin
const client = Effect.gen(function* () {
  const tcp = yield* NodeSocket.makeNet({ host: "example.org", port: 443, noDelay: true })
  const tls = yield* TlsClient.connect(tcp, { serverName: "example.org", alpnProtocols: ["http/1.1"] })
  yield* Effect.log(tls.info) // version, suite, group, ALPN, the peer
  const writer = yield* tls.socket.writer // an Effect Socket: everything that takes a Socket takes TLS
  yield* writer.write("GET / HTTP/1.0\r\nHost: example.org\r\n\r\n")
})
client.pipe(Effect.scoped, Effect.provide(NodeTls.layer), NodeRuntime.runMain)

// a SocketServer made of a SocketServer
const Server = TlsServer.layer({ alpnProtocols: ["h2", "http/1.1"] }).pipe(
  Layer.provide(NodeSocketServer.layer({ port: 8443, noDelay: true })),
  Layer.provide(Credentials.layerPem({ chain, key })),
  Layer.provide(NodeTls.layer)
)
const echo = (socket: Socket) =>
  Effect.gen(function* () {
    const { pull } = yield* socket.reader
    const writer = yield* socket.writer
    while (true) yield* writer.writeAll(yield* pull) // fails when the client has closed
  }).pipe(Effect.ignore, Effect.scoped)
const serving = Effect.flatMap(SocketServer, (server) => server.run(echo))
serving.pipe(Effect.provide(Server), NodeRuntime.runMain)

// README: end

export { Server }

// README: begin
const patient = client.pipe(Effect.catchReason("TlsError", "CertificateExpired", (reason) => Effect.log(reason.detail)))

// README: end

export { patient }

declare const clientChain: string
declare const clientKey: string

// README: begin
// a server that asks clients for a certificate of this CA, and serves nobody without one
const Members = TlsServer.layer({ clientAuthentication: "required" }).pipe(
  Layer.provide(ClientVerifier.layerWebPki.pipe(Layer.provide(TrustAnchors.layerPem(ca)))),
  Layer.provide(NodeSocketServer.layer({ port: 8443, noDelay: true })),
  Layer.provide(Credentials.layerPem({ chain, key })),
  Layer.provide(NodeTls.layer)
)
const greet = Effect.gen(function* () {
  const tls = Option.getOrThrow(yield* TlsConnection.current) // anywhere in the handler of a connection
  yield* Effect.log(`${tls.info.peer}`, tls.peerCertificates.length) // who it is; its chain in DER
})

// a client that has one
const member = Effect.gen(function* () {
  const tcp = yield* NodeSocket.makeNet({ host: "example.org", port: 8443, noDelay: true })
  return yield* TlsClient.connect(tcp, { serverName: "example.org" })
}).pipe(Effect.provide(Credentials.layerPem({ chain: clientChain, key: clientKey })))

// README: end

export { greet, Members, member }

// README: begin
// no socket, no real time, no real randomness: the same bytes in every run
it.effect("refuses a certificate that has expired", () =>
  Effect.gen(function* () {
    yield* TestClock.adjust("100 days") // the factory makes certificates for 90
    const error = yield* Effect.flip(TlsTest.handshake())
    assert.strictEqual(error.reason._tag, "CertificateExpired")
  }).pipe(Effect.scoped, Effect.provide(TlsTest.layer))
)

// README: end

// README: begin
// a certificate for each name that clients ask for; who asks for no such name, or takes no part in ALPN, is refused
const Names = TlsServer.layer({ alpnProtocols: ["h2"], serverNamePolicy: "strict", alpnPolicy: "strict" }).pipe(
  Layer.provide(Credentials.layerSni({ "example.org": { chain, key }, "*.example.org": { chain, key } }))
)

// another configuration for some clients: other options, other services
const Hosts = Layer.unwrap(
  Effect.gen(function* () {
    const clients = ClientVerifier.layerWebPki.pipe(Layer.provide(TrustAnchors.layerPem(ca)))
    const identity = Credentials.layerPem({ chain, key })
    const internal = yield* TlsServer.configureWith(Layer.merge(clients, identity), {
      clientAuthentication: "required"
    })
    return TlsServer.layer({
      choose: (hello) => {
        if (hello.serverName === undefined) return TlsServer.refuse("UnrecognizedName", "say whom you want")
        return Effect.succeed(hello.serverName === "internal.example.org" ? internal : undefined)
      }
    })
  })
)

// README: end

export { Hosts, Names }

declare const sharedKey: Uint8Array
declare const tcp: Socket
declare const GatewayKeys: Layer.Layer<never>

// README: begin
// a device that has a key with its gateway, in both roles: the key is good between these two names only (RFC 9258)
const Keys = ExternalPsks.layerImported({
  name: "sensor-7",
  keys: [{ identity: "fleet", secret: Redacted.make(sharedKey), peers: ["gateway.example"] }]
})
const Device = TlsClient.connect(tcp, { serverName: "gateway.example" }).pipe(
  Effect.provide([ServerVerifier.layerNone, Keys])
)

// a server that serves who has such a key, and nobody else
const Gateway = TlsServer.layer().pipe(Layer.provide([Credentials.layerNone, GatewayKeys]))

// README: end

export { Device, Gateway }

// README: begin
// a verifier is a value: the chain must be right, and the key one of ours; or it is whatever this name showed first
const Pinned = ServerVerifier.zipWith(ServerVerifier.layerWebPki, ServerVerifier.layerPinned(pins), Verifier.and)
const KnownByNow = ServerVerifier.layerTofu().pipe(Layer.provide(KeyValueStore.layerFileSystem("known-servers")))

// one more condition, which no session gets around: with another policy, none is resumed
const Partners = ServerVerifier.map(ServerVerifier.layerWebPki, (verifier) =>
  Verifier.check(
    verifier,
    ({ chain }) => (isPartner(chain) ? Effect.void : Effect.fail(Verifier.refuse("no partner of ours"))),
    "partners of 2026"
  )
)

// README: end

export { KnownByNow, Partners, Pinned }

declare const logListJson: string

// README: begin
// the certificate must have been published by logs of two operators; a list older than 70 days only warns
const Published = Layer.unwrap(
  Effect.gen(function* () {
    const list = yield* Effect.fromResult(CertificateTransparency.fromJson(logListJson))
    return ServerVerifier.layerWebPki.pipe(Layer.provide(CertificateTransparency.layer({ list })))
  })
)

// README: end

export { Published }

declare const crlPem: string

// README: begin
// whoever was revoked is refused, by lists or by the OCSP response that the server staples; so is who is not known
const Checked = ServerVerifier.layerWebPki.pipe(Layer.provide(Revocation.layer({ crls: [crlPem] })))

// lists fetched from where certificates say, over any HttpClient; where nobody knows, the server is believed
const Fetched = ServerVerifier.layerWebPki.pipe(
  Layer.provide(RevocationFetch.layer({ policy: "prefer" })),
  Layer.provide(FetchHttpClient.layer)
)

// README: end

export { Checked, Fetched }

declare const config: Core.QuicClientConfig
declare const transportParameters: Uint8Array
declare const answers: Core.World
declare const quic: {
  readonly install: (level: Core.QuicLevel, direction: "read" | "write", keys: object) => void
  readonly send: (level: Core.CryptoLevel, bytes: Uint8Array) => void
  readonly close: (errorCode: number) => void
  readonly onCrypto: (hear: (level: Core.CryptoLevel, bytes: Uint8Array) => void) => void
}

// README: begin
// TLS for a QUIC stack: CRYPTO data by level in and out, and the secrets that its packets are protected with
const tls = Core.quicClient(config, { transportParameters })
const run = (progress: Core.QuicProgress) => {
  const { out, secrets, events } = Core.settleQuic(tls, progress, answers)
  for (const { level, direction, suite, secret } of secrets) quic.install(level, direction, packetsOf(suite, secret))
  for (const { level, bytes } of out) quic.send(level, bytes)
  for (const event of events) if (event._tag === "Failed") quic.close(event.errorCode)
}
run(tls.start())
quic.onCrypto((level, bytes) => run(tls.receive(level, bytes)))

const packetsOf = (suite: Core.CipherSuite13, secret: Core.Secret<string>) => ({
  ...Core.QuicPackets.packetKeys(suite, secret),
  mask: nodeHeaderProtection[suite.aead.name](Core.QuicPackets.headerKey(suite, secret))
})

// README: end

declare const socket: Socket
declare const offload: (...given: ReadonlyArray<unknown>) => Effect.Effect<void>

// README: begin
// the records of a connection, from here on, are somebody else's
const handOver = Effect.gen(function* () {
  const tls = yield* TlsClient.connect(socket, { serverName: "example.org" })
  const { suite, read, write, reader, writer } = yield* tls.dangerouslyExtractTrafficSecrets
  return yield* offload(suite, read, write, reader, writer) // { key, iv, sequence } of each direction
})

// README: end

export { handOver }

// README: begin
// records that fill one TCP segment each, padded so that their length tells less, and none above 4 KiB from the server
const shaped = (tcp: Socket) =>
  TlsClient.connect(tcp, {
    serverName: "example.org",
    maxFragmentSize: 1438,
    padding: Padding.toMultipleOf(128),
    recordSizeLimit: 4096
  })

// README: end

export { shaped }

// README: begin
// a client that knows the server by the SHA-256 of its public key, or the key itself, and shows a key of its own
const KnownServer = ServerVerifier.layerRawPublicKey([sha256OfItsKey])
const OurKey = Credentials.layerRawPublicKey({ key })

// a server that lets in whoever has one of these keys, with `clientAuthentication: "required"`
const KnownClients = ClientVerifier.layerRawPublicKey([sha256OfItsKey])
const TheServersKey = Credentials.layerRawPublicKey({ key })

// README: end

export { KnownClients, KnownServer, OurKey, TheServersKey }

declare const request: Uint8Array
declare const ofTheFleet: Redacted.Redacted<Uint8Array>
declare const answerIfHarmless: (bytes: Uint8Array) => Effect.Effect<void>

// README: begin
// a client that resumes from one run to the next, and with a session says its request in the first message
const again = Effect.gen(function* () {
  const tcp = yield* NodeSocket.makeNet({ host: "example.org", port: 443, noDelay: true })
  const tls = yield* TlsClient.connect(tcp, { serverName: "example.org", earlyData: request })
  const writer = yield* tls.socket.writer
  // not sent, or lost: to say it again is the application's decision
  if (tls.info.earlyData !== "accepted") yield* writer.write(request)
})
const Kept = SessionFile.layer("sessions").pipe(Layer.provideMerge(NodeTls.layer))
again.pipe(Effect.scoped, Effect.provide(Kept), NodeRuntime.runMain)

// a server that hears up to 16 KiB early, and answers at once what does no harm when it is said twice
const EarlyServer = TlsServer.layer({ maxEarlyData: 16_384 }).pipe(
  Layer.provide(AntiReplay.layerMemory()),
  Layer.provide(Tickets.layerSealed({ secret: ofTheFleet })) // or those of NodeTls.layer: keys of this process
)
const attend = Effect.gen(function* () {
  const tls = Option.getOrThrow(yield* TlsConnection.current)
  yield* Stream.runForEach(tls.earlyData, answerIfHarmless)
  yield* tls.confirmed // from here on it is this client, and now
})

// README: end

export { attend, EarlyServer }

// README: begin
const fast = Effect.gen(function* () {
  const connect = yield* TlsClient.make({ serverName: "example.org" }) // once; then for each connection:
  return yield* connect(yield* NodeTcp.makeNet({ host: "example.org", port: 443, noDelay: true }))
})
const FastServer = TlsServer.layer().pipe(
  Layer.provide(NodeTcp.layer), // this line alone
  Layer.provide(NodeSocketServer.layer({ port: 8443, noDelay: true }))
)

// README: end

export { FastServer, fast }
