import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { describe as show } from "../../src/codec/presentation/wire.ts"
import { type Certificate, parseCertificate } from "../../src/codec/x509/certificate.ts"
import { showGeneralName } from "../../src/codec/x509/generalName.ts"
import { inspectCertificate } from "../../src/codec/x509/inspect.ts"
import { parseIpAddress, showIpAddress } from "../../src/codec/x509/ipAddress.ts"
import { attributesOf, makeName, showName } from "../../src/codec/x509/name.ts"
import { certificatesFromPem, parsePem } from "../../src/codec/x509/pem.ts"
import { layer as NodeCrypto } from "../../src/layers/node/NodeCryptoProvider.ts"
import * as Factory from "../../src/layers/testing/certificates.ts"
import { makeLog } from "../../src/layers/testing/transparency.ts"

const ok = <A>(result: Result.Result<A, unknown>): A =>
  Result.getOrThrowWith(result, (failure) => new Error(JSON.stringify(failure)))

const parse = (der: Uint8Array): Certificate =>
  Result.getOrThrowWith(parseCertificate(der), (failure) => new Error(show(failure)))

const now = Date.UTC(2026, 5, 1)
const factory = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.andThen(TestClock.setTime(now), effect).pipe(Effect.provide(NodeCrypto))

describe("names", () => {
  const name = (...attributes: ReadonlyArray<readonly [string, string]>) => ok(makeName(attributes))

  it("are shown as RFC 4514 writes them, and nothing in them can pass for something else", () => {
    assert.strictEqual(
      showName(name(["countryName", "CH"], ["organizationName", "Example, Inc."], ["commonName", "example.org"])),
      "CN=example.org,O=Example\\, Inc.,C=CH"
    )
    assert.strictEqual(showName(name(["1.2.3", " #x "])), "1.2.3=\\ #x\\ ")
    assert.strictEqual(showName(name(["commonName", "#x"])), "CN=\\#x")
    assert.strictEqual(showName(name(["commonName", " "])), "CN=\\ ")
    assert.strictEqual(showName(name(["commonName", "a\\ "])), "CN=a\\\\\\ ")
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

  it("an address in a name constraint is a network and its mask", () => {
    const network = Uint8Array.of(192, 0, 2, 0, 255, 255, 255, 0)
    assert.strictEqual(showGeneralName({ _tag: "iPAddress", value: network }), "IP:192.0.2.0/24")
    const all = new Uint8Array(32)
    assert.strictEqual(showGeneralName({ _tag: "iPAddress", value: all }), "IP:::/0")
    const holes = Uint8Array.of(192, 0, 2, 0, 255, 0, 255, 0)
    assert.strictEqual(showGeneralName({ _tag: "iPAddress", value: holes }), "IP:192.0.2.0/255.0.255.0")
    assert.strictEqual(showGeneralName({ _tag: "iPAddress", value: Uint8Array.of(1, 2) }), "IP:0x0102")
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
      assert.match(text, /^Issuer +\(itself\)$/m)
      assert.match(text, /^Signature +RSA PKCS#1 with SHA-256$/m)
      assert.match(inspectCertificate(parse(leaf.certificate), undefined), /^Names +DNS:example\.org, IP:::1$/m)
    }).pipe(factory)
  )

  it.effect("says what extensions mean, shows what nobody understands, and what is past", () =>
    Effect.gen(function* () {
      const network = Uint8Array.of(192, 0, 2, 0, 255, 255, 255, 0)
      const ca = yield* Factory.makeCa({
        nameConstraints: {
          permitted: [{ _tag: "dNSName", value: "example.org" }],
          excluded: [{ _tag: "iPAddress", value: network }]
        }
      })
      const leaf = yield* Factory.issue(ca, {
        keyType: "ed25519",
        policies: ["2.23.140.1.2.1", "1.2.3"],
        features: [5],
        logs: [yield* makeLog({ operator: "A" }), yield* makeLog({ operator: "B" })],
        extensions: [
          { extnID: "1.2.3.4", critical: true, extnValue: Uint8Array.of(4, 1, 0xab) },
          { extnID: "1.2.3.5", critical: false, extnValue: new Uint8Array(99) }
        ]
      })
      const constrained = inspectCertificate(parse(ca.certificate), undefined)
      assert.match(
        constrained,
        /^ {2}nameConstraints +critical: permitted DNS:example\.org\n +excluded IP:192\.0\.2\.0\/24$/m
      )
      const certificate = parse(leaf.certificate)
      const text = inspectCertificate(certificate, undefined)
      assert.match(text, /^Signature +ECDSA with SHA-256$/m)
      assert.match(text, /^ {2}certificatePolicies +2\.23\.140\.1\.2\.1 \(domain validated\), 1\.2\.3$/m)
      assert.match(text, /^ {2}tlsFeature +status_request \(must-staple\)$/m)
      assert.match(text, /^ {2}1\.2\.3\.4 +critical: DER:04:01:AB$/m)
      assert.match(text, /^ {2}1\.2\.3\.5 +DER:(00:){31}00… \(99 bytes\)$/m)
      const at = "2026-06-01 00:00:00 UTC by log ([0-9A-F]{2}:){31}[0-9A-F]{2}"
      assert.match(text, new RegExp(`^ {2}signedCertificateTimestamps +${at}\\n +${at}$`, "m"))
      const { notBefore, notAfter } = certificate.validity
      const dated = (now: number) => inspectCertificate(certificate, undefined, undefined, now)
      assert.match(dated(notBefore - 1), /^Valid from .* UTC \(not yet\)$/m)
      assert.match(dated(notAfter + 1000), /^Valid until .* UTC \(expired\)$/m)
      for (const now of [notBefore, notAfter + 999]) assert.strictEqual(dated(now), text)
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
