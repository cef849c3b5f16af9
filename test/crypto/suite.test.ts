import { assert, describe, it } from "@effect/vitest"
import { SignatureScheme } from "../../src/codec/registry/signatureScheme.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { KeyKind, SignatureAlgorithm } from "../../src/crypto/primitives.ts"
import { certificateSchemes, mayVerify, schemesFor, tls13Schemes } from "../../src/crypto/signature.ts"
import { suites13 } from "../../src/crypto/suite.ts"
import { algorithms } from "./contract/signatures.ts"

describe("cipher suites of TLS 1.3", () => {
  it("each has the hash and the AEAD that its name says", () => {
    for (const primitives of [node, noble]) {
      const suites = suites13(primitives)
      assert.strictEqual(suites.length, 3)
      for (const { name, hash, aead } of suites) {
        assert.strictEqual(name, `TLS_${aead.name.replaceAll("-", "_")}_${hash.name.toUpperCase()}`)
        assert.strictEqual(primitives.hashes[hash.name], hash)
        assert.strictEqual(primitives.aeads[aead.name], aead)
      }
    }
  })

  it("come in the provider's order: AES with instructions first, ChaCha20 first in JavaScript", () => {
    assert.deepEqual(
      suites13(node).map(({ name }) => name),
      ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
    )
    assert.deepEqual(
      suites13(noble).map(({ name }) => name),
      ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"]
    )
  })
})

describe("who may use which signature", () => {
  const kinds: ReadonlyArray<KeyKind> = ["p256", "p384", "p521", "ed25519", "rsa", "rsa-pss"]

  /** The same table a second time, by key instead of by algorithm. */
  const table: { readonly [K in KeyKind]: ReadonlyArray<SignatureAlgorithm> } = {
    p256: ["ecdsa_secp256r1_sha256", "ecdsa_sha256", "ecdsa_sha384", "ecdsa_sha512"],
    p384: ["ecdsa_secp384r1_sha384", "ecdsa_sha256", "ecdsa_sha384", "ecdsa_sha512"],
    p521: ["ecdsa_secp521r1_sha512", "ecdsa_sha256", "ecdsa_sha384", "ecdsa_sha512"],
    ed25519: ["ed25519"],
    rsa: [
      "rsa_pss_rsae_sha256",
      "rsa_pss_rsae_sha384",
      "rsa_pss_rsae_sha512",
      "rsa_pkcs1_sha256",
      "rsa_pkcs1_sha384",
      "rsa_pkcs1_sha512"
    ],
    "rsa-pss": ["rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512"]
  }

  it.each(kinds)("%s", (kind) => {
    for (const algorithm of algorithms) {
      assert.strictEqual(mayVerify(kind, algorithm), table[kind].includes(algorithm), algorithm)
    }
  })

  it("every registered scheme is in the table of algorithms", () => {
    for (const name of Object.keys(SignatureScheme.registry)) {
      assert.isTrue(
        algorithms.some((algorithm) => algorithm === name),
        name
      )
    }
  })

  it("CertificateVerify has neither PKCS#1 v1.5 nor SHA-1; certificates have no SHA-1", () => {
    assert.isFalse(tls13Schemes.some((scheme) => /pkcs1|sha1/.test(scheme)))
    assert.isFalse(certificateSchemes.some((scheme) => /sha1$/.test(scheme)))
    assert.deepEqual(
      certificateSchemes.filter((scheme) => !tls13Schemes.some((other) => other === scheme)),
      ["rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512"]
    )
    for (const scheme of certificateSchemes)
      assert.isTrue(
        kinds.some((kind) => mayVerify(kind, scheme)),
        scheme
      )
  })

  it("a key offers what it can sign, and one restricted to a hash only that", () => {
    for (const kind of kinds) {
      for (const scheme of schemesFor(kind)) assert.isTrue(mayVerify(kind, scheme))
      assert.isAbove(schemesFor(kind).length, 0)
    }
    assert.deepEqual([...schemesFor("rsa-pss", "sha512")], ["rsa_pss_pss_sha512"])
  })
})
