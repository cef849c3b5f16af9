/**
 * RFC 9846 section 5: records.
 *
 * Every byte of a connection passes through a record header, so that is read and written by hand, without allocation.
 * The schemas below say the same for tools and tests.
 */
import * as Schema from "effect/Schema"
import { codec } from "../presentation/codec.ts"
import { constant, struct } from "../presentation/struct.ts"
import { opaque, remainder } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { ContentType } from "../registry/contentType.ts"
import { ProtocolVersion } from "../registry/protocolVersion.ts"

/** Bytes of a record header: type, legacy version and length. */
export const HEADER_LENGTH = 5
/** The longest plaintext of a record, in bytes. */
export const MAX_PLAINTEXT = 2 ** 14
/** How much protection may add in TLS 1.3: the content type, padding, and at most 255 bytes of the AEAD. */
const MAX_EXPANSION = 256
/** The longest protected record of TLS 1.3, in bytes, header excluded; longer is a `record_overflow`. */
export const MAX_CIPHERTEXT = MAX_PLAINTEXT + MAX_EXPANSION
/** The longest protected record of TLS 1.2, in bytes, header excluded (RFC 5246 section 6.2.3). */
export const MAX_CIPHERTEXT_12 = MAX_PLAINTEXT + 2048

/** The content type of the record that begins at `offset`, as a code point; `HEADER_LENGTH` bytes must be there. */
export const typeAt = (bytes: Uint8Array, offset: number): number => bytes[offset] ?? 0

/** The legacy version of the record that begins at `offset`, as a code point. */
export const versionAt = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset + 1] ?? 0) << 8) | (bytes[offset + 2] ?? 0)

/** How many bytes follow the header of the record that begins at `offset`. */
export const lengthAt = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset + 3] ?? 0) << 8) | (bytes[offset + 4] ?? 0)

/** Writes a header into `out` at `offset`, where `HEADER_LENGTH` bytes must have been left for it. */
export const writeHeader = (out: Uint8Array, offset: number, type: number, version: number, length: number): void => {
  out[offset] = type
  out[offset + 1] = version >> 8
  out[offset + 2] = version & 0xff
  out[offset + 3] = length >> 8
  out[offset + 4] = length & 0xff
}

/**
 * RFC 9846 section 5.4: where the content of a TLSInnerPlaintext ends and its type stands: the last byte that is not 0.
 *
 * @returns the index of the type, or -1 for nothing but zeros, which is an `unexpected_message`
 */
export const innerTypeIndex = (plaintext: Uint8Array): number => {
  let index = plaintext.length - 1
  while (index >= 0 && plaintext[index] === 0) index--
  return index
}

/** A record without protection: `opaque fragment<0..2^14>`. */
export const TLSPlaintext = codec(
  "TLSPlaintext",
  struct({
    type: ContentType,
    legacy_record_version: ProtocolVersion,
    fragment: opaque({ min: 0, max: MAX_PLAINTEXT })
  })
)
export type TLSPlaintext = Wire.Type<typeof TLSPlaintext>

/** A protected record of TLS 1.3: `opaque encrypted_record<0..2^14+256>`. */
export const TLSCiphertext = codec(
  "TLSCiphertext",
  struct({
    opaque_type: constant(ContentType, "application_data"),
    legacy_record_version: ProtocolVersion,
    encrypted_record: opaque({ min: 0, max: MAX_CIPHERTEXT })
  })
)
export type TLSCiphertext = Wire.Type<typeof TLSCiphertext>

/** What the AEAD of TLS 1.3 protects: the content, its type, and a number of zeros. */
export interface TLSInnerPlaintext {
  readonly content: Uint8Array
  readonly type: ContentType
  readonly zeros: number
}

const inner: Wire<TLSInnerPlaintext> = {
  schema: Schema.Struct({
    content: remainder.schema,
    type: ContentType.schema.check(
      Schema.makeFilter((type) => ContentType.code(type) !== 0, { expected: "a type other than padding" })
    ),
    zeros: Schema.Int.check(
      Schema.isBetween({ minimum: 0, maximum: MAX_PLAINTEXT }),
      Schema.makeFilter(() => true, { arbitraryConstraint: { maximum: 64 } })
    )
  }),
  read: (reader) => {
    const bytes = reader.rest()
    const end = innerTypeIndex(bytes)
    if (end < 0) reader.fail("a byte that is not zero")
    return {
      content: bytes.subarray(0, Math.max(end, 0)),
      type: ContentType.of(bytes[end] ?? 0),
      zeros: bytes.length - end - 1
    }
  },
  write: (writer, { content, type, zeros }) => {
    if (ContentType.code(type) === 0) return writer.fail("a type other than padding")
    writer.put(content)
    ContentType.write(writer, type)
    writer.put(new Uint8Array(zeros))
  }
}

/** `struct { opaque content[]; ContentType type; uint8 zeros[] }`, read from its end. */
export const TLSInnerPlaintext = codec("TLSInnerPlaintext", inner)
