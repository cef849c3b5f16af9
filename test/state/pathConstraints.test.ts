/** RFC 5280 section 4.2.1.10: each type of name, permitted and excluded. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { encodeDer } from "../../src/codec/der/der.ts"
import { utf8String } from "../../src/codec/der/string.ts"
import { parseCertificate } from "../../src/codec/x509/certificate.ts"
import type { GeneralName } from "../../src/codec/x509/generalName.ts"
import { makeName, type Name, RDNSequence, showName } from "../../src/codec/x509/name.ts"
import { issue, makeCa } from "../../src/layers/testing/certificates.ts"
import { checkNames, readConstraints } from "../../src/state/path/constraints.ts"
import { inOctober } from "../layers/verifierSupport.ts"

const dns = (value: string): GeneralName => ({ _tag: "dNSName", value })
const mail = (value: string): GeneralName => ({ _tag: "rfc822Name", value })
const uri = (value: string): GeneralName => ({ _tag: "uniformResourceIdentifier", value })
const ip = (...octets: ReadonlyArray<number>): GeneralName => ({ _tag: "iPAddress", value: Uint8Array.from(octets) })
const name = (...parts: ReadonlyArray<readonly [string, string]>): Name => Result.getOrThrow(makeName(parts))
const directory = (...parts: ReadonlyArray<readonly [string, string]>): GeneralName => ({
  _tag: "directoryName",
  value: name(...parts)
})
const organization = (text: string): GeneralName => directory(["organizationName", text])
/** A name of one part with several attributes. */
const part = (...attributes: ReadonlyArray<readonly [string, string]>): GeneralName => {
  const value = [name(...attributes).value.flat()]
  return { _tag: "directoryName", value: { value, der: Result.getOrThrow(encodeDer(RDNSequence, value)) } }
}
/** RFC 9598 section 3. */
const smtpUtf8Mailbox = "1.3.6.1.5.5.7.8.9"
const smtp = (address: string): GeneralName => ({
  _tag: "otherName",
  value: { typeId: smtpUtf8Mailbox, value: Result.getOrThrow(encodeDer(utf8String, address)) }
})
const six = (...tail: ReadonlyArray<number>) => [0x20, 0x01, 0x0d, 0xb8, ...tail]
const network6 = ip(...six(...new Array(12).fill(0)), 255, 255, 255, 255, ...new Array(12).fill(0))

type Verdict = "inside" | "outside" | "overlaps" | "nobody knows"

