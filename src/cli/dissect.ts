/** TLS records, or handshake messages without records, taken apart as far as they can be read. */
import * as Result from "effect/Result"
import { Handshake, type Message, HEADER_LENGTH as messageHeader } from "../codec/handshake/handshake.ts"
import type { CodecFailure } from "../codec/presentation/cursor.ts"
import { explain, type Line } from "../codec/presentation/explain.ts"
import { decode, type Wire } from "../codec/presentation/wire.ts"
import { Alert } from "../codec/record/alert.ts"
import { ChangeCipherSpec } from "../codec/record/changeCipherSpec.ts"
import { lengthAt, HEADER_LENGTH as recordHeader, TLSCiphertext, TLSPlaintext } from "../codec/record/record.ts"
import { ContentType } from "../codec/registry/contentType.ts"
import { HandshakeType } from "../codec/registry/handshakeType.ts"
import { hashes } from "../crypto/node/hash.ts"
import { ja4 } from "../state/hello/ja4.ts"
import { type CliFailure, failed } from "./failure.ts"

/** One record, or one message that stands in one or several of them. */
export interface Piece {
  readonly kind: "record" | "message" | "alert"
  /** Bytes from the start of the input; of a message, to the record in which it ends. */
  readonly offset: number
  readonly title: string
  readonly lines: ReadonlyArray<Line>
  /** Absent when it cannot be read to its end. */
  readonly value: unknown
  /** What software a ClientHello comes from. */
  readonly ja4?: string
}

export interface Dissection {
  readonly form: "records" | "handshake messages"
  readonly pieces: ReadonlyArray<Piece>
  readonly failure: CodecFailure | undefined
}

/**
 * Hexadecimal digits, with white space, colons, commas or `0x` between them, become bytes; anything else stays. An odd
 * number of digits is a failure: one was lost, and there is no telling which.
 */
export const fromHex = (input: Uint8Array): Result.Result<Uint8Array, CliFailure> => {
  if (input.subarray(0, 64).some((byte) => byte > 0x7e)) return Result.succeed(input)
  const digits = Buffer.from(input)
    .toString("latin1")
    .replace(/0x|[\s:,]/gi, "")
  if (/[^0-9a-f]/i.test(digits)) return Result.succeed(input)
  return digits.length % 2 === 0
    ? Result.succeed(Buffer.from(digits, "hex"))
    : Result.fail(
        failed(`${digits.length} hexadecimal digits are no whole number of bytes`, "one is missing, or one too many")
      )
}

/**
 * Nobody looks at the version of a record (RFC 9846 section 5.1). Two types of records are types of messages as well;
 * the length of a message begins with 00, and the version of a record does not.
 */
const looksLikeRecords = ([type = 0, next]: Uint8Array): boolean => {
  if (type === 21 || type === 23) return true
  return (type === 20 || type === 22) && next !== 0
}

/** Bytes of the message that begins at `offset`, its header included. */
const messageLength = (bytes: Uint8Array, offset: number): number =>
  messageHeader + ((bytes[offset + 1] ?? 0) << 16) + ((bytes[offset + 2] ?? 0) << 8) + (bytes[offset + 3] ?? 0)

const read = <A>(kind: Piece["kind"], offset: number, title: string, wire: Wire<A>, bytes: Uint8Array) => {
  const value = decode(wire, bytes)
  const lines = explain(wire, bytes)
  return { piece: { kind, offset, title, lines, value: Result.getOrUndefined(value) }, value }
}

class Dissector {
  readonly pieces: Array<Piece> = []
  failure: CodecFailure | undefined
  /** Content of handshake records that is not a whole message yet. */
  fragments: Array<Uint8Array> = []
  waiting = 0

  refuse(offset: number, expected: string): void {
    this.failure ??= { alert: "decode_error", offset, expected, path: [] }
  }

  take<A>(kind: Piece["kind"], offset: number, title: string, wire: Wire<A>, bytes: Uint8Array, base = offset) {
    const { piece, value } = read(kind, offset, title, wire, bytes)
    this.pieces.push(piece)
    if (Result.isFailure(value)) this.failure ??= { ...value.failure, offset: base + value.failure.offset }
    return value
  }

