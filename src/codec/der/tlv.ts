/**
 * X.690, the distinguished encoding rules: tag, length, value.
 *
 * Strict, because what two parsers read differently can be signed by one and believed by the other: lengths are
 * definite and as short as they can be, and nothing follows what was asked for. A length is compared with what is
 * there before it is used, and elements nest at most 16 deep.
 */
import { type CodecFailure, type Note, Reader, Writer } from "../presentation/cursor.ts"

/** An identifier octet: class, primitive or constructed, and a number below 31, which is all that X.509 needs. */
export type Tag = number

export const tags = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  "BIT STRING": 0x03,
  "OCTET STRING": 0x04,
  NULL: 0x05,
  "OBJECT IDENTIFIER": 0x06,
  ENUMERATED: 0x0a,
  UTF8String: 0x0c,
  NumericString: 0x12,
  PrintableString: 0x13,
  TeletexString: 0x14,
  IA5String: 0x16,
  UTCTime: 0x17,
  GeneralizedTime: 0x18,
  VisibleString: 0x1a,
  UniversalString: 0x1c,
  BMPString: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31
} as const satisfies Record<string, Tag>

const names = new Map<Tag, string>(Object.entries(tags).map(([name, tag]) => [tag, name]))

/** A tag as ASN.1 writes it: `SEQUENCE`, `[0]`. */
const showTag = (tag: Tag): string =>
  names.get(tag) ?? (tag >= 0x80 && tag < 0xc0 ? `[${tag & 0x1f}]` : `an element of tag 0x${tag.toString(16)}`)

/** `[number]` of the context-specific class. */
export const contextTag = (number: number, form: "primitive" | "constructed"): Tag =>
  (form === "primitive" ? 0x80 : 0xa0) | number

/** Whether an element with this tag is made of elements. */
export const isConstructed = (tag: Tag): boolean => (tag & 0x20) !== 0

const deepest = 16

/** Reads elements from bytes that it never copies; a failure is kept and everything after it reads as nothing. */
export class DerReader extends Reader {
  private nesting = 0

  constructor(bytes: Uint8Array, notes?: Array<Note>) {
    super(bytes, notes)
  }

  /** The tag of the next element, without reading it; 0, which no element has, when there is none. */
  get tag(): Tag {
    return this.remaining > 0 ? (this.bytes[this.offset] ?? 0) : 0
  }

  /** One element of this tag, whose contents `read` must use up exactly. */
  element<A>(tag: Tag, read: () => A): A {
    if (this.tag === tag) this.offset++
    else this.fail(showTag(tag))
    const length = this.length()
    this.nesting++
    if (this.nesting > deepest) this.fail(`at most ${deepest} levels of nesting`)
    const value = this.window(this.failure === undefined ? length : 0, read)
    this.nesting--
    return value
  }

  /** One element of any tag, whole: its tag, its length and its contents, as they stand. */
  raw(): Uint8Array {
    const start = this.offset
    const tag = this.tag
    if (tag === 0) this.fail("an element")
    else if ((tag & 0x1f) === 0x1f) this.fail("a tag number below 31")
    else this.offset++
    this.take(this.length())
    return this.bytes.subarray(start, this.offset)
  }

  /** X.690 sections 8.1.3 and 10.1. */
  private length(): number {
    const start = this.offset
    const first = this.uint(1)
    if (first < 0x80) return first
    const size = first & 0x7f
    const length = size === 0 || size > 4 ? 0 : this.uint(size)
    if (this.failure !== undefined) return 0
    if (size !== 0 && size <= 4 && length >= 0x80 && length >= 256 ** (size - 1)) return length
    this.offset = start
    this.fail(
      size === 0 ? "a definite length" : size > 4 ? "a length of at most 4 bytes" : "a length in its shortest form"
    )
    return 0
  }
}

/** Writes elements; lengths are found by writing the contents first. */
export class DerWriter extends Writer {
  /** One element of this tag, with what `write` writes as its contents. */
  element(tag: Tag, write: (contents: DerWriter) => void): void {
    const inner = new DerWriter()
    write(inner)
    const contents = inner.finish()
    const length = contents.length
    this.uint(1, tag)
    if (length < 0x80) this.uint(1, length)
    else {
      const size = length < 2 ** 8 ? 1 : length < 2 ** 16 ? 2 : length < 2 ** 24 ? 3 : 4
      this.uint(1, 0x80 | size)
      this.uint(size, length)
    }
    this.put(contents)
    this.failure ??= inner.failure
  }
}

/** Moves a failure found in a part of the input to where it is in the whole. */
export const within = (failure: CodecFailure, offset: number, path: CodecFailure["path"]): CodecFailure => ({
  ...failure,
  offset: failure.offset + offset,
  path: [...path, ...failure.path]
})
