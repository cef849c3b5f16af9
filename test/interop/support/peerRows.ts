/** What is asked of every peer that runs a script, in both roles. */
import { randomBytes, X509Certificate } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { find } from "../../../src/layers/TlsError.ts"
import { fixtures, keyTypes, type Pair, suites } from "./fixtures.ts"
import { digest } from "./node.ts"
import * as Ours from "./ours.ts"
import * as Peers from "./peers.ts"

const mebibyte = 1 << 20
const short = randomBytes(1000)

/** What a peer is like. */
export interface Traits {
  readonly peer: Peers.Peer
  /** Whether it sends a share for X25519MLKEM768 in its first ClientHello. */
  readonly firstKind: "full" | "retried"
  /** Whether it can tell our client's certificate and server name as a server. */
  readonly server: "asks for certificates" | "knows nothing of its clients"
  /** What it says when we have sent these alerts. */
  readonly noApplicationProtocol: RegExp
  readonly certificateRequired: RegExp
}

const der = ({ issued }: Pair) => Buffer.from(issued.certificate)
const fingerprint = (pair: Pair) => new X509Certificate(der(pair)).fingerprint256
const unchanged = ({ sent, got, error }: Peers.Said) => {
  assert.isUndefined(error)
  assert.isString(sent)
  assert.strictEqual(got, sent)
}

/** One connection of the peer to a server of ours, which must carry data and end in order. */
const connected = Effect.fnUntraced(function* (
  peer: Peers.Peer,
  options: Ours.ServerOptions,
  theirs: Peers.PeerOptions = {}
) {
  const { port, served } = yield* Ours.serve(options)
  const said = yield* Peers.client(peer, port, theirs)
  assert.strictEqual(said.length, 1)
  for (const one of said) unchanged(one)
  const { connection, ended } = yield* Queue.take(served)
  assert.strictEqual(ended, "closed")
  return { connection, said }
})

/** The peer as a client of our server. */
export const asClient = ({ peer, firstKind, noApplicationProtocol, certificateRequired }: Traits) =>
  describe("as a client of our server", () => {
    it.live(`X25519MLKEM768, ${firstKind}; ALPN, SNI, 1 MiB each way, close_notify`, () =>
      Effect.gen(function* () {
        const seen: Ours.Seen = []
        const theirs = { size: mebibyte, alpn: ["h2", "echo"] }
        const { connection, said } = yield* connected(peer, { alpnProtocols: ["echo"], seen }, theirs)
        const { version, group, kind, alpnProtocol, serverName } = connection.info
        assert.deepStrictEqual(
          [version, group, kind, alpnProtocol, serverName],
          ["TLSv1.3", "X25519MLKEM768", firstKind, "echo", "localhost"]
        )
        assert.strictEqual(said[0]?.alpn, "echo")
        assert.strictEqual(seen.includes("said HelloRetryRequest"), firstKind === "retried")
      })
    )

    for (const [group, kind] of [
      ["x25519", "full"],
      ["secp256r1", "retried"],
      ["secp384r1", "retried"]
    ] as const) {
      it.live(`${group} alone, ${kind}`, () =>
        Effect.gen(function* () {
          const { info } = (yield* connected(peer, { groups: [group] })).connection
          assert.deepStrictEqual([info.group, info.kind], [group, kind])
        })
      )
    }

    it.live("every suite", () =>
      Effect.forEach(suites, (suite) =>
        Effect.map(connected(peer, { suites: [suite] }), ({ connection }) =>
          assert.strictEqual(connection.info.suite, suite)
        )
      )
    )

    it.live("servers of every key", () =>
      Effect.forEach(keyTypes, (keyType) => connected(peer, { pairs: [fixtures.server[keyType]] }))
    )

    it.live("another name, and its certificate", () =>
      Effect.gen(function* () {
        const pairs = [fixtures.server.p256, fixtures.named]
        const { connection } = yield* connected(peer, { pairs }, { name: "named.example" })
        assert.strictEqual(connection.info.serverName, "named.example")
      })
    )

    it.live("certificates of clients of every key", () =>
      Effect.forEach(keyTypes, (keyType) =>
        Effect.gen(function* () {
          const pair = fixtures.client[keyType]
          const { connection } = yield* connected(peer, { clientAuthentication: "required" }, { pair })
          assert.deepStrictEqual(Buffer.from(connection.peerCertificates[0] ?? []), der(pair))
        })
      )
    )

    it.live("new keys on our side and, by request, on its own", () =>
      connected(
        peer,
        { serve: (connection) => Effect.andThen(connection.updateKeys({ requestPeer: true }), Ours.echo(connection)) },
        { size: 200_000 }
      )
    )

    it.live("is refused without a certificate, and without a protocol in common", () =>
      Effect.gen(function* () {
        const strict = yield* Ours.serve({ clientAuthentication: "required", alpnProtocols: ["echo"] })
        const [anonymous] = yield* Peers.client(peer, strict.port)
        assert.match(anonymous?.error ?? "", certificateRequired)
        const [other] = yield* Peers.client(peer, strict.port, { alpn: ["other"] })
        assert.match(other?.error ?? "", noApplicationProtocol)
      })
    )

    it.live("refuses our certificate when it is another's, a stranger's or out of date", () =>
      Effect.forEach([fixtures.other, fixtures.strangeServer, fixtures.expired], (pair) =>
        Effect.gen(function* () {
          const { port } = yield* Ours.serve({ pairs: [pair] })
          const [said] = yield* Peers.client(peer, port)
          assert.match(said?.error ?? "", /cert|UnknownIssuer|expired|unable|altname/i)
        })
      )
    )
  })

