/** Servers of ours that choose by the ClientHello, or are strict, and clients that are not ours. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as TrustAnchors from "../../src/layers/TrustAnchors.ts"
import { type Issued, issue, makeCa } from "../../src/layers/testing/certificates.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Ours from "./support/ours.ts"
import { finish, hasOpenssl, openssl } from "./support/programs.ts"

const short = Buffer.from("There and back again")
const pem = ({ chainPem, privateKeyPem }: Issued) => ({ chain: chainPem, key: privateKeyPem })

/** A virtual host that lets in the clients of its own authority only. */
const hostOf = Effect.fnUntraced(function* (name: string, alpn: string) {
  const server = yield* issue(fixtures.ca.issued, { names: [name] })
  const clients = yield* makeCa({ commonName: `the clients of ${name}` })
  const client = yield* issue(clients, { purpose: "client" })
  const verifier = ClientVerifier.layerWebPki.pipe(Layer.provide(TrustAnchors.layerPem(clients.certificatePem)))
  const configuration = yield* TlsServer.configureWith(Layer.merge(verifier, Credentials.layerPem(pem(server))), {
    alpnProtocols: [alpn],
    clientAuthentication: "required"
  })
  return { name, client, configuration }
})

describe("node:tls as a client", () => {
  it.live("meets two hosts on one listener, each with its client authority and its protocol", () =>
    Effect.gen(function* () {
      const a = yield* hostOf("a.example", "http/1.1")
      const b = yield* hostOf("b.example", "h2")
      const hosts = new Map([a, b].map(({ name, configuration }) => [name, configuration]))
      const { port, served } = yield* Ours.serve({
        choose: ({ serverName = "" }) => {
          const host = hosts.get(serverName)
          return host === undefined
            ? TlsServer.refuse("UnrecognizedName", "nobody is called so here")
            : Effect.succeed(host)
        }
      })
      const connect = (servername: string, client: Issued) =>
        Node.connect(port, {
          servername,
          cert: client.chainPem,
          key: client.privateKeyPem,
          ALPNProtocols: ["h2", "http/1.1"]
        })
      for (const [host, protocol] of [
        [a, "http/1.1"],
        [b, "h2"]
      ] as const) {
        const socket = yield* connect(host.name, host.client)
        assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
        const { connection } = yield* Queue.take(served)
        assert.strictEqual(connection.info.alpnProtocol, protocol)
        assert.deepStrictEqual(connection.peerCertificates[0], host.client.certificate)
      }
      // In TLS 1.3 a client that is refused for its certificate has connected already.
      assert.match(yield* Node.refusal(yield* connect("b.example", a.client)), /unknown ca/)
      assert.match(yield* Effect.flip(connect("c.example", a.client)), /UNRECOGNIZED_NAME/)
    }).pipe(Effect.provide(NodeCryptoProvider.layer))
  )
})

describe("node:tls at a strict server", () => {
  it.live("sees the alert", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({
        serverNamePolicy: "strict",
        alpnPolicy: "strict",
        alpnProtocols: ["http/1.1"]
      })
      const socket = yield* Node.connect(port, { ALPNProtocols: ["http/1.1"] })
      assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
      const unknown = Node.connect(port, { ALPNProtocols: ["http/1.1"], servername: "other.example" })
      assert.match(yield* Effect.flip(unknown), /UNRECOGNIZED_NAME/)
      assert.match(yield* Effect.flip(Node.connect(port)), /NO_APPLICATION_PROTOCOL/)
    })
  )
})

describe.skipIf(!hasOpenssl)(`openssl s_client (${openssl}) at a strict server`, () => {
  it.live("is refused without a name, under an unknown one, and without ALPN", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({
        serverNamePolicy: "strict",
        alpnPolicy: "strict",
        alpnProtocols: ["http/1.1"]
      })
      const client = (...args: ReadonlyArray<string>) =>
        Effect.promise(() =>
          finish("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-tls1_3", ...args], "Q\n")
        )
      const alpn = ["-alpn", "http/1.1"]
      assert.match((yield* client("-noservername", ...alpn)).stderr, /SSL alert number 112/)
      assert.match((yield* client("-servername", "other.example", ...alpn)).stderr, /SSL alert number 112/)
      assert.match((yield* client("-servername", "localhost")).stderr, /SSL alert number 120/)
      assert.match((yield* client("-servername", "localhost", ...alpn)).stdout, /ALPN protocol: http\/1.1/)
    })
  )
})
