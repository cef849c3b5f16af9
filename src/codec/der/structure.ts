/** The type constructors of ASN.1, named as ASN.1 names them, so that a module reads as it does in the RFC. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Der, encodeDer, type Tagged, tagged } from "./der.ts"
import { drawn } from "./schema.ts"
import { contextTag, type DerReader, type DerWriter, isConstructed, tags } from "./tlv.ts"

type Fields = { readonly [name: string]: Der.Any }
type Value<F> = { readonly [K in keyof F]: Der.Type<F[K]> }

/** `SEQUENCE { name Type, … }`: the fields in the order given. An absent optional field is `undefined`. */
export const sequence = <const F extends Fields>(fields: F): Tagged<Value<F>> => {
  const entries = Object.entries(fields as unknown as { readonly [name: string]: Der<unknown> })
  return tagged(
    "SEQUENCE",
    tags.SEQUENCE,
    Schema.Struct(Object.fromEntries(entries.map(([name, field]) => [name, field.schema]))) as unknown as Schema.Codec<
      Value<F>
    >,
    (reader) => {
      const value: Record<string, unknown> = {}
      for (const [name, field] of entries) {
        value[name] = reader.field(name, () => field.read(reader))
        if (reader.failure !== undefined) break
      }
      return value as Value<F>
    },
    (writer, value) => {
      for (const [name, field] of entries) {
        writer.field(name, () => field.write(writer, (value as Record<string, unknown>)[name]))
      }
    }
  )
}

/** Long lists add nothing to a property test. */
const short = Schema.makeFilter<{ readonly length: number }>(() => true, { arbitraryConstraint: { maxLength: 4 } })

const listSchema = <A>(item: Der<A>, min: number): Schema.Codec<ReadonlyArray<A>> =>
  Schema.Array(item.schema).check(Schema.isMinLength(min), short)

const readList = <A>(reader: DerReader, item: Der<A>, min: number): ReadonlyArray<A> => {
  const items: Array<A> = []
  while (reader.remaining > 0 && reader.failure === undefined) {
    items.push(reader.field(items.length, () => item.read(reader)))
  }
  if (items.length < min) reader.fail(`at least ${min} of ${item.name}`)
  return items
}

const writeList = <A>(writer: DerWriter, item: Der<A>, min: number, items: ReadonlyArray<A>): void => {
  if (items.length < min) writer.fail(`at least ${min} of ${item.name}`)
  items.forEach((value, i) => {
    writer.field(i, () => item.write(writer, value))
  })
}

/** `SEQUENCE SIZE (min..MAX) OF Type`. */
export const sequenceOf = <A>(item: Der<A>, min: 0 | 1 = 0): Tagged<ReadonlyArray<A>> =>
  tagged(
    "SEQUENCE OF",
    tags.SEQUENCE,
    listSchema(item, min),
    (reader) => readList(reader, item, min),
    (writer, items) => writeList(writer, item, min, items)
  )

