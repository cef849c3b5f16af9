import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  Alert,
  ChangeCipherSpec,
  ContentType,
  isChangeCipherSpec,
  isClosure,
  ProtocolVersion,
  TLSCiphertext,
  TLSInnerPlaintext,
  TLSPlaintext
} from "../../src/codec/index.ts"
import { decode, encode } from "../../src/codec/presentation/wire.ts"
import {
  HEADER_LENGTH,
  innerTypeIndex,
  lengthAt,
  MAX_CIPHERTEXT,
  MAX_PLAINTEXT,
  typeAt,
  versionAt,
  writeHeader
} from "../../src/codec/record/record.ts"
import { concat, fromHex } from "./support.ts"

describe("the record header by hand", () => {
  const headerAt = (bytes: Uint8Array, offset: number) => ({
    type: typeAt(bytes, offset),
    version: versionAt(bytes, offset),
    length: lengthAt(bytes, offset)
  })

  it.prop(
    "reads and writes what the schema of TLSPlaintext does",
    [Schema.toType(TLSPlaintext), Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))],
    ([record, offset]) => {
      const header = {
        type: ContentType.code(record.type),
        version: ProtocolVersion.code(record.legacy_record_version),
        length: record.fragment.length
      }
      const bytes = Result.getOrThrow(encode(TLSPlaintext.wire, record))
      const shifted = concat(new Uint8Array(offset), bytes)
      assert.deepStrictEqual(headerAt(shifted, offset), header)
      const out = new Uint8Array(shifted.length)
      writeHeader(out, offset, header.type, header.version, header.length)
      out.set(record.fragment, offset + HEADER_LENGTH)
      assert.deepStrictEqual(out, shifted)
    }
  )

  it("holds any type, version and length", () => {
    const out = new Uint8Array(5)
    writeHeader(out, 0, 0xff, 0xfedc, 0xba98)
    assert.deepStrictEqual(out, fromHex("ff fedc ba98"))
    assert.deepStrictEqual(headerAt(out, 0), { type: 0xff, version: 0xfedc, length: 0xba98 })
  })
})

describe("limits", () => {
  const record = (type: string, length: number) =>
    concat(fromHex(type), Uint8Array.of(length >> 8, length & 0xff), new Uint8Array(length))

  it("a plaintext has 2^14 bytes and no more", () => {
    assert.isTrue(Result.isSuccess(decode(TLSPlaintext.wire, record("16 0301", MAX_PLAINTEXT))))
    assert.isTrue(Result.isFailure(decode(TLSPlaintext.wire, record("16 0301", MAX_PLAINTEXT + 1))))
  })

  it("a ciphertext has 256 bytes more, and says that it is application data", () => {
    assert.isTrue(Result.isSuccess(decode(TLSCiphertext.wire, record("17 0303", MAX_CIPHERTEXT))))
    assert.isTrue(Result.isFailure(decode(TLSCiphertext.wire, record("17 0303", MAX_CIPHERTEXT + 1))))
    assert.isTrue(Result.isFailure(decode(TLSCiphertext.wire, record("16 0303", 32))))
  })
})

describe("TLSInnerPlaintext", () => {
  it.prop("ends by hand where its schema ends it", [Schema.toType(TLSInnerPlaintext)], ([inner]) => {
    const bytes = Result.getOrThrow(encode(TLSInnerPlaintext.wire, inner))
    assert.strictEqual(innerTypeIndex(bytes), inner.content.length)
    assert.strictEqual(bytes.length, inner.content.length + 1 + inner.zeros)
  })

  it("that is all zeros has no type", () => {
    for (const length of [0, 1, 17]) {
      assert.strictEqual(innerTypeIndex(new Uint8Array(length)), -1)
      assert.isTrue(Result.isFailure(decode(TLSInnerPlaintext.wire, new Uint8Array(length))))
    }
  })

  it("may hold zeros of its own", () => {
    const inner = Result.getOrThrow(decode(TLSInnerPlaintext.wire, fromHex("00 41 00 17 00 00")))
    assert.deepStrictEqual(inner, { content: fromHex("004100"), type: "application_data", zeros: 2 })
  })
})

describe("alert and change_cipher_spec", () => {
  it("an alert is two bytes, known or not", () => {
    assert.deepStrictEqual(Result.getOrThrow(decode(Alert.wire, fromHex("02 75"))), {
      level: "fatal",
      description: "general_error"
    })
    assert.deepStrictEqual(Result.getOrThrow(decode(Alert.wire, fromHex("07 fe"))), { level: 7, description: 254 })
    for (const bytes of ["", "02", "02 28 00"]) assert.isTrue(Result.isFailure(decode(Alert.wire, fromHex(bytes))))
  })

  it("only close_notify and user_canceled are closures", () => {
    assert.isTrue(isClosure("close_notify") && isClosure("user_canceled"))
    assert.isFalse(isClosure("no_application_protocol") || isClosure(91))
  })

  it("change_cipher_spec is the byte 1 alone", () => {
    for (const [bytes, legal] of [
      [[1], true],
      [[0], false],
      [[1, 1], false],
      [[], false]
    ] as const) {
      assert.strictEqual(isChangeCipherSpec(Uint8Array.from(bytes)), legal)
      assert.strictEqual(Result.isSuccess(decode(ChangeCipherSpec.wire, Uint8Array.from(bytes))), legal)
    }
  })
})
