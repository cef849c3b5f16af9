/** RFC 9846 section 5.1: handshake messages out of fragments, however they were split or coalesced. */
import * as Result from "effect/Result"
import { type Failure, fail } from "../failure.ts"
import { maxHandshakeMessage, maxPlaintext } from "./limits.ts"

/** `msg_type` and `uint24 length` (section 4). */
const headerSize = 4

/** A whole message half read, and one more record behind it: more can only wait if nobody calls `next`. */
const maxWaiting = headerSize + maxHandshakeMessage + maxPlaintext

const nothing = new Uint8Array(0)
const done = Result.succeed<void>(undefined)
const none = Result.succeed<Uint8Array | undefined>(undefined)

/**
 * Joins fragments of handshake type. Linear in the bytes that pass through it, one byte at a time or all at once.
 *
 * Before a key change `empty` must be true: a message may not span one, and neither may bytes that follow a
 * message in its record (RFC 9846 section 5.1).
 */
export class HandshakeJoiner {
  #buffer: Uint8Array = nothing
  #start = 0
  #end = 0

  /** Whether nothing waits: no message, no part of one. */
  get empty(): boolean {
    return this.#start === this.#end
  }

  /** Takes the content of a record; the bytes are copied. Fails with `EmptyFragment` when there are none. */
  push(fragment: Uint8Array): Result.Result<void, Failure> {
    if (fragment.length === 0) return fail("EmptyFragment", "a handshake record holds no bytes")
    const waiting = this.#end - this.#start
    if (waiting + fragment.length > maxWaiting) {
      return fail("HandshakeMessageTooLong", `more than ${maxWaiting} bytes of handshake messages wait to be read`)
    }
    if (this.#end + fragment.length > this.#buffer.length) this.#makeRoom(waiting + fragment.length)
    this.#buffer.set(fragment, this.#end)
    this.#end += fragment.length
    return done
  }

  /**
   * The next whole message with its 4-byte header, in an array of its own, or `undefined` until more comes. Fails
   * with `HandshakeMessageTooLong` as soon as a header says more than 65,536 bytes.
   */
  next(): Result.Result<Uint8Array | undefined, Failure> {
    const waiting = this.#end - this.#start
    if (waiting < headerSize) return none
    const at = this.#start
    const length = (this.#byte(at + 1) << 16) | (this.#byte(at + 2) << 8) | this.#byte(at + 3)
    if (length > maxHandshakeMessage) {
      const what = `handshake message type ${this.#byte(at)}`
      return fail("HandshakeMessageTooLong", `${what} claims ${length} bytes; ${maxHandshakeMessage} are allowed`)
    }
    if (waiting < headerSize + length) return none
    this.#start = at + headerSize + length
    const message = this.#buffer.slice(at, this.#start)
    if (this.empty) this.#release()
    return Result.succeed(message)
  }

  #byte(at: number): number {
    return this.#buffer[at] ?? 0
  }

  /** Room for `size` bytes from the start of the buffer: what waits moves to the front, at doubling sizes. */
  #makeRoom(size: number): void {
    const target = size > this.#buffer.length ? new Uint8Array(Math.max(size, 2 * this.#buffer.length)) : this.#buffer
    target.set(this.#buffer.subarray(this.#start, this.#end))
    this.#end -= this.#start
    this.#start = 0
    this.#buffer = target
  }

  /** Handshakes end and connections stay: an idle one keeps no buffer. */
  #release(): void {
    this.#buffer = nothing
    this.#start = 0
    this.#end = 0
  }
}
