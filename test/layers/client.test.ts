import { createHash } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Socket from "effect/socket/Socket"
import * as TestClock from "effect/testing/TestClock"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import type * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsError from "../../src/layers/TlsError.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as TrustAnchors from "../../src/layers/TrustAnchors.ts"
import * as Certificates from "../../src/layers/testing/certificates.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { make as failure } from "../../src/state/failure.ts"
import { bytes, open, read, text, world } from "./support.ts"

const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex")

layer(world)("handshakes in memory", (it) => {
  it.effect("full, and both ends know the same", () =>
    Effect.gen(function* () {
      const { client, server } = yield* TlsTest.handshake()
      assert.deepStrictEqual(
        { ...client.info, peer: undefined },
        {
          version: "TLSv1.3",
          suite: "TLS_AES_128_GCM_SHA256",
          group: "X25519MLKEM768",
          signatureScheme: "ecdsa_secp256r1_sha256",
          alpnProtocol: undefined,
          serverName: "localhost",
          kind: "full",
          earlyData: "none",
          peer: undefined,
          psk: undefined
        }
      )
      assert.deepStrictEqual({ ...server.info, peer: undefined }, { ...client.info, peer: undefined })
      assert.include(client.info.peer, "localhost")
      assert.strictEqual(server.info.peer, undefined)
      assert.lengthOf(server.peerCertificates, 0)
      const { server: issued } = yield* TlsTest.TestCertificates
      assert.deepStrictEqual(client.peerCertificates, issued.chain)
    })
  )

  it.effect("as often as one likes, when services and options were looked at once", () =>
    Effect.gen(function* () {
      const connect = yield* TlsClient.make({ serverName: "localhost" })
      const peers = Effect.gen(function* () {
        const { left, right } = Pair.make()
        const [client] = yield* Effect.all([connect(left), TlsServer.accept(right)], { concurrency: 2 })
        return yield* client.exportKeyingMaterial("test", undefined, 8)
      })
      assert.notDeepEqual(yield* peers, yield* peers)
      const error = yield* Effect.flip(TlsClient.make({ serverName: "not a name" }))
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
    })
  )

  it.effect("a second round trip when the server wants another group", () =>
    Effect.gen(function* () {
      const { client, server } = yield* TlsTest.handshake({ server: { groups: ["secp384r1"] } })
      assert.strictEqual(client.info.kind, "retried")
      assert.strictEqual(server.info.kind, "retried")
      assert.strictEqual(client.info.group, "secp384r1")
    })
  )

  it.effect("no second round trip when a share was sent for that group", () =>
    Effect.gen(function* () {
      const { client } = yield* TlsTest.handshake({
        client: { shares: ["x25519", "secp384r1"] },
        server: { groups: ["secp384r1"] }
      })
      assert.strictEqual(client.info.kind, "full")
    })
  )

  it.effect("ALPN takes the server's preference", () =>
    Effect.gen(function* () {
      const { client, server } = yield* TlsTest.handshake({
        client: { alpnProtocols: ["http/1.1", "h2"] },
        server: { alpnProtocols: ["h2", "http/1.1"] }
      })
      assert.strictEqual(client.info.alpnProtocol, "h2")
      assert.strictEqual(server.info.alpnProtocol, "h2")
    })
  )

  it.effect("ALPN without anything in common fails, and the alert says so", () =>
    Effect.gen(function* () {
      const options = { client: { alpnProtocols: ["ftp"] }, server: { alpnProtocols: ["h2"] } }
      const error = yield* Effect.flip(TlsTest.handshake(options))
      assert.strictEqual(error.reason._tag, "NoCommonProtocol")
      assert.strictEqual(error.alertSent, "no_application_protocol")
      const { client } = yield* TlsTest.outcome(options)
      assert.strictEqual(client._tag === "Failure" && client.failure.reason._tag, "AlertReceived")
      assert.strictEqual(client._tag === "Failure" && client.failure.alertReceived, "no_application_protocol")
    })
  )

  for (const suite of ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]) {
    it.effect(`the suite that was asked for: ${suite}`, () =>
      Effect.gen(function* () {
        const { client, server } = yield* TlsTest.handshake({ client: { suites: [suite] } })
        assert.strictEqual(client.info.suite, suite)
        const [left, right] = [yield* open(client.socket), yield* open(server.socket)]
        yield* left.write("over this suite")
        assert.strictEqual(text(yield* read(right.pull, 15)), "over this suite")
      })
    )
  }

  for (const link of [{ split: 1 }, { merge: true }, { split: 7 }] satisfies ReadonlyArray<Pair.LinkOptions>) {
    it.effect(`however the bytes are chunked: ${JSON.stringify(link)}`, () =>
      Effect.gen(function* () {
        const { client, server } = yield* TlsTest.handshake({ link: { leftToRight: link, rightToLeft: link } })
        const [left, right] = [yield* open(client.socket), yield* open(server.socket)]
        yield* Effect.forkChild(left.write("there"))
        assert.strictEqual(text(yield* read(right.pull, 5)), "there")
        yield* Effect.forkChild(right.write("and back"))
        assert.strictEqual(text(yield* read(left.pull, 8)), "and back")
      })
    )
  }

  it.effect("a megabyte each way, the same bytes", () =>
    Effect.gen(function* () {
      const { client, server } = yield* TlsTest.handshake()
      const [left, right] = [yield* open(client.socket), yield* open(server.socket)]
      const [up, down] = [bytes(2 ** 20, 1), bytes(2 ** 20, 2)]
      const [, , there, back] = yield* Effect.all(
        [left.write(up), right.write(down), read(right.pull, up.length), read(left.pull, down.length)],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(sha256(there), sha256(up))
      assert.strictEqual(sha256(back), sha256(down))
    })
  )

  it.effect("exporters agree, and depend on label and context", () =>
    Effect.gen(function* () {
      const { client, server } = yield* TlsTest.handshake()
      const context = new TextEncoder().encode("context")
      const ours = yield* client.exportKeyingMaterial("EXPORTER-test", context, 42)
      assert.lengthOf(ours, 42)
      assert.deepStrictEqual(yield* server.exportKeyingMaterial("EXPORTER-test", context, 42), ours)
      assert.notDeepEqual(yield* server.exportKeyingMaterial("EXPORTER-test", undefined, 42), ours)
      assert.notDeepEqual(yield* server.exportKeyingMaterial("EXPORTER-other", context, 42), ours)
    })
  )

  it.effect("keys are updated on both sides while data flows", () =>
    Effect.gen(function* () {
      const { client, server } = yield* TlsTest.handshake()
      const [left, right] = [yield* open(client.socket), yield* open(server.socket)]
      yield* left.write("before")
      yield* client.updateKeys({ requestPeer: true })
      yield* left.write(" after")
      assert.strictEqual(text(yield* read(right.pull, 12)), "before after")
      yield* server.updateKeys()
      yield* right.write("answer")
      assert.strictEqual(text(yield* read(left.pull, 6)), "answer")
    })
  )
})

