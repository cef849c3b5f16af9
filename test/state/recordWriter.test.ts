import { assert, describe, it } from "@effect/vitest"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { KeyLimits } from "../../src/crypto/primitives.ts"
import { suites13 } from "../../src/crypto/suite.ts"
import { limited } from "../../src/layers/testing/keyLimits.ts"
import { keyLimits, maxPlaintext } from "../../src/state/record/limits.ts"
import { type IncomingRecord, RecordReader } from "../../src/state/record/reader.ts"
import { RecordWriter, type RecordWriterOptions } from "../../src/state/record/writer.ts"
import { concat, drain, okay, pattern, plainRecord, reason, recordingSuite, secretOf, toHex } from "./recordSupport.ts"

const suite = recordingSuite()
const secret = secretOf(3)
const message = (type: number, size: number): Uint8Array =>
  concat([Uint8Array.of(type, 0, size >> 8, size & 255), pattern(size, type)])

/** Everything written, one array. */
const bytesOf = (writer: RecordWriter): Uint8Array => concat(writer.flush())

const keyed = ({ limits, ...options }: RecordWriterOptions & { readonly limits?: KeyLimits } = {}): RecordWriter => {
  const writer = new RecordWriter(options)
  writer.install(limits === undefined ? suite : limited(suite, limits), secret)
  return writer
}

const read = (bytes: Uint8Array): Array<IncomingRecord> => {
  const reader = new RecordReader()
  reader.install(suite, secret)
  okay(reader.push(bytes))
  return drain(reader)
}

const sizes = (records: ReadonlyArray<IncomingRecord>): Array<number> => records.map(({ fragment }) => fragment.length)

describe("plaintext output", () => {
  it("says 0x0301 for the first ClientHello and nothing else", () => {
    const client = new RecordWriter()
    const hello = message(1, 300)
    okay(client.handshake(hello))
    client.changeCipherSpec()
    okay(client.handshake(hello))
    okay(client.alert(2, 40))
    assert.deepStrictEqual(
      bytesOf(client),
      concat([
        plainRecord(22, hello, 0x0301),
        Uint8Array.of(20, 3, 3, 0, 1, 1),
        plainRecord(22, hello),
        plainRecord(21, Uint8Array.of(2, 40))
      ])
    )
    const flushed = new RecordWriter()
    okay(flushed.handshake(hello))
    bytesOf(flushed)
    okay(flushed.handshake(hello))
    assert.deepStrictEqual(bytesOf(flushed), plainRecord(22, hello))
    const server = new RecordWriter()
    okay(server.handshake(message(2, 90)))
    assert.deepStrictEqual(bytesOf(server), plainRecord(22, message(2, 90)))
    const late = new RecordWriter()
    okay(late.alert(1, 0))
    okay(late.handshake(hello))
    assert.deepStrictEqual(bytesOf(late), concat([plainRecord(21, Uint8Array.of(1, 0)), plainRecord(22, hello)]))
  })

  it("keeps the version in every fragment of a long ClientHello", () => {
    const writer = new RecordWriter({ maxFragment: 100 })
    const hello = message(1, 246)
    okay(writer.handshake(hello))
    assert.deepStrictEqual(
      bytesOf(writer),
      concat([0, 100, 200].map((at) => plainRecord(22, hello.subarray(at, at + 100), 0x0301)))
    )
  })

  it("is never application data", () => {
    const writer = new RecordWriter()
    assert.strictEqual(reason(writer.applicationData(pattern(4))), "InternalError")
    assert.strictEqual(reason(writer.applicationData(new Uint8Array(0))), "InternalError")
    assert.deepStrictEqual(writer.flush(), [])
  })
})

