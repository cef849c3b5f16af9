/** Record protection of TLS 1.2 (RFC 5246 section 6.2.3.3, RFC 5288, RFC 7905), against node:crypto by hand. */
import { createCipheriv, createDecipheriv } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { Secret } from "../../src/crypto/secret.ts"
import { type CipherSuite12, suites12 } from "../../src/crypto/suite.ts"
import { maxPlaintext } from "../../src/state/record/limits.ts"
import { toMultipleOf } from "../../src/state/record/padding.ts"
import { directionSize, Opener12, Sealer12 } from "../../src/state/record/protection12.ts"
import { RecordReader } from "../../src/state/record/reader.ts"
import { RecordWriter } from "../../src/state/record/writer.ts"
import { concat, okay, toHex } from "../support/answers.ts"

const suites = suites12(node).filter(({ authentication }) => authentication === "RSA")
const bytesFor = (suite: CipherSuite12) => Uint8Array.from({ length: directionSize(suite) }, (_, i) => i + 1)
const keysFor = (suite: CipherSuite12) => new Secret("client write", bytesFor(suite))
const content = Uint8Array.from("attack at dawn", (c) => c.charCodeAt(0))

const sealed = (sealer: Sealer12, type = 23, bytes = content): Uint8Array => {
  const out = new Uint8Array(5 + bytes.length + sealer.expansion)
  okay(sealer.seal(type, bytes, out, 0))
  return out
}
const open = (opener: Opener12, record: Uint8Array) => opener.open(record, 0, record.length - 5)

const ciphers = {
  "AES-128-GCM": "aes-128-gcm",
  "AES-256-GCM": "aes-256-gcm",
  "CHACHA20-POLY1305": "chacha20-poly1305"
} as const

/** The same record, made by hand out of the RFCs. */
const byHand = (suite: CipherSuite12, sequence: number, type: number, explicit: Uint8Array): Uint8Array => {
  const key = bytesFor(suite).slice(0, suite.aead.keySize)
  const iv = bytesFor(suite).slice(suite.aead.keySize)
  const number = new Uint8Array(8)
  new DataView(number.buffer).setBigUint64(0, BigInt(sequence))
  const implicit = suite.aead.name === "CHACHA20-POLY1305"
  const nonce = implicit ? iv.map((byte, i) => byte ^ (i < 4 ? 0 : (number[i - 4] ?? 0))) : concat(iv, explicit)
  const aad = concat(number, Uint8Array.of(type, 3, 3, 0, content.length))
  const cipher = createCipheriv(ciphers[suite.aead.name] as "aes-128-gcm", key, nonce, { authTagLength: 16 })
  cipher.setAAD(aad)
  const body = concat(
    implicit ? new Uint8Array(0) : explicit,
    cipher.update(content),
    cipher.final(),
    cipher.getAuthTag()
  )
  return concat(Uint8Array.of(type, 3, 3, 0, body.length), body)
}
const numbered = (sequence: number) => Uint8Array.of(0, 0, 0, 0, 0, 0, sequence >> 8, sequence & 255)