layer(world)("client authentication", (it) => {
  const clientVerifier = Layer.unwrap(
    Effect.map(TlsTest.TestCertificates, ({ ca }) =>
      ClientVerifier.layerWebPki.pipe(Layer.provide(Layer.orDie(TrustAnchors.layerPem(ca.certificatePem))))
    )
  )
  const identity = Effect.gen(function* () {
    const { ca } = yield* TlsTest.TestCertificates
    return yield* Certificates.issue(ca, { purpose: "client", commonName: "somebody" })
  })
  /** The two ends have credentials of their own. */
  const between = Effect.fnUntraced(function* (
    asked: "optional" | "required",
    client: Layer.Layer<Credentials.Credentials>
  ) {
    const { left, right } = Pair.make()
    return yield* Effect.all(
      [
        Effect.result(TlsClient.connect(left, { serverName: "localhost" }).pipe(Effect.provide(client))),
        Effect.result(TlsServer.accept(right, { clientAuthentication: asked }).pipe(Effect.provide(clientVerifier)))
      ],
      { concurrency: 2 }
    )
  })

  it.effect("a client with a certificate is known to the server", () =>
    Effect.gen(function* () {
      const issued = yield* identity
      const context = yield* Layer.build(Credentials.layerPem({ chain: issued.chainPem, key: issued.privateKeyPem }))
      const [client, server] = yield* between("required", Layer.succeedContext(context))
      assert.isTrue(client._tag === "Success" && server._tag === "Success")
      if (server._tag === "Failure") return
      assert.include(server.success.info.peer, "somebody")
      assert.deepStrictEqual(server.success.peerCertificates, issued.chain)
    })
  )

  it.effect("a client without one is let in when it is optional", () =>
    Effect.gen(function* () {
      const [client, server] = yield* between("optional", Mocks.credentials())
      assert.isTrue(client._tag === "Success" && server._tag === "Success")
      assert.isTrue(server._tag === "Success" && server.success.peer === undefined)
    })
  )

  it.effect("a client without one is refused when it is required", () =>
    Effect.gen(function* () {
      const [, server] = yield* between("required", Mocks.credentials())
      assert.isTrue(server._tag === "Failure")
      if (server._tag === "Success") return
      assert.strictEqual(server.failure.reason._tag, "ClientCertificateRequired")
      assert.strictEqual(server.failure.alertSent, "certificate_required")
    })
  )

  it.effect("asking for certificates without a judge is a mistake", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(TlsServer.accept(Pair.make().left, { clientAuthentication: "required" }))
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
      assert.include(error.message, "ClientVerifier")
    })
  )
})

