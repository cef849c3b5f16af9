/** How the records of a connection are shaped: their size, what pads them, and what the peer is asked for. */
import * as Result from "effect/Result"
import { type Failure, fail } from "../state/failure.ts"
import { maxInnerPlaintext13, maxPlaintext } from "../state/record/limits.ts"
import type { Policy } from "../state/record/padding.ts"
import type { RecordWriterOptions } from "../state/record/writer.ts"

/** How our own records are made. */
export interface WriterOptions {
  /**
   * The most bytes of data (or of handshake messages) that go in one record, 512 to 16384, which is the default. As on
   * the wire a record has 22 bytes more, 1438 makes records of 1460 bytes, which fill one TCP segment on most paths: a
   * peer can use the first of them before the second has come.
   */
  readonly maxFragmentSize?: number | undefined
  /**
   * Zeros that are added to records, so that their length tells less: one of `Padding`, or a function of the bytes of
   * content in a record and of how many zeros it has room for. None by default.
   */
  readonly padding?: Policy | undefined
}

export interface RecordOptions extends WriterOptions {
  /**
   * The longest record we want to receive (record_size_limit, RFC 8449), 64 to 16385 bytes: those of the data, its
   * content type and padding; in TLS 1.2 the data alone, at most 16384. A client offers it if it is given, and it holds
   * if the server answers. A server answers every client that offers one, with the most there may be by default, and so
   * keeps to the client's limit.
   */
  readonly recordSizeLimit?: number | undefined
}

/** Bytes of content that `maxFragmentSize` may not go below. */
export const minFragmentSize = 512
/** What RFC 8449 section 4 sets as the least. */
export const minRecordSizeLimit = 64

const within = (name: string, value: number | undefined, from: number, to: number): Result.Result<void, Failure> =>
  value === undefined || (Number.isInteger(value) && value >= from && value <= to)
    ? Result.succeed(undefined)
    : fail("InvalidConfiguration", `${name} is a whole number of bytes from ${from} to ${to}, not ${value}`)

/** Refuses sizes that cannot be. */
export const checked = ({ maxFragmentSize, recordSizeLimit }: RecordOptions): Result.Result<void, Failure> =>
  Result.flatMap(within("maxFragmentSize", maxFragmentSize, minFragmentSize, maxPlaintext), () =>
    within("recordSizeLimit", recordSizeLimit, minRecordSizeLimit, maxInnerPlaintext13)
  )

/** What the writer of records is told. */
export const forWriter = ({ maxFragmentSize, padding }: WriterOptions): RecordWriterOptions => ({
  maxFragment: maxFragmentSize,
  padding
})
