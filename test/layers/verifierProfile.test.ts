/** What RFC 5280 section 4 wants of each certificate, and every kind of key in a chain. */
import { generateKeyPairSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { encodeDer } from "../../src/codec/der/der.ts"

import { AlgorithmIdentifier, algorithmIdentifier, oids, PssParameters } from "../../src/codec/x509/algorithm.ts"
import { type Extension, type ExtensionName, extensionOids } from "../../src/codec/x509/extension.ts"
import type { GeneralName } from "../../src/codec/x509/generalName.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { Primitives } from "../../src/crypto/primitives.ts"
import {
  type CaOptions,
  type Issued,
  issue,
  type LeafOptions,
  makeCa,
  makeIntermediate
} from "../../src/layers/testing/certificates.ts"
import { makeWebPki } from "../../src/layers/webPki.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { anchorFromDer } from "../../src/state/path/anchor.ts"
import { parseServerIdentity } from "../../src/state/path/host.ts"
import { inOctober, verdictOf } from "./verifierSupport.ts"

const names = ["example.org"]
const identity = Result.getOrThrow(parseServerIdentity("example.org"))
const dns = (value: string): GeneralName => ({ _tag: "dNSName", value })

const judge = (roots: ReadonlyArray<Issued>, chain: ReadonlyArray<Uint8Array>, primitives: Primitives = node) => {
  const anchors = roots.map(({ certificate }) => Result.getOrThrow(anchorFromDer(certificate)))
  return makeWebPki(primitives, anchors).judge({ purpose: "serverAuth", identity, chain })
}

type Kind = "ec" | "ed25519" | "rsa" | "rsa-pss"

const pkcs8 = (kind: Kind, options: object = {}): Uint8Array => {
  const make = generateKeyPairSync as (kind: string, options: object) => { privateKey: import("node:crypto").KeyObject }
  return new Uint8Array(make(kind, options).privateKey.export({ type: "pkcs8", format: "der" }))
}

describe("keys of a chain", () => {
  const keys: ReadonlyArray<readonly [what: string, key: () => Uint8Array]> = [
    ["P-256", () => pkcs8("ec", { namedCurve: "P-256" })],
    ["P-384", () => pkcs8("ec", { namedCurve: "P-384" })],
    ["P-521", () => pkcs8("ec", { namedCurve: "P-521" })],
    ["Ed25519", () => pkcs8("ed25519")],
    ["RSA of 2048 bits", () => pkcs8("rsa", { modulusLength: 2048 })],
    ["RSA of 2056 bits", () => pkcs8("rsa", { modulusLength: 2056 })],
    ["RSA with exponent 3", () => pkcs8("rsa", { modulusLength: 2048, publicExponent: 3 })],
    ["id-RSASSA-PSS", () => pkcs8("rsa-pss", { modulusLength: 2048 })],
    [
      "id-RSASSA-PSS of one hash",
      () =>
        pkcs8("rsa-pss", { modulusLength: 2048, hashAlgorithm: "sha256", mgf1HashAlgorithm: "sha256", saltLength: 32 })
    ]
  ]
  for (const [what, make] of keys) {
    it.effect(`${what}, in a root, an intermediate and an end-entity, in both providers`, () =>
      inOctober(
        Effect.gen(function* () {
          const key = make()
          const root = yield* makeCa({ commonName: "root", privateKey: key })
          const middle = yield* makeIntermediate(root, { commonName: "middle", privateKey: key })
          const leaf = yield* issue(middle, { names, privateKey: key })
          for (const primitives of [node, noble]) {
            assert.strictEqual(yield* verdictOf(judge([root], leaf.chain, primitives)), "accepted", primitives.name)
            const broken = yield* issue(middle, { names, privateKey: key, signature: "broken" })
            const verdict = yield* verdictOf(judge([root], broken.chain, primitives))
            assert.strictEqual(verdict, "CertificateSignatureInvalid", primitives.name)
          }
        })
      )
    )
  }

  // written over a right key, as no provider makes these
  const spki = (algorithm: AlgorithmIdentifier, key: Uint8Array): LeafOptions => ({
    alter: (tbs) => ({
      ...tbs,
      subjectPublicKeyInfo: { value: { algorithm, subjectPublicKey: key }, der: encodeSpki(algorithm, key) }
    })
  })
  const rsaKey = (bits: number, exponent: ReadonlyArray<number>): LeafOptions => {
    const modulus = new Uint8Array(Math.ceil(bits / 8)).fill(0xff)
    modulus[0] = 0xff >> ((8 - (bits % 8)) % 8)
    const sign = (modulus[0] ?? 0) > 0x7f ? [0] : []
    const inner = [...tlv(2, [...sign, ...modulus]), ...tlv(2, exponent)]
    return spki({ algorithm: oids.rsaEncryption, parameters: Uint8Array.of(5, 0) }, Uint8Array.from(tlv(0x30, inner)))
  }
  const p192 = Uint8Array.of(6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1)
  const dsa = { algorithm: "1.2.840.10040.4.1", parameters: Uint8Array.of(0x30, 0) }
  const explicit = { algorithm: oids["id-ecPublicKey"], parameters: Uint8Array.of(0x30, 3, 2, 1, 1) }
  const refused: ReadonlyArray<readonly [what: string, ReasonName, LeafOptions]> = [
    ["RSA of 1024 bits", "CertificateKeyUnsupported", rsaKey(1024, [1, 0, 1])],
    ["RSA of 2047 bits", "CertificateKeyUnsupported", rsaKey(2047, [1, 0, 1])],
    ["RSA of 2049 bits", "CertificateKeyUnsupported", rsaKey(2049, [1, 0, 1])],
    ["RSA of 8192 bits", "CertificateSignatureInvalid", rsaKey(8192, [1, 0, 1])], // a right key, and nobody's
    ["RSA of 16384 bits", "CertificateKeyUnsupported", rsaKey(16384, [1, 0, 1])],
    ["RSA with exponent 1", "CertificateKeyUnsupported", rsaKey(2048, [1])],
    ["RSA with exponent 2", "CertificateKeyUnsupported", rsaKey(2048, [2])],
    ["RSA with an exponent of 40 bits", "CertificateKeyUnsupported", rsaKey(2048, [0x7f, 0xff, 0xff, 0xff, 0xff])],
    [
      "P-192",
      "CertificateKeyUnsupported",
      spki({ algorithm: oids["id-ecPublicKey"], parameters: p192 }, new Uint8Array(49).fill(4))
    ],
    ["a curve spelled out", "CertificateKeyUnsupported", spki(explicit, new Uint8Array(65).fill(4))],
    ["DSA", "CertificateKeyUnsupported", spki(dsa, Uint8Array.of(2, 1, 5))],
    [
      "a point that is compressed",
      "CertificateMalformed",
      spki(algorithmOfP256, Uint8Array.from([2, ...new Array(32).fill(1)]))
    ],
    [
      "Ed448",
      "CertificateKeyUnsupported",
      spki({ algorithm: oids["id-Ed448"], parameters: undefined }, new Uint8Array(57))
    ]
  ]
  for (const [what, reason, wrong] of refused) {
    it.effect(`${what}: ${reason}, in an intermediate and in a root too`, () =>
      inOctober(
        Effect.gen(function* () {
          const root = yield* makeCa({ commonName: "root" })
          const middle = yield* makeIntermediate(root, { commonName: "middle", ...(wrong as CaOptions) })
          const below = yield* issue(middle, { names })
          for (const primitives of [node, noble]) {
            assert.strictEqual(yield* verdictOf(judge([root], below.chain, primitives)), reason)
          }
          if (reason === "CertificateMalformed") return
          const weak = yield* makeCa({ commonName: "weak", ...(wrong as CaOptions) })
          assert.strictEqual(yield* verdictOf(judge([weak], (yield* issue(weak, { names })).chain)), reason)
        })
      )
    )
  }
})

const tlv = (tag: number, content: ReadonlyArray<number>): ReadonlyArray<number> => {
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return [tag, ...size, ...content]
}

const encodeSpki = (algorithm: AlgorithmIdentifier, key: Uint8Array): Uint8Array =>
  Uint8Array.from(tlv(0x30, [...Result.getOrThrow(encodeDer(AlgorithmIdentifier, algorithm)), ...tlv(3, [0, ...key])]))

const algorithmOfP256: AlgorithmIdentifier = {
  algorithm: oids["id-ecPublicKey"],
  parameters: Uint8Array.of(6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7)
}

describe("RSASSA-PSS in certificates", () => {
  const sha = (hash: "id-sha256" | "id-sha384"): AlgorithmIdentifier => ({
    algorithm: oids[hash],
    parameters: Uint8Array.of(5, 0)
  })
  const pss = (hash: "id-sha256" | "id-sha384", mask: "id-sha256" | "id-sha384", saltLength: number) => ({
    algorithm: oids["id-RSASSA-PSS"],
    parameters: Result.getOrThrow(
      encodeDer(PssParameters, {
        hashAlgorithm: sha(hash),
        maskGenAlgorithm: {
          algorithm: oids["id-mgf1"],
          parameters: Result.getOrThrow(encodeDer(AlgorithmIdentifier, sha(mask)))
        },
        saltLength,
        trailerField: 1
      })
    )
  })
  const rows: ReadonlyArray<readonly [what: string, AlgorithmIdentifier | undefined, ReasonName | "accepted"]> = [
    ["as TLS has it", undefined, "accepted"],
    ["another hash in the mask", pss("id-sha256", "id-sha384", 32), "CertificateAlgorithmUnsupported"],
    ["a short salt", pss("id-sha256", "id-sha256", 20), "CertificateAlgorithmUnsupported"],
    ["no salt", pss("id-sha256", "id-sha256", 0), "CertificateAlgorithmUnsupported"],
    ["no parameters", { algorithm: oids["id-RSASSA-PSS"], parameters: undefined }, "CertificateAlgorithmUnsupported"],
    [
      "parameters that mean SHA-1",
      { algorithm: oids["id-RSASSA-PSS"], parameters: Uint8Array.of(0x30, 0) },
      "CertificateAlgorithmUnsupported"
    ]
  ]
  for (const [what, signature, verdict] of rows) {
    it.effect(`${what}: ${verdict}`, () =>
      inOctober(
        Effect.gen(function* () {
          const root = yield* makeCa({ keyType: "rsa2048" })
          const leaf = yield* issue(root, {
            names,
            algorithm: "rsa_pss_rsae_sha256",
            alter: (tbs) => ({ ...tbs, signature: signature ?? tbs.signature })
          })
          assert.strictEqual(yield* verdictOf(judge([root], leaf.chain)), verdict)
        })
      )
    )
  }

  it.effect("a key restricted to one hash has signed with no other", () =>
    inOctober(
      Effect.gen(function* () {
        const restricted = { hashAlgorithm: "sha384", mgf1HashAlgorithm: "sha384", saltLength: 48 }
        const root = yield* makeCa({
          privateKey: pkcs8("rsa-pss", { modulusLength: 2048, ...restricted }),
          algorithm: "rsa_pss_pss_sha384"
        })
        const right = yield* issue(root, { names, algorithm: "rsa_pss_pss_sha384" })
        assert.strictEqual(yield* verdictOf(judge([root], right.chain)), "accepted")
        const claimed = algorithmIdentifier("rsa_pss_rsae_sha256")
        const wrong = yield* issue(root, {
          names,
          algorithm: "rsa_pss_pss_sha384",
          alter: (tbs) => ({ ...tbs, signature: claimed ?? tbs.signature })
        })
        for (const primitives of [node, noble]) {
          const verdict = yield* verdictOf(judge([root], wrong.chain, primitives))
          assert.strictEqual(verdict, "CertificateSignatureInvalid")
        }
      })
    )
  )
})

describe("extensions", () => {
  const raw = (name: ExtensionName, critical: boolean, ...bytes: ReadonlyArray<number>): Extension => ({
    extnID: extensionOids[name],
    critical,
    extnValue: Uint8Array.from(bytes)
  })
  const twice = { extnID: "1.3.6.1.4.1.55738.7", critical: false, extnValue: Uint8Array.of(5, 0) }
  const rows: ReadonlyArray<readonly [what: string, ReasonName | "accepted", Extension | ReadonlyArray<Extension>]> = [
    ["a critical subjectKeyIdentifier", "CertificateExtensionUnknown", raw("subjectKeyIdentifier", true, 4, 1, 1)],
    ["a critical authorityKeyIdentifier", "CertificateExtensionUnknown", raw("authorityKeyIdentifier", true, 0x30, 0)],
    [
      "a critical authorityInfoAccess",
      "CertificateExtensionUnknown",
      raw("authorityInfoAccess", true, 0x30, 0x0f, 0x30, 0x0d, 6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 0x86, 1, 0x61)
    ],
    ["a malformed authorityInfoAccess", "CertificateMalformed", raw("authorityInfoAccess", false, 4, 3, 1, 2, 3)],
    ["a malformed subjectAltName", "CertificateMalformed", raw("subjectAltName", false, 4, 1, 1)],
    ["an empty subjectAltName", "CertificateMalformed", raw("subjectAltName", false, 0x30, 0)],
    ["an address of five bytes", "CertificateMalformed", raw("subjectAltName", false, 0x30, 7, 0x87, 5, 1, 2, 3, 4, 5)],
    ["a name beyond ASCII", "CertificateMalformed", raw("subjectAltName", false, 0x30, 4, 0x82, 2, 0xc3, 0xbc)],
    ["an empty extKeyUsage", "CertificateMalformed", raw("extKeyUsage", false, 0x30, 0)],
    ["an empty keyUsage", "CertificateMalformed", raw("keyUsage", true, 3, 1, 0)],
    ["trailing bytes", "CertificateMalformed", raw("subjectKeyIdentifier", false, 4, 1, 1, 0)],
    ["one of them twice", "CertificateMalformed", [twice, twice]],
    [
      "one known twice",
      "CertificateMalformed",
      [raw("keyUsage", true, 3, 2, 7, 0x80), raw("keyUsage", true, 3, 2, 7, 0x80)]
    ]
  ]
  for (const [what, verdict, extension] of rows) {
    it.effect(`${what}: ${verdict}`, () =>
      inOctober(
        Effect.gen(function* () {
          const root = yield* makeCa()
          const leaf = yield* issue(root, { names, extensions: [extension].flat() })
          assert.strictEqual(yield* verdictOf(judge([root], leaf.chain)), verdict)
        })
      )
    )
  }

  it.effect("a version that does not exist is malformed; v1 and v2 have no name to match", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa()
        const leaf = yield* issue(root, { names })
        const v4 = leaf.certificate.slice()
        const at = v4.findIndex((byte, i) => byte === 0xa0 && v4[i + 1] === 3 && v4[i + 2] === 2 && v4[i + 4] === 2)
        v4[at + 4] = 3
        assert.strictEqual(yield* verdictOf(judge([root], [v4])), "CertificateMalformed")
        for (const version of ["v1", "v2"] as const) {
          const old = yield* issue(root, { names, version })
          assert.strictEqual(yield* verdictOf(judge([root], old.chain)), "CertificateNameMismatch")
        }
      })
    )
  )

  it.effect("a dNSName without a label is no name, and no reason to fall over under constraints (CVE-2026-27138)", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa()
        const empty = { names, generalNames: [dns("."), dns("*."), dns("*")] }
        assert.strictEqual(yield* verdictOf(judge([root], (yield* issue(root, empty)).chain)), "accepted")
        for (const nameConstraints of [{ excluded: [dns("example.com")] }, { permitted: [dns("example.org")] }]) {
          const ca = yield* makeIntermediate(root, { nameConstraints })
          const verdict = yield* verdictOf(judge([root], (yield* issue(ca, empty)).chain))
          assert.strictEqual(verdict, "CertificateNameConstrained")
        }
      })
    )
  )

  it.effect("of several roots with one name, the one whose key it was", () =>
    inOctober(
      Effect.gen(function* () {
        const without = { without: ["subjectKeyIdentifier"] } as const
        const roots = yield* Effect.replicateEffect(makeCa({ commonName: "root", ...without }), 5)
        for (const root of roots) {
          const leaf = yield* issue(root, { names, without: ["authorityKeyIdentifier"] })
          assert.strictEqual(yield* verdictOf(judge(roots, leaf.chain)), "accepted")
        }
      })
    )
  )
})
