import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Der, decodeDer, encodeDer } from "../../src/codec/der/der.ts"
import { objectIdentifier } from "../../src/codec/der/objectIdentifier.ts"
import {
  any,
  bitOctets,
  bitString,
  boolean,
  integer,
  integerBetween,
  magnitude,
  namedBits,
  nothing,
  octetString,
  unsigned
} from "../../src/codec/der/primitive.ts"
import { bmpString, ia5String, printableString, universalString, utf8String } from "../../src/codec/der/string.ts"
import {
  choice,
  explicit,
  implicit,
  retained,
  sequence,
  sequenceOf,
  setOf,
  withDefault
} from "../../src/codec/der/structure.ts"
import { generalizedTime, Time, timeOf, utcTime } from "../../src/codec/der/time.ts"

const hex = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"))
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const ok = <A>(result: Result.Result<A, unknown>): A =>
  Result.getOrThrowWith(result, (failure) => new Error(JSON.stringify(failure)))

const read = <A>(type: Der<A>, text: string) => decodeDer(type, hex(text))

/** Asserts the refusal and what was expected instead. */
const refuses = <A>(type: Der<A>, text: string, expected: RegExp) => {
  const result = read(type, text)
  assert.strictEqual(result._tag, "Failure", text)
  if (Result.isFailure(result)) assert.match(result.failure.expected, expected)
}

/** A type that nests as deep as its input: for the limit. */
const nest: Der<unknown> = {
  name: "nest",
  schema: Schema.Unknown,
  starts: (tag) => tag === 0x30,
  read: (reader) => sequenceOf(nest).read(reader),
  write: () => {}
}

describe("lengths", () => {
  it("are definite, as short as can be, and no longer than what is there", () => {
    assert.deepStrictEqual(ok(read(octetString, "04 02 0102")), hex("0102"))
    refuses(octetString, "04 81 02 0102", /shortest form/)
    refuses(octetString, "04 82 00 02 0102", /shortest form/)
    refuses(octetString, `04 82 00 80 ${"00".repeat(128)}`, /shortest form/)
    refuses(sequenceOf(any), "30 80 04 01 01 00 00", /definite length/)
    refuses(octetString, "04 80 0000", /definite length/)
    refuses(octetString, "04 84 ff ff ff ff 00", /more bytes/)
    refuses(octetString, "04 85 01 00 00 00 00 00", /at most 4 bytes/)
    refuses(octetString, "04 ff 00", /at most 4 bytes/)
    refuses(octetString, "04 02 01", /more bytes/)
    refuses(octetString, "04 82 01", /more byte/)
    refuses(octetString, "04", /more byte/)
    refuses(octetString, "", /OCTET STRING/)
    refuses(octetString, "04 01 00 00", /nothing after/)
    refuses(sequence({ a: integer }), "30 06 020101 020102", /nothing after/)
    refuses(sequence({ a: integer, b: sequenceOf(integer) }), "30 08 020101 3004 020101", /more bytes/)
  })

  it("of 128, 256 and 65536 bytes are written as they are read", () => {
    for (const [size, head] of [
      [127, "047f"],
      [128, "048180"],
      [256, "04820100"],
      [65536, "0483010000"]
    ] as const) {
      const bytes = ok(encodeDer(octetString, new Uint8Array(size)))
      assert.strictEqual(toHex(bytes.subarray(0, head.length / 2)), head)
      assert.strictEqual(ok(decodeDer(octetString, bytes)).length, size)
    }
  })

  it("nest at most 16 deep", () => {
    const deep = (levels: number) => {
      let bytes = new Uint8Array(0)
      for (let i = 0; i < levels; i++) bytes = Uint8Array.of(0x30, bytes.length, ...bytes)
      return bytes
    }
    assert.isTrue(Result.isSuccess(decodeDer(nest, deep(16))))
    const refused = decodeDer(nest, deep(17))
    assert.isTrue(Result.isFailure(refused) && /16 levels/.test(refused.failure.expected))
    assert.isTrue(Result.isFailure(decodeDer(nest, deep(60))))
  })

  it("tags are those asked for, below 31, and never 0", () => {
    refuses(integer, "04 01 01", /^INTEGER$/)
    refuses(any, "1f 81 01 00", /below 31/)
    refuses(any, "00 00", /an element/)
    refuses(implicit(1, octetString), "a1 01 01", /^\[1\]$/)
    refuses(explicit(1, octetString), "81 03 04 01 01", /^\[1\]$/)
  })
})

