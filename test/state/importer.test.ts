/** RFC 9258: what is imported, against node:crypto, and what becomes of it in a handshake where keys alone serve. */
import { createHash, createHmac, hkdfSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { decode } from "../../src/codec/presentation/wire.ts"
import { ImportedIdentity, RoleContext } from "../../src/codec/psk/importedIdentity.ts"
import type { World } from "../../src/core.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import { asked, epsk, importPsk, kdfs } from "../../src/state/tls13/importer.ts"
import type { ExternalPsk } from "../../src/state/tls13/psk.ts"
import { concat, fromHex, okay, toHex } from "../support/answers.ts"
import { clientEnd, clientWorld, handshake, retryingConfig, serverEnd, serverWorld, suites } from "../support/pair.ts"
import { copy, external, giving, keeping, kept, openTickets } from "../support/resumption.ts"

const identity = new TextEncoder().encode("fleet")
const key = Uint8Array.from({ length: 32 }, (_, i) => i)
const context = fromHex("0161 0162")

/** The same in the words of RFC 9258 section 5.1 and RFC 9846 section 7.1, by somebody else's HKDF. */
const expected = (hash: "sha256" | "sha384", imported: Uint8Array, length: number): string => {
  const size = hash === "sha256" ? 32 : 48
  const prk = createHmac(hash, Buffer.alloc(size)).update(key).digest()
  const digest = createHash(hash).update(imported).digest()
  const label = Buffer.from("tls13 derived psk")
  const info = concat(Uint8Array.of(0, length, label.length), label, Uint8Array.of(size), digest)
  // hkdfSync extracts first, so HKDF-Expand is written out: one block is enough for both.
  const block = createHmac(hash, prk).update(info).update(Uint8Array.of(1)).digest()
  if (length <= size) return block.subarray(0, length).toString("hex")
  const next = createHmac(hash, prk).update(block).update(info).update(Uint8Array.of(2)).digest()
  return Buffer.concat([block, next]).subarray(0, length).toString("hex")
}

describe("the importer (RFC 9258)", () => {
  const serialized = {
    HKDF_SHA256: "0005 666c656574 0004 01610162 0304 0001",
    HKDF_SHA384: "0005 666c656574 0004 01610162 0304 0002"
  }
  for (const { hashes, name } of [node, noble]) {
    for (const hash of ["sha256", "sha384"] as const) {
      it.each(kdfs)(`${name}: a key of ${hash} for %s`, (kdf) => {
        const made = okay(importPsk(epsk(identity, key, hashes[hash]), context, kdf))
        const bytes = fromHex(serialized[kdf])
        assert.strictEqual(toHex(made.identity), toHex(bytes))
        const size = kdf === "HKDF_SHA256" ? 32 : 48
        assert.strictEqual(toHex(unsafeBytes(made.secret)), expected(hash, bytes, size))
        assert.deepStrictEqual([made.hash, made.kind], [kdf === "HKDF_SHA256" ? "sha256" : "sha384", "imported"])
        assert.deepStrictEqual(asked(made.identity), { identity, context, kdf })
      })
    }
  }

  it("extracts as HKDF of node:crypto does", () => {
    const { secret } = epsk(identity, key, node.hashes.sha256)
    const info = Buffer.from("info")
    const okm = createHmac("sha256", unsafeBytes(secret)).update(info).update(Uint8Array.of(1)).digest("hex")
    assert.strictEqual(okm, Buffer.from(hkdfSync("sha256", key, Buffer.alloc(32), info, 32)).toString("hex"))
  })

  it("yields another key for another identity, context, KDF and hash", () => {
    const made = [
      [identity, context, "HKDF_SHA256", "sha256"],
      [Uint8Array.of(1), context, "HKDF_SHA256", "sha256"],
      [identity, Uint8Array.of(1), "HKDF_SHA256", "sha256"],
      [identity, context, "HKDF_SHA384", "sha256"],
      [identity, context, "HKDF_SHA256", "sha384"]
    ] as const
    const keys = made.map(([name, roles, kdf, hash]) =>
      toHex(unsafeBytes(okay(importPsk(epsk(name, key, node.hashes[hash]), roles, kdf)).secret)).slice(0, 64)
    )
    assert.strictEqual(new Set(keys).size, made.length)
  })

  it("refuses what does not fit into an identity", () => {
    for (const [name, roles] of [
      [new Uint8Array(0), context],
      [new Uint8Array(0x10000), context],
      [identity, new Uint8Array(0x10000)],
      [new Uint8Array(0x8000), new Uint8Array(0x8000)]
    ] as const) {
      const made = importPsk(epsk(name, key, node.hashes.sha256), roles, "HKDF_SHA256")
      assert.strictEqual(Result.isFailure(made) && made.failure.reason, "InvalidConfiguration")
    }
  })

  it("takes nothing for an imported identity that is none of TLS 1.3 and of a known KDF", () => {
    for (const hex of [
      "",
      "00",
      "666c656574",
      "0000 0004 01610162 0304 0001",
      "0005 666c656574 0004 01610162 0303 0001",
      "0005 666c656574 0004 01610162 0304 0003",
      "0005 666c656574 0004 01610162 0304 0001 00"
    ]) {
      assert.isUndefined(asked(fromHex(hex)), hex)
    }
  })

  it("has a context of two names, as in the example of its appendix A", () => {
    const names = Result.getOrThrow(decode(RoleContext.wire, context))
    assert.deepStrictEqual(names, { client: "a", server: "b", provisioning: new Uint8Array(0) })
    assert.isTrue(Result.isFailure(decode(RoleContext.wire, fromHex("0161 00"))))
    assert.isTrue(Result.isFailure(decode(ImportedIdentity.wire, context)))
  })
})

const imported = (kdf: (typeof kdfs)[number]) => okay(importPsk(epsk(identity, key, node.hashes.sha256), context, kdf))
const both = kdfs.map(imported)
const byIdentity: NonNullable<World["externalPsk"]> = (name) => both.find((psk) => toHex(psk.identity) === toHex(name))

const meet = (client: Partial<ClientConfig>, server: Partial<ServerConfig>, world: Partial<World> = {}) =>
  handshake(
    clientEnd({ externalPsks: both, externalPskPolicy: "required", ...client }),
    serverEnd(
      { externalPsks: "only", ...server },
      serverWorld({ choose: () => undefined, externalPsk: byIdentity, ...world })
    )
  )
const kinds = ({ client, server }: ReturnType<typeof meet>) =>
  [client, server].map((end) => end.failure?.reason ?? end.connection.established?.kind)

describe("an imported key", () => {
  it.each(suites)("serves $name, without a certificate", (suite) => {
    const ends = meet({}, { suites: [suite] })
    assert.deepStrictEqual(kinds(ends), ["external", "external"])
    const { given } = ends.server.connection.established ?? {}
    assert.deepStrictEqual(given?.identity, both.find(({ hash }) => hash === suite.hash.name)?.identity)
    assert.notProperty(given, "secret")
  })

  it("serves after a HelloRetryRequest, of which the suite leaves one of two", () => {
    assert.deepStrictEqual(kinds(meet({}, retryingConfig({ externalPsks: "only", suites: suites.slice(1, 2) }))), [
      "external",
      "external"
    ])
  })
})

describe("46: binders", () => {
  const [first, second] = [imported("HKDF_SHA256"), imported("HKDF_SHA384")]
  const wrong = (psk: ExternalPsk) => ({ ...psk, secret: new Secret("external PSK", new Uint8Array(32).fill(1)) })

  it("of keys that are passed over are not looked at", () => {
    assert.deepStrictEqual(kinds(meet({ externalPsks: [first, wrong(second)] }, {})), ["external", "external"])
    assert.deepStrictEqual(kinds(meet({ externalPsks: [wrong(external()), first] }, {})), ["external", "external"])
  })

  it("of the key in use are, although the next would do", () => {
    const ends = meet({ externalPsks: [wrong(first), second] }, {})
    assert.deepStrictEqual(kinds(ends), ["AlertReceived", "BinderMismatch"])
  })
})

describe("where keys alone serve (RFC 9846, PSK Identity Exposure)", () => {
  const wrong = both.map((psk) => ({ ...psk, secret: new Secret("external PSK", new Uint8Array(32).fill(1)) }))
  const stranger = [external({ kind: "imported" })]
  const alerts = (ends: ReturnType<typeof meet>) => [
    ends.server.failure?.reason,
    ends.client.failure?.reason,
    ends.client.failure?.received,
    ends.client.messages
  ]

  it("an identity that is unknown and a key that is wrong look the same", () => {
    const [unknown, mismatch] = [
      alerts(meet({ externalPsks: stranger }, {})),
      alerts(meet({ externalPsks: wrong }, {}))
    ]
    assert.strictEqual(unknown[0], "UnknownPsk")
    assert.strictEqual(mismatch[0], "BinderMismatch")
    assert.deepStrictEqual(unknown.slice(1), mismatch.slice(1))
    assert.strictEqual(unknown[2], "decrypt_error")
  })

  it("and so they do where another group would be asked for", () => {
    const retrying = retryingConfig({ externalPsks: "only" })
    const [unknown, mismatch] = [
      alerts(meet({ externalPsks: stranger }, retrying)),
      alerts(meet({ externalPsks: wrong }, retrying))
    ]
    assert.deepStrictEqual(unknown.slice(1), mismatch.slice(1))
  })

  it("the key that stands in for an unknown one lets nobody in", () => {
    const zero = external({ kind: "imported", secret: new Secret("external PSK", new Uint8Array(32)) })
    assert.strictEqual(meet({ externalPsks: [zero] }, {}).server.failure?.reason, "UnknownPsk")
  })

  it("a client without any is told that nothing else will do, even where a certificate is", () => {
    const ends = meet({ externalPsks: [] }, {}, { choose: serverWorld().choose })
    assert.strictEqual(ends.server.failure?.reason, "PskRequired")
    assert.strictEqual(ends.client.failure?.received, "handshake_failure")
  })
})

describe("a client that requires a key", () => {
  it("refuses a server that shows a certificate instead", () => {
    const ends = handshake(clientEnd({ externalPsks: both, externalPskPolicy: "required" }), serverEnd())
    assert.strictEqual(ends.client.failure?.reason, "PskRequired")
    assert.strictEqual(ends.server.failure?.received, "handshake_failure")
    assert.notInclude(ends.client.messages, "heard Certificate")
  })

  it("takes the certificate when that will do", () => {
    const ends = handshake(clientEnd({ externalPsks: both }), serverEnd())
    assert.deepStrictEqual(kinds(ends), ["full", "full"])
  })

  it("offers no session", () => {
    const first = handshake(clientEnd(keeping()), serverEnd(giving(), serverWorld({ tickets: openTickets })))
    assert.deepStrictEqual(kinds(first), ["full", "full"])
    const stored = first.client.events.find((event) => event._tag === "StoreTicket")
    const ticket = kept(stored ?? assert.fail("no ticket"))
    const second = (externalPskPolicy: ClientConfig["externalPskPolicy"]) =>
      handshake(
        clientEnd(keeping({ externalPsks: both, externalPskPolicy }), clientWorld({ takeTicket: () => copy(ticket) })),
        serverEnd(
          giving({}, { externalPsks: "lookup" }),
          serverWorld({ tickets: openTickets, externalPsk: byIdentity })
        )
      )
    assert.deepStrictEqual(kinds(second("preferred")), ["resumed", "resumed"])
    assert.deepStrictEqual(kinds(second("required")), ["external", "external"])
  })

  it("and takes raw public keys elsewhere, hears nothing of them", () => {
    assert.deepStrictEqual(kinds(meet({ serverCertificateTypes: ["RawPublicKey"] }, {})), ["external", "external"])
  })
})
