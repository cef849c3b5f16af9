import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { decode, encode } from "../../src/codec/presentation/wire.ts"
import { TLSCiphertext, TLSPlaintext } from "../../src/codec/record/record.ts"
import { maxCiphertext13, maxEmptyRecords, maxPlaintext } from "../../src/state/record/limits.ts"
import { Opener } from "../../src/state/record/protection13.ts"
import { RecordReader } from "../../src/state/record/reader.ts"
import { RecordWriter } from "../../src/state/record/writer.ts"
import {
  concat,
  drain,
  failure,
  okay,
  pattern,
  plainRecord,
  reason,
  recordingSuite,
  sealerOf,
  sealInner,
  secretOf
} from "./recordSupport.ts"

const suite = recordingSuite()
const secret = secretOf(3)
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** What `next` says first to these bytes, before keys. */
const first = (bytes: Uint8Array) => {
  const reader = new RecordReader()
  okay(reader.push(bytes))
  return reader.next()
}

/** A reader that has a key, and what seals for it. */
const withKeys = () => {
  const reader = new RecordReader()
  reader.install(suite, secret)
  const sealer = sealerOf(suite, secret)
  const receive = (inner: Uint8Array) => {
    okay(reader.push(sealInner(sealer, inner)))
    return reader.next()
  }
  return { reader, sealer, receive }
}

const inner = (content: Uint8Array, type: number, zeros = 0): Uint8Array =>
  concat([content, Uint8Array.of(type), new Uint8Array(zeros)])

describe("plaintext records", () => {
  it("come out with their type, whatever it is", () => {
    const bytes = concat([20, 21, 22, 23].map((type) => plainRecord(type, pattern(type))))
    const reader = new RecordReader()
    okay(reader.push(bytes))
    assert.deepStrictEqual(
      drain(reader),
      (["change_cipher_spec", "alert", "handshake", "application_data"] as const).map((type, i) => ({
        type,
        fragment: pattern(20 + i),
        protection: "plaintext"
      }))
    )
    assert.strictEqual(reader.buffered, 0)
  })

  it("still do when there are keys, except application_data", () => {
    const { reader } = withKeys()
    okay(reader.push(concat([20, 21, 22].map((type) => plainRecord(type, pattern(2))))))
    assert.deepStrictEqual(
      drain(reader).map(({ protection }) => protection),
      ["plaintext", "plaintext", "plaintext"]
    )
    okay(reader.push(plainRecord(23, pattern(40))))
    assert.strictEqual(reason(reader.next()), "BadRecordMac")
  })

  it("may have any length up to 2^14, and any version", () => {
    const reader = new RecordReader()
    okay(reader.push(concat([plainRecord(22, new Uint8Array(0)), plainRecord(22, pattern(maxPlaintext), 0x7f1c)])))
    assert.deepStrictEqual(
      drain(reader).map(({ fragment }) => fragment.length),
      [0, maxPlaintext]
    )
  })

  it.each([0, 2, 0x0200, 0x0300, 0x0301, 0x0303, 0x0304, 0x1603, 0xfefd, 0xffff])(
    "may say version %d in the first",
    (version) => {
      assert.strictEqual(okay(first(plainRecord(22, pattern(9), version)))?.type, "handshake")
    }
  )
})

