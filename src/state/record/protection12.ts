/**
 * Record protection of TLS 1.2 (RFC 5246 section 6.2.3.3), with AEADs only: AES-GCM with an explicit nonce, which is
 * the sequence number (RFC 5288 section 3), and ChaCha20-Poly1305 with an implicit one (RFC 7905 section 2).
 */
import * as Result from "effect/Result"
import { HEADER_LENGTH, typeAt, versionAt, writeHeader } from "../../codec/record/record.ts"
import { type AeadKey, nonceSize, tagSize } from "../../crypto/primitives.ts"
import { type Secret, unsafeBytes } from "../../crypto/secret.ts"
import type { CipherSuite12 } from "../../crypto/suite.ts"
import { type Failure, fail } from "../failure.ts"
import { maxCiphertext12, maxPlaintext } from "./limits.ts"
import { NonceCounter } from "./nonce.ts"
import type { RecordOpener, RecordSealer } from "./protection.ts"

/** `fixed_iv_length`, which the key block has, and `record_iv_length`, which every record carries, in bytes. */
interface NonceForm {
  readonly fixed: number
  readonly explicit: number
}
const explicitForm: NonceForm = { fixed: 4, explicit: 8 }
const implicitForm: NonceForm = { fixed: nonceSize, explicit: 0 }

/** How the nonce of a suite is made. */
const nonceForm = ({ aead }: CipherSuite12): NonceForm =>
  aead.name === "CHACHA20-POLY1305" ? implicitForm : explicitForm

/** Bytes of the key block for one direction: the key, then the fixed part of the nonce. */
export const directionSize = (suite: CipherSuite12): number => suite.aead.keySize + nonceForm(suite).fixed

const done = Result.succeed<void>(undefined)
const none = new Uint8Array(0)

/** Key and counter of one direction, with the additional data of the record at hand. */
class Direction {
  readonly key: AeadKey
  readonly explicit: number
  readonly counter: NonceCounter
  /** `seq_num + type + version + length`, 13 bytes. */
  readonly additional = new Uint8Array(8 + HEADER_LENGTH)

  constructor(suite: CipherSuite12, secret: Secret<string>, sequence: number) {
    const bytes = unsafeBytes(secret)
    const key = bytes.slice(0, suite.aead.keySize)
    this.key = suite.aead.key(key)
    key.fill(0)
    this.explicit = nonceForm(suite).explicit
    // Behind a salt of four bytes stand zeros, so that what is xored onto them is the number itself.
    const iv = new Uint8Array(nonceSize)
    iv.set(bytes.subarray(suite.aead.keySize))
    this.counter = new NonceCounter(iv, sequence)
    iv.fill(0)
  }

  /** Prepares for the next record, whose plaintext has `length` bytes; `false` when no number is left. */
  advance(type: number, version: number, length: number): boolean {
    for (let i = 7, rest = this.counter.sequence; i >= 0; i--) {
      this.additional[i] = rest % 256
      rest = Math.floor(rest / 256)
    }
    writeHeader(this.additional, 8, type, version, length)
    return this.counter.advance()
  }
}

/** Writes protected records under one key; `secret` is {@link directionSize} bytes. */
export class Sealer12 implements RecordSealer {
  readonly expansion: number
  readonly inner = 0
  readonly padding = "none"
  readonly #direction: Direction

  /** `sequence` is for tests of the wrap; under a new key the first record has number 0. */
  constructor(suite: CipherSuite12, secret: Secret<string>, sequence = 0) {
    this.#direction = new Direction(suite, secret, sequence)
    this.expansion = this.#direction.explicit + tagSize
  }

  get sequence(): number {
    return this.#direction.counter.sequence
  }

  /** `header + explicit nonce + ciphertext + tag`. */
  seal(type: number, content: Uint8Array, out: Uint8Array, offset: number): Result.Result<void, Failure> {
    const { explicit, key, counter, additional } = this.#direction
    if (!this.#direction.advance(type, 0x0303, content.length)) {
      return fail("WriteLimitReached", "no sequence number is left under this write key")
    }
    writeHeader(out, offset, type, 0x0303, content.length + this.expansion)
    const start = offset + HEADER_LENGTH
    out.set(counter.nonce.subarray(nonceSize - explicit), start)
    key.seal(counter.nonce, additional, content, none, out, start + explicit)
    return done
  }

  wipe(): void {
    this.#direction.counter.wipe()
  }
}

/** Reads protected records under one key; `secret` is {@link directionSize} bytes. */
export class Opener12 implements RecordOpener {
  readonly mostCiphertext = maxCiphertext12
  readonly mostPlaintext = maxPlaintext
  readonly type = "outside"
  readonly #direction: Direction

  /** `sequence` is for tests of the wrap; under a new key the first record has number 0. */
  constructor(suite: CipherSuite12, secret: Secret<string>, sequence = 0) {
    this.#direction = new Direction(suite, secret, sequence)
  }

  get sequence(): number {
    return this.#direction.counter.sequence
  }

  /** From the ChangeCipherSpec on every record is protected, whatever its type. */
  covers(): boolean {
    return true
  }

  /** The nonce is the one that the record carries, which the peer may make as it likes, or ours where none is. */
  open(bytes: Uint8Array, offset: number, length: number): Result.Result<Uint8Array, Failure> {
    const { explicit, key, counter, additional } = this.#direction
    const size = length - explicit - tagSize
    if (!this.#direction.advance(typeAt(bytes, offset), versionAt(bytes, offset), Math.max(size, 0))) {
      return fail("ReadLimitReached", "no sequence number is left under this read key")
    }
    const start = offset + HEADER_LENGTH
    counter.nonce.set(bytes.subarray(start, start + explicit), nonceSize - explicit)
    const ciphertext = bytes.subarray(start + explicit, start + length)
    const content = size < 0 ? undefined : key.open(counter.nonce, additional, ciphertext)
    return content === undefined
      ? fail("BadRecordMac", "a record does not decrypt under the read key")
      : Result.succeed(content)
  }

  retract(): void {
    this.#direction.counter.retract()
  }

  wipe(): void {
    this.#direction.counter.wipe()
  }
}