describe("handshake messages", () => {
  it("share records until the batch is taken", () => {
    const writer = keyed()
    const messages = [message(8, 6), message(11, 700), message(15, 70), message(20, 32)]
    for (const raw of messages) okay(writer.handshake(raw))
    const records = read(bytesOf(writer))
    assert.deepStrictEqual(records, [{ type: "handshake", fragment: concat(messages), protection: "protected" }])
    assert.strictEqual(writer.sealed, 1)
  })

  it("share records across their borders when they are long", () => {
    const writer = keyed({ maxFragment: 64 })
    const messages = [message(8, 50), message(11, 100), message(20, 32)]
    for (const raw of messages) okay(writer.handshake(raw))
    const records = read(bytesOf(writer))
    assert.deepStrictEqual(sizes(records), [64, 64, 64, 2])
    assert.deepStrictEqual(concat(records.map(({ fragment }) => fragment)), concat(messages))
  })

  it("end with their record where another type comes", () => {
    const writer = keyed()
    okay(writer.handshake(message(24, 1)))
    okay(writer.applicationData(pattern(10)))
    okay(writer.handshake(message(24, 1)))
    okay(writer.alert(1, 0))
    okay(writer.handshake(message(4, 9)))
    writer.changeCipherSpec()
    const records = read(bytesOf(writer))
    assert.deepStrictEqual(
      records.map(({ type }) => type),
      ["handshake", "application_data", "handshake", "alert", "handshake", "change_cipher_spec"]
    )
    assert.deepStrictEqual(sizes(records), [5, 10, 5, 2, 13, 1])
  })

  it("end with their record where the key changes, each under the key of its time", () => {
    const writer = new RecordWriter()
    okay(writer.handshake(message(2, 90)))
    writer.install(suite, secretOf(1))
    okay(writer.handshake(message(8, 2)))
    okay(writer.handshake(message(20, 32)))
    writer.install(suite, secretOf(2))
    okay(writer.handshake(message(4, 20)))
    assert.strictEqual(writer.sealed, 0)
    const reader = new RecordReader()
    okay(reader.push(bytesOf(writer)))
    assert.deepStrictEqual(okay(reader.next())?.fragment, message(2, 90))
    reader.install(suite, secretOf(1))
    assert.deepStrictEqual(okay(reader.next())?.fragment, concat([message(8, 2), message(20, 32)]))
    reader.install(suite, secretOf(2))
    assert.deepStrictEqual(okay(reader.next())?.fragment, message(4, 20))
    assert.strictEqual(writer.sealed, 1)
  })
})

describe("application data", () => {
  it("of 64 KiB is four records in one array of the exact size, made once", () => {
    const asked: Array<number> = []
    const allocate = (size: number) => {
      asked.push(size)
      return new Uint8Array(size).fill(0xcc)
    }
    const writer = keyed({ allocate })
    okay(writer.applicationData(pattern(65_536)))
    const out = writer.flush()
    assert.deepStrictEqual(asked, [65_536 + 4 * 22])
    assert.deepStrictEqual(
      out.map(({ length }) => length),
      asked
    )
    const records = read(concat(out))
    assert.deepStrictEqual(sizes(records), [maxPlaintext, maxPlaintext, maxPlaintext, maxPlaintext])
    assert.deepStrictEqual(concat(records.map(({ fragment }) => fragment)), pattern(65_536))
  })

  it("may be overwritten at once", () => {
    const writer = keyed()
    const data = pattern(100)
    okay(writer.applicationData(data))
    data.fill(0)
    assert.deepStrictEqual(read(bytesOf(writer))[0]?.fragment, pattern(100))
  })

  it("of no bytes makes no record", () => {
    const writer = keyed()
    okay(writer.applicationData(new Uint8Array(0)))
    assert.deepStrictEqual(writer.flush(), [])
    assert.strictEqual(writer.sealed, 0)
  })

  it.each([1, 2, 100, maxPlaintext - 1])("never exceeds a fragment of %d bytes", (maxFragment) => {
    const writer = keyed({ maxFragment })
    const data = pattern(maxFragment * 3 + 1)
    okay(writer.applicationData(data))
    const records = read(bytesOf(writer))
    assert.deepStrictEqual(sizes(records), [maxFragment, maxFragment, maxFragment, 1])
    assert.deepStrictEqual(concat(records.map(({ fragment }) => fragment)), data)
  })

  it.each([0, -5, 2 ** 14 + 1, 2 ** 20, 100.9])("does not believe a fragment length of %d", (maxFragment) => {
    const writer = keyed({ maxFragment })
    okay(writer.applicationData(pattern(maxPlaintext + 1)))
    for (const size of sizes(read(bytesOf(writer)))) assert.isTrue(size >= 1 && size <= maxPlaintext)
  })
})