describe("simple types", () => {
  it("BOOLEAN", () => {
    assert.isTrue(ok(read(boolean, "01 01 ff")))
    assert.isFalse(ok(read(boolean, "01 01 00")))
    refuses(boolean, "01 01 01", /0xff/)
    refuses(boolean, "01 02 ff ff", /nothing after/)
    refuses(boolean, "01 00", /more byte/)
  })

  it("INTEGER", () => {
    for (const text of ["020100", "02017f", "02020080", "0201ff", "020180", "0202ff7f"]) {
      assert.strictEqual(toHex(ok(encodeDer(integer, ok(read(integer, text))))), text)
    }
    refuses(integer, "0200", /shortest/)
    refuses(integer, "0202007f", /shortest/)
    refuses(integer, "0202ff80", /shortest/)
    refuses(integerBetween(0, 5), "020106", /0 to 5/)
    refuses(integerBetween(0, 5), "0201ff", /0 to 5/)
    refuses(integerBetween(0, 5), "0209 00ffffffffffffffff", /0 to 5/)
    assert.deepStrictEqual(magnitude(hex("0080")), hex("80"))
    assert.strictEqual(magnitude(hex("80")), undefined)
    assert.deepStrictEqual(unsigned(hex("000080")), hex("0080"))
  })

  it("NULL and BIT STRING", () => {
    refuses(nothing, "05 01 00", /nothing after/)
    refuses(bitString, "03 00", /more byte/)
    refuses(bitString, "03 01 01", /unused bits/)
    refuses(bitString, "03 02 08 00", /unused bits/)
    refuses(bitString, "03 02 01 01", /unused bits/)
    refuses(bitOctets, "03 02 01 00", /whole bytes/)
  })

  it("named bits", () => {
    const bits = namedBits(["a", "b", "c", "d", "e", "f", "g", "h", "i"])
    assert.deepStrictEqual(ok(read(bits, "03 02 05 a0")), ["a", "c"])
    assert.strictEqual(toHex(ok(encodeDer(bits, ["a", "c"]))), "030205a0")
    assert.strictEqual(toHex(ok(encodeDer(bits, ["i"]))), "0303070080")
    assert.strictEqual(toHex(ok(encodeDer(bits, []))), "030100")
    // As some trusted roots have it
    assert.deepStrictEqual(ok(read(bits, "03 02 00 a0")), ["a", "c"])
    refuses(bits, "03 03 06 00 40", /have names/)
    refuses(bits, "03 04 00 00 00 01", /have names/)
  })

  it("OBJECT IDENTIFIER", () => {
    for (const [text, dotted] of [
      ["0603550411", "2.5.4.17"],
      ["06022a03", "1.2.3"],
      ["06028837", "2.999"],
      ["060127", "0.39"]
    ] as const) {
      assert.strictEqual(ok(read(objectIdentifier, text)), dotted)
      assert.strictEqual(toHex(ok(encodeDer(objectIdentifier, dotted))), text)
    }
    const uuid = "2.25.329800735698586629295641978511506172918"
    assert.strictEqual(ok(decodeDer(objectIdentifier, ok(encodeDer(objectIdentifier, uuid)))), uuid)
    refuses(objectIdentifier, "0600", /shortest form/)
    refuses(objectIdentifier, "0603558004", /shortest form/)
    refuses(objectIdentifier, "0603550484", /shortest form/)
    refuses(objectIdentifier, `0623 55${"81".repeat(33)}01`, /at most 32/)
    for (const bad of ["", "1", "3.1", "1.40", "1.2.", "1.02", "1.-2", "1.2.x"]) {
      assert.isTrue(Result.isFailure(encodeDer(objectIdentifier, bad)), bad)
    }
  })

  it("strings", () => {
    assert.strictEqual(ok(read(utf8String, "0c 03 e282ac")), "€")
    refuses(utf8String, "0c 02 c080", /UTF8String/)
    refuses(utf8String, "0c 03 eda080", /UTF8String/)
    refuses(utf8String, "0c 01 ff", /UTF8String/)
    // Its replacement character takes as many bytes as it does
    refuses(utf8String, "0c 03 f09f98", /UTF8String/)
    assert.strictEqual(ok(read(utf8String, "0c 03 efbbbf")), "\ufeff")
    refuses(printableString, "13 01 40", /PrintableString/)
    refuses(ia5String, "16 01 80", /IA5String/)
    assert.strictEqual(ok(read(bmpString, "1e 02 20ac")), "€")
    refuses(bmpString, "1e 01 20", /BMPString/)
    refuses(bmpString, "1e 02 d800", /BMPString/)
    refuses(universalString, "1c 04 00110000", /UniversalString/)
    assert.isTrue(Result.isFailure(encodeDer(utf8String, "\ud800")))
  })

  it("times", () => {
    const utc = (text: string) => decodeDer(utcTime, Uint8Array.of(0x17, text.length, ...Buffer.from(text)))
    const general = (text: string) => decodeDer(generalizedTime, Uint8Array.of(0x18, text.length, ...Buffer.from(text)))
    assert.strictEqual(ok(utc("500101000000Z")), Date.UTC(1950, 0))
    assert.strictEqual(ok(utc("491231235959Z")), Date.UTC(2050, 0) - 1000)
    assert.strictEqual(ok(utc("240229000000Z")), Date.UTC(2024, 1, 29))
    assert.strictEqual(ok(general("20500101000000Z")), Date.UTC(2050, 0))
    assert.strictEqual(ok(general("99991231235959Z")), Date.UTC(10000, 0) - 1000)
    assert.strictEqual(ok(general("00010101000000Z")), new Date("0001-01-01T00:00:00Z").getTime())
    for (const bad of [
      "2402290000Z",
      "240229000000",
      "240229000000+0100",
      "230229000000Z",
      "241301000000Z",
      "240001000000Z",
      "240100000000Z",
      "240101240000Z",
      "240101006000Z",
      "240101000060Z",
      "2401010000 0Z",
      "240101000000Z ",
      "-40101000000Z"
    ]) {
      assert.isTrue(Result.isFailure(utc(bad)), bad)
      assert.isTrue(Result.isFailure(general(`20${bad}`)), bad)
    }
    assert.isTrue(Result.isFailure(general("20240101000000.5Z")))
    assert.strictEqual(timeOf(Date.UTC(2049, 11, 31))._tag, "utcTime")
    assert.strictEqual(timeOf(Date.UTC(2050, 0))._tag, "generalTime")
    assert.strictEqual(timeOf(Date.UTC(1949, 11, 31))._tag, "generalTime")
  })
})

