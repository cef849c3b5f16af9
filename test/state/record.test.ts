/** Writer to reader: what goes in comes out, under every suite of both providers, however the bytes are cut. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { CipherSuite13 } from "../../src/crypto/suite.ts"
import { suites13 } from "../../src/crypto/suite.ts"
import { HandshakeJoiner } from "../../src/state/record/joiner.ts"
import { type IncomingRecord, RecordReader } from "../../src/state/record/reader.ts"
import { RecordWriter } from "../../src/state/record/writer.ts"
import { concat, drain, okay, pattern, secretOf, split } from "./recordSupport.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** One thing to send; sizes now and then beyond a record. */
const Item = Schema.Struct({
  kind: Schema.Literals(["handshake", "application_data", "alert", "rekey", "flush"]),
  size: Schema.Union([between(1, 40), between(1, 3000), between(16_000, 20_000)])
})
const Items = Schema.Array(Item).check(Schema.isMaxLength(8))
const Cuts = Schema.Array(Schema.Union([between(1, 20), between(1, 30_000)])).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(6)
)
const Fragment = Schema.Union([between(200, 600), between(2000, 16_384)])

type Item = typeof Item.Type

const message = (size: number, seed: number): Uint8Array =>
  concat([Uint8Array.of(4, size >> 16, (size >> 8) & 255, size & 255), pattern(size, seed)])

/** Writes the items; a change of key is told in the clear by an alert of level 255, so that the reader can follow. */
const write = (items: ReadonlyArray<Item>, maxFragment: number, suite: CipherSuite13): Uint8Array => {
  const writer = new RecordWriter({ maxFragment })
  const out: Array<Uint8Array> = []
  writer.install(suite, secretOf(0, suite.hash.size))
  items.forEach(({ kind, size }, i) => {
    if (kind === "handshake") okay(writer.handshake(message(size, i)))
    else if (kind === "application_data") okay(writer.applicationData(pattern(size, i)))
    else if (kind === "alert") okay(writer.alert(1, size & 0x7f))
    else if (kind === "flush") out.push(...writer.flush())
    else {
      okay(writer.alert(255, i))
      writer.install(suite, secretOf(i + 1, suite.hash.size))
    }
  })
  out.push(...writer.flush())
  return concat(out)
}

const read = (chunks: ReadonlyArray<Uint8Array>, suite: CipherSuite13): Array<string> => {
  const reader = new RecordReader()
  const joiner = new HandshakeJoiner()
  const seen: Array<string> = []
  const take = (record: IncomingRecord): void => {
    assert.strictEqual(record.protection, "protected")
    if (record.type === "handshake") {
      okay(joiner.push(record.fragment))
      for (let raw = okay(joiner.next()); raw !== undefined; raw = okay(joiner.next()))
        seen.push(`handshake ${raw.join()}`)
    } else if (record.type === "alert" && record.fragment[0] === 255) {
      assert.isTrue(joiner.empty)
      reader.install(suite, secretOf((record.fragment[1] ?? 0) + 1, suite.hash.size))
    } else seen.push(`${record.type} ${record.fragment.join()}`)
  }
  reader.install(suite, secretOf(0, suite.hash.size))
  for (const chunk of chunks) {
    okay(reader.push(chunk))
    for (let record = okay(reader.next()); record !== undefined; record = okay(reader.next())) take(record)
    chunk.fill(0xee)
  }
  assert.strictEqual(reader.buffered, 0)
  assert.isTrue(joiner.empty)
  return seen
}

const expected = (items: ReadonlyArray<Item>, maxFragment: number): Array<string> =>
  items.flatMap(({ kind, size }, i) => {
    if (kind === "handshake") return [`handshake ${message(size, i).join()}`]
    if (kind === "application_data") {
      return split(pattern(size, i), [maxFragment]).map((fragment) => `application_data ${fragment.join()}`)
    }
    return kind === "alert" ? [`alert ${[1, size & 0x7f].join()}`] : []
  })

describe.each([node, noble])("with the primitives of $name", (primitives) => {
  for (const suite of suites13(primitives)) {
    it.prop(
      `${suite.name} survives the way from writer to reader`,
      [Items, Cuts, Fragment],
      ([items, cuts, maxFragment]) => {
        const bytes = write(items, maxFragment, suite)
        assert.deepStrictEqual(read(split(bytes, cuts), suite), expected(items, maxFragment))
      },
      { arbitrary: { runs: 40 } }
    )
  }
})

describe("node and noble", () => {
  it.each(suites13(node).map((suite) => suite.name))("make the same records of %s", (name) => {
    const items: ReadonlyArray<Item> = [
      { kind: "handshake", size: 100 },
      { kind: "application_data", size: 20_000 },
      { kind: "rekey", size: 1 },
      { kind: "application_data", size: 1 },
      { kind: "alert", size: 0 }
    ]
    const [one, two] = [node, noble].map((primitives) => {
      const suite = suites13(primitives).find((each) => each.name === name)
      return suite === undefined ? assert.fail(name) : write(items, 16_384, suite)
    })
    assert.deepStrictEqual(one, two)
  })

  it("leave nothing of one record in the next: fragments handed out stay as they were", () => {
    for (const suite of [...suites13(node), ...suites13(noble)]) {
      const reader = new RecordReader()
      reader.install(suite, secretOf(0, suite.hash.size))
      const items = Array.from({ length: 5 }, (): Item => ({ kind: "application_data", size: 50 }))
      const kept: Array<Uint8Array> = []
      for (const chunk of split(write(items, 16_384, suite), [33])) {
        okay(reader.push(chunk))
        for (let record = okay(reader.next()); record !== undefined; record = okay(reader.next()))
          kept.push(record.fragment)
        chunk.fill(0)
      }
      assert.deepStrictEqual(
        kept,
        items.map(({ size }, i) => pattern(size, i))
      )
      assert.deepStrictEqual(drain(reader), [])
    }
  })
})
