/**
 * RFC 9846 section 5, the writing side: messages become fragments, fragments become records, sealed once there is a
 * key. Sequence numbers are given out here, so what `flush` returns must reach the wire in that order, all of it.
 */
import * as Result from "effect/Result"
import { HEADER_LENGTH, writeHeader } from "../../codec/record/record.ts"
import { ContentType } from "../../codec/registry/contentType.ts"
import { HandshakeType } from "../../codec/registry/handshakeType.ts"
import type { Aead, KeyLimits } from "../../crypto/primitives.ts"
import type { Secret } from "../../crypto/secret.ts"
import type { CipherSuite13 } from "../../crypto/suite.ts"
import { type Failure, fail } from "../failure.ts"
import { keyLimits, maxPlaintext, maxSequence } from "./limits.ts"
import { type Policy, zeros } from "./padding.ts"
import type { RecordSealer } from "./protection.ts"
import { Sealer } from "./protection13.ts"

const { alert, application_data, change_cipher_spec, handshake } = ContentType.registry

export interface RecordWriterOptions {
  /** Bytes of content in a record, 1 to 2^14, which is the default; padding counts among them. */
  readonly maxFragment?: number | undefined
  /** Zeros added to protected records (section 5.4); none by default. */
  readonly padding?: Policy | undefined
  /**
   * An array for output, of exactly this size; every byte of it will be written. By default `new Uint8Array`; a
   * platform that can leave out the zeroing passes that.
   */
  readonly allocate?: ((size: number) => Uint8Array) | undefined
}

/** Several pieces of output that are no more bytes than this together leave in one array. */
const joinUpTo = 2 ** 14

const done = Result.succeed<void>(undefined)

const sizeOf = (parts: ReadonlyArray<Uint8Array>): number => {
  let size = 0
  for (const part of parts) size += part.length
  return size
}