  /** One handshake message; `base` is where its first byte stands, if it is not spread over several records. */
  message(offset: number, bytes: Uint8Array, base: number): void {
    const type = HandshakeType.show(HandshakeType.of(bytes[0] ?? 0))
    const message = this.take<Message>("message", offset, `${type}, ${bytes.length} bytes`, Handshake.wire, bytes, base)
    const piece = this.pieces.pop()
    if (piece === undefined) return
    const hello = Result.isSuccess(message) && message.success._tag === "ClientHello" ? message.success.body : undefined
    this.pieces.push(hello === undefined ? piece : { ...piece, ja4: ja4(hello, hashes.sha256) })
  }

  /** Content of a handshake record: every message that is whole now. */
  fragment(offset: number, content: Uint8Array): void {
    this.fragments.push(content)
    this.waiting += content.length
    while (this.failure === undefined && this.waiting >= messageHeader) {
      const bytes = this.joined()
      const length = messageLength(bytes, 0)
      if (this.waiting < length) return
      this.message(offset, bytes.subarray(0, length), offset + recordHeader + content.length - this.waiting)
      this.fragments = [bytes.subarray(length)]
      this.waiting -= length
    }
  }

  /** All that waits as one; long messages in small fragments are joined seldom. */
  joined(): Uint8Array {
    const [first = new Uint8Array(0), ...rest] = this.fragments
    const enough = first.length >= messageHeader && this.waiting < messageLength(first, 0)
    if (rest.length === 0 || enough) return first
    const bytes = Buffer.concat(this.fragments)
    this.fragments = [bytes]
    return bytes
  }

  /** The end of the input: a message that is not whole is shown as far as it goes. */
  end(offset: number): void {
    if (this.waiting === 0) return
    this.message(offset, Buffer.concat(this.fragments), offset - this.waiting)
  }

  /** One record; yields where the next one begins. */
  record(bytes: Uint8Array, offset: number): number {
    const end = offset + recordHeader + lengthAt(bytes, offset)
    const type = ContentType.of(bytes[offset] ?? 0)
    const record = bytes.subarray(offset, end)
    const title = `record ${this.pieces.filter(({ kind }) => kind === "record").length + 1}: ${ContentType.show(type)}`
    if (typeof type === "number") {
      this.refuse(offset, "a record, whose content type is 20 to 23")
      return bytes.length
    }
    if (type === "application_data") {
      this.take("record", offset, `${title}, protected`, TLSCiphertext.wire, record)
      return end
    }
    const value = this.take("record", offset, title, TLSPlaintext.wire, record)
    if (Result.isFailure(value)) {
      if (type === "handshake") this.fragment(offset, record.subarray(recordHeader))
      this.end(offset + record.length)
      return end
    }
    const { fragment } = value.success
    if (type === "handshake") this.fragment(offset, fragment)
    const base = offset + recordHeader
    // Two bytes are an alert in the clear; more are one that is protected, as TLS 1.2 does it.
    if (type === "alert" && fragment.length === 2) this.take("alert", offset, "alert", Alert.wire, fragment, base)
    if (type === "change_cipher_spec" && Result.isFailure(decode(ChangeCipherSpec.wire, fragment))) {
      this.refuse(base, "the byte 01 of ChangeCipherSpec")
    }
    return end
  }

  records(bytes: Uint8Array): void {
    let offset = 0
    while (offset < bytes.length && this.failure === undefined) offset = this.record(bytes, offset)
    if (this.failure === undefined) this.end(bytes.length)
  }

  messages(bytes: Uint8Array): void {
    let offset = 0
    while (offset < bytes.length && this.failure === undefined) {
      if (typeof HandshakeType.of(bytes[offset] ?? 0) === "number") {
        this.refuse(offset, "a handshake type, or a record, which begins with 14, 15, 16 or 17")
        return
      }
      const end = offset + messageLength(bytes, offset)
      this.message(offset, bytes.subarray(offset, end), offset)
      offset = end
    }
  }
}

/** Records or handshake messages, whichever the bytes look like; it stops at the first thing that is wrong. */
export const dissect = (bytes: Uint8Array): Dissection => {
  const dissector = new Dissector()
  const form = looksLikeRecords(bytes) ? "records" : "handshake messages"
  if (bytes.length === 0) dissector.refuse(0, "a TLS record or a handshake message, not nothing")
  else if (form === "records") dissector.records(bytes)
  else dissector.messages(bytes)
  return { form, pieces: dissector.pieces, failure: dissector.failure }
}
