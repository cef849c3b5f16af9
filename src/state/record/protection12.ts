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
import { maxCiphertext12, maxPlaintext, maxSequence } from "./limits.ts"
import type { RecordOpener, RecordSealer } from "./protection.ts"

/** `fixed_iv_length`, which the key block has, and `record_iv_length`, which every record carries, in bytes. */
interface NonceForm {
  readonly fixed: number
  readonly explicit: number
}
const explicitForm: NonceForm = { fixed: 4, explicit: 8 }
const implicitForm: NonceForm = { fixed: nonceSize, explicit: 0 }

/** How the nonce of a suite is made. */
export const nonceForm = ({ aead }: CipherSuite12): NonceForm =>
  aead.name === "CHACHA20-POLY1305" ? implicitForm : explicitForm

/** Bytes of the key block for one direction: the key, then the fixed part of the nonce. */
export const directionSize = (suite: CipherSuite12): number => suite.aead.keySize + nonceForm(suite).fixed

const done = Result.succeed<void>(undefined)
const none = new Uint8Array(0)

/** Key, IV and sequence number of one direction, with the nonce and the additional data of the record at hand. */
class Direction {
  readonly key: AeadKey
  readonly explicit: number
  readonly nonce = new Uint8Array(nonceSize)
  /** `seq_num + type + version + length`, 13 bytes. */
  readonly additional = new Uint8Array(8 + HEADER_LENGTH)
  readonly #iv = new Uint8Array(nonceSize)
  #next: number

  constructor(suite: CipherSuite12, secret: Secret<string>, sequence: number) {
    const bytes = unsafeBytes(secret)
    const key = bytes.slice(0, suite.aead.keySize)
    this.key = suite.aead.key(key)
    key.fill(0)
    this.explicit = nonceForm(suite).explicit
    // Behind a salt of four bytes stand zeros, so that what is xored onto them is the number itself.
    this.#iv.set(bytes.subarray(suite.aead.keySize))
    this.#next = sequence
  }

  get sequence(): number {
    return this.#next
  }

  /** Prepares for the next record, whose plaintext has `length` bytes; `false` when no number is left. */
  advance(type: number, version: number, length: number): boolean {
    const sequence = this.#next
    if (sequence > maxSequence) return false
    for (let i = 7, rest = sequence; i >= 0; i--) {
      this.additional[i] = rest % 256
      rest = Math.floor(rest / 256)
    }
    writeHeader(this.additional, 8, type, version, length)
    this.nonce.set(this.#iv)
    for (let i = 0; i < 8; i++) this.nonce[4 + i] = (this.#iv[4 + i] ?? 0) ^ (this.additional[i] ?? 0)
    // MAX_SAFE_INTEGER + 1 is exact, compares greater, and is where counting stops.
    this.#next = sequence + 1
    return true
  }

  retract(): void {
    this.#next--
  }

  /** Forgets the IV and leaves no number to use. */
  wipe(): void {
    this.nonce.fill(0)
    this.#iv.fill(0)
    this.#next = maxSequence + 1
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
    return this.#direction.sequence
  }

  /** `header + explicit nonce + ciphertext + tag`. */
  seal(type: number, content: Uint8Array, out: Uint8Array, offset: number): Result.Result<void, Failure> {
    const { explicit, key, nonce, additional } = this.#direction
    if (!this.#direction.advance(type, 0x0303, content.length)) {
      return fail("WriteLimitReached", "no sequence number is left under this write key")
    }
    writeHeader(out, offset, type, 0x0303, content.length + this.expansion)
    const start = offset + HEADER_LENGTH
    out.set(nonce.subarray(nonceSize - explicit), start)
    key.seal(nonce, additional, content, none, out, start + explicit)
    return done
  }

  wipe(): void {
    this.#direction.wipe()
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
    return this.#direction.sequence
  }

  /** From the ChangeCipherSpec on every record is protected, whatever its type. */
  covers(): boolean {
    return true
  }

  /** The nonce is the one that the record carries, which the peer may make as it likes, or ours where none is. */
  open(bytes: Uint8Array, offset: number, length: number): Result.Result<Uint8Array, Failure> {
    const { explicit, key, nonce, additional } = this.#direction
    const size = length - explicit - tagSize
    if (!this.#direction.advance(typeAt(bytes, offset), versionAt(bytes, offset), Math.max(size, 0))) {
      return fail("ReadLimitReached", "no sequence number is left under this read key")
    }
    const start = offset + HEADER_LENGTH
    nonce.set(bytes.subarray(start, start + explicit), nonceSize - explicit)
    const content = size < 0 ? undefined : key.open(nonce, additional, bytes.subarray(start + explicit, start + length))
    return content === undefined
      ? fail("BadRecordMac", "a record does not decrypt under the read key")
      : Result.succeed(content)
  }

  retract(): void {
    this.#direction.retract()
  }

  wipe(): void {
    this.#direction.wipe()
  }
}