describe.each(suites.map((suite) => [suite.aead.name, suite] as const))("%s", (name, suite) => {
  it("is what the RFCs say, record by record; the explicit nonce of GCM is the counter", () => {
    const sealer = new Sealer12(suite, keysFor(suite))
    for (let sequence = 0; sequence < 300; sequence++) {
      assert.strictEqual(toHex(sealed(sealer, 22)), toHex(byHand(suite, sequence, 22, numbered(sequence))))
    }
    assert.strictEqual(sealer.sequence, 300)
  })

  it("opens what it seals, in either provider, and what has no content", () => {
    const other = suites12(noble).find((candidate) => candidate.name === suite.name) ?? assert.fail(suite.name)
    const [sealer, opener] = [new Sealer12(suite, keysFor(suite)), new Opener12(other, keysFor(other))]
    for (const bytes of [content, new Uint8Array(0), new Uint8Array(maxPlaintext).fill(7)]) {
      assert.deepStrictEqual(okay(open(opener, sealed(sealer, 23, bytes))), bytes)
    }
  })

  it("refuses a record whose type, version, length, nonce, content or tag was changed, and one out of turn", () => {
    const record = sealed(new Sealer12(suite, keysFor(suite)))
    for (const at of [0, 1, 2, ...Array.from({ length: record.length - 5 }, (_, i) => i + 5)]) {
      const changed = record.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      const opened = open(new Opener12(suite, keysFor(suite)), changed)
      assert.strictEqual(Result.isFailure(opened) && opened.failure.reason, "BadRecordMac", `byte ${at}`)
    }
    const late = open(new Opener12(suite, keysFor(suite), 1), record)
    assert.strictEqual(Result.isFailure(late) && late.failure.reason, "BadRecordMac")
    for (let size = 0; size < 24; size++) {
      const short = open(new Opener12(suite, keysFor(suite)), record.subarray(0, 5 + size))
      assert.strictEqual(Result.isFailure(short) && short.failure.reason, "BadRecordMac", `${size} bytes`)
    }
  })

  it("never wraps its counter (SECURITY 52)", () => {
    const sealer = new Sealer12(suite, keysFor(suite), Number.MAX_SAFE_INTEGER)
    sealed(sealer)
    const out = new Uint8Array(100)
    const refused = sealer.seal(23, content, out, 0)
    assert.strictEqual(Result.isFailure(refused) && refused.failure.reason, "WriteLimitReached")
    assert.deepStrictEqual(out, new Uint8Array(100))
    const opener = new Opener12(suite, keysFor(suite), Number.MAX_SAFE_INTEGER + 1)
    const closed = open(opener, new Uint8Array(64))
    assert.strictEqual(Result.isFailure(closed) && closed.failure.reason, "ReadLimitReached")
    const wiped = new Sealer12(suite, keysFor(suite))
    wiped.wipe()
    assert.isTrue(Result.isFailure(wiped.seal(23, content, out, 0)))
  })

  if (name !== "CHACHA20-POLY1305") {
    it("opens records whose explicit nonce is any", () => {
      const explicit = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2)
      const opener = new Opener12(suite, keysFor(suite))
      assert.deepStrictEqual(okay(open(opener, byHand(suite, 0, 23, explicit))), content)
      assert.deepStrictEqual(okay(open(opener, byHand(suite, 1, 23, explicit))), content)
    })
  }

  it("goes through writer and reader: every type is protected, and its type stands in the header", () => {
    const writer = new RecordWriter({ padding: toMultipleOf(64) })
    const reader = new RecordReader()
    writer.changeCipherSpec()
    okay(reader.push(concat(...writer.flush())))
    assert.strictEqual(okay(reader.next())?.protection, "plaintext")
    writer.protect(new Sealer12(suite, keysFor(suite)), suite.aead)
    reader.protect(new Opener12(suite, keysFor(suite)))
    okay(writer.handshake(content))
    okay(writer.applicationData(content))
    okay(writer.alert(1, 0))
    const out = concat(...writer.flush())
    assert.strictEqual(out[0], 22)
    okay(reader.push(out))
    for (const type of ["handshake", "application_data", "alert"]) {
      const record = okay(reader.next()) ?? assert.fail("no record")
      assert.strictEqual(record.type, type)
      assert.strictEqual(record.protection, "protected")
      assert.deepStrictEqual(record.fragment, type === "alert" ? Uint8Array.of(1, 0) : content)
    }
  })

  it("lets a record be 2^14 + 2048 bytes, and no more content than 2^14 (SECURITY 48)", () => {
    const reader = new RecordReader()
    reader.protect(new Opener12(suite, keysFor(suite)))
    okay(reader.push(Uint8Array.of(23, 3, 3, (maxPlaintext + 2049) >> 8, 1)))
    const long = reader.next()
    assert.strictEqual(Result.isFailure(long) && long.failure.reason, "RecordOverflow")
    const other = new RecordReader()
    other.protect(new Opener12(suite, keysFor(suite)))
    okay(other.push(sealed(new Sealer12(suite, keysFor(suite)), 23, new Uint8Array(maxPlaintext + 1))))
    const full = other.next()
    assert.strictEqual(Result.isFailure(full) && full.failure.reason, "RecordOverflow")
  })
})

it("a decipher by hand agrees with what is sealed", () => {
  const suite = suites.find(({ aead }) => aead.name === "AES-256-GCM") ?? assert.fail("no suite")
  const record = sealed(new Sealer12(suite, keysFor(suite)))
  const key = bytesFor(suite).slice(0, 32)
  const decipher = createDecipheriv("aes-256-gcm", key, concat(bytesFor(suite).slice(32), record.slice(5, 13)))
  decipher.setAAD(concat(new Uint8Array(8), Uint8Array.of(23, 3, 3, 0, content.length)))
  decipher.setAuthTag(record.slice(-16))
  assert.strictEqual(toHex(concat(decipher.update(record.slice(13, -16)), decipher.final())), toHex(content))
})
