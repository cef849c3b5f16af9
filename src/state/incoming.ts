/**
 * The reading half of a connection: bytes in; messages, data and the peer's end out. Whether a record may come now is
 * decided here, what a message means by the machine.
 */
import * as Result from "effect/Result"
import { isChangeCipherSpec } from "../codec/record/changeCipherSpec.ts"
import { hearAlert } from "./alert.ts"
import type { Version } from "./config.ts"
import type { ChangeCipherSpec } from "./event.ts"
import { type Failure, fail } from "./failure.ts"
import { HandshakeJoiner } from "./record/joiner.ts"
import { maxChangeCipherSpecs, maxWarnings } from "./record/limits.ts"
import type { RecordOpener } from "./record/protection.ts"
import { type IncomingRecord, RecordReader } from "./record/reader.ts"

/** How far one direction of data is: the handshake goes on, perhaps with early data; data flows; or it has ended. */
export type Flow = "handshake" | "early" | "open" | "closed"

/** Whether the handshake still goes on. */
export const inHandshake = (flow: Flow): boolean => flow === "handshake" || flow === "early"

/** What comes out of records. */
export type Incoming =
  | { readonly _tag: "HandshakeMessage"; readonly raw: Uint8Array }
  | { readonly _tag: "ApplicationData"; readonly bytes: Uint8Array }
  | { readonly _tag: "EarlyData"; readonly bytes: Uint8Array }
  | { readonly _tag: "PeerClosed" }
  | ChangeCipherSpec

type Taken = Result.Result<Incoming | undefined, Failure>

const nothing: Taken = Result.succeed(undefined)

export class Intake {
  /** How far the peer's direction is. Its owner opens and closes it. */
  flow: Flow = "handshake"
  readonly #role: "client" | "server"
  readonly #reader = new RecordReader()
  readonly #joiner = new HandshakeJoiner()
  #keys: "none" | "installed" = "none"
  #protectedRecords = 0
  #changeCipherSpecs = 0
  #warnings = 0
  /** Bytes of early data that the peer may still send. */
  #earlyDataLeft = 0

  constructor(role: "client" | "server") {
    this.#role = role
  }

  /** Whether no handshake message waits, nor a part of one. */
  get empty(): boolean {
    return this.#joiner.empty
  }

  /** Bytes of records that are not read yet, and records opened under the present key. */
  get unread(): number {
    return this.#reader.buffered
  }

  get opened(): number {
    return this.#reader.opened
  }

  push(bytes: Uint8Array): Result.Result<void, Failure> {
    return this.#reader.push(bytes)
  }

  /** The input is used up, or its owner stops: no view of the last chunk is kept. */
  settle(): void {
    this.#reader.settle()
  }

  /** What is protected from here on is opened by this opener. */
  install(opener: RecordOpener): void {
    this.#reader.protect(opener)
    this.#keys = "installed"
    if (this.flow === "early") this.flow = "handshake"
  }

  /** Early data may come, so many bytes of it. */
  acceptEarlyData(limit: number): void {
    this.flow = "early"
    this.#earlyDataLeft = limit
  }

  /** Records hold at most so many bytes (RFC 8449). */
  limit(size: number): Result.Result<void, Failure> {
    return this.#reader.limit(size)
  }

  skipEarlyData(limit: number): void {
    this.#reader.skipEarlyData(limit)
  }

  wipe(): void {
    this.#reader.wipe()
  }

  /** What comes next, or `undefined` until there are more bytes. `state` is the machine's, which speaks `version`. */
  next(state: string, version: Version): Taken {
    if (version === "TLSv1.2" && this.#changeCipherSpecs > 0) {
      return fail("UnexpectedRecord", "a change_cipher_spec record before ServerHello, and that speaks TLS 1.2")
    }
    while (true) {
      const message = this.#joiner.next()
      if (Result.isFailure(message)) return Result.fail(message.failure)
      if (message.success !== undefined) return Result.succeed({ _tag: "HandshakeMessage", raw: message.success })
      const record = this.#reader.next()
      if (Result.isFailure(record)) return Result.fail(record.failure)
      if (record.success === undefined) return nothing
      const taken = this.#take(record.success, state, version)
      if (Result.isFailure(taken) || taken.success !== undefined) return taken
    }
  }

  #take(record: IncomingRecord, state: string, version: Version): Taken {
    if (record.type === "change_cipher_spec") return this.#changeCipherSpec(record, state, version)
    if (record.protection === "protected") this.#protectedRecords++
    else if (this.#keys === "installed" && !this.#earlyAlert(record)) {
      return fail("UnexpectedRecord", `an unprotected ${record.type} record after the keys`)
    }
    if (record.type !== "handshake" && !this.#joiner.empty) {
      return fail("InterleavedRecord", `a record of type ${record.type} inside a handshake message`)
    }
    switch (record.type) {
      case "handshake":
        return Result.map(this.#joiner.push(record.fragment), () => undefined)
      case "alert":
        return this.#hearAlert(record.fragment, state, version)
      case "application_data":
        return this.#hearData(record.fragment, state)
    }
  }

  /** A client that fails before it has the keys can only say so in the clear; a server has them before it speaks. */
  #earlyAlert(record: IncomingRecord): boolean {
    return this.#role === "server" && record.type === "alert" && this.#protectedRecords === 0
  }

  /**
   * RFC 9846 section 5: dropped, if it is the one byte 0x01 and the handshake has begun and not ended. In TLS 1.2 it is
   * an event like any other, and the machine says whether it may come now (RFC 5246 section 7.1).
   */
  #changeCipherSpec({ fragment, protection }: IncomingRecord, state: string, version: Version): Taken {
    const mayCome = inHandshake(this.flow) && state !== "START"
    if (!mayCome || protection === "protected" || !isChangeCipherSpec(fragment)) {
      return fail("UnexpectedRecord", `a change_cipher_spec record that means something, in state ${state}`)
    }
    if (!this.#joiner.empty) return fail("InterleavedRecord", "a change_cipher_spec record inside a handshake message")
    if (version === "TLSv1.2") return Result.succeed({ _tag: "ChangeCipherSpec" })
    return ++this.#changeCipherSpecs > maxChangeCipherSpecs
      ? fail("TooManyChangeCipherSpecs", `more than ${maxChangeCipherSpecs} change_cipher_spec records`)
      : nothing
  }

  #hearAlert(fragment: Uint8Array, state: string, version: Version): Taken {
    const alert = hearAlert(fragment, state, version)
    if (Result.isFailure(alert)) return Result.fail(alert.failure)
    if (alert.success !== "close_notify") {
      return ++this.#warnings > maxWarnings ? fail("TooManyWarnings", `${alert.success} again and again`) : nothing
    }
    if (inHandshake(this.flow)) {
      return fail("ClosedDuringHandshake", `the peer said close_notify in state ${state}`)
    }
    this.flow = "closed"
    return Result.succeed({ _tag: "PeerClosed" })
  }

  #hearData(bytes: Uint8Array, state: string): Taken {
    if (this.flow !== "open" && this.flow !== "early") {
      return fail("UnexpectedRecord", `application data in state ${state}`)
    }
    if (bytes.length === 0) return nothing
    this.#warnings = 0
    if (this.flow === "open") return Result.succeed({ _tag: "ApplicationData", bytes })
    this.#earlyDataLeft -= bytes.length
    return this.#earlyDataLeft < 0
      ? fail("TooMuchEarlyData", "more early data than the session allows")
      : Result.succeed({ _tag: "EarlyData", bytes })
  }
}