/** How a name lies to a constraint: `overlaps` is refused both ways, as is a name that nobody understands. */
const table: ReadonlyArray<readonly [constraint: GeneralName, name: GeneralName, verdict: Verdict]> = [
  [dns("example.org"), dns("example.org"), "inside"],
  [dns("example.org"), dns("www.example.org"), "inside"],
  [dns("example.org"), dns("a.b.example.org"), "inside"],
  [dns("Example.ORG"), dns("www.eXample.org"), "inside"],
  [dns("example.org"), dns("notexample.org"), "outside"],
  [dns("example.org"), dns("example.com"), "outside"],
  [dns("www.example.org"), dns("example.org"), "outside"],
  [dns(""), dns("example.org"), "inside"],
  [dns("example.org"), dns("*.example.org"), "inside"],
  [dns("www.example.org"), dns("*.example.org"), "overlaps"],
  [dns("a.www.example.org"), dns("*.example.org"), "outside"],
  [dns("www.example.org"), dns("*.example.com"), "outside"],
  [dns("org"), dns("*.example.org"), "inside"],
  [dns("example.org"), dns(".example.org"), "nobody knows"],
  [dns("example.org"), dns("foo.*.example.org"), "nobody knows"],
  [dns("example.org"), dns("www.example.org."), "nobody knows"],
  [dns("example.org"), dns("www.example.org\0"), "nobody knows"],
  [ip(192, 0, 2, 0, 255, 255, 255, 0), ip(192, 0, 2, 77), "inside"],
  [ip(192, 0, 2, 0, 255, 255, 255, 0), ip(192, 0, 3, 77), "outside"],
  [ip(192, 0, 2, 128, 255, 255, 255, 128), ip(192, 0, 2, 127), "outside"],
  [ip(0, 0, 0, 0, 0, 0, 0, 0), ip(203, 0, 113, 9), "inside"],
  [ip(0, 0, 0, 0, 0, 0, 0, 0), ip(...six(...new Array(12).fill(1))), "outside"],
  [network6, ip(...six(...new Array(12).fill(1))), "inside"],
  [network6, ip(0x20, 0x02, ...new Array(14).fill(1)), "outside"],
  [network6, ip(192, 0, 2, 1), "outside"],
  [mail("user@example.org"), mail("user@example.org"), "inside"],
  [mail("user@example.org"), mail("user@EXAMPLE.org"), "inside"],
  [mail("user@example.org"), mail("User@example.org"), "outside"],
  [mail("user@example.org"), mail("user@www.example.org"), "outside"],
  [mail("example.org"), mail("anyone@example.org"), "inside"],
  [mail("example.org"), mail("anyone@mail.example.org"), "outside"],
  [mail(".example.org"), mail("anyone@mail.example.org"), "inside"],
  [mail(".example.org"), mail("anyone@example.org"), "outside"],
  [mail("example.org"), mail("a@b@example.org"), "nobody knows"],
  [mail("example.org"), mail('"a b"@example.org'), "nobody knows"],
  [mail("example.org"), mail("example.org"), "nobody knows"],
  [uri("example.org"), uri("https://example.org/path"), "inside"],
  [uri("example.org"), uri("https://user@Example.org:8443/"), "inside"],
  [uri("example.org"), uri("https://www.example.org/"), "outside"],
  [uri(".example.org"), uri("https://www.example.org/"), "inside"],
  [uri(".example.org"), uri("https://example.org/"), "outside"],
  [uri("example.org"), uri("https://evil.example/@example.org"), "outside"],
  [uri("example.org"), uri("https://example.org@evil.example/"), "outside"],
  [uri("example.org"), uri("https://192.0.2.1/"), "nobody knows"],
  [uri("example.org"), uri("https://[::1]/"), "nobody knows"],
  [uri("example.org"), uri("urn:example:org"), "nobody knows"],
  [
    directory(["organizationName", "Example"]),
    directory(["organizationName", "Example"], ["commonName", "x"]),
    "inside"
  ],
  [directory(["organizationName", "Example"]), directory(["organizationName", "EXAMPLE"]), "inside"],
  [directory(["organizationName", "Example Inc"]), directory(["organizationName", "Example  Inc "]), "inside"],
  [directory(["organizationName", "Example"]), directory(["organizationName", "Other"]), "outside"],
  [
    directory(["organizationName", "Example"]),
    directory(["commonName", "x"], ["organizationName", "Example"]),
    "outside"
  ],
  [directory(["organizationName", "A"], ["commonName", "B"]), directory(["organizationName", "A"]), "outside"],
  [directory(), directory(["organizationName", "Other"]), "inside"],
  [organization("Straße"), organization("STRASSE"), "inside"],
  [organization("Ex\u00adam\u200dple"), organization("Example"), "inside"],
  [organization("Exámple"), organization("Exámple".normalize("NFD")), "inside"],
  [organization("Example ＡＢ"), organization("Example\u00a0\u2003\tab"), "inside"],
  [organization("ExampleAB"), organization("Example AB"), "outside"],
  [
    part(["commonName", "a"], ["organizationName", "b"]),
    part(["organizationName", "B"], ["commonName", "A"]),
    "inside"
  ],
  [part(["commonName", "a"], ["organizationName", "b"]), part(["commonName", "a\0organizationName=b"]), "outside"],
  [part(["commonName", "a"], ["organizationName", "b"]), part(["commonName", "a"]), "outside"],
  [part(["commonName", "a"]), part(["commonName", "a"], ["organizationName", "b"]), "outside"],
  [mail("example.org"), smtp("jörg@example.org"), "nobody knows"],
  [mail("example.org"), smtp("joerg@example.org"), "inside"],
  [mail("example.org"), smtp("joerg@example.com"), "outside"],
  [
    mail("example.org"),
    { _tag: "otherName", value: { typeId: smtpUtf8Mailbox, value: Uint8Array.of(5, 0) } },
    "nobody knows"
  ]
]

/** An e-mail address as GeneralString, which nobody reads. */
const unreadable = [[{ type: "emailAddress", value: Uint8Array.of(0x1b, 3, 0x61, 0x40, 0x62) }]]

const shown = (general: GeneralName): string =>
  general._tag === "directoryName"
    ? `directory of ${general.value.value.length} parts ${showName(general.value)}`
    : JSON.stringify(String(general.value))

/** Whether a certificate with this name, and an empty subject, may stand under the constraints. */
const allowed = Effect.fnUntraced(function* (
  side: "permitted" | "excluded",
  constraint: ReadonlyArray<GeneralName>,
  generalNames: ReadonlyArray<GeneralName>
) {
  const issuer = yield* makeCa({ commonName: "constrained", nameConstraints: { [side]: constraint } })
  const leaf = yield* issue(issuer, { names: [], generalNames, subject: [] })
  const [ca, certificate] = [
    yield* Effect.fromResult(parseCertificate(issuer.certificate)),
    yield* Effect.fromResult(parseCertificate(leaf.certificate))
  ]
  const { nameConstraints } = ca.known
  if (nameConstraints === undefined) return yield* Effect.die("no name constraints were made")
  const constraints = readConstraints(ca, nameConstraints)
  if (Result.isFailure(constraints)) return `unreadable: ${constraints.failure.reason}`
  const checked = checkNames(certificate, [constraints.success])
  return Result.isSuccess(checked) ? "allowed" : checked.failure.reason
})

