/** Padding (RFC 9846 section 5.4): the policies, and what the record layer makes of what they say. */
import { assert, describe, it } from "@effect/vitest"
import { lengthAt } from "../../src/codec/record/record.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { suites13 } from "../../src/crypto/suite.ts"
import { maxPlaintext } from "../../src/state/record/limits.ts"
import * as Padding from "../../src/state/record/padding.ts"
import { RecordReader } from "../../src/state/record/reader.ts"
import { RecordWriter, type RecordWriterOptions } from "../../src/state/record/writer.ts"
import { connected, records } from "../support/pair.ts"
import { concat, drain, okay, pattern, recordingSuite, secretOf, toHex } from "./recordSupport.ts"

const suite = recordingSuite()

const keyed = (options: RecordWriterOptions, from = suite): RecordWriter => {
  const writer = new RecordWriter(options)
  writer.install(from, secretOf(3, from.hash.size))
  return writer
}

/** Bytes of TLSInnerPlaintext but for the content type, for every record that so much data makes. */
const padded = (size: number, padding: Padding.Policy, options: RecordWriterOptions = {}): Array<number> => {
  const writer = keyed({ ...options, padding })
  okay(writer.applicationData(pattern(size)))
  return records(concat(writer.flush())).map((record) => lengthAt(record, 0) - 17)
}

describe("the policies", () => {
  it("none adds nothing", () => {
    assert.deepStrictEqual(padded(5, Padding.none), [5])
    const [plain, none] = [keyed({}), keyed({ padding: Padding.none })]
    for (const writer of [plain, none]) okay(writer.applicationData(pattern(20_000)))
    assert.strictEqual(toHex(concat(plain.flush())), toHex(concat(none.flush())))
  })

  it("toMultipleOf rounds up, and fills the record where that does not fit", () => {
    const sizes = [1, 99, 100, 101, maxPlaintext - 1, maxPlaintext]
    assert.deepStrictEqual(
      sizes.flatMap((size) => padded(size, Padding.toMultipleOf(100))),
      [100, 100, 100, 200, maxPlaintext, maxPlaintext]
    )
    assert.deepStrictEqual(padded(maxPlaintext + 1, Padding.toMultipleOf(64)), [maxPlaintext, 64])
  })

  it("toFull fills every record, of whatever size records may be", () => {
    assert.deepStrictEqual(padded(1, Padding.toFull), [maxPlaintext])
    assert.deepStrictEqual(padded(1001, Padding.toFull, { maxFragment: 1000 }), [1000, 1000])
  })
})

describe("a policy of one's own", () => {
  it("is asked once for each record, with its length and its room", () => {
    const asked: Array<readonly [number, number]> = []
    padded(250, (...each) => (asked.push(each), 0), { maxFragment: 100 })
    assert.deepStrictEqual(asked, [
      [100, 0],
      [100, 0],
      [50, 50]
    ])
  })

  it.each([
    ["too much", 10 ** 9, maxPlaintext],
    ["less than nothing", -3, 7],
    ["no number", Number.NaN, 7],
    ["an infinity", Number.POSITIVE_INFINITY, maxPlaintext],
    ["a fraction", 2.9, 9]
  ])("is held to what may be when it says %s", (_, says, length) => {
    assert.deepStrictEqual(
      padded(7, () => says),
      [length]
    )
  })

  it("may say another number each time", () => {
    let turn = 0
    const ladder = [5, 0, 300, 1]
    assert.deepStrictEqual(
      padded(40, () => ladder[turn++] ?? 0, { maxFragment: 10 }).map((length) => length - 10),
      [0, 0, 0, 0]
    )
    turn = 0
    const writer = keyed({ padding: () => ladder[turn++] ?? 0 })
    for (const _ of ladder) okay(writer.applicationData(pattern(10)))
    assert.deepStrictEqual(
      records(concat(writer.flush())).map((record) => lengthAt(record, 0) - 27),
      ladder
    )
  })
})

describe("padded records", () => {
  it("give back what was put in them, under every AEAD of both providers", () => {
    for (const from of [...suites13(node), ...suites13(noble)]) {
      let turn = 0
      const writer = keyed({ maxFragment: 700, padding: (_, room) => (turn++ % 3 === 0 ? 0 : room - turn) }, from)
      okay(writer.handshake(pattern(900)))
      okay(writer.applicationData(pattern(5000)))
      okay(writer.alert(1, 0))
      const reader = new RecordReader()
      reader.install(from, secretOf(3, from.hash.size))
      okay(reader.push(concat(writer.flush())))
      const found = drain(reader)
      const content = (type: string) =>
        concat(found.flatMap((record) => (record.type === type ? [record.fragment] : [])))
      assert.strictEqual(toHex(content("handshake")), toHex(pattern(900)))
      assert.strictEqual(toHex(content("application_data")), toHex(pattern(5000)))
      assert.deepStrictEqual(content("alert"), Uint8Array.of(1, 0))
    }
  })

  it("are all that are protected, and none that are not", () => {
    const { client, server } = connected({}, { padding: Padding.toMultipleOf(512) })
    assert.isUndefined(client.failure ?? server.failure)
    const writer = new RecordWriter({ padding: Padding.toFull })
    okay(writer.handshake(pattern(60)))
    okay(writer.alert(2, 40))
    assert.deepStrictEqual(
      records(concat(writer.flush())).map((record) => lengthAt(record, 0)),
      [60, 2]
    )
    writer.install(suite, secretOf(1))
    okay(writer.handshake(pattern(60)))
    okay(writer.alert(2, 40))
    for (const record of records(concat(writer.flush()))) assert.strictEqual(lengthAt(record, 0), maxPlaintext + 17)
  })

  it("are made in an array of the right size, every byte of it written", () => {
    const allocate = (size: number) => new Uint8Array(size).fill(0xaa)
    const [dirty, clean] = [keyed({ allocate, padding: Padding.toFull }), keyed({ padding: Padding.toFull })]
    for (const writer of [dirty, clean]) {
      okay(writer.applicationData(pattern(3)))
      okay(writer.applicationData(pattern(300)))
    }
    assert.strictEqual(toHex(concat(dirty.flush())), toHex(concat(clean.flush())))
  })
})
