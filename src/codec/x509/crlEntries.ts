/**
 * RFC 5280 section 5.3: the entries of a revocation list, of which there may be a million.
 *
 * They stay the bytes they are. One pass checks them all and notes where each begins; the first question sorts the
 * places by serial number, and every question after that is a binary search.
 */
import * as Result from "effect/Result"
import { decodeDer } from "../der/der.ts"
import { integer } from "../der/primitive.ts"
import { optional, sequence, sequenceOf } from "../der/structure.ts"
import { Time } from "../der/time.ts"
import { DerReader, tags, within } from "../der/tlv.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { type Returns, resultFn } from "../resultFn.ts"
import {
  type CRLReason,
  crlEntryExtensionOids,
  type KnownCrlEntryExtensions,
  readCrlEntryExtensions
} from "./crlExtension.ts"
import { Extension } from "./extension.ts"

/** One entry to the letter. */
export const RevokedCertificate = sequence({
  userCertificate: integer,
  revocationDate: Time,
  crlEntryExtensions: optional(sequenceOf(Extension, 1))
})

/** One entry as it is used. */
export interface CrlEntry {
  /** Big-endian two's complement, as the certificate has it. */
  readonly serialNumber: Uint8Array
  /** Milliseconds since 1970. */
  readonly revocationDate: number
  /** `undefined` is the same as `unspecified`. */
  readonly reason: CRLReason | undefined
}

/** The entries of one list. */
export interface CrlEntries {
  readonly count: number
  /** The entry of a serial number, if there is one. */
  readonly find: (serialNumber: Uint8Array) => CrlEntry | undefined
  /**
   * The identifier of an extension, in any entry, that forbids to use the list at all: a critical one that is not
   * known, or certificateIssuer, with which entries stand for certificates of others (sections 5.3 and 5.3.3).
   */
  readonly obstacle: string | undefined
}

/** The shortest entry: a serial number of one byte and a UTCTime. */
const shortest = 20

const Extensions = sequenceOf(Extension, 1)

interface EntryExtensions {
  readonly known: KnownCrlEntryExtensions
  readonly obstacle: string | undefined
}

const understood: ReadonlyArray<string> = [crlEntryExtensionOids.reasonCode, crlEntryExtensionOids.invalidityDate]

const readEntryExtensions = resultFn(function* (der: Uint8Array): Returns<EntryExtensions, CodecFailure> {
  const extensions = yield* decodeDer(Extensions, der)
  const known = yield* readCrlEntryExtensions(extensions, der)
  const obstacle = extensions.find(
    ({ extnID, critical }) =>
      extnID === crlEntryExtensionOids.certificateIssuer || (critical && !understood.includes(extnID))
  )
  return { known, obstacle: obstacle?.extnID }
})

/** Nearly all entries have one of a few reasons: what was read before is known by its bytes. */
const makeMemory = () => {
  const seen = new Map<string, EntryExtensions>()
  return (der: Uint8Array): Result.Result<EntryExtensions, CodecFailure> => {
    const key = der.length <= 32 ? String.fromCharCode(...der) : undefined
    const found = key === undefined ? undefined : seen.get(key)
    if (found !== undefined) return Result.succeed(found)
    const read = readEntryExtensions(der)
    if (Result.isSuccess(read) && key !== undefined && seen.size < 64) seen.set(key, read.success)
    return read
  }
}

/** Where the serial number of the entry at `start` is: its INTEGER, which has a length of one byte. */
const serialAt = (contents: Uint8Array, start: number): number => {
  const length = contents[start + 1] ?? 0
  return start + 2 + (length < 0x80 ? 0 : length & 0x7f)
}

/** Shorter first, then by the bytes; any order will do that is one. */
const compareSerials = (a: Uint8Array, at: number, aSize: number, b: Uint8Array, bt: number, bSize: number): number => {
  if (aSize !== bSize) return aSize - bSize
  for (let i = 0; i < aSize; i++) {
    const difference = (a[at + i] ?? 0) - (b[bt + i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

const sorted = (contents: Uint8Array, starts: Uint32Array): Uint32Array =>
  starts.slice().sort((a, b) => {
    const [at, bt] = [serialAt(contents, a), serialAt(contents, b)]
    return compareSerials(contents, at + 2, contents[at + 1] ?? 0, contents, bt + 2, contents[bt + 1] ?? 0)
  })

const search = (contents: Uint8Array, starts: Uint32Array, serial: Uint8Array): number | undefined => {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const start = starts[middle] ?? 0
    const at = serialAt(contents, start)
    const order = compareSerials(serial, 0, serial.length, contents, at + 2, contents[at + 1] ?? 0)
    if (order === 0) return start
    if (order < 0) high = middle
    else low = middle + 1
  }
  return undefined
}

/** The entry at `start`, which was read once before without failure. */
const entryAt = (contents: Uint8Array, start: number): CrlEntry | undefined => {
  const reader = new DerReader(contents)
  reader.offset = start
  const { userCertificate, revocationDate, crlEntryExtensions = [] } = RevokedCertificate.read(reader)
  const known = readCrlEntryExtensions(crlEntryExtensions, contents)
  if (reader.failure !== undefined || Result.isFailure(known)) return undefined
  return { serialNumber: userCertificate, revocationDate: revocationDate.value, reason: known.success.reasonCode }
}

/** What one pass over the contents of `revokedCertificates` finds. */
export const readEntries = (contents: Uint8Array): Result.Result<CrlEntries, CodecFailure> => {
  const reader = new DerReader(contents)
  const remember = makeMemory()
  const starts = new Uint32Array(Math.floor(contents.length / shortest) + 1)
  let count = 0
  let obstacle: string | undefined
  while (reader.remaining > 0 && reader.failure === undefined) {
    starts[count] = reader.offset
    const extensions = reader.field(count, () =>
      reader.element(tags.SEQUENCE, () => {
        if (integer.read(reader).length > 0x7f) reader.fail("a serial number of at most 127 bytes")
        Time.read(reader)
        return reader.tag === tags.SEQUENCE ? reader.raw() : undefined
      })
    )
    if (reader.failure === undefined && extensions !== undefined) {
      const read = remember(extensions)
      if (Result.isFailure(read)) {
        return Result.fail(within(read.failure, extensions.byteOffset - contents.byteOffset, [count]))
      }
      obstacle ??= read.success.obstacle
    }
    count++
  }
  if (reader.failure !== undefined) return Result.fail(reader.failure)
  let index: Uint32Array | undefined
  return Result.succeed({
    count,
    obstacle,
    find: (serial) => {
      index ??= sorted(contents, starts.subarray(0, count))
      const start = search(contents, index, serial)
      return start === undefined ? undefined : entryAt(contents, start)
    }
  })
}