const reasonOf = (error: unknown) => {
  const tls = find(error)
  return tls === undefined ? String(error) : [tls.reason._tag, tls.alertReceived]
}

/** One connection of our client to the peer, which must carry data and end in order. */
const served = Effect.fnUntraced(function* (
  peer: Peers.Peer,
  options: Ours.ClientOptions,
  theirs: Peers.PeerOptions = {},
  data = short
) {
  const { port, says } = yield* Peers.server(peer, theirs)
  const connection = yield* Ours.connect(port, options)
  assert.strictEqual(digest(yield* Ours.exchange(connection, data)), digest(data))
  const said = yield* says(/"ended":"closed"/)
  return { connection, said: Object.assign({}, ...said) as Peers.Said }
})

/** The peer as a server of our client. */
export const asServer = ({ peer, server }: Traits) =>
  describe("as a server of our client", () => {
    it.live("X25519MLKEM768 at once; ALPN, SNI, 1 MiB each way, close_notify", () =>
      Effect.gen(function* () {
        const theirs = { alpn: ["h2", "echo"] }
        const options = { alpnProtocols: ["echo"] }
        const { connection, said } = yield* served(peer, options, theirs, randomBytes(mebibyte))
        const { version, group, kind, alpnProtocol } = connection.info
        assert.deepStrictEqual([version, group, kind, alpnProtocol], ["TLSv1.3", "X25519MLKEM768", "full", "echo"])
        assert.strictEqual(said.alpn, "echo")
        if (server === "asks for certificates") assert.strictEqual(said.name, "localhost")
      })
    )

    it.live("a HelloRetryRequest of its own, for a group that it knows", () =>
      Effect.gen(function* () {
        const seen: Ours.Seen = []
        const options = {
          groups: ["secp521r1", "x25519"],
          shares: ["secp521r1"],
          provider: "node, all groups",
          seen
        } as const
        const { info } = (yield* served(peer, options)).connection
        assert.deepStrictEqual([info.group, info.kind], ["x25519", "retried"])
        assert.strictEqual(seen[1], "heard HelloRetryRequest")
      })
    )

    it.live("every group and every suite", () =>
      Effect.forEach(["x25519", "secp256r1", "secp384r1"] as const, (group, i) =>
        Effect.gen(function* () {
          const suite = suites[i] ?? suites[0]
          const { info } = (yield* served(peer, { groups: [group], suites: [suite] })).connection
          assert.deepStrictEqual([info.group, info.kind, info.suite], [group, "full", suite])
        })
      )
    )

    it.live("with every key", () =>
      Effect.forEach(keyTypes, (keyType) => served(peer, {}, { pair: fixtures.server[keyType] }))
    )

    it.live("new keys on our side and, by request, on its own", () =>
      Effect.gen(function* () {
        const { port } = yield* Peers.server(peer)
        const connection = yield* Ours.connect(port)
        yield* connection.updateKeys({ requestPeer: true })
        const data = randomBytes(200_000)
        assert.strictEqual(digest(yield* Ours.exchange(connection, data)), digest(data))
      })
    )

    it.live("has no protocol in common with us", () =>
      Effect.gen(function* () {
        const { port } = yield* Peers.server(peer, { alpn: ["other"] })
        const error = yield* Effect.flip(Ours.connect(port, { alpnProtocols: ["echo"] }))
        assert.deepStrictEqual(reasonOf(error), ["AlertReceived", "no_application_protocol"])
      })
    )

    it.live("is refused with a certificate of another, of a stranger, or out of date", () =>
      Effect.forEach(
        [
          [fixtures.other, "CertificateNameMismatch"],
          [fixtures.strangeServer, "CertificateIssuerUnknown"],
          [fixtures.expired, "CertificateExpired"]
        ] as const,
        ([pair, reason]) =>
          Effect.gen(function* () {
            const { port } = yield* Peers.server(peer, { pair })
            const error = yield* Effect.flip(Ours.connect(port))
            assert.strictEqual(find(error)?.reason._tag, reason)
          })
      )
    )

    if (server === "asks for certificates") {
      it.live("our certificate, of every key, and none", () =>
        Effect.gen(function* () {
          const { port, says } = yield* Peers.server(peer, { requestCert: true })
          for (const keyType of keyTypes) {
            const pair = fixtures.client[keyType]
            const connection = yield* Ours.connect(port, { pair })
            assert.strictEqual(digest(yield* Ours.exchange(connection, short)), digest(short))
            const said = yield* says(new RegExp(`"peer":"${fingerprint(pair)}"`))
            assert.isUndefined(said.find(({ error }) => error !== undefined))
          }
          const error = yield* Ours.refusal(yield* Ours.connect(port))
          assert.deepStrictEqual(reasonOf(error), ["AlertReceived", "certificate_required"])
        })
      )
    }
  })