describe("constructors", () => {
  it("DEFAULT refuses the default written out", () => {
    const type = sequence({ flag: withDefault(boolean, false), n: integer })
    assert.deepStrictEqual(ok(read(type, "30 06 0101ff 020105")), { flag: true, n: hex("05") })
    assert.deepStrictEqual(ok(read(type, "30 03 020105")), { flag: false, n: hex("05") })
    refuses(type, "30 06 010100 020105", /left out/)
  })

  it("SET OF refuses disorder and writes in order", () => {
    const type = setOf(octetString)
    assert.isTrue(Result.isSuccess(read(type, "31 06 040101 040102")))
    refuses(type, "31 06 040102 040101", /in order/)
    assert.strictEqual(toHex(ok(encodeDer(type, [hex("02"), hex("0000"), hex("01")]))), "310a04010104010204020000")
  })

  it("CHOICE refuses what is none of its alternatives", () => {
    refuses(choice({ a: integer, b: explicit(0, integer) }), "04 01 01", /one of a, b/)
    refuses(Time, "02 01 01", /one of utcTime, generalTime/)
  })

  it("a failure says where", () => {
    const type = sequence({ outer: sequenceOf(sequence({ n: integer, flag: boolean })) })
    const result = read(type, "30 12 30 10 3006 020101 0101ff 3006 020101 010101")
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result)) {
      assert.deepStrictEqual(
        { ...result.failure },
        { alert: "decode_error", offset: 20, expected: "TRUE as 0xff or FALSE as 0x00", path: ["outer", 1, "flag"] }
      )
    }
  })

  it("keeps the bytes of what is retained", () => {
    const type = sequence({ part: retained(sequence({ n: integer })) })
    const { part } = ok(read(type, "30 05 3003 020107"))
    assert.strictEqual(toHex(part.der), "3003020107")
    assert.strictEqual(toHex(ok(encodeDer(type, { part }))), "30053003020107")
  })
})
