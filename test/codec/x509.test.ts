import { X509Certificate } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import tls from "node:tls"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { decodeDer, encodeDer } from "../../src/codec/der/der.ts"
import { describe as show } from "../../src/codec/presentation/wire.ts"
import { algorithmIdentifier, signatureAlgorithmOf } from "../../src/codec/x509/algorithm.ts"
import { type Certificate, parseCertificate, SignedCertificate } from "../../src/codec/x509/certificate.ts"
import { extensionOids, makeExtension } from "../../src/codec/x509/extension.ts"
import { showGeneralName } from "../../src/codec/x509/generalName.ts"
import { inspectCertificate } from "../../src/codec/x509/inspect.ts"
import { parseIpAddress, showIpAddress } from "../../src/codec/x509/ipAddress.ts"
import { attributesOf, makeName, showName } from "../../src/codec/x509/name.ts"
import { certificatesFromPem, parsePem } from "../../src/codec/x509/pem.ts"
import { layer as NodeCrypto } from "../../src/layers/node/NodeCryptoProvider.ts"
import * as Factory from "../../src/layers/testing/certificates.ts"

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

const now = Date.UTC(2026, 5, 1)
const factory = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.andThen(TestClock.setTime(now), effect).pipe(Effect.provide(NodeCrypto))