describe("refused by the header alone", () => {
  const header = (type: number, length: number, version = 0x0303): Uint8Array =>
    plainRecord(type, new Uint8Array(0), version)
      .fill(length >> 8, 3, 4)
      .fill(length & 255, 4, 5)

  it.each([0, 1, 19, 24, 25, 128, 255])("content type %d", (type) => {
    assert.strictEqual(reason(first(header(type, 10))), "UnexpectedRecord")
    const reader = new RecordReader()
    okay(reader.push(concat([plainRecord(22, pattern(3)), header(type, 10)])))
    okay(reader.next())
    const refused = failure(reader.next())
    assert.strictEqual(refused.reason, "UnexpectedRecord")
    assert.include(refused.detail, String(type))
  })

  it.each([20, 21, 22, 23])("plaintext of type %d over 2^14", (type) => {
    assert.strictEqual(okay(first(header(type, maxPlaintext))), undefined)
    assert.strictEqual(reason(first(header(type, maxPlaintext + 1))), "RecordOverflow")
    assert.strictEqual(reason(first(header(type, 0xffff))), "RecordOverflow")
  })

  it("protected records over 2^14 + 256, and plaintext ones still over 2^14", () => {
    for (const [type, most] of [
      [23, maxCiphertext13],
      [22, maxPlaintext],
      [21, maxPlaintext]
    ] as const) {
      const { reader } = withKeys()
      okay(reader.push(header(type, most)))
      assert.strictEqual(okay(reader.next()), undefined)
      const other = withKeys().reader
      okay(other.push(header(type, most + 1)))
      assert.strictEqual(reason(other.next()), "RecordOverflow")
    }
  })

  it.each([
    ["GET / HTTP/1.1\r\n", "HTTP request"],
    ["POST /x HTTP/1.1\r\n", "HTTP request"],
    ["HTTP/1.1 400 Bad Request\r\n", "HTTP response"],
    ["PRI * HTTP/2.0\r\n", "HTTP/2"],
    ["SSH-2.0-OpenSSH_9.9\r\n", "SSH"],
    ["220 mail.example ESMTP\r\n", "STARTTLS"],
    ["* OK IMAP4rev1\r\n", "STARTTLS"],
    ["\x80\x2e\x01\x03\x01", "SSL 2.0"],
    ["\x18\x03\x03\x00\x05", "not a TLS record"],
    ["\x00\x03\x01\x00\x05", "not a TLS record"]
  ])("%j is no TLS", (bytes, hint) => {
    const refused = failure(first(Uint8Array.from(bytes, (character) => character.charCodeAt(0))))
    assert.strictEqual(refused.reason, "UnexpectedRecord")
    assert.include(refused.detail, hint)
    assert.match(refused.detail, /^[\x20-\x7e]*$/)
  })

  it("and nothing is read behind a record that was refused", () => {
    const { reader, sealer } = withKeys()
    const forged = sealInner(sealer, inner(pattern(3), 23))
    forged[7] = (forged[7] ?? 0) ^ 1
    okay(reader.push(concat([forged, plainRecord(21, Uint8Array.of(1, 0))])))
    const refused = reader.next()
    assert.strictEqual(reason(refused), "BadRecordMac")
    assert.deepStrictEqual(reader.next(), refused)
  })

  it("and nothing is read after a failure", () => {
    const reader = new RecordReader()
    okay(reader.push(text("GET / HTTP/1.1\r\n")))
    const refused = reader.next()
    okay(reader.push(plainRecord(22, pattern(4))))
    assert.deepStrictEqual(reader.next(), refused)
    assert.deepStrictEqual(reader.next(), refused)
  })
})