describe("flush", () => {
  it("joins a flight into one array, and leaves large output as it is", () => {
    const writer = new RecordWriter()
    okay(writer.handshake(message(2, 90)))
    writer.changeCipherSpec()
    writer.install(suite, secret)
    okay(writer.handshake(message(8, 900)))
    assert.strictEqual(writer.flush().length, 1)
    assert.deepStrictEqual(writer.flush(), [])
    okay(writer.applicationData(pattern(40_000)))
    okay(writer.applicationData(pattern(40_000)))
    assert.strictEqual(writer.flush().length, 2)
  })

  it("gives away nothing that was not written into", () => {
    const writer = new RecordWriter({ allocate: (size) => new Uint8Array(size).fill(0xcc), maxFragment: 50 })
    const plain = new RecordWriter({ maxFragment: 50 })
    for (const each of [writer, plain]) {
      okay(each.handshake(message(2, 90)))
      each.changeCipherSpec()
      each.install(suites13(node)[0] ?? suite, secret)
      okay(each.handshake(message(8, 300)))
      okay(each.applicationData(pattern(333)))
      okay(each.alert(1, 0))
    }
    assert.strictEqual(toHex(bytesOf(writer)), toHex(bytesOf(plain)))
  })
})

describe("limits on a key (RFC 9846 section 5.5)", () => {
  it("are what the AEAD stands", () => {
    for (const name of ["AES-128-GCM", "AES-256-GCM"] as const) {
      assert.deepStrictEqual([keyLimits(name).updateAfter, keyLimits(name).stopAfter], [8_388_608, 16_777_216])
    }
    assert.deepStrictEqual(keyLimits("CHACHA20-POLY1305"), { updateAfter: 2 ** 47, stopAfter: 2 ** 48 })
    assert.deepStrictEqual(keyLimits("AES-128-GCM"), { updateAfter: 2 ** 23, stopAfter: 2 ** 24 })
  })

  const limits = { updateAfter: 2, stopAfter: 4 }

  it("say when an update is due, and count anew under the next key", () => {
    const writer = keyed({ limits })
    const due: Array<boolean> = []
    for (let i = 0; i < 3; i++) {
      due.push(writer.keyUpdateDue)
      okay(writer.applicationData(pattern(1)))
    }
    assert.deepStrictEqual(due, [false, false, true])
    okay(writer.handshake(message(24, 1)))
    writer.install(suite, secretOf(4))
    assert.strictEqual(writer.sealed, 0)
    assert.isFalse(writer.keyUpdateDue)
    okay(writer.applicationData(pattern(1)))
  })

  it("stop every kind of record, and what does not fit is not begun", () => {
    const writer = keyed({ limits, maxFragment: 10 })
    okay(writer.applicationData(pattern(20)))
    assert.strictEqual(reason(writer.applicationData(pattern(21))), "WriteLimitReached")
    assert.strictEqual(reason(writer.handshake(message(4, 17))), "WriteLimitReached")
    assert.strictEqual(writer.sealed, 2)
    okay(writer.handshake(message(24, 1)))
    // The waiting message has taken one record, so one is left.
    assert.strictEqual(reason(writer.applicationData(pattern(11))), "WriteLimitReached")
    okay(writer.alert(1, 0))
    assert.strictEqual(writer.sealed, 4)
    assert.strictEqual(reason(writer.alert(1, 0)), "WriteLimitReached")
    assert.strictEqual(reason(writer.handshake(message(24, 1))), "WriteLimitReached")
    assert.strictEqual(reason(writer.applicationData(pattern(1))), "WriteLimitReached")
    assert.deepStrictEqual(sizes(read(bytesOf(writer))), [10, 10, 5, 2])
  })

  it("count messages that wait together as the records they will make", () => {
    const writer = keyed({ limits, maxFragment: 10 })
    for (let i = 0; i < 8; i++) okay(writer.handshake(message(24, 1)))
    assert.strictEqual(reason(writer.handshake(message(24, 1))), "WriteLimitReached")
    assert.deepStrictEqual(sizes(read(bytesOf(writer))), [10, 10, 10, 10])
  })

  it("leave nothing to a writer that was wiped, in the clear neither", () => {
    const writer = keyed()
    okay(writer.applicationData(pattern(3)))
    writer.wipe()
    assert.strictEqual(reason(writer.applicationData(pattern(3))), "WriteLimitReached")
    assert.strictEqual(reason(writer.alert(1, 0)), "WriteLimitReached")
    assert.strictEqual(reason(writer.handshake(message(24, 1))), "WriteLimitReached")
    assert.deepStrictEqual(writer.flush(), [])
  })
  it("nor what a writer without a key had waiting, nor under limits that never end", () => {
    const plain = new RecordWriter()
    okay(plain.handshake(message(2, 90)))
    plain.wipe()
    assert.deepStrictEqual(plain.flush(), [])
    const endless = keyed({ limits: { updateAfter: Number.POSITIVE_INFINITY, stopAfter: Number.POSITIVE_INFINITY } })
    endless.wipe()
    assert.strictEqual(reason(endless.handshake(message(24, 1))), "WriteLimitReached")
  })
})
