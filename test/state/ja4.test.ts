/** JA4 against fingerprints that others published for the same ClientHello. */
import { assert, describe, it } from "@effect/vitest"
import {
  CipherSuite,
  type ClientHello,
  ExtensionType,
  ProtocolVersion,
  SignatureScheme
} from "../../src/codec/index.ts"
import { greaseModes, greaseValues, isGrease } from "../../src/codec/registry/grease.ts"
import { Fingerprint, noblePrimitives } from "../../src/core.ts"
import { fromHex } from "../support/answers.ts"
import { decode } from "../support/puppet.ts"

const { sha256 } = noblePrimitives.hashes
const codes = (text: string | undefined) =>
  (text ?? "").match(/[0-9a-f]{4}/g)?.map((code) => Number.parseInt(code, 16)) ?? []

/** A ClientHello with these code points; its other extensions hold nothing, as JA4 does not look into them. */
const hello = (given: {
  readonly suites?: string
  readonly extensions?: string
  readonly schemes?: string
  readonly versions?: string
  readonly legacy?: number
  readonly protocols?: ReadonlyArray<string>
}): ClientHello => {
  const data = new Map<number, object>([
    [13, { supported_signature_algorithms: codes(given.schemes).map(SignatureScheme.of) }],
    [16, { protocol_name_list: given.protocols ?? ["h2"] }],
    [43, { versions: codes(given.versions ?? "0304,0303").map(ProtocolVersion.of) }]
  ])
  const extensions = codes(given.extensions).map((code) => ({
    type: ExtensionType.of(code),
    data: data.get(code) ?? {}
  }))
  return {
    legacy_version: ProtocolVersion.of(given.legacy ?? 0x0303),
    random: new Uint8Array(32),
    legacy_session_id: new Uint8Array(0),
    cipher_suites: codes(given.suites).map(CipherSuite.of),
    legacy_compression_methods: Uint8Array.of(0),
    extensions: extensions as unknown as ClientHello["extensions"]
  }
}

const ofMessage = (hex: string): ClientHello => {
  const message = decode(fromHex(hex))
  return message._tag === "ClientHello" ? message.body : assert.fail("no ClientHello")
}

const zeros = (size: number) => "00".repeat(size)

/** A browser's ClientHello with GREASE in every list, as a public test corpus has it. */
const greased = ofMessage(`
  010001fc0303b2c03e7ba990ef540c316a665d4d925f8e9079ac4b15687e587dc99016e75a6c20d0b0099243c9296a0c84153ea4ada7d87ad0
  17f4211c2ea1350b0b3cc5514d5f00205a5a130113021303c02bc02fc02cc030cca9cca8c013c014009c009d002f003501000193fafa000000
  000024002200001f636f6e74656e742d6175746f66696c6c2e676f6f676c65617069732e636f6d0033002b00293a3a000100001d0020fb2cd8
  ef3d605b96ab03119ec4f30a6e2088cb1af86c41a81feace8706068c50000d0012001004030804040105030805050108060601002300000
  00b00020100ff01000100000a000a00083a3a001d00170018001b000302000244690005000302683200120000002d000201010010000e000c
  02683208687474702f312e31000500050100000000002b0007060a0a03040303001700001a1a000100001500b8${zeros(0xb8)}`)

/** Another browser's, without. */
const plain = ofMessage(`
  010001fc0303ecb2691addb2bf6c599c7aaae23de5f42561cc04eb41029acc6fc050a16ac1d22046f8617b580ac9358e2aa44e306d52466bcc
  989c87c8ca64309f5faf50ba7b4d0022130113031302c02bc02fcca9cca8c02cc030c00ac009c013c014009c009d002f003501000191000000
  21001f00001c636f6e74696c652e73657276696365732e6d6f7a696c6c612e636f6d00170000ff01000100000a000e000c001d001700180019
  01000101000b000201000023000000100 00e000c02683208687474702f312e310005000501000000000022000a0008040305030603020300330
  06b0069001d00208909858fbeb6ed2f1248ba5b9e2978bead0e840110192c61daed0096798b184400170041044d183d91f5eed35791fa982464
  e3b0214aaa5f5d1b78616d9b9fbebc22d11f535b2f94c686143136aa795e6e5a875d6c08064ad5b76d44caad766e2483012748002b00050403
  040303000d0018001604030503060308040805080604010501060102030201002d00020101001c000240010015007a${zeros(0x7a)}`)

