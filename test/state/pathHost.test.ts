/** RFC 9525: reading a server's identity, and matching it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { parseCertificate } from "../../src/codec/x509/certificate.ts"
import type { GeneralName } from "../../src/codec/x509/generalName.ts"
import { issue, makeCa } from "../../src/layers/testing/certificates.ts"
import { dnsName, matchIdentity, parseServerIdentity } from "../../src/state/path/host.ts"
import { inOctober } from "../layers/verifierSupport.ts"

/** What a text is read as: `dns:…`, `ip:…`, or refused. */
const read = (text: string): string =>
  Result.match(parseServerIdentity(text), {
    onSuccess: (identity) => (identity._tag === "DnsName" ? `dns:${identity.name}` : `ip:${identity.text}`),
    onFailure: ({ reason }) => (reason === "InvalidConfiguration" ? "refused" : reason)
  })

const label63 = "a".repeat(63)
const name253 = `${label63}.${label63}.${label63}.${"b".repeat(61)}`

const texts: ReadonlyArray<readonly [text: string, is: string]> = [
  ["example.org", "dns:example.org"],
  ["WWW.Example.ORG", "dns:www.example.org"],
  ["example.org.", "dns:example.org"],
  ["example.org..", "refused"],
  [".", "refused"],
  ["", "refused"],
  [".example.org", "refused"],
  ["example..org", "refused"],
  ["localhost", "dns:localhost"],
  ["xn--bcher-kva.example", "dns:xn--bcher-kva.example"],
  ["r3---sn-4g5e6nz7.example.net", "dns:r3---sn-4g5e6nz7.example.net"],
  ["bücher.example", "refused"],
  ["\u212aelvin.example", "refused"],
  ["foo_bar.example.org", "refused"],
  ["-a.example.org", "refused"],
  ["a-.example.org", "refused"],
  ["*.example.org", "refused"],
  ["exa mple.org", "refused"],
  ["example.org\0", "refused"],
  ["example.org\n", "refused"],
  ["example.org:443", "refused"],
  ["https://example.org", "refused"],
  ["user@example.org", "refused"],
  ["1.example", "dns:1.example"],
  [name253, `dns:${name253}`],
  [`${name253}.`, `dns:${name253}`],
  [`${name253}b`, "refused"],
  [`${"a".repeat(64)}.example`, "refused"],
  ["192.0.2.1", "ip:192.0.2.1"],
  ["192.0.2.1.", "refused"],
  ["192.0.2.256", "refused"],
  ["192.0.2.01", "refused"],
  ["192.0.2", "refused"],
  ["127.1", "refused"],
  ["2130706433", "refused"],
  ["0x7f.1", "refused"],
  ["0x7f000001", "refused"],
  ["0x7f.0.0.0x1", "refused"],
  ["example.0x", "refused"],
  ["0177.0.0.1", "refused"],
  ["1.2.3.4.5", "refused"],
  ["::1", "ip:::1"],
  ["[::1]", "ip:::1"],
  ["[2001:DB8::1]", "ip:2001:db8::1"],
  ["2001:db8:0:0:0:0:0:1", "ip:2001:db8::1"],
  ["::ffff:192.0.2.1", "ip:::ffff:c000:201"],
  ["fe80::1%eth0", "refused"],
  ["[fe80::1%25eth0]", "refused"],
  ["[::1", "refused"],
  ["[::1]:443", "refused"],
  ["[192.0.2.1]", "refused"],
  ["[example.org]", "refused"],
  ["[]", "refused"],
  ["1::2::3", "refused"],
  ["12345::", "refused"]
]

describe("parseServerIdentity", () => {
  for (const [text, is] of texts) {
    it(`${JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)} (${text.length}): ${is.slice(0, 40)}`, () => {
      assert.strictEqual(read(text), is)
    })
  }

  it("says of a zone that it has no place", () => {
    const result = parseServerIdentity("fe80::1%eth0")
    assert.isTrue(Result.isFailure(result) && result.failure.detail.includes("zone"))
  })

  it("says of other scripts how to write them", () => {
    const result = parseServerIdentity("bücher.example")
    assert.isTrue(Result.isFailure(result) && /A-labels .*domainToASCII/.test(result.failure.detail))
  })

  it("says what is wrong, in printable ASCII", () => {
    for (const [text, is] of texts) {
      if (is !== "refused") continue
      const result = parseServerIdentity(text)
      assert.isTrue(Result.isFailure(result) && /^[\x20-\x7e…]{10,400}$/.test(result.failure.detail), text)
    }
  })
})

