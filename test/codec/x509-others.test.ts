import { X509Certificate } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import tls from "node:tls"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Der, decodeDer, encodeDer } from "../../src/codec/der/der.ts"
import { derCodec } from "../../src/codec/der/schema.ts"
import { describe as show } from "../../src/codec/presentation/wire.ts"
import { AlgorithmIdentifier, algorithmIdentifier, signatureAlgorithmOf } from "../../src/codec/x509/algorithm.ts"
import { type Certificate, parseCertificate, SignedCertificate } from "../../src/codec/x509/certificate.ts"
import { extensionTypes, makeExtension } from "../../src/codec/x509/extension.ts"
import { GeneralName } from "../../src/codec/x509/generalName.ts"
import { Name, showName } from "../../src/codec/x509/name.ts"
import { certificatesFromPem } from "../../src/codec/x509/pem.ts"

const ok = <A>(result: Result.Result<A, unknown>): A =>
  Result.getOrThrowWith(result, (failure) => new Error(JSON.stringify(failure)))

const parse = (der: Uint8Array): Certificate =>
  Result.getOrThrowWith(parseCertificate(der), (failure) => new Error(show(failure)))

const refusal = (der: Uint8Array): string =>
  Result.match(parseCertificate(der), { onSuccess: () => "", onFailure: show })

/** From the structure, not from the bytes kept. */
const reencoded = (der: Uint8Array): Uint8Array => {
  const { tbsCertificate, ...rest } = ok(decodeDer(SignedCertificate, der))
  return ok(encodeDer(SignedCertificate, { ...rest, tbsCertificate: { ...tbsCertificate, der: new Uint8Array(0) } }))
}

describe("certificates of others", () => {
  it("all roots that Node trusts", () => {
    assert.isAbove(tls.rootCertificates.length, 100)
    for (const pem of tls.rootCertificates) {
      const [der = new Uint8Array(0)] = ok(certificatesFromPem(pem))
      const certificate = parse(der)
      assert.deepStrictEqual(reencoded(der), der, showName(certificate.subject))
      assert.notStrictEqual(certificate.signatureAlgorithm, undefined)
      assert.notStrictEqual(certificate.publicKey.kind, "unsupported")
      const theirs = new X509Certificate(der)
      assert.strictEqual(theirs.ca, certificate.known.basicConstraints?.cA ?? false)
    }
  })

  const bundle = "/etc/ssl/certs/ca-certificates.crt"
  it.skipIf(!existsSync(bundle))("the roots of the system", () => {
    for (const der of ok(certificatesFromPem(readFileSync(bundle, "utf8")))) assert.deepStrictEqual(reencoded(der), der)
  })

  const limbo = new URL("../../../shared/vectors/x509-limbo/limbo-part.json.gz", import.meta.url)
  describe.skipIf(!existsSync(limbo))("x509-limbo", () => {
    interface Case {
      readonly id: string
      readonly expected_result: "SUCCESS" | "FAILURE"
      readonly trusted_certs: ReadonlyArray<string>
      readonly untrusted_intermediates: ReadonlyArray<string>
      readonly peer_certificate: string
    }
    const load = (): ReadonlyArray<Case> => JSON.parse(gunzipSync(readFileSync(limbo)).toString()).testcases

    it("re-encode to themselves, and those refused belong to chains that must fail", () => {
      const refused = new Set<string>()
      let accepted = 0
      for (const { id, expected_result, trusted_certs, untrusted_intermediates, peer_certificate } of load()) {
        for (const pem of [...trusted_certs, ...untrusted_intermediates, peer_certificate]) {
          for (const der of ok(certificatesFromPem(pem))) {
            if (Result.isFailure(parseCertificate(der))) {
              refused.add(id)
              assert.strictEqual(expected_result, "FAILURE", `${id}: ${refusal(der)}`)
            } else {
              accepted++
              assert.deepStrictEqual(reencoded(der), der, id)
            }
          }
        }
      }
      assert.isAbove(accepted, 500)
      assert.deepStrictEqual([...refused].sort(), [
        "rfc5280::duplicate-extensions",
        "rfc5280::eku::ee-eku-empty",
        "rfc5280::mismatching-signature-algorithm",
        "rfc5280::nc::nc-permits-invalid-ip-san",
        "rfc5280::root-inconsistent-ca-extensions",
        "rfc5280::san::malformed",
        "webpki::aki::root-with-aki-authoritycertissuer",
        "webpki::aki::root-with-aki-authoritycertserialnumber",
        "webpki::malformed-aia",
        "webpki::nc::intermediate-permitted-excluded-subtrees-both-null"
      ])
    })
  })
})