const joinInto = (out: Uint8Array, parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/**
 * Messages → bytes. Handshake messages that follow each other share records until something else is written, the key
 * changes or `flush` is called; so each message that precedes a key change ends with its record (section 5.1).
 *
 * Whatever would protect more records than the key may fails with `WriteLimitReached` and writes nothing. Arrays
 * passed to `applicationData` may be reused at once, those passed to `handshake` after the next `flush`.
 */
export class RecordWriter {
  readonly #maxFragment: number
  readonly #allocate: (size: number) => Uint8Array
  readonly #padding: Policy | undefined
  /** Bytes of plaintext that the peer wants in a protected record at most. */
  #limit = maxPlaintext + 1
  #limits: KeyLimits | undefined
  #sealer: RecordSealer | undefined
  /** Handshake messages that wait for company. Room for their records under the key is already counted. */
  #waiting: Array<Uint8Array> = []
  #out: Array<Uint8Array> = []
  #records = 0

  constructor(options: RecordWriterOptions = {}) {
    this.#maxFragment = Math.min(Math.max(Math.floor(options.maxFragment ?? maxPlaintext), 1), maxPlaintext)
    this.#allocate = options.allocate ?? ((size) => new Uint8Array(size))
    this.#padding = options.padding
  }

  /** Records protected under the present key; handshake messages that still wait are not among them. */
  get sealed(): number {
    return this.#sealer?.sequence ?? 0
  }

  /** Whether the present key has protected so many records that its owner should update it (section 5.5). */
  get keyUpdateDue(): boolean {
    return this.#limits !== undefined && this.sealed >= this.#limits.updateAfter
  }

  /** Bytes of application data for which the present key is good before an update is due: a record's at least. */
  get room(): number {
    const records = this.#limits === undefined ? 1 : Math.max(1, this.#limits.updateAfter - this.sealed)
    return records * this.#most
  }

  /** A whole handshake message, header included. */
  handshake(raw: Uint8Array): Result.Result<void, Failure> {
    const count = this.#count(sizeOf(this.#waiting) + raw.length)
    if (!this.#allows(count)) return this.#exhausted()
    const first = this.#records === 0 && this.#waiting.length === 0
    // The very first ClientHello alone says 0x0301, for the sake of old servers (section 5.1).
    if (first && raw[0] === HandshakeType.registry.client_hello) this.#write(handshake, raw, 0x0301)
    else if (raw.length > 0) this.#waiting.push(raw)
    return done
  }

  /** An alert in a record of its own (section 5.1): the code points of level and description. */
  alert(level: number, description: number): Result.Result<void, Failure> {
    return this.#put(alert, Uint8Array.of(level, description))
  }

  /** The record that says nothing (appendix E.4); it is never protected. */
  changeCipherSpec(): void {
    this.#writeWaiting()
    this.#records++
    this.#out.push(Uint8Array.of(change_cipher_spec, 3, 3, 0, 1, 1))
  }

  /**
   * Application data; its records stand in one new array, so an owner with very much of it passes it in pieces. No
   * bytes make no record. Fails with `InternalError` when there is no key: it is never sent in the clear (section 5.1).
   */
  applicationData(bytes: Uint8Array): Result.Result<void, Failure> {
    if (this.#sealer === undefined) return fail("InternalError", "application data was written before there was a key")
    return bytes.length === 0 ? done : this.#put(application_data, bytes)
  }

  /** What is written from here on is protected with keys made from this secret. */
  install(suite: CipherSuite13, secret: Secret<string>): void {
    this.protect(new Sealer(suite, secret), suite.aead)
  }

  /** What is written from here on is protected by this sealer, as long as its AEAD allows. */
  protect(sealer: RecordSealer, { name, limits }: Aead): void {
    this.#writeWaiting()
    this.#sealer?.wipe()
    this.#sealer = sealer
    this.#limits = limits ?? keyLimits(name)
  }

  /**
   * Protected records from here on hold at most `size` bytes of plaintext, in TLS 1.3 of `TLSInnerPlaintext`, 2 at
   * least (RFC 8449). What is higher than this version allows is meant for versions to come, and changes nothing.
   */
  limit(size: number): Result.Result<void, Failure> {
    // What waits has its room counted by the old size.
    this.#writeWaiting()
    this.#limit = size
    return done
  }

  /** What is written from here on is in the clear again: a retry took back the keys of early data. */
  uninstall(): void {
    this.#writeWaiting()
    this.#sealer?.wipe()
    this.#sealer = undefined
    this.#limits = undefined
  }

  /** Takes all that was written: nothing, or one array, or several where joining them would be a large copy. */
  flush(): ReadonlyArray<Uint8Array> {
    this.#writeWaiting()
    const out = this.#out
    if (out.length === 0) return out
    this.#out = []
    if (out.length === 1) return out
    const size = sizeOf(out)
    return size > joinUpTo ? out : [joinInto(this.#allocate(size), out)]
  }

  /** Forgets the key's IV and all that was not taken. A writer that had a key can write no record afterwards. */
  wipe(): void {
    this.#sealer?.wipe()
    this.#waiting = []
    this.#out = []
  }

  /** Bytes of content in a record: the peer's limit is none for records in the clear (RFC 8449 section 4). */
  get #most(): number {
    return this.#sealer === undefined
      ? this.#maxFragment
      : Math.min(this.#maxFragment, Math.max(this.#limit - this.#sealer.inner, 1))
  }

  /** How many records so much content makes. */
  #count(size: number): number {
    return Math.ceil(size / this.#most)
  }

  /** Whether the key may protect `count` records more. */
  #allows(count: number): boolean {
    return this.#limits === undefined || this.sealed + count <= Math.min(this.#limits.stopAfter, maxSequence)
  }

  #exhausted(): Result.Result<never, Failure> {
    return fail("WriteLimitReached", `the write key has protected ${this.sealed} records and may protect no more`)
  }

  /** Content of a type other than handshake: messages that wait go first, so nothing comes between their fragments. */
  #put(type: number, content: Uint8Array): Result.Result<void, Failure> {
    const waiting = this.#waiting.length === 0 ? 0 : this.#count(sizeOf(this.#waiting))
    if (!this.#allows(waiting + this.#count(content.length))) return this.#exhausted()
    this.#writeWaiting()
    return this.#write(type, content)
  }

  /** Cannot fail: `handshake` took a message only when there was room for its records. */
  #writeWaiting(): void {
    const [first, ...more] = this.#waiting
    if (first === undefined) return
    const content = more.length === 0 ? first : joinInto(new Uint8Array(sizeOf(this.#waiting)), this.#waiting)
    this.#waiting = []
    this.#write(handshake, content)
  }

  /** What the policy adds to each of `count` records, of `most` bytes but for the last. */
  #paddings(size: number, count: number, most: number): ReadonlyArray<number> | undefined {
    const policy = this.#padding
    if (policy === undefined) return undefined
    return Array.from({ length: count }, (_, i) => {
      const length = Math.min(most, size - i * most)
      return zeros(policy, length, most - length)
    })
  }

  /** All of `content` in records side by side in one array, each protected in place. */
  #write(type: number, content: Uint8Array, version = 0x0303): Result.Result<void, Failure> {
    const sealer = this.#sealer
    const most = this.#most
    const count = this.#count(content.length)
    const overhead = HEADER_LENGTH + (sealer?.expansion ?? 0)
    const paddings = sealer?.padding !== "zeros" ? undefined : this.#paddings(content.length, count, most)
    const out = this.#allocate(content.length + count * overhead + (paddings?.reduce((a, b) => a + b, 0) ?? 0))
    for (let i = 0, from = 0, at = 0; i < count; i++) {
      const fragment = count === 1 ? content : content.subarray(from, from + most)
      const padding = paddings === undefined ? 0 : (paddings[i] ?? 0)
      if (sealer === undefined) {
        writeHeader(out, at, type, version, fragment.length)
        out.set(fragment, at + HEADER_LENGTH)
      } else {
        const sealed = sealer.seal(type, fragment, out, at, padding)
        if (Result.isFailure(sealed)) return sealed
      }
      from += fragment.length
      at += fragment.length + padding + overhead
    }
    this.#records += count
    this.#out.push(out)
    return done
  }
}
