/**
 * RFC 9846 section 5, the reading side: bytes in any chunks become records, opened once there is a key.
 *
 * Everything that a header can refuse is refused before the body is buffered. What the content of a record means,
 * and whether its type may come now, is for the owner to say.
 */
import * as Result from "effect/Result"
import { HEADER_LENGTH, innerTypeIndex, lengthAt, typeAt } from "../../codec/record/record.ts"
import type { ContentType } from "../../codec/registry/contentType.ts"
import type { Secret } from "../../crypto/secret.ts"
import type { CipherSuite13 } from "../../crypto/suite.ts"
import { type Failure, fail } from "../failure.ts"
import { maxBufferedInput, maxCiphertext13, maxEmptyRecords, maxInnerPlaintext13, maxPlaintext } from "./limits.ts"
import type { RecordOpener } from "./protection.ts"
import { expansion, Opener } from "./protection13.ts"
import { describeStranger } from "./stranger.ts"

/** The content types that a record may have; every other one is refused. */
export type RecordType = Exclude<Extract<ContentType, string>, "invalid">

/** A record as its owner sees it. */
export interface IncomingRecord {
  /** For a protected record the inner type. */
  readonly type: RecordType
  /**
   * The content, 0 to 2^14 bytes, padding removed. Of a protected record it is the owner's to keep; of a plaintext
   * record it is a view of the input, good until the next call of the reader.
   */
  readonly fragment: Uint8Array
  readonly protection: "plaintext" | "protected"
}

type Next = Result.Result<IncomingRecord | undefined, Failure>

const nothing = new Uint8Array(0)
const done = Result.succeed<void>(undefined)
const none: Next = Result.succeed(undefined)
/** A record that was passed over; its owner never sees it. */
const skipped: Next = Result.succeed({ type: "application_data", fragment: nothing, protection: "protected" })

const firstType = 20
const types: ReadonlyArray<RecordType> = ["change_cipher_spec", "alert", "handshake", "application_data"]

/** The smallest buffer that is worth growing from. */
const smallestBuffer = 512

/**
 * Bytes → records. Push what came, take records until there is none; after a failure there is only that failure.
 *
 * A chunk that is pushed is read in place. It is let go when `next` yields `undefined`; an owner that stops before
 * calls `settle`, and only then may the chunk be used again by whoever filled it.
 */
export class RecordReader {
  // The input not yet read is what stands in `own`, followed by what is left of `chunk`.
  #own: Uint8Array = nothing
  #start = 0
  #end = 0
  #chunk: Uint8Array = nothing
  #offset = 0
  #records = 0
  #emptyRecords = 0
  /** Bytes of refused early data that may still be passed over. */
  #skippable: number | undefined
  #opener: RecordOpener | undefined
  // Bytes of protected plaintext: the most there may be, and the most there were under the present key.
  #most = maxInnerPlaintext13
  #longest = 0
  #failure: Result.Result<never, Failure> | undefined

  /** Bytes that wait to be read, of records whole or not. */
  get buffered(): number {
    return this.#end - this.#start + this.#chunk.length - this.#offset
  }

  /** Records opened under the present key. */
  get opened(): number {
    return this.#opener?.sequence ?? 0
  }

  /**
   * Takes bytes from the peer, of any number. Fails with `InternalError` when 1 MiB waits already: the owner does not
   * read what it has and should not have asked for more.
   */
  push(bytes: Uint8Array): Result.Result<void, Failure> {
    if (this.buffered >= maxBufferedInput) {
      return fail("InternalError", `${this.buffered} bytes wait to be read, and more came`)
    }
    this.settle()
    this.#chunk = bytes
    return done
  }

