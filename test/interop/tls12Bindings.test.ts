/** What both ends of TLS 1.2 know of each other: keying material, bindings, certificates, names and protocols. */
import { createHash, X509Certificate } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Socket from "effect/socket/Socket"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import type { TlsConnection } from "../../src/layers/TlsConnection.ts"
import { fixtures, type Pair } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import * as Product from "./support/product12.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

const versions = ["TLSv1.2"] as const
const only = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const
const short = Buffer.from("There and back again")
/** Certificates on P-521 are for clients that list it, which is not the default: in both directions, OpenSSL says. */
const provider = "node, all groups"
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const der = ({ issued }: Pair) => Buffer.from(issued.certificate)
const bound = (connection: TlsConnection, type: "tls-exporter" | "tls-server-end-point") =>
  Effect.map(connection.channelBinding(type), hex)

/** A server of ours that hands over its end of every connection. */
const holding = Effect.fnUntraced(function* (options: Ours.ServerOptions = {}) {
  const held = yield* Queue.unbounded<TlsConnection>()
  const { port } = yield* Ours.serve({
    versions,
    ...options,
    serve: (connection) => Effect.andThen(Queue.offer(held, connection), Ours.echo(connection))
  })
  return { port, held }
})

const tickets = Tickets.layerSealed().pipe(Layer.provide(NodeCryptoProvider.layer))
const sessions = Layer.merge(ClientSessionStore.layerMemory(), tickets)

