/** What the reader does with the chunks it is given: nothing is lost, nothing is kept, nothing is copied twice. */
import * as V8 from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { suites13 } from "../../src/crypto/suite.ts"
import { HandshakeJoiner } from "../../src/state/record/joiner.ts"
import { maxBufferedInput, maxPlaintext } from "../../src/state/record/limits.ts"
import { RecordReader } from "../../src/state/record/reader.ts"
import { RecordWriter } from "../../src/state/record/writer.ts"
import { concat, drain, fastest, okay, pattern, plainRecord, reason, secretOf, split } from "./recordSupport.ts"

const secret = secretOf(3)

describe("chunks", () => {
  it("are let go: what was pushed may be overwritten as soon as there is no record left", () => {
    const records = [plainRecord(22, pattern(300)), plainRecord(21, pattern(2)), plainRecord(22, pattern(500, 9))]
    const reader = new RecordReader()
    const seen: Array<Uint8Array> = []
    // One static buffer, as a socket with `onread` has it.
    const shared = new Uint8Array(64)
    for (const chunk of split(concat(records), [64, 7, 33])) {
      shared.set(chunk)
      okay(reader.push(shared.subarray(0, chunk.length)))
      seen.push(...drain(reader).map(({ fragment }) => fragment))
      shared.fill(0xee)
    }
    assert.deepStrictEqual(seen, [pattern(300), pattern(2), pattern(500, 9)])
  })

  it("are let go by settle when the owner stops in the middle", () => {
    const chunk = concat([
      plainRecord(22, pattern(30)),
      plainRecord(22, pattern(40)),
      plainRecord(22, pattern(50)).subarray(0, 20)
    ])
    const reader = new RecordReader()
    okay(reader.push(chunk))
    assert.deepStrictEqual(okay(reader.next())?.fragment, pattern(30))
    reader.settle()
    chunk.fill(0xee)
    assert.strictEqual(reader.buffered, 45 + 20)
    okay(reader.push(plainRecord(22, pattern(50)).subarray(20)))
    assert.deepStrictEqual(
      drain(reader).map(({ fragment }) => fragment),
      [pattern(40), pattern(50)]
    )
    assert.strictEqual(reader.buffered, 0)
  })

  it("are joined rightly when records were taken from the front of what was kept", () => {
    const records = Array.from({ length: 12 }, (_, i) => plainRecord(22, pattern(100 + i, i)))
    const bytes = concat(records)
    const reader = new RecordReader()
    const seen: Array<Uint8Array> = []
    // The owner takes one record after each push and stops, so more and more waits, read from the middle on.
    for (const chunk of split(bytes, [250, 130])) {
      okay(reader.push(chunk))
      const record = okay(reader.next())
      if (record !== undefined) seen.push(record.fragment.slice())
      reader.settle()
      chunk.fill(0xee)
    }
    seen.push(...drain(reader).map(({ fragment }) => fragment))
    assert.deepStrictEqual(
      seen,
      records.map((record) => record.subarray(5))
    )
  })

  it("leave no memory behind in a connection that idles", async () => {
    V8.setFlagsFromString("--expose-gc")
    const collect: () => void = runInNewContext("gc")
    const size = 16_000
    const message = concat([Uint8Array.of(4, 0, (size - 4) >> 8, (size - 4) & 255), pattern(size - 4)])
    const record = plainRecord(22, message)
    collect()
    const before = process.memoryUsage().arrayBuffers
    const idle = Array.from({ length: 500 }, () => {
      const reader = new RecordReader()
      const joiner = new HandshakeJoiner()
      for (const chunk of split(record, [9000])) {
        okay(reader.push(chunk))
        for (const { fragment } of drain(reader)) okay(joiner.push(fragment))
      }
      assert.strictEqual(okay(joiner.next())?.length, size)
      return [reader, joiner] as const
    })
    // Freed array buffers are counted off in the background, so ask again; what is held on to stays held.
    let kept = Number.POSITIVE_INFINITY
    for (let i = 0; i < 20 && kept > 1000; i++) {
      collect()
      await new Promise((resolve) => setTimeout(resolve, 10))
      kept = (process.memoryUsage().arrayBuffers - before) / idle.length
    }
    assert.isBelow(kept, 1000)
    assert.isTrue(idle.every(([reader, joiner]) => reader.buffered === 0 && joiner.empty))
  })

  it("pushed on top of each other are read in order", () => {
    const reader = new RecordReader()
    for (const chunk of split(concat([plainRecord(22, pattern(700)), plainRecord(21, pattern(2))]), [100, 3])) {
      okay(reader.push(chunk))
    }
    assert.strictEqual(reader.buffered, 712)
    assert.deepStrictEqual(
      drain(reader).map(({ fragment }) => fragment),
      [pattern(700), pattern(2)]
    )
  })

  it("are not collected without end", () => {
    const reader = new RecordReader()
    const chunk = new Uint8Array(65_536)
    let pushed = 0
    while (Result.isSuccess(reader.push(chunk))) {
      pushed += chunk.length
      assert.isAtMost(pushed, maxBufferedInput)
    }
    assert.strictEqual(reason(reader.push(chunk)), "InternalError")
    assert.strictEqual(pushed, maxBufferedInput)
  })

  it("of one byte cost linear time", () => {
    const writer = new RecordWriter()
    const aes = suites13(node)[0] ?? assert.fail("no suite")
    writer.install(aes, secret)
    for (let i = 0; i < 4; i++) okay(writer.applicationData(pattern(maxPlaintext, i)))
    const bytes = concat(writer.flush())
    const elapsed = fastest(() => {
      const reader = new RecordReader()
      reader.install(aes, secret)
      let seen = 0
      for (let i = 0; i < bytes.length; i++) {
        okay(reader.push(bytes.subarray(i, i + 1)))
        seen += okay(reader.next())?.fragment.length ?? 0
      }
      assert.strictEqual(seen, 4 * maxPlaintext)
    })
    assert.isBelow(elapsed, 250)
  })
})
