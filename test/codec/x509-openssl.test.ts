import { execFileSync, spawnSync } from "node:child_process"
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, X509Certificate } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { decodeDer, encodeDer } from "../../src/codec/der/der.ts"
import { type Certificate, parseCertificate, SignedCertificate } from "../../src/codec/x509/certificate.ts"
import { showGeneralName } from "../../src/codec/x509/generalName.ts"
import { showName } from "../../src/codec/x509/name.ts"
import { certificatesFromPem, encodePem, parsePem } from "../../src/codec/x509/pem.ts"
import { PrivateKeyInfo, privateKeyFromPem, toPkcs8 } from "../../src/codec/x509/privateKey.ts"
import { layer as NodeCrypto } from "../../src/layers/node/NodeCryptoProvider.ts"
import * as Factory from "../../src/layers/testing/certificates.ts"

const ok = <A>(result: Result.Result<A, unknown>): A =>
  Result.getOrThrowWith(result, (failure) => new Error(JSON.stringify(failure)))

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0
const folder = mkdtempSync(join(tmpdir(), "effect-tls-x509-"))
const file = (name: string) => join(folder, name)
const openssl = (...args: ReadonlyArray<string>) => execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" })

afterAll(() => rmSync(folder, { recursive: true }))

const parsePemFile = (name: string): Certificate => {
  const [der = new Uint8Array(0)] = ok(certificatesFromPem(readFileSync(file(name), "utf8")))
  return ok(parseCertificate(der))
}

describe.skipIf(!hasOpenssl)("certificates that openssl makes", () => {
  const keys: ReadonlyArray<readonly [kind: string, newkey: ReadonlyArray<string>]> = [
    ["p256", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]],
    ["p384", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]],
    ["p521", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"]],
    ["ed25519", ["-newkey", "ed25519"]],
    ["rsa", ["-newkey", "rsa:2048", "-sha256"]],
    ["rsa-pss", ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-sigopt", "rsa_pss_saltlen:32"]]
  ]
  for (const [kind, newkey] of keys) {
    it(kind, () => {
      const extensions = [
        ["subjectAltName", "DNS:example.org,IP:192.0.2.7,email:a@example.org,URI:https://example.org/x,dirName:dn"],
        ["keyUsage", "critical,digitalSignature,keyCertSign"],
        ["extendedKeyUsage", "serverAuth,1.2.3.4"],
        ["nameConstraints", "critical,permitted;DNS:example.org,excluded;IP:10.0.0.0/255.0.0.0"],
        ["certificatePolicies", "1.2.3"],
        ["tlsfeature", "status_request"],
        ["crlDistributionPoints", "URI:http://example.org/crl"],
        ["authorityInfoAccess", "OCSP;URI:http://example.org/ocsp"]
      ].map(([name, value]) => `${name} = ${value}`)
      writeFileSync(
        file("openssl.cnf"),
        ["[req]", "distinguished_name = none", "[none]", "[dn]", "CN = Directory", "[ext]", ...extensions].join("\n")
      )
      openssl(
        ...["req", "-x509", "-nodes", "-config", file("openssl.cnf"), "-extensions", "ext", "-subj"],
        ...["/C=CH/O=Exämple, Ltd/CN=example.org", "-utf8", "-days", "3", ...newkey],
        ...["-keyout", file("own.key"), "-out", file("own.pem")]
      )
      const certificate = parsePemFile("own.pem")
      assert.strictEqual(certificate.publicKey.kind, kind)
      assert.notStrictEqual(certificate.signatureAlgorithm, undefined)
      assert.strictEqual(showName(certificate.subject), "CN=example.org,O=Exämple\\, Ltd,C=CH")
      assert.deepStrictEqual(certificate.known.subjectAltName?.map(showGeneralName), [
        "DNS:example.org",
        "IP:192.0.2.7",
        "email:a@example.org",
        "URI:https://example.org/x",
        "DirName:CN=Directory"
      ])
      assert.deepStrictEqual(certificate.known.keyUsage, ["digitalSignature", "keyCertSign"])
      assert.deepStrictEqual(certificate.known.extKeyUsage, ["serverAuth", "1.2.3.4"])
      assert.deepStrictEqual(certificate.known.tlsFeature, [5])
      assert.strictEqual(certificate.known.certificatePolicies?.[0]?.policyIdentifier, "1.2.3")
      const [excluded] = certificate.known.nameConstraints?.excludedSubtrees ?? []
      assert.deepStrictEqual(excluded?.base, { _tag: "iPAddress", value: Uint8Array.of(10, 0, 0, 0, 255, 0, 0, 0) })
      assert.strictEqual(
        certificate.validity.notAfter,
        new Date(new X509Certificate(certificate.der).validTo).getTime()
      )
      const structure = ok(decodeDer(SignedCertificate, certificate.der))
      assert.deepStrictEqual(ok(encodeDer(SignedCertificate, structure)), certificate.der)
    })
  }
})