describe("protected records", () => {
  it("lose their padding, all of it", () => {
    const { receive } = withKeys()
    for (const zeros of [0, 1, 255, 16_000]) {
      assert.deepStrictEqual(okay(receive(inner(pattern(200, 1), 23, zeros))), {
        type: "application_data",
        fragment: pattern(200, 1),
        protection: "protected"
      })
    }
    // Zeros of the content stay.
    const content = concat([pattern(5), new Uint8Array(5)])
    assert.deepStrictEqual(okay(receive(inner(content, 22, 3)))?.fragment, content)
  })

  it("of nothing but zeros have no type", () => {
    for (const size of [1, 2, 1000]) {
      assert.strictEqual(reason(withKeys().receive(new Uint8Array(size))), "MissingContentType")
    }
  })

  it("with nothing at all inside the protection have no type", () => {
    const nothing = recordingSuite()
    const key = nothing.aead.key(new Uint8Array(16))
    const sealed = new Uint8Array(21)
    sealed.set([23, 3, 3, 0, 16])
    const { reader } = withKeys()
    // The double ignores its key, but the nonce must be the one of sequence number 0.
    const nonces: Array<string> = []
    new Opener(recordingSuite(nonces), secret).open(sealed, 0, 16)
    const nonce = Uint8Array.from(Buffer.from(nonces[0] ?? "", "hex"))
    key.seal(nonce, sealed.slice(0, 5), new Uint8Array(0), new Uint8Array(0), sealed, 5)
    okay(reader.push(sealed))
    assert.strictEqual(reason(reader.next()), "MissingContentType")
  })

  it("may hold 2^14 bytes and a type, not one byte of padding more", () => {
    assert.strictEqual(okay(withKeys().receive(inner(pattern(maxPlaintext), 23)))?.fragment.length, maxPlaintext)
    assert.strictEqual(okay(withKeys().receive(inner(pattern(1), 23, maxPlaintext - 1)))?.fragment.length, 1)
    assert.strictEqual(reason(withKeys().receive(inner(pattern(maxPlaintext), 23, 1))), "RecordOverflow")
    assert.strictEqual(reason(withKeys().receive(inner(pattern(maxPlaintext + 1), 23))), "RecordOverflow")
    assert.strictEqual(reason(withKeys().receive(inner(pattern(1), 23, maxPlaintext))), "RecordOverflow")
  })

  it.each([20, 1, 19, 24, 255])("may not be of inner type %d", (type) => {
    assert.strictEqual(reason(withKeys().receive(inner(Uint8Array.of(1), type))), "UnexpectedRecord")
  })

  it.each([21, 22])("of type %d may not be empty, padded or not", (type) => {
    assert.strictEqual(reason(withKeys().receive(inner(new Uint8Array(0), type))), "EmptyFragment")
    assert.strictEqual(reason(withKeys().receive(inner(new Uint8Array(0), type, 40))), "EmptyFragment")
  })

  it("of application data may be empty, but not too often in a row", () => {
    const { receive } = withKeys()
    const empty = (zeros: number) => receive(inner(new Uint8Array(0), 23, zeros))
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < maxEmptyRecords; i++) assert.strictEqual(okay(empty(i))?.fragment.length, 0)
      okay(receive(inner(pattern(1), round === 0 ? 22 : 23)))
    }
    for (let i = 0; i < maxEmptyRecords; i++) okay(empty(0))
    assert.strictEqual(reason(empty(0)), "TooManyEmptyRecords")
  })

  it("of the next key start the count of empty ones again", () => {
    const { reader, receive } = withKeys()
    for (let i = 0; i < maxEmptyRecords; i++) okay(receive(inner(new Uint8Array(0), 23)))
    reader.install(suite, secretOf(4))
    const next = sealerOf(suite, secretOf(4))
    for (let i = 0; i < maxEmptyRecords; i++) {
      okay(reader.push(sealInner(next, inner(new Uint8Array(0), 23))))
      okay(reader.next())
    }
    okay(reader.push(sealInner(next, inner(new Uint8Array(0), 23))))
    assert.strictEqual(reason(reader.next()), "TooManyEmptyRecords")
  })

  it("too short for a tag fail like any other, and the AEAD never sees them", () => {
    const nonces: Array<string> = []
    for (let length = 0; length < 16; length++) {
      const reader = new RecordReader()
      reader.install(recordingSuite(nonces), secret)
      okay(reader.push(plainRecord(23, pattern(length))))
      const refused = failure(reader.next())
      assert.strictEqual(refused.reason, "BadRecordMac")
      assert.strictEqual(refused.detail, "a record does not decrypt under the read key")
    }
    assert.deepStrictEqual(nonces, [])
  })

  it("out of order, twice, or left out do not open", () => {
    const sealer = sealerOf(suite, secret)
    const [one, two] = [sealInner(sealer, inner(pattern(9), 23)), sealInner(sealer, inner(pattern(9), 23))]
    for (const order of [[two], [one, one], [two, one]]) {
      const reader = new RecordReader()
      reader.install(suite, secret)
      okay(reader.push(concat(order)))
      const results = order.map(() => reader.next())
      assert.strictEqual(reason(results[results.length - 1] ?? reader.next()), "BadRecordMac")
    }
  })

  it("are opened with the key of their place: install works from the next record on", () => {
    const writer = new RecordWriter()
    const bytes: Array<Uint8Array> = []
    for (const fill of [1, 2, 3]) {
      writer.install(suite, secretOf(fill))
      okay(writer.applicationData(pattern(20, fill)))
      okay(writer.applicationData(pattern(30, fill)))
      bytes.push(...writer.flush())
    }
    const reader = new RecordReader()
    okay(reader.push(concat(bytes)))
    for (const fill of [1, 2, 3]) {
      reader.install(suite, secretOf(fill))
      assert.deepStrictEqual(okay(reader.next())?.fragment, pattern(20, fill))
      assert.deepStrictEqual(okay(reader.next())?.fragment, pattern(30, fill))
    }
  })

  it("cannot be read after wipe", () => {
    const { reader, receive } = withKeys()
    okay(receive(inner(pattern(3), 23)))
    reader.wipe()
    assert.strictEqual(reason(receive(inner(pattern(3), 23))), "ReadLimitReached")
  })
})

describe("the header by hand and its schema", () => {
  it.prop(
    "agree on every plaintext record",
    [TLSPlaintext],
    ([record]) => {
      const reader = new RecordReader()
      okay(
        reader.push(concat([plainRecord(20, Uint8Array.of(1)), Result.getOrThrow(encode(TLSPlaintext.wire, record))]))
      )
      okay(reader.next())
      const seen = reader.next()
      if (typeof record.type === "number" || record.type === "invalid") {
        return assert.strictEqual(reason(seen), "UnexpectedRecord")
      }
      assert.deepStrictEqual(okay(seen), { type: record.type, fragment: record.fragment, protection: "plaintext" })
    },
    { arbitrary: { runs: 200 } }
  )

  it.prop(
    "agree on what is a whole protected record",
    [Schema.Uint8Array],
    ([content]) => {
      const sealed = sealInner(sealerOf(suite, secret), inner(content, 23))
      const decoded = Result.getOrThrow(decode(TLSCiphertext.wire, sealed))
      assert.strictEqual(decoded.encrypted_record.length, content.length + 17)
      const { reader } = withKeys()
      okay(reader.push(sealed))
      assert.deepStrictEqual(okay(reader.next())?.fragment, content)
    },
    { arbitrary: { runs: 100 } }
  )
})
