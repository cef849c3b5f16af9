/** What is asked in TLS 1.2 of every peer that runs a script. */
import { randomBytes, X509Certificate } from "node:crypto"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as ClientSessionStore from "../../../src/layers/ClientSessionStore.ts"
import { fixtures, type groups, keyTypes, type Pair } from "./fixtures.ts"
import { digest } from "./node.ts"
import * as Ours from "./ours.ts"
import * as Peers from "./peers.ts"

const versions = ["TLSv1.2"] as const
const mebibyte = 1 << 20
const data = randomBytes(10_000)
const aeads = ["AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256"] as const

const fingerprint = ({ issued }: Pair) => new X509Certificate(issued.certificate).fingerprint256

type KeyType = (typeof keyTypes)[number]
type Group = (typeof groups)[number]

/**
 * Every suite with every kind of key, in these groups. The curve of a key must be listed (RFC 8422 section 5.1.1), and
 * BoringSSL takes the first of its own groups, which are X25519, P-256, P-384.
 */
const rows = (
  [
    ["p256", "ECDSA", ["x25519", "secp256r1", "x25519"], ["secp256r1"]],
    ["p384", "ECDSA", ["secp256r1", "secp384r1", "x25519"], ["secp384r1"]],
    ["ed25519", "ECDSA", ["secp384r1", "x25519", "secp256r1"], []],
    ["rsa2048", "RSA", ["x25519", "secp256r1", "secp384r1"], []]
  ] satisfies ReadonlyArray<readonly [KeyType, string, ReadonlyArray<Group>, ReadonlyArray<Group>]>
).map(([keyType, algorithm, groups, curves]) => ({
  keyType,
  combinations: aeads.map((aead, i) => {
    const group = groups[i] ?? "x25519"
    return { suite: `TLS_ECDHE_${algorithm}_WITH_${aead}`, group, offered: [...new Set([group, ...curves])] }
  })
}))

/** The peer as a server of our client, whose sessions have a ticket or an ID. */
export const asServer = (peer: Peers.Peer, session: "ticket" | "session ID") => {
  for (const { keyType, combinations } of rows) {
    it.live(`every suite with a key of ${keyType}: full, then resumed by ${session}`, () =>
      Effect.gen(function* () {
        const { port } = yield* Peers.server(peer, { pair: fixtures.server[keyType], alpn: ["h2", "echo"] })
        for (const { suite, group, offered } of combinations) {
          const seen: Ours.Seen = []
          const visit = Effect.gen(function* () {
            const options = { versions, suites: [suite], groups: offered, alpnProtocols: ["echo"], seen }
            const connection = yield* Ours.connect(port, options)
            assert.strictEqual(digest(yield* Ours.exchange(connection, data)), digest(data))
            const { info } = connection
            return [info.version, info.suite, info.group, info.alpnProtocol, info.kind]
          })
          const visits = yield* Effect.provide(Effect.all([visit, visit, visit]), ClientSessionStore.layerMemory())
          const like = (kind: string) => ["TLSv1.2", suite, group, "echo", kind]
          assert.deepStrictEqual(visits, [like("full"), like("resumed"), like("resumed")])
          assert.strictEqual(seen.filter((message) => message === "heard Certificate").length, 1)
          assert.strictEqual(seen.includes("heard NewSessionTicket"), session === "ticket")
        }
      })
    )
  }

  it.live("1 MiB each way, close_notify", () =>
    Effect.gen(function* () {
      const { port, says } = yield* Peers.server(peer)
      const bulk = randomBytes(mebibyte)
      const connection = yield* Ours.connect(port, { versions })
      assert.strictEqual(connection.info.version, "TLSv1.2")
      assert.strictEqual(digest(yield* Ours.exchange(connection, bulk)), digest(bulk))
      yield* says(/"ended":"closed"/)
    })
  )
}

/** The peer as a server that asks our client for a certificate. */
export const asAskingServer = (peer: Peers.Peer) =>
  it.live("our certificate, of every key, and none", () =>
    Effect.gen(function* () {
      const { port, says } = yield* Peers.server(peer, { requestCert: true })
      for (const keyType of keyTypes) {
        const pair = fixtures.client[keyType]
        const connection = yield* Ours.connect(port, { versions, pair })
        assert.strictEqual(digest(yield* Ours.exchange(connection, data)), digest(data))
        const said = yield* says(new RegExp(`"peer":"${fingerprint(pair)}"`))
        assert.isUndefined(said.find(({ error }) => error !== undefined))
      }
      // Who closes while bytes are on their way may lose its alert: the peer says itself why.
      yield* Effect.flip(Ours.connect(port, { versions }))
      yield* says(/PEER_DID_NOT_RETURN_A_CERTIFICATE/)
    })
  )

/** One connection of the peer to a server of ours, which must carry data and end in order. */
const visited = Effect.fnUntraced(function* (
  peer: Peers.Peer,
  options: Ours.ServerOptions,
  theirs: Peers.PeerOptions = {}
) {
  const { port, served } = yield* Ours.serve({ versions, alpnProtocols: ["echo"], ...options })
  const all = { alpn: ["h2", "echo"], minVersion: "TLSv1.2", ...theirs } as const
  const [said] = yield* Peers.client(peer, port, all)
  assert.isUndefined(said?.error)
  assert.isString(said?.sent)
  assert.strictEqual(said?.got, said?.sent)
  assert.strictEqual(said?.alpn, "echo")
  const { connection, ended } = yield* Queue.take(served)
  assert.strictEqual(ended, "closed")
  assert.deepStrictEqual([connection.info.version, connection.info.kind], ["TLSv1.2", "full"])
  return connection
})

/** The peer as a client of our server. */
export const asClient = (peer: Peers.Peer) => {
  for (const { keyType, combinations } of rows) {
    it.live(`every suite, our key of ${keyType}`, () =>
      Effect.forEach(combinations, ({ suite, group }) =>
        Effect.gen(function* () {
          const options = { suites: [suite], groups: [group], pairs: [fixtures.server[keyType]] }
          const { info } = yield* visited(peer, options)
          assert.deepStrictEqual([info.suite, info.group], [suite, group])
        })
      )
    )
  }

  it.live("another name, and its certificate; 1 MiB each way, close_notify", () =>
    Effect.gen(function* () {
      const pairs = [fixtures.server.p256, fixtures.named]
      const { info } = yield* visited(peer, { pairs }, { name: "named.example", size: mebibyte })
      assert.strictEqual(info.serverName, "named.example")
    })
  )

  it.live("certificates of clients of every key", () =>
    Effect.forEach(keyTypes, (keyType) =>
      Effect.gen(function* () {
        const pair = fixtures.client[keyType]
        const { peerCertificates } = yield* visited(peer, { clientAuthentication: "required" }, { pair })
        assert.deepStrictEqual(Buffer.from(peerCertificates[0] ?? []), Buffer.from(pair.issued.certificate))
      })
    )
  )
}