layer(world)("what is wrong is said before any byte", (it) => {
  const cases: ReadonlyArray<readonly [string, Partial<TlsClient.Options>, RegExp]> = [
    [
      "an unknown suite",
      { suites: ["TLS_RSA_WITH_RC4_128_MD5"] },
      /no cipher suite "TLS_RSA_WITH_RC4_128_MD5"; there are: TLS_/
    ],
    ["no suite", { suites: [] }, /at least one cipher suite/],
    ["no version", { versions: [] }, /leave nothing of any version/],
    ["a version twice", { versions: ["TLSv1.2", "TLSv1.2"] }, /names a version twice/],
    [
      "no suite of TLS 1.2",
      { versions: ["TLSv1.2"], suites: ["TLS_AES_128_GCM_SHA256"] },
      /`versions`, `suites` and `groups` leave nothing of TLSv1\.2/
    ],
    [
      "no group of TLS 1.2",
      { versions: ["TLSv1.2"], groups: ["X25519MLKEM768"] },
      /`versions`, `suites` and `groups` leave nothing of TLSv1\.2/
    ],
    ["an unknown group", { groups: ["sect163k1"] }, /no group "sect163k1"/],
    [
      "a share outside the groups",
      { groups: ["x25519"], shares: ["secp256r1"] },
      /no group among `groups` "secp256r1"/
    ],
    ["an empty protocol name", { alpnProtocols: [""] }, /1 to 255 bytes, this one 0/],
    ["a long protocol name", { alpnProtocols: ["x".repeat(256)] }, /1 to 255 bytes, this one 256/],
    ["a protocol name that is not bytes", { alpnProtocols: ["☃"] }, /not made of bytes/],
    [
      "too many protocol names",
      { alpnProtocols: Array.from({ length: 300 }, (_, i) => `${i}`.padStart(250, "x")) },
      /65535/
    ],
    ["an empty name", { serverName: "" }, /it is empty/],
    ["a name with a port", { serverName: "localhost:443" }, /without a port/],
    ["no time", { handshakeTimeout: 0 }, /handshakeTimeout/]
  ]
  for (const [name, options, message] of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const pair = Pair.make()
        const error = yield* Effect.flip(TlsClient.connect(pair.left, { serverName: "localhost", ...options }))
        assert.strictEqual(error.reason._tag, "InvalidConfiguration")
        assert.match(error.message, message)
        assert.strictEqual(error.phase, "configuration")
        assert.strictEqual(pair.sent().leftToRight, 0)
      })
    )
  }
})

