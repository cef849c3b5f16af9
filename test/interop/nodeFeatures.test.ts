import { randomBytes } from "node:crypto"
import { connect as connectTcp } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Socket from "effect/socket/Socket"
import { find } from "../../src/layers/TlsError.ts"
import { chopped, oneByte, proxy, sizes } from "./support/chop.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Ours from "./support/ours.ts"

const short = Buffer.from("There and back again")

/** The reason and the alerts of a failure. */
const reasonOf = (error: unknown) => {
  const tls = find(error)
  return tls === undefined ? String(error) : [tls.reason._tag, tls.alertSent ?? tls.alertReceived ?? "none"]
}

describe("HelloRetryRequest", () => {
  it.live("of node:tls", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port, errors } = yield* Node.serve({ ecdhCurve: "P-384" })
      const connection = yield* Ours.connect(port, { groups: ["x25519", "secp256r1", "secp384r1"], seen })
      assert.deepStrictEqual([connection.info.kind, connection.info.group], ["retried", "secp384r1"])
      assert.deepStrictEqual(seen.slice(0, 4), [
        "said ClientHello",
        "heard HelloRetryRequest",
        "said ClientHello",
        "heard ServerHello"
      ])
      assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
      assert.deepStrictEqual(errors, [])
    })
  )

  it.live("of our server", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port, served } = yield* Ours.serve({ groups: ["secp384r1"], seen })
      const socket = yield* Node.connect(port, { ecdhCurve: "X25519:P-384" })
      assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
      const { info } = (yield* Queue.take(served)).connection
      assert.deepStrictEqual([info.kind, info.group], ["retried", "secp384r1"])
      assert.deepStrictEqual(seen.slice(0, 3), ["heard ClientHello", "said HelloRetryRequest", "heard ClientHello"])
    })
  )

  it.live("and no group in common, both ways", () =>
    Effect.gen(function* () {
      const theirs = yield* Node.serve({ ecdhCurve: "P-384" })
      const ours = yield* Effect.flip(Ours.connect(theirs.port, { groups: ["x25519"] }))
      assert.deepStrictEqual(reasonOf(ours), ["AlertReceived", "handshake_failure"])
      const server = yield* Ours.serve({ groups: ["x25519"] })
      const code = yield* Effect.flip(Node.connect(server.port, { ecdhCurve: "P-384" }))
      assert.match(code, /HANDSHAKE_FAILURE/)
    })
  )
})

describe("ALPN", () => {
  const cases = [
    [
      ["h2", "http/1.1"],
      ["http/1.1", "h2"]
    ],
    [["http/1.1"], ["h2", "http/1.1"]]
  ] as const
  for (const [server, client] of cases) {
    it.live(`server ${server}, client ${client}`, () =>
      Effect.gen(function* () {
        const theirs = yield* Node.serve({ ALPNProtocols: [...server] })
        const connection = yield* Ours.connect(theirs.port, { alpnProtocols: client })
        assert.strictEqual(
          connection.info.alpnProtocol,
          server.find((name) => client.some((other) => other === name))
        )
        const ours = yield* Ours.serve({ alpnProtocols: server })
        const socket = yield* Node.connect(ours.port, { ALPNProtocols: [...client] })
        assert.strictEqual(socket.alpnProtocol, connection.info.alpnProtocol)
      })
    )
  }

  it.live("nothing in common is no_application_protocol", () =>
    Effect.gen(function* () {
      const theirs = yield* Node.serve({ ALPNProtocols: ["a"] })
      const error = yield* Effect.flip(Ours.connect(theirs.port, { alpnProtocols: ["b"] }))
      assert.deepStrictEqual(reasonOf(error), ["AlertReceived", "no_application_protocol"])
      const ours = yield* Ours.serve({ alpnProtocols: ["a"] })
      const code = yield* Effect.flip(Node.connect(ours.port, { ALPNProtocols: ["b"] }))
      assert.match(code, /NO_APPLICATION_PROTOCOL/)
    })
  )

  it.live("is left out where one end does not use it", () =>
    Effect.gen(function* () {
      const theirs = yield* Node.serve({})
      const connection = yield* Ours.connect(theirs.port, { alpnProtocols: ["b"] })
      assert.isUndefined(connection.info.alpnProtocol)
      const ours = yield* Ours.serve({ alpnProtocols: ["a"] })
      const socket = yield* Node.connect(ours.port)
      assert.strictEqual(socket.alpnProtocol, false)
    })
  )
})