describe("decode after encode is the identity", () => {
  const types = Object.entries({ ...extensionTypes, GeneralName, AlgorithmIdentifier, Name, SignedCertificate }).map(
    ([name, type]) => [name, type as unknown as Der<unknown>] as const
  )
  for (const [name, type] of types) {
    const codec = derCodec(name, type)
    it.prop(
      name,
      [codec],
      ([value]) => {
        const bytes = ok(encodeDer(type, value))
        assert.deepStrictEqual(ok(decodeDer(type, bytes)), value)
        assert.deepStrictEqual(ok(Schema.decodeResult(codec)(bytes)), value)
        assert.deepStrictEqual(ok(Schema.encodeUnknownResult(codec)(value)), bytes)
        for (let cut = 0; cut < bytes.length; cut += 1 + (cut >> 5)) {
          assert.isTrue(Result.isFailure(decodeDer(type, bytes.subarray(0, cut))))
        }
        assert.isTrue(Result.isFailure(decodeDer(type, Uint8Array.of(...bytes, 0))))
      },
      { arbitrary: { runs: 30 } }
    )
  }
})

describe("algorithms and extensions", () => {
  it("every algorithm is named back by its identifier, RSASSA-PSS with its parameters checked", () => {
    for (const name of [
      "rsa_pkcs1_sha1",
      "rsa_pkcs1_sha256",
      "rsa_pkcs1_sha384",
      "rsa_pkcs1_sha512",
      "ecdsa_sha1",
      "ecdsa_sha256",
      "ecdsa_sha384",
      "ecdsa_sha512",
      "ed25519",
      "ed448",
      "rsa_pss_rsae_sha256",
      "rsa_pss_rsae_sha384",
      "rsa_pss_rsae_sha512"
    ] as const) {
      const identifier = algorithmIdentifier(name)
      assert.isDefined(identifier)
      if (identifier === undefined) continue
      assert.strictEqual(signatureAlgorithmOf(identifier), name)
      const odd = { ...identifier, parameters: Uint8Array.of(4, 0) }
      assert.strictEqual(signatureAlgorithmOf(odd), undefined, name)
      if (!name.startsWith("rsa_pss")) continue
      const { parameters = new Uint8Array(0) } = identifier
      for (let i = 0; i < parameters.length; i++) {
        const changed = parameters.map((byte, at) => (at === i ? byte ^ 1 : byte))
        assert.notStrictEqual(signatureAlgorithmOf({ ...identifier, parameters: changed }), name, `${name} byte ${i}`)
      }
      assert.strictEqual(signatureAlgorithmOf({ ...identifier, parameters: Uint8Array.of(0x30, 0) }), undefined)
    }
    assert.strictEqual(algorithmIdentifier("ecdsa_secp256r1_sha256"), undefined)
  })

  it("extensions that contradict their section cannot be made", () => {
    assert.isTrue(Result.isFailure(makeExtension("keyUsage", [], "critical")))
    assert.isTrue(Result.isFailure(makeExtension("extKeyUsage", [], "critical")))
    assert.isTrue(Result.isFailure(makeExtension("subjectAltName", [], "critical")))
    const short = { _tag: "iPAddress", value: Uint8Array.of(1, 2, 3) } as const
    assert.isTrue(Result.isFailure(makeExtension("subjectAltName", [short], "critical")))
    const none = { permittedSubtrees: undefined, excludedSubtrees: undefined }
    assert.isTrue(Result.isFailure(makeExtension("nameConstraints", none, "critical")))
  })
})
