import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import {
  AlertDescription,
  ExtensionType,
  type MessageName,
  placedIn13,
  placement,
  placement12
} from "../../src/codec/index.ts"

const text = new URL("../../../shared/rfc/rfc9846-tls13.md", import.meta.url)
const present = existsSync(text)
const rfc = present ? readFileSync(text, "utf8") : ""

const abbreviations: { readonly [name: string]: MessageName } = {
  CH: "ClientHello",
  SH: "ServerHello",
  HRR: "HelloRetryRequest",
  EE: "EncryptedExtensions",
  CT: "Certificate",
  CR: "CertificateRequest",
  NST: "NewSessionTicket"
}

const section = (from: string, to: string): string => rfc.slice(rfc.indexOf(from), rfc.indexOf(to, rfc.indexOf(from)))

describe.skipIf(!present)("against the text of RFC 9846", () => {
  it("the table of extensions is that of section 4.3", () => {
    const rows = section("| Extension ", "{: #extensions-list").matchAll(/^\| (\w+) ?[{[].*\| *([A-Z, ]+?) *\|$/gm)
    const expected = Object.fromEntries(
      [...rows].map(([, name, messages]) => [
        name,
        (messages ?? "")
          .split(/, */)
          .map((short) => abbreviations[short])
          .sort()
      ])
    )
    const { signed_certificate_timestamp, ...table } = placement
    assert.deepStrictEqual(
      Object.fromEntries(Object.entries(table).map(([name, row]) => [name, Object.keys(row).sort()])),
      expected
    )
    assert.strictEqual(Object.keys(expected).length, 31)
    assert.deepStrictEqual(Object.keys(signed_certificate_timestamp), [
      "ClientHello",
      "CertificateRequest",
      "Certificate"
    ])
  })

  const enumeration = (name: string): { readonly [name: string]: number } => {
    const end = rfc.lastIndexOf(`} ${name};`)
    const items = rfc.slice(rfc.lastIndexOf("enum {", end), end).matchAll(/(\w+)\((\d+)\)/g)
    return Object.fromEntries([...items].map(([, item, code]) => [item ?? "", Number(code)]))
  }

  it("every alert of appendix B.2 has its name", () => {
    assert.deepStrictEqual<object>(AlertDescription.registry, enumeration("AlertDescription"))
  })

  it("every extension of section 4.3 has its code point", () => {
    const expected = enumeration("ExtensionType")
    assert.strictEqual(Object.keys(expected).length, 31)
    assert.deepInclude(ExtensionType.registry, expected)
  })
})

describe("placement", () => {
  it("has a row for every named extension", () => {
    for (const name of Object.keys(ExtensionType.registry)) {
      assert.isTrue(Object.hasOwn(placement, name) || Object.hasOwn(placement12, name), name)
    }
  })

  it("tells what TLS 1.3 places in a ServerHello from what TLS 1.2 does", () => {
    const names = [...Object.keys(ExtensionType.registry), "toString", "__proto__", 0x0a0a]
    assert.deepStrictEqual(
      names.filter((name) => placedIn13(name, "ServerHello")),
      ["pre_shared_key", "supported_versions", "key_share"]
    )
    assert.isFalse(placedIn13("renegotiation_info", "ClientHello"))
    assert.isTrue(placedIn13("early_data", "NewSessionTicket"))
  })
})