describe("server names", () => {
  it.live("our server shows the certificate for the name", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ pairs: [fixtures.server.p256, fixtures.named, fixtures.other] })
      for (const name of ["other.example", "named.example", "localhost"]) {
        const socket = yield* Node.connect(port, { servername: name })
        assert.strictEqual(socket.getPeerX509Certificate()?.subject, `CN=${name}`)
        socket.end()
        assert.strictEqual((yield* Queue.take(served)).connection.info.serverName, name)
      }
    })
  )

  it.live("our client asks for it, and not for addresses", () =>
    Effect.gen(function* () {
      const named = yield* Node.serve({ pair: fixtures.named })
      const there = yield* Ours.connect(named.port, { serverName: "named.example" })
      yield* Ours.exchange(there, short)
      const local = yield* Node.serve({})
      yield* Ours.exchange(yield* Ours.connect(local.port, { serverName: "127.0.0.1" }), short)
      const names = [...named.attended, ...local.attended].map(({ servername }) => servername)
      assert.deepStrictEqual(names, ["named.example", false])
    })
  )

  it.live("our client refuses a certificate for another name", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({ pair: fixtures.named })
      const error = yield* Effect.flip(Ours.connect(port, { serverName: "other.example" }))
      assert.deepStrictEqual(reasonOf(error), ["CertificateNameMismatch", "bad_certificate"])
    })
  )
})

describe("client certificates", () => {
  for (const keyType of ["p256", "p384", "ed25519", "rsa2048"] as const) {
    it.live(`${keyType}, both ways`, () =>
      Effect.gen(function* () {
        const pair = fixtures.client[keyType]
        const theirs = yield* Node.serve({ requestCert: true, rejectUnauthorized: true })
        const connection = yield* Ours.connect(theirs.port, { pair })
        assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
        assert.deepStrictEqual(theirs.attended[0]?.certificate, Buffer.from(pair.issued.certificate))

        const ours = yield* Ours.serve({ clientAuthentication: "required" })
        const { certificatePem: cert, privateKeyPem: key } = pair.issued
        const socket = yield* Node.connect(ours.port, { cert, key })
        assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
        const [first = new Uint8Array(0)] = (yield* Queue.take(ours.served)).connection.peerCertificates
        assert.deepStrictEqual(Buffer.from(first), Buffer.from(pair.issued.certificate))
      })
    )
  }

  it.live("none, where one is wanted and where it is required", () =>
    Effect.gen(function* () {
      const optional = yield* Ours.serve({ clientAuthentication: "optional" })
      const socket = yield* Node.connect(optional.port)
      assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
      assert.deepStrictEqual((yield* Queue.take(optional.served)).connection.peerCertificates, [])

      const required = yield* Ours.serve({ clientAuthentication: "required" })
      const refused = yield* Node.refusal(yield* Node.connect(required.port))
      assert.match(refused, /certificate required/)

      const theirs = yield* Node.serve({ requestCert: true, rejectUnauthorized: true })
      const error = yield* Ours.refusal(yield* Ours.connect(theirs.port))
      assert.deepStrictEqual(reasonOf(error), ["AlertReceived", "certificate_required"])
    })
  )

  it.live("of an authority that is not believed", () =>
    Effect.gen(function* () {
      const ours = yield* Ours.serve({ clientAuthentication: "required" })
      const { certificatePem: cert, privateKeyPem: key } = fixtures.strange.issued
      const refused = yield* Node.refusal(yield* Node.connect(ours.port, { cert, key }))
      assert.match(refused, /unknown ca/)
    })
  )
})

describe("certificates that must be refused", () => {
  const cases = [
    ["of a stranger", fixtures.strangeServer, "CertificateIssuerUnknown", "unknown_ca"],
    ["out of date", fixtures.expired, "CertificateExpired", "certificate_expired"],
    ["a client's", fixtures.wrongPurpose, "CertificatePurposeMismatch", "unsupported_certificate"],
    ["for another name", fixtures.other, "CertificateNameMismatch", "bad_certificate"]
  ] as const
  for (const [name, pair, reason, alert] of cases) {
    it.live(name, () =>
      Effect.gen(function* () {
        const { port, errors } = yield* Node.serve({ pair })
        const error = yield* Effect.flip(Ours.connect(port))
        assert.deepStrictEqual(reasonOf(error), [reason, alert])
        yield* Effect.sleep(20)
        assert.strictEqual(errors.length, 1)
        assert.include(errors[0]?.toLowerCase(), alert.replace(/_/g, " "))
      })
    )
  }
})

