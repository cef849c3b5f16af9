/** The simple types of ASN.1 that certificates and keys are made of (X.690 section 8, with the rules of 10 and 11). */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Der, decodeDer, type Tagged, tagged } from "./der.ts"
import { drawn } from "./schema.ts"
import { tags } from "./tlv.ts"

/** Long values add nothing to a property test; the hint shortens what is generated, not what is legal. */
const short = Schema.makeFilter<{ readonly length: number }>(() => true, { arbitraryConstraint: { maxLength: 40 } })
const someBytes = Schema.Uint8Array.check(short)

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array

/** BOOLEAN: FALSE is 0x00, TRUE is 0xff and nothing else (X.690 section 11.1). */
export const boolean: Tagged<boolean> = tagged(
  "BOOLEAN",
  tags.BOOLEAN,
  Schema.Boolean,
  (reader) => {
    const octet = reader.uint(1)
    if (octet !== 0 && octet !== 0xff) reader.fail("TRUE as 0xff or FALSE as 0x00")
    return octet === 0xff
  },
  (writer, value) => writer.uint(1, value ? 0xff : 0)
)

/** Whether the first nine bits are not all alike (X.690 section 8.3.2). */
const isShortest = (bytes: Uint8Array): boolean => {
  const [first = 0, second = 0] = bytes
  return bytes.length > 0 && (bytes.length === 1 || !(first === 0 ? second < 0x80 : first === 0xff && second >= 0x80))
}

/** Two's complement without the leading octets that say nothing. */
const shortest = (bytes: Uint8Array): Uint8Array => {
  let start = 0
  while (start < bytes.length - 1 && !isShortest(bytes.subarray(start))) start++
  return bytes.length === 0 ? Uint8Array.of(0) : bytes.subarray(start)
}

/** INTEGER of any size: its contents, big-endian two's complement, at least one byte. */
export const integer: Tagged<Uint8Array> = tagged(
  "INTEGER",
  tags.INTEGER,
  drawn(
    "INTEGER",
    (value): value is Uint8Array => isBytes(value) && isShortest(value),
    someBytes,
    shortest,
    (bytes) => bytes
  ),
  (reader) => {
    const bytes = reader.rest()
    if (!isShortest(bytes)) reader.fail("an INTEGER in its shortest form")
    return bytes
  },
  (writer, bytes) => (isShortest(bytes) ? writer.put(bytes) : writer.fail("an INTEGER in its shortest form"))
)

/** The bytes of an INTEGER that is not negative, without the octet that only keeps it so; `undefined` for others. */
export const magnitude = (bytes: Uint8Array): Uint8Array | undefined => {
  const [first = 0] = bytes
  return first >= 0x80 ? undefined : first === 0 && bytes.length > 1 ? bytes.subarray(1) : bytes
}

/** The INTEGER whose magnitude these big-endian bytes are. */
export const unsigned = (bytes: Uint8Array): Uint8Array => {
  const positive = new Uint8Array(bytes.length + 1)
  positive.set(bytes, 1)
  return shortest(positive)
}

const toNumber = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum * 256 + byte, 0)

const fromNumber = (value: number): Uint8Array => {
  const octets: Array<number> = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return unsigned(Uint8Array.from(octets))
}

const number =
  (name: string, tag: number) =>
  (min: number, max: number): Tagged<number> => {
    const fits = (value: number) => Number.isInteger(value) && value >= min && value <= max
    const expected = min === max ? `the ${name} ${min}` : `an ${name} from ${min} to ${max}`
    return tagged(
      name,
      tag,
      Schema.Int.check(Schema.isBetween({ minimum: min, maximum: max })),
      (reader) => {
        const bytes = integer.readContents(reader)
        const value = bytes.length > 6 || magnitude(bytes) === undefined ? -1 : toNumber(bytes)
        if (!fits(value)) reader.fail(expected)
        return value
      },
      (writer, value) => (fits(value) ? writer.put(fromNumber(value)) : writer.fail(expected))
    )
  }

/** `INTEGER (min..max)`, neither negative nor beyond 2^40. */
export const integerBetween = number("INTEGER", tags.INTEGER)

/** ENUMERATED, as its number. */
export const enumerated = number("ENUMERATED", tags.ENUMERATED)(0, 0x7fffffff)

/** OCTET STRING. */
export const octetString: Tagged<Uint8Array> = tagged(
  "OCTET STRING",
  tags["OCTET STRING"],
  someBytes,
  (reader) => reader.rest(),
  (writer, bytes) => writer.put(bytes)
)

/** NULL. */
export const nothing: Tagged<null> = tagged(
  "NULL",
  tags.NULL,
  Schema.Null,
  () => null,
  () => {}
)

/** Bits, the first one highest in the first byte; the last byte ends with `unused` zero bits. */
export interface Bits {
  readonly unused: number
  readonly bytes: Uint8Array
}