layer(world)("hooks that misbehave", (it) => {
  const connectWith = (verifier: Layer.Layer<ServerVerifier.ServerVerifier>) =>
    Effect.gen(function* () {
      const { left, right } = Pair.make()
      const server = yield* Effect.forkChild(Effect.result(TlsServer.accept(right)))
      const client = yield* Effect.flip(
        TlsClient.connect(left, { serverName: "localhost" }).pipe(Effect.provide(verifier))
      )
      return { client, server: yield* Fiber.join(server) }
    })

  it.effect("one that fails decides reason and alert", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connectWith(
        Mocks.serverVerifier({ verify: () => Effect.fail(failure("CertificateRevoked", "revoked this morning")) })
      )
      assert.strictEqual(client.reason._tag, "CertificateRevoked")
      assert.strictEqual(client.phase, "AUTHENTICATING")
      assert.strictEqual(client.alertSent, "certificate_revoked")
      assert.strictEqual(server._tag === "Failure" && server.failure.alertReceived, "certificate_revoked")
    })
  )

  it.effect("one that dies is an internal error, and the other end is told", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connectWith(
        Mocks.serverVerifier({ verify: () => Effect.die(new Error("the password is swordfish")) })
      )
      assert.strictEqual(client.reason._tag, "InternalError")
      assert.strictEqual(client.alertSent, "internal_error")
      assert.notInclude(client.message, "swordfish")
      assert.strictEqual(server._tag === "Failure" && server.failure.alertReceived, "internal_error")
    })
  )

  it.effect("one that throws is an internal error too", () =>
    Effect.gen(function* () {
      const { client } = yield* connectWith(
        Mocks.serverVerifier({
          verify: () => {
            throw new Error("not an effect at all")
          }
        })
      )
      assert.strictEqual(client.reason._tag, "InternalError")
    })
  )

  it.effect("one that interrupts itself is an internal error too", () =>
    Effect.gen(function* () {
      const { client } = yield* connectWith(Mocks.serverVerifier({ verify: () => Effect.interrupt }))
      assert.strictEqual(client.reason._tag, "InternalError")
    })
  )

  it.effect("one that never returns is ended by the deadline", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(connectWith(Mocks.serverVerifier({ verify: () => Effect.never })))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 second")
      const { client } = yield* Fiber.join(fiber)
      assert.strictEqual(client.reason._tag, "HandshakeTimeout")
      assert.strictEqual(client.phase, "AUTHENTICATING")
    })
  )

  it.effect("a signer that fails ends the handshake of a server", () =>
    Effect.gen(function* () {
      const real = yield* Credentials.Credentials
      const broken = Mocks.credentials({
        ...real,
        sign: () => Effect.fail(failure("AnswerFailed", "the HSM is on fire"))
      })
      const error = yield* Effect.flip(TlsTest.handshake().pipe(Effect.provide(broken)))
      assert.strictEqual(error.reason._tag, "AnswerFailed")
      assert.strictEqual(error.alertSent, "internal_error")
    })
  )

  it.effect("a peer's share that is no point is the peer's fault", () =>
    Effect.gen(function* () {
      const bad = Mocks.cryptoProviderWith((real) => ({
        agree: (pair) => real.agree(pair, new Uint8Array(pair.share.length))
      }))
      const { left, right } = Pair.make()
      const server = yield* Effect.forkChild(Effect.result(TlsServer.accept(right)))
      const error = yield* Effect.flip(TlsClient.connect(left, { serverName: "localhost" }).pipe(Effect.provide(bad)))
      assert.strictEqual(error.reason._tag, "InvalidKeyShare")
      assert.strictEqual(error.alertSent, "illegal_parameter")
      yield* Fiber.join(server)
    })
  )
})

layer(world)("TlsClient.makeSocket", (it) => {
  it.effect("does the handshake when its reader is acquired, and lets writes wait for it", () =>
    Effect.gen(function* () {
      const { left, right } = Pair.make()
      const socket = yield* TlsClient.makeSocket(left, { serverName: "localhost" })
      const writer = yield* socket.writer
      const early = yield* Effect.forkChild(writer.write("early"))
      const server = yield* Effect.forkChild(TlsServer.accept(right))
      const { connection, pull } = yield* socket.reader
      assert.strictEqual(connection.info.version, "TLSv1.3")
      yield* Fiber.join(early)
      const accepted = yield* Fiber.join(server)
      const peer = yield* open(accepted.socket)
      assert.strictEqual(text(yield* read(peer.pull, 5)), "early")
      yield* peer.write("hello")
      assert.strictEqual(text(yield* read(pull, 5)), "hello")
    })
  )

  it.effect("a handshake that fails is a SocketOpenError with the TlsError in it", () =>
    Effect.gen(function* () {
      const { left, right } = Pair.make()
      yield* Effect.forkChild(Effect.result(TlsServer.accept(right)))
      const socket = yield* TlsClient.makeSocket(left, { serverName: "example.org" })
      const error = yield* Effect.flip(socket.reader)
      assert.strictEqual(error.reason._tag, "SocketOpenError")
      assert.strictEqual(TlsError.find(error)?.reason._tag, "CertificateNameMismatch")
    })
  )

  it.effect("as a layer it wraps the socket that is there", () =>
    Effect.gen(function* () {
      const { left, right } = Pair.make()
      const server = yield* Effect.forkChild(TlsServer.accept(right))
      const wrapped = TlsClient.layer({ serverName: "localhost" }).pipe(
        Layer.provide(Layer.succeed(Socket.Socket, left))
      )
      yield* Effect.gen(function* () {
        const { pull } = yield* (yield* Socket.Socket).reader
        const peer = yield* open((yield* Fiber.join(server)).socket)
        yield* peer.write("through a layer")
        assert.strictEqual(text(yield* read(pull, 15)), "through a layer")
      }).pipe(Effect.provide(wrapped))
    })
  )
})