describe("old peers", () => {
  it.live("TLS 1.2 alone, both ways", () =>
    Effect.gen(function* () {
      const theirs = yield* Node.serve({ minVersion: "TLSv1.2", maxVersion: "TLSv1.2" })
      const error = yield* Effect.flip(Ours.connect(theirs.port, { versions: ["TLSv1.3"] }))
      assert.deepStrictEqual(reasonOf(error), ["AlertReceived", "protocol_version"])
      const ours = yield* Ours.serve({ versions: ["TLSv1.3"] })
      const code = yield* Effect.flip(Node.connect(ours.port, { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" }))
      assert.match(code, /PROTOCOL_VERSION/)
    })
  )
})

describe("ends", () => {
  it.live("our server reads on after our close_notify, and Node's client answers it", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({
        serve: ({ socket, close }) =>
          Effect.gen(function* () {
            yield* close
            const got = yield* Ours.takeAll(yield* Socket.readerBytes(socket))
            assert.strictEqual(got.toString(), "after your end")
          })
      })
      const socket = yield* Node.connect(port)
      socket.allowHalfOpen = true
      yield* Effect.callback<void>((resume) => {
        socket.once("end", () => socket.end("after your end", () => resume(Effect.void)))
        socket.resume()
      })
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
    })
  )

  it.live("a transport cut without close_notify is never an ordinary end", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve()
      const tcp = connectTcp({ host: "127.0.0.1", port })
      const socket = yield* Node.connect(port, { socket: tcp })
      socket.write("half a")
      yield* Effect.callback<void>((resume) => void socket.once("data", () => resume(Effect.void)))
      tcp.destroy()
      assert.match((yield* Queue.take(served)).ended, /^(UncleanClose|TransportFailed)$/)

      const theirs = yield* Node.serve({}, (socket) => {
        socket.once("data", () => {
          // The TCP connection below, without a word of TLS.
          socket.write("half a", () => Reflect.get(socket, "_handle").close())
        })
      })
      const connection = yield* Ours.connect(theirs.port)
      const error = yield* Effect.flip(Ours.exchange(connection, short))
      assert.include(["UncleanClose", "TransportFailed"], reasonOf(error)[0])
    })
  )
})

describe("pieces", () => {
  it.live("one byte at a time", () =>
    Effect.gen(function* () {
      const theirs = yield* Node.serve({})
      const connection = yield* Ours.connect(theirs.port, { through: oneByte })
      assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
      const ours = yield* Ours.serve({ through: oneByte })
      const socket = yield* Node.connect(ours.port)
      assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
      assert.strictEqual((yield* Queue.take(ours.served)).ended, "closed")
    })
  )

  for (const seed of [1, 22, 333]) {
    it.live(`of random sizes, seed ${seed}`, () =>
      Effect.gen(function* () {
        const data = randomBytes(500_000)
        const theirs = yield* Node.serve({})
        const through = chopped(sizes(seed, 3_000))
        const connection = yield* Ours.connect(yield* proxy(theirs.port, seed), { through })
        assert.strictEqual(Node.digest(yield* Ours.exchange(connection, data)), Node.digest(data))
        const ours = yield* Ours.serve({ through })
        const socket = yield* Node.connect(yield* proxy(ours.port, seed + 1))
        assert.strictEqual(Node.digest(yield* Node.exchange(socket, data)), Node.digest(data))
        assert.strictEqual((yield* Queue.take(ours.served)).ended, "closed")
      })
    )
  }
})

describe("10 MB each way", () => {
  const data = randomBytes(10_000_000)
  it.live("our client, node:tls as server", () =>
    Effect.gen(function* () {
      const { port, errors } = yield* Node.serve({})
      const connection = yield* Ours.connect(port)
      assert.strictEqual(Node.digest(yield* Ours.exchange(connection, data)), Node.digest(data))
      assert.deepStrictEqual(errors, [])
    })
  )

  it.live("our server, node:tls as client", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve()
      const socket = yield* Node.connect(port)
      assert.strictEqual(Node.digest(yield* Node.exchange(socket, data)), Node.digest(data))
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
    })
  )
})