describe("certificates of the factory", () => {
  for (const keyType of ["p256", "p384", "ed25519", "rsa2048"] as const) {
    it.effect(`${keyType}: parsed, re-encoded, verified by node:crypto`, () =>
      Effect.gen(function* () {
        const ca = yield* Factory.makeCa({ keyType, commonName: "Root", pathLength: 1 })
        const middle = yield* Factory.makeIntermediate(ca, { keyType, pathLength: 0 })
        const leaf = yield* Factory.issue(middle, {
          keyType,
          names: ["example.org", "*.example.net", "192.0.2.1", "2001:db8::1"]
        })
        for (const { certificate, certificatePem } of [ca, middle, leaf]) {
          assert.deepStrictEqual(reencoded(certificate), certificate)
          const parsed = parse(certificate)
          const theirs = new X509Certificate(certificatePem)
          assert.strictEqual(new Date(theirs.validTo).getTime(), parsed.validity.notAfter)
          assert.strictEqual(new Date(theirs.validFrom).getTime(), parsed.validity.notBefore)
          assert.strictEqual(
            BigInt(`0x${theirs.serialNumber}`),
            BigInt(`0x${Buffer.from(parsed.serialNumber).toString("hex")}`)
          )
          assert.strictEqual(theirs.ca, parsed.known.basicConstraints?.cA === true)
          assert.deepStrictEqual(
            theirs.publicKey.export({ format: "der", type: "spki" }),
            Buffer.from(parsed.publicKey.spki)
          )
        }
        const [root, below, end] = [ca, middle, leaf].map(({ certificatePem }) => new X509Certificate(certificatePem))
        assert.isTrue(root?.verify(root.publicKey))
        assert.isTrue(root !== undefined && below?.verify(root.publicKey))
        assert.isTrue(below !== undefined && end?.verify(below.publicKey))
        assert.isTrue(below !== undefined && end?.checkIssued(below))
        assert.deepStrictEqual(parse(leaf.certificate).issuer.der, parse(middle.certificate).subject.der)
        assert.strictEqual(leaf.chain.length, 2)
        assert.deepStrictEqual(ok(certificatesFromPem(leaf.chainPem)), leaf.chain)
        assert.deepStrictEqual(parse(leaf.certificate).known.subjectAltName?.map(showGeneralName), [
          "DNS:example.org",
          "DNS:*.example.net",
          "IP:192.0.2.1",
          "IP:2001:db8::1"
        ])
        assert.strictEqual(end?.checkHost("a.example.net"), "*.example.net")
        assert.strictEqual(end?.checkIP("2001:db8::1"), "2001:db8::1")
        assert.strictEqual(parse(leaf.certificate).publicKey.kind, keyType === "rsa2048" ? "rsa" : keyType)
      }).pipe(factory)
    )
  }

  it.effect("says what it was told to say", () =>
    Effect.gen(function* () {
      const ca = yield* Factory.makeCa({
        nameConstraints: { permitted: [{ _tag: "dNSName", value: "example.org" }] },
        pathLength: 3
      })
      const root = parse(ca.certificate)
      assert.strictEqual(root.version, "v3")
      assert.deepStrictEqual(root.known.basicConstraints, { cA: true, pathLenConstraint: 3 })
      assert.deepStrictEqual(root.known.keyUsage, ["keyCertSign", "cRLSign"])
      assert.deepStrictEqual(
        root.known.nameConstraints?.permittedSubtrees?.map(({ base }) => base),
        [{ _tag: "dNSName", value: "example.org" }]
      )
      assert.strictEqual(root.known.nameConstraints?.excludedSubtrees, undefined)
      assert.deepStrictEqual(root.known.subjectKeyIdentifier, ca.keyId)
      assert.strictEqual(root.signatureAlgorithm, "ecdsa_sha256")
      const critical = root.extensions.filter(({ critical }) => critical).map(({ extnID }) => extnID)
      assert.deepStrictEqual(critical, [
        extensionOids.basicConstraints,
        extensionOids.keyUsage,
        extensionOids.nameConstraints
      ])

      const client = parse((yield* Factory.issue(ca, { purpose: "client", commonName: "Ann", days: 1 })).certificate)
      assert.deepStrictEqual(client.known.extKeyUsage, ["clientAuth"])
      assert.deepStrictEqual(client.known.keyUsage, ["digitalSignature"])
      assert.strictEqual(showName(client.subject), "CN=Ann")
      assert.deepStrictEqual(client.validity, { notBefore: now - 3_600_000, notAfter: now + 23 * 3_600_000 })
      assert.deepStrictEqual(client.known.authorityKeyIdentifier?.keyIdentifier, ca.keyId)
    }).pipe(factory)
  )

  it.effect("signs with RSASSA-PSS and with any hash", () =>
    Effect.gen(function* () {
      for (const [keyType, algorithm] of [
        ["rsa2048", "rsa_pss_rsae_sha256"],
        ["rsa2048", "rsa_pss_rsae_sha384"],
        ["rsa2048", "rsa_pss_rsae_sha512"],
        ["rsa2048", "rsa_pkcs1_sha512"],
        ["p256", "ecdsa_sha384"]
      ] as const) {
        const ca = yield* Factory.makeCa({ keyType, algorithm })
        assert.strictEqual(parse(ca.certificate).signatureAlgorithm, algorithm)
        const theirs = new X509Certificate(ca.certificatePem)
        assert.isTrue(theirs.verify(theirs.publicKey), algorithm)
        assert.deepStrictEqual(reencoded(ca.certificate), ca.certificate)
      }
    }).pipe(factory)
  )

  it.effect("makes wrong ones", () =>
    Effect.gen(function* () {
      const ca = yield* Factory.makeCa()
      const authority = new X509Certificate(ca.certificatePem).publicKey
      const broken = yield* Factory.issue(ca, { signature: "broken" })
      assert.isFalse(new X509Certificate(broken.certificatePem).verify(authority))
      assert.isTrue(Result.isSuccess(parseCertificate(broken.certificate)))

      const old = yield* Factory.makeIntermediate(ca, { version: "v1" })
      assert.strictEqual(parse(old.certificate).version, "v1")
      assert.deepStrictEqual(parse(old.certificate).extensions, [])

      const bare = yield* Factory.issue(ca, { without: ["subjectAltName", "extKeyUsage"] })
      assert.strictEqual(parse(bare.certificate).known.subjectAltName, undefined)

      const unknown = { extnID: "1.2.3.4", critical: true, extnValue: Uint8Array.of(5, 0) }
      const odd = parse((yield* Factory.issue(ca, { extensions: [unknown] })).certificate)
      assert.deepStrictEqual(odd.extensions.at(-1), unknown)

      const early = (tbs: Parameters<NonNullable<Factory.Options["alter"]>>[0]) => ({ ...tbs, version: "v1" as const })
      const mislabelled = yield* Factory.issue(ca, { alter: early })
      assert.match(refusal(mislabelled.certificate), /no extensions before version 3/)

      const twice = yield* Factory.issue(ca, { extensions: [unknown, unknown] })
      assert.match(refusal(twice.certificate), /each extension once.*1\.2\.3\.4/)

      const empty = yield* Factory.issue(ca, {
        extensions: [{ ...unknown, extnID: extensionOids.extKeyUsage, extnValue: Uint8Array.of(0x30, 0) }]
      })
      assert.match(refusal(empty.certificate), /at least 1 .*extKeyUsage/)

      const nameless = yield* Factory.issue(ca, { subject: [], names: ["example.org"] })
      assert.strictEqual(showName(parse(nameless.certificate).subject), "")
      const failure = yield* Factory.issue(ca, { names: ["bücher.example"] }).pipe(Effect.flip)
      assert.match(failure.message, /IA5String/)
    }).pipe(factory)
  )

  it.effect("twenty thousand damaged ones neither throw nor tarry", () =>
    Effect.gen(function* () {
      const ca = yield* Factory.makeCa({ nameConstraints: { excluded: [{ _tag: "dNSName", value: "example.com" }] } })
      const leaf = yield* Factory.issue(ca, { names: ["example.org", "10.0.0.1"] })
      const sources = [ca.certificate, leaf.certificate]
      let state = 0x2545f491
      const random = (below: number) => {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        return (state >>> 0) % below
      }
      let slowest = 0
      let accepted = 0
      for (let i = 0; i < 20_000; i++) {
        const bytes = (sources[i % 2] ?? ca.certificate).slice()
        for (let n = random(3); n >= 0; n--) bytes[random(bytes.length)] = random(256)
        const input = i % 5 === 0 ? bytes.subarray(0, random(bytes.length)) : bytes
        const start = performance.now()
        const result = parseCertificate(input)
        slowest = Math.max(slowest, performance.now() - start)
        if (Result.isSuccess(result)) {
          accepted++
          assert.deepStrictEqual(reencoded(input), input)
          inspectCertificate(result.success, undefined)
        }
      }
      assert.isAbove(accepted, 100)
      assert.isBelow(slowest, 250)
    }).pipe(factory)
  )
})

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