/** How DER orders the elements of a SET OF (X.690 section 11.6). */
const compare = (a: Uint8Array, b: Uint8Array): number => {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** `SET SIZE (min..MAX) OF Type`: written in the order of the encodings, and refused in any other. */
export const setOf = <A>(item: Der<A>, min: 0 | 1 = 0): Tagged<ReadonlyArray<A>> => {
  const encoded = (value: A): Uint8Array => {
    const result = encodeDer(item, value)
    return Result.getOrElse(result, () => new Uint8Array(0))
  }
  const sorted = (items: ReadonlyArray<A>) =>
    items
      .map((value) => ({ value, der: encoded(value) }))
      .sort((a, b) => compare(a.der, b.der))
      .map(({ value }) => value)
  const list = listSchema(item, min)
  return tagged(
    "SET OF",
    tags.SET,
    drawn("SET OF", Schema.is(list), list, sorted, (items) => items),
    (reader) => {
      let before: Uint8Array | undefined
      const ordered: Der<A> = {
        ...item,
        read: (r) => {
          const start = r.offset
          const value = item.read(r)
          const element = r.bytes.subarray(start, r.offset)
          if (before !== undefined && compare(before, element) > 0) r.fail("the elements of a SET OF in order")
          before = element
          return value
        }
      }
      return readList(reader, ordered, min)
    },
    (writer, items) => writeList(writer, item, min, sorted(items))
  )
}

type Alternatives<F> = { readonly [K in keyof F & string]: { readonly _tag: K; readonly value: Der.Type<F[K]> } }

/** `CHOICE { name Type, … }`: a union, told apart by the tags of the alternatives. */
export const choice = <const F extends Fields>(fields: F): Der<Alternatives<F>[keyof F & string]> => {
  type A = Alternatives<F>[keyof F & string]
  const entries = Object.entries(fields as unknown as { readonly [name: string]: Der<unknown> })
  const schemas = entries.map(([name, field]) =>
    Schema.Struct({ _tag: Schema.Literal(name), value: field.schema as Schema.Codec<unknown> })
  )
  return {
    name: `CHOICE of ${entries.map(([name]) => name).join(", ")}`,
    schema: Schema.Union(schemas) as unknown as Schema.Codec<A>,
    starts: (tag) => entries.some(([, field]) => field.starts(tag)),
    read: (reader) => {
      const found = entries.find(([, field]) => field.starts(reader.tag))
      if (found === undefined) reader.fail(`one of ${entries.map(([name]) => name).join(", ")}`)
      const [name, field] = found ?? ["", undefined]
      return { _tag: name, value: reader.field(name, () => field?.read(reader)) } as A
    },
    write: (writer, { _tag, value }) => {
      const field = entries.find(([name]) => name === _tag)?.[1]
      if (field === undefined) writer.fail(`one of ${entries.map(([name]) => name).join(", ")}`)
      else writer.field(_tag, () => field.write(writer, value))
    }
  }
}

/** `Type OPTIONAL`. */
export const optional = <A>(type: Der<A>): Der<A | undefined> => ({
  name: type.name,
  schema: Schema.UndefinedOr(type.schema),
  starts: type.starts,
  read: (reader) => (type.starts(reader.tag) ? type.read(reader) : undefined),
  write: (writer, value) => {
    if (value !== undefined) type.write(writer, value)
  }
})

/** `Type DEFAULT value`: the default is left out, and refused where it is not (X.690 section 11.5). */
export const withDefault = <A extends string | number | boolean>(type: Der<A>, value: A): Der<A> => ({
  ...type,
  read: (reader) => {
    if (!type.starts(reader.tag)) return value
    const start = reader.offset
    const found = type.read(reader)
    if (found === value && reader.failure === undefined) {
      reader.offset = start
      reader.fail(`the default ${String(value)} to be left out`)
    }
    return found
  },
  write: (writer, found) => {
    if (found !== value) type.write(writer, found)
  }
})

/** `[number] EXPLICIT Type`: the element inside another. */
export const explicit = <A>(number: number, type: Der<A>): Tagged<A> =>
  tagged(`[${number}] ${type.name}`, contextTag(number, "constructed"), type.schema, type.read, type.write)

/** `[number] IMPLICIT Type`: the tag in the place of the type's own. */
export const implicit = <A>(number: number, type: Tagged<A>): Tagged<A> =>
  tagged(
    `[${number}] ${type.name}`,
    contextTag(number, isConstructed(type.tag) ? "constructed" : "primitive"),
    type.schema,
    type.readContents,
    type.writeContents
  )

/** A type of which only some values are allowed; `expected` names them. */
export const refine = <A>(type: Tagged<A>, allows: (value: A) => boolean, expected: string): Tagged<A> =>
  tagged(
    type.name,
    type.tag,
    type.schema.check(Schema.makeFilter(allows, { expected })),
    (reader) => {
      const value = type.readContents(reader)
      if (reader.failure === undefined && !allows(value)) reader.fail(expected)
      return value
    },
    (writer, value) => (allows(value) ? type.writeContents(writer, value) : writer.fail(expected))
  )

/** A type whose numbers have names: `Version ::= INTEGER { v1(0), v2(1), v3(2) }`. */
export const named = <const N extends { readonly [name: string]: number }>(
  type: Tagged<number>,
  numbers: N
): Tagged<keyof N & string> => {
  const names = Object.keys(numbers) as Array<keyof N & string>
  const expected = `one of ${names.join(", ")}`
  return tagged(
    type.name,
    type.tag,
    Schema.Literals(names) as unknown as Schema.Codec<keyof N & string>,
    (reader) => {
      const value = type.readContents(reader)
      const name = names.find((candidate) => numbers[candidate] === value)
      if (name === undefined) reader.fail(expected)
      return name ?? (names[0] as keyof N & string)
    },
    (writer, name) => type.writeContents(writer, numbers[name] ?? -1)
  )
}

/** A value together with the bytes it was read from: what is signed, hashed or compared as bytes. */
export interface Retained<A> {
  readonly value: A
  /** The whole element. */
  readonly der: Uint8Array
}

/** Keeps the bytes of an element beside its value. Writing goes by the value, whose encoding DER leaves no choice. */
export const retained = <A>(type: Tagged<A>): Der<Retained<A>> => ({
  name: type.name,
  schema: drawn(
    type.name,
    (value): value is Retained<A> =>
      typeof value === "object" &&
      value !== null &&
      "value" in value &&
      "der" in value &&
      Schema.is(type.schema)(value.value),
    type.schema,
    (value) => {
      const der = encodeDer(type, value)
      return { value, der: Result.getOrElse(der, () => new Uint8Array(0)) }
    },
    ({ value }) => value
  ),
  starts: type.starts,
  read: (reader) => {
    const start = reader.offset
    const value = type.read(reader)
    return { value, der: reader.bytes.subarray(start, reader.offset) }
  },
  write: (writer, { value }) => type.write(writer, value)
})