describe("JA4", () => {
  it("of the specification's example", () => {
    const example = hello({
      suites: "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
      extensions: "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015",
      schemes: "0403,0804,0401,0503,0805,0501,0806,0601"
    })
    const lists =
      "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601"
    const original =
      "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035_001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015_0403,0804,0401,0503,0805,0501,0806,0601"
    assert.strictEqual(Fingerprint.ja4(example, sha256), "t13d1516h2_8daaf6152771_e5627efa2ab1")
    assert.strictEqual(Fingerprint.ja4(example, sha256, "original"), "t13d1516h2_acb858a92679_18f69afefd3d")
    assert.strictEqual(Fingerprint.ja4Raw(example), `t13d1516h2_${lists}`)
    assert.strictEqual(Fingerprint.ja4Raw(example, "original"), `t13d1516h2_${original}`)
  })

  it("of bytes with GREASE", () => {
    assert.strictEqual(Fingerprint.ja4(greased, sha256), "t13d1516h2_8daaf6152771_e5627efa2ab1")
    assert.strictEqual(Fingerprint.ja4(greased, sha256, "original"), "t13d1516h2_acb858a92679_5276cb03a33b")
  })

  it("of bytes without", () => {
    assert.strictEqual(Fingerprint.ja4(plain, sha256), "t13d1715h2_5b57614c22b0_3d5424432f57")
    assert.strictEqual(
      Fingerprint.ja4Raw(plain),
      "t13d1715h2_002f,0035,009c,009d,1301,1302,1303,c009,c00a,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,0015,0017,001c,0022,0023,002b,002d,0033,ff01_0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201"
    )
  })

  it("of TLS 1.2, whose version stands in the message, with suites and schemes nobody knows", () => {
    const libre = hello({
      suites: `c030,c02c,c028,c024,c014,c00a,009f,006b,0039,cca9,cca8,ccaa,ff85,00c4,0088,0081,009d,003d,0035,00c0,0084,
        c02f,c02b,c027,c023,c013,c009,009e,0067,0033,00be,0045,009c,003c,002f,00ba,0041,c011,c007,0005,0004,c012,c008,
        0016,000a,00ff`,
      extensions: "0000,000b,000a,000d,0010",
      schemes: "0601,0603,efef,0501,0503,0401,0403,eeee,eded,0301,0303,0201,0203"
    })
    assert.strictEqual(Fingerprint.ja4(libre, sha256), "t12d4605h2_85626a9a5f7f_aaf95bb78ec9")
  })

  it("of QUIC, without a name, and of nothing at all", () => {
    const start = (given: Parameters<typeof hello>[0]) => Fingerprint.ja4(hello(given), sha256).slice(0, 10)
    assert.strictEqual(
      start({ suites: "1301,1302,1303", extensions: "0039,0010,002b,0000", protocols: ["h3"] }),
      "q13d0304h3"
    )
    assert.strictEqual(start({ suites: "1301", extensions: "002b" }), "t13i010100")
    assert.strictEqual(Fingerprint.ja4(hello({}), sha256), "t12i000000_000000000000_000000000000")
    assert.strictEqual(Fingerprint.ja4Raw(hello({})), "t12i000000__")
    // The specification's hash of extensions where there are no signature algorithms.
    const silent = hello({ extensions: "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01" })
    assert.isTrue(Fingerprint.ja4(silent, sha256).endsWith("_6d807ffa2a79"))
  })

  it.each([
    ["\xab", "ab"],
    ["\xab\xcd", "ad"],
    ["0\xab", "3b"],
    ["01\xab\xcd", "3d"],
    ["0\xab\xcd1", "01"],
    ["http/1.1", "h1"],
    ["x", "xx"],
    ["\x0a\x0a", "0a"]
  ])("writes the protocol %j as %s", (name, shown) => {
    const given = hello({ extensions: "0010", protocols: [name, "h2"] })
    assert.strictEqual(Fingerprint.ja4Raw(given).slice(8, 10), shown)
  })

  it.each([
    ["0a0a,0303,0304,0302", "13"],
    ["0302", "11"],
    ["0301,0300", "10"],
    ["0300", "s3"],
    ["0002", "s2"],
    ["7f1c", "00"],
    ["fafa", "00"]
  ])("reads the version of %s as %s", (versions, shown) => {
    assert.strictEqual(Fingerprint.ja4Raw(hello({ extensions: "002b", versions })).slice(1, 3), shown)
  })

  it("counts to 99", () => {
    const many = Array.from({ length: 120 }, (_, n) => (0xc100 + n).toString(16)).join()
    assert.strictEqual(Fingerprint.ja4Raw(hello({ suites: many })).slice(4, 6), "99")
  })
})

it("GREASE is what RFC 8701 section 2 lists", () => {
  const all = Array.from({ length: 0x10000 }, (_, code) => code).filter(isGrease)
  assert.deepStrictEqual(all, greaseValues)
  assert.deepStrictEqual([all[0], all[1], all[15], all.length], [0x0a0a, 0x1a1a, 0xfafa, 16])
  assert.deepStrictEqual(greaseModes, [0x0b, 0x2a, 0x49, 0x68, 0x87, 0xa6, 0xc5, 0xe4])
})
