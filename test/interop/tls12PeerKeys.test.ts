/** Keys, groups and signatures of TLS 1.2 that not everybody has, with rustls (Deno) and BoringSSL (Bun). */
import { createPrivateKey, randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import type { Pair } from "./support/fixtures.ts"
import { digest } from "./support/node.ts"
import * as Ours from "./support/ours.ts"
import * as Peers from "./support/peers.ts"
import * as Product from "./support/product12.ts"

const versions = ["TLSv1.2"] as const
const provider = "node, all groups"
const data = randomBytes(10_000)

/** The same with the key in the older container (RFC 8017 appendix A.1.2), in the file too. */
const olderContainer = (pair: Pair): Pair => {
  const pem = String(createPrivateKey(pair.issued.privateKeyPem).export({ type: "pkcs1", format: "pem" }))
  assert.include(pem, "BEGIN RSA PRIVATE KEY")
  const key = `${pair.key}.pkcs1`
  writeFileSync(key, pem, { mode: 0o600 })
  return { ...pair, key, issued: { ...pair.issued, privateKeyPem: pem } }
}
const pkcs1 = olderContainer(Product.servers.rsa2048)
const pkcs1Client = olderContainer(Product.clients.rsa2048)

/** What a peer makes of them, as its own library has it. */
interface Traits {
  /** With a key on P-521: its own hash, or the first that BoringSSL has, which TLS 1.2 allows. */
  readonly p521: string
  /** What it takes of P-521, P-384 and P-256, of which it does not know the first. */
  readonly group: string
}

/** Our client: full, then resumed; what both ends agreed on. */
const visits = Effect.fnUntraced(function* (peer: Peers.Peer, pair: Pair, options: Ours.ClientOptions = {}) {
  const { port } = yield* Peers.server(peer, { pair })
  const kinds: Array<string> = []
  const agreed = new Set<string>()
  for (let i = 0; i < 2; i++) {
    const connection = yield* Ours.connect(port, { versions, provider, ...options })
    assert.strictEqual(digest(yield* Ours.exchange(connection, data)), digest(data))
    kinds.push(connection.info.kind)
    agreed.add(`${connection.info.group} ${connection.info.signatureScheme}`)
  }
  assert.deepStrictEqual(kinds, ["full", "resumed"])
  return [...agreed][0]?.split(" ")
}, Effect.provide(ClientSessionStore.layerMemory()))

const asServer = (peer: Peers.Peer, { p521, group }: Traits) => {
  it.live(`a key on P-521, which signs ${p521}`, () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* visits(peer, Product.servers.p521), ["x25519", p521])
    })
  )

  it.live(`has no P-521 for the exchange, and takes ${group}`, () =>
    Effect.gen(function* () {
      const groups = ["secp521r1", "secp384r1", "secp256r1"]
      const [taken] = (yield* visits(peer, Product.servers.rsa2048, { groups })) ?? []
      assert.strictEqual(taken, group)
    })
  )

  it.live("a key of RSA in PKCS#1, and signatures of PKCS#1 v1.5 for who takes no others", () =>
    Effect.gen(function* () {
      const [, usual = ""] = (yield* visits(peer, pkcs1)) ?? []
      assert.match(usual, /^rsa_pss_rsae_sha(256|512)$/)
      const schemes = ["rsa_pkcs1_sha256"] as const
      assert.deepStrictEqual(yield* visits(peer, pkcs1, { schemes }), ["x25519", "rsa_pkcs1_sha256"])
    })
  )

  it.live("a key of RSASSA-PSS it does not take: neither rustls nor BoringSSL reads one", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(visits(peer, Product.servers["rsa-pss"]))
      assert.strictEqual(exit._tag, "Failure")
    })
  )
}

/** The peer visits our server once: what we know of it, or how it says that it was refused. */
const visited = Effect.fnUntraced(function* (
  peer: Peers.Peer,
  options: Ours.ServerOptions,
  theirs: Peers.PeerOptions = {}
) {
  const { port, served } = yield* Ours.serve({ versions, provider, ...options })
  const [said] = yield* Peers.client(peer, port, { minVersion: "TLSv1.2", ...theirs })
  if (said?.error !== undefined) return said.error
  assert.strictEqual(said?.got, said?.sent)
  return (yield* Queue.take(served)).connection.info
})
const refused = /Handshake_?Failure/i

const asClient = (peer: Peers.Peer) => {
  it.live("our key in PKCS#1; of the ways to sign with it the peer offers RSASSA-PSS too, and gets that", () =>
    Effect.gen(function* () {
      const info = yield* visited(peer, { pairs: [pkcs1] })
      if (typeof info === "string") return assert.fail(info)
      assert.strictEqual(info.signatureScheme, "rsa_pss_rsae_sha256")
    })
  )

  it.live("its own key in PKCS#1, and a signature of PKCS#1 v1.5 where we take no other", () =>
    Effect.gen(function* () {
      const options = { clientAuthentication: "required", schemes: ["rsa_pkcs1_sha256"] } as const
      const info = yield* visited(peer, options, { pair: pkcs1Client })
      if (typeof info === "string") return assert.fail(info)
      assert.include(info.peer ?? "", "effect-tls test client")
    })
  )

  it.live.each([
    ["a key on P-521, as it does not list the curve", { pairs: [Product.servers.p521] }],
    ["a key of RSASSA-PSS, as it does not offer such signatures", { pairs: [Product.servers["rsa-pss"]] }],
    ["an exchange on P-521 alone, as it does not list the group", { groups: ["secp521r1"] }]
  ] as const)("refused: %s", ([, options]) =>
    Effect.gen(function* () {
      const said = yield* visited(peer, options)
      assert.isString(said)
      assert.match(String(said), refused)
    })
  )
}

const rustls: Traits = { p521: "ecdsa_secp521r1_sha512", group: "secp384r1" }
const boring: Traits = { p521: "ecdsa_secp256r1_sha256", group: "secp256r1" }

describe.skipIf(Peers.deno === undefined)("TLS 1.2 of Deno (needs deno)", () => {
  describe("as a server of our client", () => asServer(Peers.denoPeer("deno.js"), rustls))
  describe("its node:tls, as a server of our client", () => asServer(Peers.denoPeer("nodeTls.js"), rustls))
  describe("as a client of our server", () => asClient(Peers.denoPeer("deno.js")))
  describe("its node:tls, as a client of our server", () => asClient(Peers.denoPeer("nodeTls.js")))
})

describe.skipIf(Peers.bun === undefined)("TLS 1.2 of Bun (needs bun)", () => {
  describe("as a server of our client", () => asServer(Peers.bunPeer("bun.js"), boring))
  describe("its node:tls, as a server of our client", () => asServer(Peers.bunPeer("nodeTls.js"), boring))
  describe("as a client of our server", () => asClient(Peers.bunPeer("bun.js")))
  describe("its node:tls, as a client of our server", () => asClient(Peers.bunPeer("nodeTls.js")))
})