describe("dnsName", () => {
  it("folds the case of ASCII and of nothing else", () => {
    assert.strictEqual(dnsName("Kelvin.example"), "kelvin.example")
    assert.isUndefined(dnsName("\u212aelvin.example"))
  })
})

const dns = (value: string): GeneralName => ({ _tag: "dNSName", value })
const ip = (...octets: ReadonlyArray<number>): GeneralName => ({ _tag: "iPAddress", value: Uint8Array.from(octets) })

const matches: ReadonlyArray<readonly [presented: ReadonlyArray<GeneralName>, wanted: string, is: boolean]> = [
  [[dns("example.org")], "example.org", true],
  [[dns("Example.ORG")], "eXample.org", true],
  [[dns("example.org")], "example.org.", true],
  [[dns("example.org.")], "example.org", false],
  [[dns("example.org")], "www.example.org", false],
  [[dns("www.example.org")], "example.org", false],
  [[dns("a.example"), dns("b.example"), dns("c.example")], "c.example", true],
  [[dns("*.example.org")], "www.example.org", true],
  [[dns("*.Example.org")], "www.example.org", true],
  [[dns("*.example.org")], "xn--bcher-kva.example.org", true],
  [[dns("*.example.org")], "example.org", false],
  [[dns("*.example.org")], "a.b.example.org", false],
  [[dns("*.org")], "example.org", false],
  [[dns("*")], "org", false],
  [[dns("*")], "example.org", false],
  [[dns("w*.example.org")], "www.example.org", false],
  [[dns("*w.example.org")], "www.example.org", false],
  [[dns("*xexample.org")], "www.example.org", false],
  [[dns("www.*.org")], "www.example.org", false],
  [[dns("*.*.org")], "www.example.org", false],
  [[dns("**.example.org")], "www.example.org", false],
  [[dns("*..example.org")], "www.example.org", false],
  [[dns("example.org\0.evil.example")], "example.org", false],
  [[dns(" example.org")], "example.org", false],
  [[ip(192, 0, 2, 1)], "192.0.2.1", true],
  [[ip(192, 0, 2, 1)], "192.0.2.2", false],
  [[dns("192.0.2.1")], "192.0.2.1", false],
  [[dns("abcd")], "192.0.2.1", false],
  [[dns("*.0.2.1")], "192.0.2.1", false],
  [[ip(...new Array(15).fill(0), 1)], "::1", true],
  [[ip(...new Array(10).fill(0), 255, 255, 192, 0, 2, 1)], "192.0.2.1", false],
  [[{ _tag: "uniformResourceIdentifier", value: "https://example.org/" }], "example.org", false],
  [[{ _tag: "rfc822Name", value: "example.org" }], "example.org", false]
]

const certificate = Effect.fnUntraced(function* (generalNames: ReadonlyArray<GeneralName>) {
  const ca = yield* makeCa()
  const { certificate } = yield* issue(ca, { names: [], generalNames, commonName: "example.org" })
  return yield* Effect.fromResult(parseCertificate(certificate))
})

describe("matchIdentity", () => {
  for (const [presented, wanted, is] of matches) {
    const text = presented.map((name) => JSON.stringify(String(name.value))).join(", ")
    it.effect(`${text} ${is ? "is" : "is not"} ${wanted}`, () =>
      inOctober(
        Effect.gen(function* () {
          const identity = yield* Effect.fromResult(parseServerIdentity(wanted))
          const result = matchIdentity(identity, yield* certificate(presented))
          assert.strictEqual(Result.isSuccess(result), is)
        })
      )
    )
  }

  it.effect("1024 names are looked at and no more", () =>
    inOctober(
      Effect.gen(function* () {
        const identity = yield* Effect.fromResult(parseServerIdentity("h1023.example"))
        const many = (count: number) => Array.from({ length: count }, (_, i) => dns(`h${i}.example`))
        assert.isTrue(Result.isSuccess(matchIdentity(identity, yield* certificate(many(1024)))))
        const tooMany = matchIdentity(identity, yield* certificate(many(1025)))
        assert.isTrue(Result.isFailure(tooMany) && tooMany.failure.reason === "CertificateNameMismatch")
      })
    )
  )

  it.effect("what is shown of a hostile name cannot move a terminal", () =>
    inOctober(
      Effect.gen(function* () {
        const identity = yield* Effect.fromResult(parseServerIdentity("example.org"))
        const hostile = yield* certificate([dns("\u001b[2Jevil\u0007"), dns("x".repeat(5000))])
        const result = matchIdentity(identity, hostile)
        assert.isTrue(Result.isFailure(result))
        if (Result.isFailure(result)) assert.match(result.failure.detail, /^[\x20-\x7e…]{10,1000}$/)
      })
    )
  )
})
