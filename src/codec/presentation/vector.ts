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

/** `T name<min..max>`: items one after another, behind their length in bytes. */
export const vector = <A>(item: Wire<A>, { min, max }: Bounds): Wire<ReadonlyArray<A>> => ({
  schema: Schema.Array(item.schema).check(Schema.isMinLength(min === 0 ? 0 : 1), short(6)),
  read: (reader) => reader.vector(prefixOf(max), min, max, (r) => many(r, item)),
  write: (writer, items) =>
    writer.vector(prefixOf(max), min, max, () => {
      items.forEach((value, i) => {
        writer.field(i, () => item.write(writer, value))
      })
    })
})

const many = <A>(reader: Reader, item: Wire<A>): ReadonlyArray<A> => {
  const items: Array<A> = []
  while (reader.remaining > 0 && reader.failure === undefined) items.push(reader.field(items.length, item.read))
  return items
}

/** Refuses a vector that names one thing twice, in one pass; `illegal_parameter` unless the RFC says otherwise. */
export const distinct = <A>(
  list: Wire<ReadonlyArray<A>>,
  key: (item: A) => unknown,
  expected: string
): Wire<ReadonlyArray<A>> => {
  const isDistinct = (items: ReadonlyArray<A>) => new Set(items.map(key)).size === items.length
  return {
    schema: list.schema.check(Schema.makeFilter(isDistinct, { expected })),
    read: (reader) => {
      const items = list.read(reader)
      if (!isDistinct(items)) reader.fail(expected, "illegal_parameter")
      return items
    },
    write: list.write
  }
}
