/** RFC 9846 section 3.4: vectors. Bounds are in bytes; the width of the length comes from the ceiling. */
import * as Schema from "effect/Schema"
import type { Reader } from "./cursor.ts"
import type { Wire } from "./wire.ts"

/** `<min..max>` of the RFC's notation, in bytes. */
export interface Bounds {
  readonly min: number
  readonly max: number
}

/** How many bytes the length of a vector takes: as many as its ceiling needs. */
const prefixOf = (max: number): number => (max < 2 ** 8 ? 1 : max < 2 ** 16 ? 2 : 3)

/** Long values add nothing to a property test; the hint shortens what is generated without restricting what is legal. */
const short = (maxLength: number) =>
  Schema.makeFilter<{ readonly length: number }>(() => true, { arbitraryConstraint: { maxLength } })

/** `opaque name[length]`, or with bounds `opaque name<min..max>`. */
export const opaque = (size: number | Bounds): Wire<Uint8Array> =>
  typeof size === "number" ? fixed(size) : variable(size)

const fixed = (length: number): Wire<Uint8Array> => ({
  schema: Schema.Uint8Array.check(Schema.isBetweenLength(length, length)),
  read: (reader) => reader.take(length),
  write: (writer, bytes) => (bytes.length === length ? writer.put(bytes) : writer.fail(`${length} bytes`))
})

const rest = (reader: Reader) => reader.rest()

const variable = ({ min, max }: Bounds): Wire<Uint8Array> => ({
  schema: Schema.Uint8Array.check(Schema.isBetweenLength(min, max), short(Math.max(min, 40))),
  read: (reader) => reader.vector(prefixOf(max), min, max, rest),
  write: (writer, bytes) => writer.vector(prefixOf(max), min, max, () => writer.put(bytes))
})

/** Bytes without a length of their own, up to the end of what encloses them. */
export const remainder: Wire<Uint8Array> = {
  schema: Schema.Uint8Array.check(short(40)),
  read: rest,
  write: (writer, bytes) => writer.put(bytes)
}

/** Bytes as a string of the characters U+0000 to U+00FF, one each, so that no byte is lost. */
export const byteString = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

/** `opaque name<min..max>` whose bytes are a name for people: a string of one character a byte. */
export const text = (bounds: Bounds): Wire<string> => {
  const bytes = variable(bounds)
  return {
    schema: Schema.String.check(
      Schema.isBetweenLength(bounds.min, bounds.max),
      short(Math.max(bounds.min, 40)),
      // biome-ignore lint/suspicious/noControlCharactersInRegex: every byte is legal here
      Schema.isPattern(/^[\u0000-\u00ff]*$/)
    ),
    read: (reader) => byteString(bytes.read(reader)),
    write: (writer, value) => {
      const codes = new Uint8Array(value.length)
      for (let i = 0; i < value.length; i++) {
        const code = value.charCodeAt(i)
        if (code > 0xff) return writer.fail("characters of one byte")
        codes[i] = code
      }
      bytes.write(writer, codes)
    }
  }
}

/** Items one after another, up to the end of what encloses them. */
export const items = <A>(item: Wire<A>): Wire<ReadonlyArray<A>> => ({
  schema: Schema.Array(item.schema).check(short(6)),
  read: (reader) => {
    const values: Array<A> = []
    while (reader.remaining > 0 && reader.failure === undefined) values.push(reader.field(values.length, item.read))
    return values
  },
  write: (writer, values) => {
    let i = 0
    for (const value of values) writer.field(i++, () => item.write(writer, value))
  }
})

/** `T name<min..max>`: items behind their length in bytes. `sample` bounds only what a property test generates. */
export const vector = <A>(item: Wire<A>, { min, max }: Bounds, sample = 6): Wire<ReadonlyArray<A>> => {
  const all = items(item)
  return {
    schema: all.schema.check(Schema.isMinLength(min === 0 ? 0 : 1), short(sample)),
    read: (reader) => reader.vector(prefixOf(max), min, max, all.read),
    write: (writer, values) => writer.vector(prefixOf(max), min, max, () => all.write(writer, values))
  }
}

/** Refuses a vector that names one thing twice, in one pass; `illegal_parameter` unless the RFC says otherwise. */
export const distinct = <A>(
  list: Wire<ReadonlyArray<A>>,
  key: (item: A) => unknown,
  expected: string
): Wire<ReadonlyArray<A>> => {
  const isDistinct = (items: ReadonlyArray<A>) => new Set(items.map(key)).size === items.length
  return {
    schema: list.schema.check(Schema.makeFilter(isDistinct, { expected, arbitraryConstraint: { uniqueBy: key } })),
    read: (reader) => {
      const start = reader.offset
      const items = list.read(reader)
      if (!isDistinct(items)) reader.fail(expected, "illegal_parameter", start)
      return items
    },
    write: (writer, items) => (isDistinct(items) ? list.write(writer, items) : writer.fail(expected))
  }
}
