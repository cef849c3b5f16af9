/** The examples of the README, type-checked; `test/readme.test.ts` compares the text. */
import { NodeRuntime, NodeSocket, NodeSocketServer } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { ClientVerifier, Credentials, TlsClient, TlsServer, TrustAnchors } from "../../src/index.ts"
import { NodeTls } from "../../src/layers/node/index.ts"

declare const chain: string
declare const key: string
declare const ca: string

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

// README: end

export { Server }

// README: begin
const patient = client.pipe(Effect.catchReason("TlsError", "CertificateExpired", (reason) => Effect.log(reason.detail)))

// README: end

export { patient }

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