  /**
   * The next record, or `undefined` until more bytes come. Fails with `UnexpectedRecord`, `RecordOverflow`,
   * `BadRecordMac`, `ReadLimitReached`, `MissingContentType`, `EmptyFragment` or `TooManyEmptyRecords`.
   */
  next(): Next {
    if (this.#failure !== undefined) return this.#failure
    let read = this.#read()
    while (read === skipped) read = this.#read()
    if (Result.isFailure(read)) this.#failure = Result.fail(read.failure)
    return read
  }

  /** Records of type application_data from the next one on are opened with keys made from this secret. */
  install(suite: CipherSuite13, secret: Secret<string>): void {
    this.protect(new Opener(suite, secret))
  }

  /** Records from the next one on are opened by this opener, those of the types that it covers. */
  protect(opener: RecordOpener): void {
    this.#opener?.wipe()
    this.#opener = opener
    this.#emptyRecords = 0
    this.#longest = 0
  }

  /**
   * Protected records may hold `size` bytes of plaintext at most, in TLS 1.3 of `TLSInnerPlaintext`. That includes those
   * read under the present key already: a client learns its limit from EncryptedExtensions, which are in such a record.
   * Fails with `RecordOverflow`.
   */
  limit(size: number): Result.Result<void, Failure> {
    this.#most = size
    return this.#checkLength(this.#longest, maxInnerPlaintext13)
  }

  /**
   * Passes over early data that nobody takes: at most `limit` bytes of records that do not open, or that are protected
   * while there is no key, until the first record that is not of that kind (RFC 9846 section 4.3.10).
   */
  skipEarlyData(limit: number): void {
    this.#skippable = limit
  }

  /** Copies what is left of the last chunk, so that nothing refers to it any more. */
  settle(): void {
    if (this.#offset < this.#chunk.length) this.#keep(this.#chunk.subarray(this.#offset))
    // Nothing waits: an idle connection keeps no buffer.
    else if (this.#start === this.#end) this.#own = nothing
    this.#chunk = nothing
    this.#offset = 0
  }

  /** Forgets the key's IV and all input. Nothing protected can be read afterwards. */
  wipe(): void {
    this.#opener?.wipe()
    this.#own.fill(0)
    this.#own = nothing
    this.#start = 0
    this.#end = 0
    this.#chunk = nothing
    this.#offset = 0
  }

  #read(): Next {
    if (!this.#gather(HEADER_LENGTH)) return none
    const bytes = this.#front()
    const at = this.#position()
    const type = typeAt(bytes, at)
    const length = lengthAt(bytes, at)
    const name = types[type - firstType]
    // The version is ignored for all purposes (section 5.1): the type alone says whether this is TLS.
    if (name === undefined) {
      const stranger = this.#records === 0 ? describeStranger(bytes, at) : `a record of unknown content type ${type}`
      return fail("UnexpectedRecord", stranger)
    }
    const opener = this.#opener?.covers(name) ? this.#opener : undefined
    // In TLS 1.2 one comes before the keys and none behind them, protected or not (RFC 5246 section 7.1).
    if (opener !== undefined && name === "change_cipher_spec") {
      return fail("UnexpectedRecord", "a second change_cipher_spec: keys change once in a connection")
    }
    // Early data behind a retry is protected, though there is no key that would open it.
    const unopened = name === "application_data" && this.#skippable !== undefined ? maxCiphertext13 : maxPlaintext
    const most = opener?.mostCiphertext ?? unopened
    if (length > most) return fail("RecordOverflow", `a record claims ${length} bytes; ${most} are allowed`)
    const size = HEADER_LENGTH + length
    if (!this.#gather(size)) return none
    const taken = this.#take(name, size, opener)
    if (this.#skippable === undefined) return taken
    if (name === "application_data" && this.#isEarlyData(taken, opener)) return this.#skip(length)
    // Records that open, and messages in the clear, are of the second flight; a change_cipher_spec says nothing.
    if (name !== "change_cipher_spec") this.#skippable = undefined
    return taken
  }

  /** Whether a record is of the early data that is passed over. */
  #isEarlyData(taken: Next, opener: RecordOpener | undefined): boolean {
    if (opener === undefined) return true
    if (Result.isSuccess(taken) || taken.failure.reason !== "BadRecordMac") return false
    opener.retract()
    return true
  }

  #skip(length: number): Next {
    const left = (this.#skippable ?? 0) - Math.max(length - expansion, 1)
    if (left < 0) return fail("TooMuchEarlyData", "more early data than can be passed over")
    this.#skippable = left
    return skipped
  }

  /** The record of `size` bytes at the front, which is whole. */
  #take(name: RecordType, size: number, opener: RecordOpener | undefined): Next {
    const bytes = this.#front()
    const at = this.#position()
    this.#consume(size)
    this.#records++
    if (opener === undefined) {
      const fragment = bytes.subarray(at + HEADER_LENGTH, at + size)
      return Result.succeed({ type: name, fragment, protection: "plaintext" })
    }
    const opened = opener.open(bytes, at, size - HEADER_LENGTH)
    if (Result.isFailure(opened)) return Result.fail(opened.failure)
    const plaintext = opened.success
    if (plaintext.length > this.#longest) this.#longest = plaintext.length
    const length = this.#checkLength(plaintext.length, opener.mostPlaintext)
    if (Result.isFailure(length)) return Result.fail(length.failure)
    return opener.type === "inside" ? this.#unwrap(plaintext) : this.#protected(name, plaintext)
  }

  /** From `TLSInnerPlaintext` to its content (section 5.4). */
  #unwrap(inner: Uint8Array): Next {
    const end = innerTypeIndex(inner)
    if (end < 0) return fail("MissingContentType", "a protected record holds nothing but padding")
    const type = types[(inner[end] ?? 0) - firstType]
    if (type === undefined) return fail("UnexpectedRecord", `a protected record of unknown content type ${inner[end]}`)
    if (type === "change_cipher_spec") return fail("UnexpectedRecord", "a change_cipher_spec inside a protected record")
    return this.#protected(type, inner.subarray(0, end))
  }

  /** What a record held, its protection taken off: nothing at all may come as application data, and not for ever. */
  #protected(type: RecordType, fragment: Uint8Array): Next {
    if (fragment.length > 0) this.#emptyRecords = 0
    else if (type !== "application_data")
      return fail("EmptyFragment", `a protected record of type ${type} holds no bytes`)
    else if (++this.#emptyRecords > maxEmptyRecords) {
      return fail("TooManyEmptyRecords", `more than ${maxEmptyRecords} records in a row hold no bytes`)
    }
    return Result.succeed({ type, fragment, protection: "protected" })
  }

  #checkLength(length: number, allowed: number): Result.Result<void, Failure> {
    const most = Math.min(this.#most, allowed)
    return length > most ? fail("RecordOverflow", `a record decrypts to ${length} bytes; ${most} are allowed`) : done
  }

  /** The array that the next bytes stand in, and where; together they are right after `gather` said so. */
  #front(): Uint8Array {
    return this.#start < this.#end ? this.#own : this.#chunk
  }

  #position(): number {
    return this.#start < this.#end ? this.#start : this.#offset
  }

  #consume(size: number): void {
    if (this.#start < this.#end) this.#start += size
    else this.#offset += size
  }

  /**
   * Whether `size` bytes are there, side by side. As long as nothing waits in `own`, records are read straight out of
   * the chunk; a record that began in an earlier chunk takes only what it lacks from this one.
   */
  #gather(size: number): boolean {
    const left = this.#chunk.length - this.#offset
    const waiting = this.#end - this.#start
    if (waiting === 0 ? left >= size : waiting >= size) return true
    if (waiting > 0 && waiting + left >= size) {
      const until = this.#offset + size - waiting
      this.#keep(this.#chunk.subarray(this.#offset, until))
      this.#offset = until
      return true
    }
    this.settle()
    return false
  }

  /** Appends to `own`: in place, or moved to the front, or into a buffer of at least twice the size. */
  #keep(bytes: Uint8Array): void {
    const waiting = this.#end - this.#start
    const size = waiting + bytes.length
    if (waiting === 0 || this.#end + bytes.length > this.#own.length) {
      const old = this.#own
      if (size > old.length) this.#own = new Uint8Array(Math.max(size, 2 * old.length, smallestBuffer))
      if (waiting > 0) this.#own.set(old.subarray(this.#start, this.#end))
      this.#start = 0
      this.#end = waiting
    }
    this.#own.set(bytes, this.#end)
    this.#end += bytes.length
  }
}