const areBits = ({ bytes, unused }: Bits): boolean =>
  Number.isInteger(unused) &&
  unused >= 0 &&
  unused < 8 &&
  (bytes.length === 0 ? unused === 0 : (bytes[bytes.length - 1] ?? 0) % 2 ** unused === 0)

const cleared = (bytes: Uint8Array, unused: number): Bits => ({
  unused: bytes.length === 0 ? 0 : unused,
  bytes: bytes.map((byte, i) => (i === bytes.length - 1 ? byte - (byte % 2 ** unused) : byte))
})

/** BIT STRING; unused bits are zero (X.690 section 11.2.1). */
export const bitString: Tagged<Bits> = tagged(
  "BIT STRING",
  tags["BIT STRING"],
  drawn(
    "BIT STRING",
    (value): value is Bits =>
      typeof value === "object" && value !== null && "unused" in value && "bytes" in value && areBits(value as Bits),
    Schema.Struct({ bytes: someBytes, unused: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 })) }),
    ({ bytes, unused }) => cleared(bytes, unused),
    (bits) => bits
  ),
  (reader) => {
    const bits = { unused: reader.uint(1), bytes: reader.rest() }
    if (!areBits(bits)) reader.fail("a BIT STRING with at most 7 unused bits, all zero")
    return bits
  },
  (writer, bits) => {
    if (!areBits(bits)) return writer.fail("a BIT STRING with at most 7 unused bits, all zero")
    writer.uint(1, bits.unused)
    writer.put(bits.bytes)
  }
)

/** A BIT STRING that holds whole bytes: a signature, a public key. */
export const bitOctets: Tagged<Uint8Array> = tagged(
  "BIT STRING",
  tags["BIT STRING"],
  someBytes,
  (reader) => {
    if (reader.uint(1) !== 0) reader.fail("a BIT STRING of whole bytes")
    return reader.rest()
  },
  (writer, bytes) => {
    writer.uint(1, 0)
    writer.put(bytes)
  }
)

/**
 * `BIT STRING { name(0), name(1), … }`: the names of the bits that are set, in the order of the bits.
 *
 * Trailing zero bits are not written (X.690 section 11.2.2), but read, as roots that are trusted everywhere have them.
 * A bit that is set and has no name is refused.
 */
export const namedBits = <const N extends ReadonlyArray<string>>(all: N): Tagged<ReadonlyArray<N[number]>> => {
  type Name = N[number]
  const expected = "no bits but those that have names"
  const isSet = (mask: number, bit: number) => Math.floor(mask / 2 ** bit) % 2 === 1
  const named = (mask: number): ReadonlyArray<Name> => all.filter((_, bit) => isSet(mask, bit))
  const maskOf = (list: ReadonlyArray<unknown>) =>
    all.reduce((mask, name, bit) => (list.includes(name) ? mask + 2 ** bit : mask), 0)
  const isList = (value: unknown): value is ReadonlyArray<Name> => {
    if (!Array.isArray(value)) return false
    const canonical = named(maskOf(value))
    return canonical.length === value.length && canonical.every((name, i) => name === value[i])
  }
  return tagged(
    "BIT STRING",
    tags["BIT STRING"],
    drawn(
      "named bits",
      isList,
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** all.length - 1 })),
      named,
      maskOf
    ),
    (reader) => {
      const { bytes } = bitString.readContents(reader)
      const isNamed = (byte: number, i: number) => {
        const names = Math.max(0, Math.min(8, all.length - i * 8))
        return byte % 2 ** (8 - names) === 0
      }
      if (!bytes.every(isNamed)) reader.fail(expected)
      return all.filter((_, bit) => isSet(bytes[bit >> 3] ?? 0, 7 - (bit & 7)))
    },
    (writer, list) => {
      const mask = maskOf(list)
      const count = mask === 0 ? 0 : Math.floor(Math.log2(mask)) + 1
      const bytes = new Uint8Array(Math.ceil(count / 8))
      for (let bit = 0; bit < count; bit++)
        if (isSet(mask, bit)) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
      bitString.writeContents(writer, { unused: bytes.length * 8 - count, bytes })
    }
  )
}

/** ANY: one element of any type, whole, as it stands. */
export const any: Der<Uint8Array> = {
  name: "an element",
  schema: drawn(
    "ANY",
    (value): value is Uint8Array => isBytes(value) && Result.isSuccess(decodeDer(any, value)),
    someBytes,
    (bytes) => Uint8Array.of(tags["OCTET STRING"], bytes.length, ...bytes),
    (element) => element.subarray(2)
  ),
  starts: (tag) => tag !== 0,
  read: (reader) => reader.raw(),
  write: (writer, element) =>
    Result.isSuccess(decodeDer(any, element)) ? writer.put(element) : writer.fail("one element and nothing more")
}