describe("node:tls in TLS 1.2", () => {
  it.live.each(Product.certificates)("tls-server-end-point of a server with a key of %s, at both ends", (certificate) =>
    Effect.gen(function* () {
      const pair = Product.servers[certificate]
      const theirs = yield* Node.serve({ ...only, pair })
      const client = yield* Ours.connect(theirs.port, { versions, provider })
      const { port, held } = yield* holding({ pairs: [pair] })
      const socket = yield* Node.connect(port, only)
      const server = yield* Queue.take(held)
      const { raw } = socket.getPeerX509Certificate() ?? assert.fail("no certificate")
      // Our authority signs with SHA-256, whatever the key of the server.
      const expected = createHash("sha256").update(raw).digest("hex")
      assert.strictEqual(yield* bound(server, "tls-server-end-point"), expected)
      assert.strictEqual(yield* bound(client, "tls-server-end-point"), expected)
      assert.deepStrictEqual(raw, der(pair))
    })
  )

  it.live("has the same keying material, of every connection its own, in sessions that are resumed too", () =>
    Effect.gen(function* () {
      const seen = new Set<string>()
      const theirs = yield* Node.serve(only)
      const { port, held } = yield* holding()
      let session: Buffer | undefined
      for (const kind of ["full", "resumed"]) {
        const client = yield* Ours.connect(theirs.port, { versions })
        assert.strictEqual(client.info.kind, kind)
        const { write } = yield* client.socket.writer
        yield* write(short) // with its echo, the server has surely attended
        yield* Ours.take(yield* Socket.readerBytes(client.socket), short.length)
        const attended = theirs.attended.at(-1)?.socket ?? assert.fail("nobody came")
        const options = { ...only, ...(session === undefined ? {} : { session }) }
        const socket = yield* Node.connect(port, options, (socket) => {
          socket.on("session", (bytes) => void (session = bytes))
        })
        const server = yield* Queue.take(held)
        assert.deepStrictEqual([socket.isSessionReused(), server.info.kind], [kind === "resumed", kind])
        for (const [ours, other] of [
          [client, attended],
          [server, socket]
        ] as const) {
          const binding = yield* bound(ours, "tls-exporter")
          const none = Buffer.alloc(0)
          assert.strictEqual(binding, hex(other.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", none)))
          const long = yield* ours.exportKeyingMaterial("EXPORTER-long", short, 3000)
          assert.strictEqual(hex(long), hex(other.exportKeyingMaterial(3000, "EXPORTER-long", short)))
          const bare = hex(yield* ours.exportKeyingMaterial("EXPORTER-bare", undefined, 32))
          assert.strictEqual(bare, hex(Reflect.apply(other.exportKeyingMaterial, other, [32, "EXPORTER-bare"])))
          seen.add(binding)
        }
        // Nothing is read of a socket before its tickets are.
        if (session === undefined) yield* Node.exchange(socket, short)
      }
      assert.strictEqual(seen.size, 4)
    }).pipe(Effect.provide(sessions))
  )

  it.live.each(Product.certificates)("client certificates of %s, both ways", (certificate) =>
    Effect.gen(function* () {
      const pair = Product.clients[certificate]
      const theirs = yield* Node.serve({ ...only, requestCert: true, rejectUnauthorized: true })
      const connection = yield* Ours.connect(theirs.port, { versions, provider, pair })
      assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
      assert.deepStrictEqual(theirs.attended[0]?.certificate, der(pair))
      const { port, held } = yield* holding({ clientAuthentication: "required" })
      const { chainPem, privateKeyPem } = pair.issued
      const socket = yield* Node.connect(port, { ...only, cert: chainPem, key: privateKeyPem })
      assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
      const { peerCertificates } = yield* Queue.take(held)
      assert.deepStrictEqual(Buffer.from(peerCertificates[0] ?? []), der(pair))
    })
  )

  it.live("without a certificate, or with one of a stranger, nobody is let in, on either side", () =>
    Effect.gen(function* () {
      const theirs = yield* Node.serve({ ...only, requestCert: true, rejectUnauthorized: true })
      for (const pair of [undefined, fixtures.strange]) {
        // Node's server says no once the handshake is done, without an alert.
        const left = yield* Effect.exit(
          Effect.flatMap(Ours.connect(theirs.port, { versions, pair }), (connection) =>
            Ours.exchange(connection, short)
          )
        )
        assert.strictEqual(left._tag, "Failure")
      }
      assert.isEmpty(theirs.attended)
      const { port } = yield* holding({ clientAuthentication: "required" })
      assert.match(yield* Effect.flip(Node.connect(port, only)), /HANDSHAKE_FAILURE/)
      const { chainPem, privateKeyPem } = fixtures.strange.issued
      const strange = { ...only, cert: chainPem, key: privateKeyPem }
      assert.match(yield* Effect.flip(Node.connect(port, strange)), /UNKNOWN_CA/)
    })
  )

  it.live("the certificate for the name, and the protocol, both ways", () =>
    Effect.gen(function* () {
      const alpn = ["h2", "http/1.1"]
      const { port, held } = yield* holding({ pairs: [fixtures.server.p256, fixtures.named], alpnProtocols: alpn })
      const theirs = yield* Node.serve({ ...only, pair: fixtures.named, ALPNProtocols: alpn })
      for (const [offered, chosen] of [
        [["http/1.1", "h2"], "h2"],
        [["http/1.1"], "http/1.1"]
      ] as const) {
        const options = { ...only, servername: "named.example", ALPNProtocols: [...offered] }
        const socket = yield* Node.connect(port, options)
        assert.deepStrictEqual(socket.getPeerX509Certificate()?.raw, der(fixtures.named))
        const { info } = yield* Queue.take(held)
        assert.deepStrictEqual(
          [socket.alpnProtocol, info.alpnProtocol, info.serverName],
          [chosen, chosen, "named.example"]
        )
        const client = yield* Ours.connect(theirs.port, {
          versions,
          serverName: "named.example",
          alpnProtocols: offered
        })
        yield* Ours.exchange(client, short)
        const attended = theirs.attended.at(-1)
        assert.deepStrictEqual([client.info.alpnProtocol, attended?.servername], [chosen, "named.example"])
      }
      const none = { ...only, ALPNProtocols: ["spdy/3"] }
      assert.match(yield* Effect.flip(Node.connect(port, none)), /NO_APPLICATION_PROTOCOL/)
    })
  )
})

describe.skipIf(!hasOpenssl)(`exporters of ${openssl} in TLS 1.2`, () => {
  // They pass no context, which TLS 1.2 tells from an empty one, that of the binding (RFC 5705 section 4).
  const label = "EXPORTER-Channel-Binding"
  const unbound = (connection: TlsConnection) =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* bound(connection, "tls-exporter"),
        hex(yield* connection.exportKeyingMaterial(label, Buffer.alloc(0), 32))
      )
      return hex(yield* connection.exportKeyingMaterial(label, undefined, 32))
    })
  const asked = ["-tls1_2", "-keymatexport", label, "-keymatexportlen", "32"]
  const printed = /Keying material: ([0-9A-F]{64})/

  it.live("s_server prints what our client exports", () =>
    Effect.gen(function* () {
      const { program, port } = yield* Openssl.server(fixtures.server.p384, ...asked)
      const connection = yield* Ours.connect(port)
      const [, material = ""] = yield* Openssl.says(program, printed)
      assert.strictEqual(connection.info.version, "TLSv1.2")
      assert.strictEqual(yield* unbound(connection), material.toLowerCase())
    })
  )

  it.live("s_client prints what our server exports, and gets the certificate that it binds to", () =>
    Effect.gen(function* () {
      const { port, held } = yield* holding()
      const program = yield* Openssl.client(port, ...asked)
      const [, material = ""] = yield* Openssl.says(program, printed)
      const connection = yield* Queue.take(held)
      assert.strictEqual(yield* unbound(connection), material.toLowerCase())
      const [pem = ""] = yield* Openssl.says(program, /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/)
      const digest = createHash("sha256").update(new X509Certificate(pem).raw).digest("hex")
      assert.strictEqual(yield* bound(connection, "tls-server-end-point"), digest)
    })
  )
})