const refused = "CertificateNameConstrained"

describe("name constraints", () => {
  for (const [constraint, general, verdict] of table) {
    it.effect(`${constraint._tag}: ${shown(general)} to ${shown(constraint)}: ${verdict}`, () =>
      inOctober(
        Effect.gen(function* () {
          const permitted = yield* allowed("permitted", [constraint], [general])
          const excluded = yield* allowed("excluded", [constraint], [general])
          assert.strictEqual(permitted, verdict === "inside" ? "allowed" : refused, "permitted")
          assert.strictEqual(excluded, verdict === "outside" ? "allowed" : refused, "excluded")
        })
      )
    )
  }

  const malformed: ReadonlyArray<GeneralName> = [
    dns(".example.org"),
    dns("*.example.org"),
    dns("exa mple.org"),
    mail("a@b@example.org"),
    mail("@example.org"),
    uri("https://example.org"),
    uri("192.0.2.1:80"),
    ip(192, 0, 2, 0),
    ip(192, 0, 2, 0, 255, 0, 255, 0),
    { _tag: "registeredID", value: "1.2.3" },
    { _tag: "otherName", value: { typeId: "1.2.3", value: Uint8Array.of(5, 0) } }
  ]
  for (const constraint of malformed) {
    it.effect(`a constraint nobody can apply refuses: ${constraint._tag} ${shown(constraint)}`, () =>
      inOctober(
        Effect.gen(function* () {
          for (const side of ["permitted", "excluded"] as const) {
            assert.strictEqual(yield* allowed(side, [constraint], [dns("x.example")]), `unreadable: ${refused}`)
          }
        })
      )
    )
  }

  it.effect("a constraint is about names of its own type, and about all of them", () =>
    inOctober(
      Effect.gen(function* () {
        const only = [dns("example.org")]
        assert.strictEqual(yield* allowed("permitted", only, [ip(192, 0, 2, 1)]), "allowed")
        assert.strictEqual(yield* allowed("permitted", only, [dns("example.org"), dns("evil.example")]), refused)
        assert.strictEqual(yield* allowed("excluded", only, [dns("good.example"), dns("example.org")]), refused)
        const either = [dns("a.example"), dns("b.example")]
        assert.strictEqual(yield* allowed("permitted", either, [dns("b.example"), dns("a.example")]), "allowed")
      })
    )
  )

  it.effect("the subject is a directory name too", () =>
    inOctober(
      Effect.gen(function* () {
        const verdict = Effect.fnUntraced(function* (side: "permitted" | "excluded", organization: string) {
          const base = directory(["organizationName", organization])
          const issuer = yield* makeCa({ nameConstraints: { [side]: [base] } })
          const leaf = yield* issue(issuer, { names: ["x.example"], subject: [["organizationName", "Example"]] })
          const ca = yield* Effect.fromResult(parseCertificate(issuer.certificate))
          const certificate = yield* Effect.fromResult(parseCertificate(leaf.certificate))
          const constraints = ca.known.nameConstraints
          if (constraints === undefined) return yield* Effect.die("no name constraints were made")
          return Result.isSuccess(
            Result.flatMap(readConstraints(ca, constraints), (one) => checkNames(certificate, [one]))
          )
        })
        assert.isTrue(yield* verdict("permitted", "Example"))
        assert.isFalse(yield* verdict("permitted", "Other"))
        assert.isFalse(yield* verdict("excluded", "Example"))
        assert.isTrue(yield* verdict("excluded", "Other"))
      })
    )
  )

  it.effect("an e-mail address in the subject counts where there are no alternative names", () =>
    inOctober(
      Effect.gen(function* () {
        const issuer = yield* makeCa({ nameConstraints: { permitted: [mail("example.org")] } })
        const verdict = Effect.fnUntraced(function* (address: string, names: ReadonlyArray<string>, text = true) {
          const leaf = yield* issue(issuer, {
            names,
            subject: [["emailAddress", address]],
            alter: (tbs) => (text ? tbs : { ...tbs, subject: { value: unreadable, der: new Uint8Array(0) } })
          })
          const ca = yield* Effect.fromResult(parseCertificate(issuer.certificate))
          const certificate = yield* Effect.fromResult(parseCertificate(leaf.certificate))
          const constraints = ca.known.nameConstraints
          if (constraints === undefined) return yield* Effect.die("no name constraints were made")
          return Result.isSuccess(
            Result.flatMap(readConstraints(ca, constraints), (one) => checkNames(certificate, [one]))
          )
        })
        assert.isTrue(yield* verdict("someone@example.org", []))
        assert.isFalse(yield* verdict("someone@evil.example", []))
        assert.isTrue(yield* verdict("someone@evil.example", ["www.example.org"]))
        assert.isFalse(yield* verdict("someone@example.org", [], false), "an address that is no text")
      })
    )
  )
})