describe("names", () => {
  const name = (...attributes: ReadonlyArray<readonly [string, string]>) => ok(makeName(attributes))

  it("are shown as RFC 4514 writes them, and nothing in them can pass for something else", () => {
    assert.strictEqual(
      showName(name(["countryName", "CH"], ["organizationName", "Example, Inc."], ["commonName", "example.org"])),
      "CN=example.org,O=Example\\, Inc.,C=CH"
    )
    assert.strictEqual(showName(name(["1.2.3", " #x "])), "1.2.3=\\ #x\\ ")
    assert.strictEqual(showName(name(["commonName", "#x"])), "CN=\\#x")
    assert.strictEqual(showName(name(["commonName", 'a"+,;<>\\'])), 'CN=a\\"\\+\\,\\;\\<\\>\\\\')
    assert.strictEqual(showName(name(["commonName", "Müller"])), "CN=Müller")
    assert.strictEqual(
      showName(name(["commonName", "a\u0000\n\u001b[31m\u202eb"])),
      "CN=a\\00\\0a\\1b[31m\\e2\\80\\aeb"
    )
    assert.deepStrictEqual(attributesOf(name(["commonName", "a"], ["commonName", "b"]), "commonName"), ["a", "b"])
    assert.isTrue(Result.isFailure(makeName([["countryName", "Ü"]])))
    const odd = { value: [[{ type: "commonName", value: Uint8Array.of(0x13, 1, 0x40) }]], der: new Uint8Array(0) }
    assert.strictEqual(showName(odd), "CN=#130140")
  })

  it("general names escape what a terminal would act on", () => {
    assert.strictEqual(showGeneralName({ _tag: "dNSName", value: "a\u001b b\\" }), "DNS:a\\x1b\\x20b\\x5c")
  })

  it("IP addresses", () => {
    for (const [text, shown = text] of [
      ["0.0.0.0"],
      ["255.255.255.255"],
      ["::"],
      ["::1"],
      ["1::"],
      ["2001:db8:0:1:1:1:1:1"],
      ["2001:db8::1:0:0:1"],
      ["1:2:3:4:5:6:7:8"],
      ["::ffff:192.0.2.1", "::ffff:c000:201"],
      ["2001:DB8::A", "2001:db8::a"],
      ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"]
    ] as const) {
      const bytes = parseIpAddress(text)
      assert.strictEqual(bytes && showIpAddress(bytes), shown)
    }
    for (const bad of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      "0x7f.0.0.1",
      "1.2.3.4 ",
      ":",
      ":::",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::",
      "::12345",
      "fe80::1%eth0",
      "[::1]",
      "1.2.3.4::",
      "::1.2.3.4:5",
      ":1:2:3:4:5:6:7",
      "example.org"
    ]) {
      assert.strictEqual(parseIpAddress(bad), undefined, bad)
    }
  })
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

describe("inspect", () => {
  it.effect("shows a certificate, one line a fact, without a control character", () =>
    Effect.gen(function* () {
      const ca = yield* Factory.makeCa({ commonName: "Root\u001b[2J", pathLength: 0, keyType: "rsa2048" })
      const text = inspectCertificate(parse(ca.certificate), Uint8Array.of(0xab, 0xcd))
      assert.match(text, /^Subject +CN=Root\\1b\[2J$/m)
      assert.match(text, /^Valid from +2026-05-31 23:00:00 UTC$/m)
      assert.match(text, /^Public key +RSA, 2048 bits$/m)
      assert.match(text, /^SHA-256 +AB:CD$/m)
      assert.match(text, /^ {2}basicConstraints +critical: CA, path length 0$/m)
      assert.notMatch(text, /[^\x20-\x7e\n]/)
      const leaf = yield* Factory.issue(ca, { names: ["example.org", "::1"] })
      assert.match(inspectCertificate(parse(leaf.certificate), undefined), /^Names +DNS:example\.org, IP:::1$/m)
    }).pipe(factory)
  )
})

describe("PEM", () => {
  const block = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n"
  const bytes = Uint8Array.of(0, 1, 2)

  it("reads several blocks, CR LF, garbage between them and the same one twice", () => {
    const text = `garbage\n${block}more: garbage -----\n${block.replaceAll("\n", "\r\n")}-----END NOTHING-----\n${block.trimEnd()}`
    assert.deepStrictEqual(ok(certificatesFromPem(text)), [bytes, bytes, bytes])
    assert.deepStrictEqual(ok(certificatesFromPem(`\ufeff${block}`)), [bytes])
    assert.deepStrictEqual(ok(parsePem("")), [])
    assert.deepStrictEqual(ok(parsePem("-----BEGIN A B-----\nX-Y: z\n\nAA\n==\n-----END A B-----")), [
      { label: "A B", headers: ["X-Y: z"], bytes: Uint8Array.of(0) }
    ])
  })

  it("refuses a block that is broken", () => {
    const wrap = (body: string, end = "CERTIFICATE") => `-----BEGIN CERTIFICATE-----\n${body}\n-----END ${end}-----`
    for (const [text, expected] of [
      [wrap("AAE"), /base64/],
      [wrap("AAE="), /^$/],
      [wrap("AAF="), /base64/],
      [wrap("AA=="), /^$/],
      [wrap("A==="), /base64/],
      [wrap("AA==AAAA"), /base64/],
      [wrap("AA*C"), /base64/],
      [wrap("AA C"), /base64/],
      [wrap("AAEC", "KEY"), /-----END CERTIFICATE-----/],
      ["-----BEGIN CERTIFICATE-----\nAAEC\n", /-----END CERTIFICATE-----/],
      [`-----BEGIN CERTIFICATE-----\n${block}`, /-----END CERTIFICATE-----/],
      ["no block at all", /^$/],
      ["x".repeat(2 ** 24 + 1), /at most/]
    ] as const) {
      const shown = Result.match(parsePem(text), { onSuccess: () => "", onFailure: ({ expected }) => expected })
      assert.match(shown, expected, text.slice(0, 80))
    }
    assert.isTrue(Result.isFailure(certificatesFromPem("no block at all")))
  })

  it("takes ten megabytes of dashes, of beginnings and of ends in linear time", () => {
    for (const part of [
      "-----BEGIN",
      "-----BEGIN A-----",
      "-----BEGIN A-----\n",
      "-----END A-----\n",
      "-",
      "\n",
      "-----\n"
    ]) {
      const text = part.repeat(Math.floor(1e7 / part.length))
      const start = performance.now()
      parsePem(text)
      assert.isBelow(performance.now() - start, 3000, part)
    }
  })
})