describe.skipIf(!hasOpenssl)("certificates of the factory, judged by openssl", () => {
  for (const keyType of ["p256", "p384", "p521", "ed25519", "rsa2048", "rsa3072", "rsa-pss"] as const) {
    it.live(keyType, () =>
      Effect.gen(function* () {
        const ca = yield* Factory.makeCa({
          keyType,
          pathLength: 1,
          nameConstraints: { permitted: [{ _tag: "dNSName", value: "example.org" }] }
        })
        const middle = yield* Factory.makeIntermediate(ca, { keyType, pathLength: 0 })
        const leaf = yield* Factory.issue(middle, { keyType, names: ["www.example.org"] })
        const broken = yield* Factory.issue(middle, { keyType, names: ["www.example.org"], signature: "broken" })
        for (const [name, text] of [
          ["ca.pem", ca.certificatePem],
          ["middle.pem", middle.certificatePem],
          ["leaf.pem", leaf.certificatePem],
          ["broken.pem", broken.certificatePem]
        ] as const) {
          writeFileSync(file(name), text)
          assert.match(openssl("x509", "-noout", "-text", "-in", file(name)), /Signature Algorithm/)
        }
        const verify = (name: string, ...more: ReadonlyArray<string>) =>
          spawnSync("openssl", [
            ...["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", file("ca.pem")],
            ...["-untrusted", file("middle.pem"), ...more, file(name)]
          ])
        assert.strictEqual(verify("leaf.pem", "-verify_hostname", "www.example.org").stderr.toString(), "")
        assert.strictEqual(verify("leaf.pem", "-verify_hostname", "www.example.org").status, 0)
        assert.notStrictEqual(verify("leaf.pem", "-verify_hostname", "example.net").status, 0)
        assert.notStrictEqual(verify("broken.pem").status, 0)
      }).pipe(Effect.provide(NodeCrypto))
    )
  }
})

describe.skipIf(!hasOpenssl)("private keys in every container that openssl writes", () => {
  const kinds: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["p256", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]],
    ["p384", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]],
    ["p521", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]],
    ["rsa", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]],
    ["rsa-pss", ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"]],
    ["ed25519", ["-algorithm", "ED25519"]]
  ]
  const publicOf = (pkcs8: Uint8Array) =>
    createPublicKey(createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" })).export({
      format: "der",
      type: "spki"
    })

  for (const [kind, options] of kinds) {
    it(kind, () => {
      openssl("genpkey", ...options, "-out", file("key.pem"))
      const theirs = createPublicKey(readFileSync(file("key.pem"))).export({ format: "der", type: "spki" })
      const containers = ["key.pem"]
      if (kind !== "ed25519" && kind !== "rsa-pss") {
        openssl("pkey", "-in", file("key.pem"), "-traditional", "-out", file("traditional.pem"))
        containers.push("traditional.pem")
      }
      if (kind.startsWith("p")) {
        openssl("ec", "-in", file("key.pem"), "-out", file("sec1.pem"))
        const parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        writeFileSync(file("with-parameters.pem"), parameters + readFileSync(file("sec1.pem"), "utf8"))
        containers.push("sec1.pem", "with-parameters.pem")
      }
      for (const name of containers) {
        const pkcs8 = ok(privateKeyFromPem(readFileSync(file(name), "utf8")))
        assert.deepStrictEqual(publicOf(pkcs8), theirs, name)
        assert.deepStrictEqual(pkcs8, ok(parsePem(readFileSync(file("key.pem"), "utf8")))[0]?.bytes, name)
      }
    })
  }

  it("encrypted ones are refused, in so many words", () => {
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", file("key.pem"))
    openssl("pkcs8", "-topk8", "-in", file("key.pem"), "-passout", "pass:secret", "-out", file("encrypted.pem"))
    openssl(
      "rsa",
      "-in",
      file("key.pem"),
      "-traditional",
      "-aes128",
      "-passout",
      "pass:secret",
      "-out",
      file("old.pem")
    )
    const der = ok(
      certificatesFromPem(
        readFileSync(file("encrypted.pem"), "utf8").replaceAll("ENCRYPTED PRIVATE KEY", "CERTIFICATE")
      )
    )
    for (const [result, words] of [
      [privateKeyFromPem(readFileSync(file("encrypted.pem"), "utf8")), /not encrypted/],
      [privateKeyFromPem(readFileSync(file("old.pem"), "utf8")), /openssl pkcs8 -topk8/],
      [toPkcs8(der[0] ?? new Uint8Array(0)), /not encrypted/]
    ] as const) {
      assert.isTrue(Result.isFailure(result) && words.test(result.failure.expected))
    }
  })
})

describe("private keys", () => {
  it("PKCS#8 of version 2, with attributes and a public key, becomes version 1", () => {
    const { privateKey } = generateKeyPairSync("ed25519")
    const plain = new Uint8Array(privateKey.export({ format: "der", type: "pkcs8" }))
    const info = ok(decodeDer(PrivateKeyInfo, plain))
    const full = ok(
      encodeDer(PrivateKeyInfo, {
        ...info,
        version: "v2",
        attributes: [Uint8Array.of(0x30, 0)],
        publicKey: { unused: 0, bytes: new Uint8Array(32) }
      })
    )
    assert.deepStrictEqual(ok(toPkcs8(full)), plain)
    assert.deepStrictEqual(ok(privateKeyFromPem(encodePem("PRIVATE KEY", full))), plain)
    assert.strictEqual(
      sign(null, plain, createPrivateKey({ key: Buffer.from(plain), format: "der", type: "pkcs8" })).length,
      64
    )
  })

  it("what is not a key is refused without being repeated", () => {
    for (const bytes of [
      new Uint8Array(0),
      Uint8Array.of(0x30, 0),
      Uint8Array.of(5, 0),
      Uint8Array.of(0x30, 3, 4, 1, 7)
    ]) {
      assert.isTrue(Result.isFailure(toPkcs8(bytes)))
    }
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const sec1 = new Uint8Array(privateKey.export({ format: "der", type: "sec1" }))
    for (let i = 0; i < sec1.length; i++) {
      const changed = sec1.map((byte, at) => (at === i ? byte ^ 0x81 : byte))
      const result = toPkcs8(changed)
      if (Result.isFailure(result)) assert.isBelow(JSON.stringify(result.failure).length, 300)
    }
    assert.isTrue(Result.isFailure(privateKeyFromPem("-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n")))
  })
})
