/**
 * Record protection of TLS 1.3 (RFC 9846 sections 5.2 to 5.4): one `Sealer` or `Opener` is one direction of one
 * epoch. It owns its key, its IV and its sequence number, and has one owner itself; a copy would reuse nonces.
 */
import * as Result from "effect/Result"
import { HEADER_LENGTH, writeHeader } from "../../codec/record/record.ts"
import { ContentType } from "../../codec/registry/contentType.ts"
import { type AeadKey, tagSize } from "../../crypto/primitives.ts"
import type { Secret } from "../../crypto/secret.ts"
import type { CipherSuite13 } from "../../crypto/suite.ts"
import { type Failure, fail } from "../failure.ts"
import { trafficKeys } from "../tls13/trafficKeys.ts"
import { maxCiphertext13, maxInnerPlaintext13 } from "./limits.ts"
import { NonceCounter } from "./nonce.ts"
import type { RecordOpener, RecordSealer } from "./protection.ts"

/** What a record grows by when it is protected: the content type and the tag. */
export const expansion = 1 + tagSize

/** The type that every protected record shows (section 5.2). */
const outerType = ContentType.registry.application_data

const done = Result.succeed<void>(undefined)

/** Key and counter out of a secret; the key's bytes are gone afterwards. */
const setUp = (suite: CipherSuite13, secret: Secret<string>, sequence: number): [AeadKey, NonceCounter] => {
  const { key, iv } = trafficKeys(suite, secret)
  const made: [AeadKey, NonceCounter] = [suite.aead.key(key), new NonceCounter(iv, sequence)]
  key.fill(0)
  iv.fill(0)
  return made
}

/** Writes protected records under one key. */
export class Sealer implements RecordSealer {
  readonly expansion = expansion
  readonly inner = 1
  readonly padding = "zeros"
  readonly #key: AeadKey
  readonly #counter: NonceCounter
  readonly #header = new Uint8Array(HEADER_LENGTH)
  // TLSInnerPlaintext behind the content: the type, and zeros when it is padded.
  readonly #tail = new Uint8Array(1)
  #paddedTail: Uint8Array = new Uint8Array(0)

  /** `sequence` is for tests of the wrap; under a new key the first record has number 0 (section 5.3). */
  constructor(suite: CipherSuite13, secret: Secret<string>, sequence = 0) {
    const [key, counter] = setUp(suite, secret, sequence)
    this.#key = key
    this.#counter = counter
  }

  /** Records sealed so far. */
  get sequence(): number {
    return this.#counter.sequence
  }

  /**
   * Writes one whole record into `out` at `offset`: `5 + content.length + padding + 17` bytes, which must be there.
   * `type` is the code point of the inner content type, `content` not part of `out`, `padding` the number of zeros;
   * content and padding are at most 2^14 bytes.
   * Fails with `WriteLimitReached`, and writes nothing, when the sequence numbers are used up.
   */
  seal(type: number, content: Uint8Array, out: Uint8Array, offset: number, padding = 0): Result.Result<void, Failure> {
    if (!this.#counter.advance()) return fail("WriteLimitReached", "no sequence number is left under this write key")
    const tail = padding === 0 ? this.#tail : this.#padded(padding)
    writeHeader(this.#header, 0, outerType, 0x0303, content.length + tail.length + tagSize)
    tail[0] = type
    out.set(this.#header, offset)
    this.#key.seal(this.#counter.nonce, this.#header, content, tail, out, offset + HEADER_LENGTH)
    return done
  }

  /** Room for the type, and so many zeros: one array, which nothing but the type is ever written to. */
  #padded(zeros: number): Uint8Array {
    if (this.#paddedTail.length <= zeros) this.#paddedTail = new Uint8Array(1 + zeros)
    return this.#paddedTail.subarray(0, 1 + zeros)
  }

  /** Forgets the IV. Nothing can be sealed afterwards. */
  wipe(): void {
    this.#counter.wipe()
  }
}

/** Reads protected records under one key. */
export class Opener implements RecordOpener {
  readonly mostCiphertext = maxCiphertext13
  readonly mostPlaintext = maxInnerPlaintext13
  readonly type = "inside"
  readonly #key: AeadKey
  readonly #counter: NonceCounter
  readonly #header = new Uint8Array(HEADER_LENGTH)

  /** `sequence` is for tests of the wrap; under a new key the first record has number 0 (section 5.3). */
  constructor(suite: CipherSuite13, secret: Secret<string>, sequence = 0) {
    const [key, counter] = setUp(suite, secret, sequence)
    this.#key = key
    this.#counter = counter
  }

  /** Records opened so far. */
  get sequence(): number {
    return this.#counter.sequence
  }

  /**
   * The `TLSInnerPlaintext` of the record that starts at `offset` and has `length` bytes behind its header. The
   * array is the caller's own. Fails with `BadRecordMac`, whatever is wrong with the record, or `ReadLimitReached`.
   */
  open(bytes: Uint8Array, offset: number, length: number): Result.Result<Uint8Array, Failure> {
    if (!this.#counter.advance()) return fail("ReadLimitReached", "no sequence number is left under this read key")
    // The header as it came is what the tag must cover (section 5.2), its ignored version included.
    for (let i = 0; i < HEADER_LENGTH; i++) this.#header[i] = bytes[offset + i] ?? 0
    const start = offset + HEADER_LENGTH
    const inner =
      length < tagSize
        ? undefined
        : this.#key.open(this.#counter.nonce, this.#header, bytes.subarray(start, start + length))
    return inner === undefined
      ? fail("BadRecordMac", "a record does not decrypt under the read key")
      : Result.succeed(inner)
  }

  /** Section 5.2: every protected record shows this type, and no other one is protected. */
  covers(type: Extract<ContentType, string>): boolean {
    return type === "application_data"
  }

  /** What was last tried was not for this key: a record of early data that is passed over (section 4.3.10). */
  retract(): void {
    this.#counter.retract()
  }

  /** Forgets the IV. Nothing can be opened afterwards. */
  wipe(): void {
    this.#counter.wipe()
  }
}
