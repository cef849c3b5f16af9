/** RFC 9846 sections 3.6 to 3.8: constructed types, constants and variants. */
import * as Schema from "effect/Schema"
import type { Enum, Open, Registry } from "./enum.ts"
import type { Wire } from "./wire.ts"

/** A field that stands in the bytes and not in the value, because it is always the same. */
export interface Fixed {
  readonly fixed: Wire<undefined>
}
type Field = Wire.Any | Fixed
type Value<F> = {
  readonly [K in keyof F as F[K] extends Fixed ? never : K]: F[K] extends Wire<infer A> ? A : never
}

/** `struct { T1 f1; … }`: the fields in the order given. */
export const struct = <const F extends { readonly [name: string]: Field }>(fields: F): Wire<Value<F>> => {
  const all = Object.entries(fields as unknown as { readonly [name: string]: Wire<unknown> | Fixed })
  const schemas = Object.fromEntries(all.flatMap(([name, field]) => ("fixed" in field ? [] : [[name, field.schema]])))
  return {
    schema: Schema.Struct(schemas) as unknown as Schema.Codec<Value<F>>,
    read: (reader) => {
      const value: Record<string, unknown> = {}
      for (const [name, field] of all) {
        if ("fixed" in field) reader.field(name, field.fixed.read)
        else value[name] = reader.field(name, field.read)
        if (reader.failure !== undefined) break
      }
      return value as Value<F>
    },
    write: (writer, value) => {
      const parts = value as { readonly [name: string]: unknown }
      for (const [name, field] of all) {
        if ("fixed" in field) field.fixed.write(writer, undefined)
        else writer.field(name, () => field.write(writer, parts[name]))
      }
    }
  }
}

/** Bytes that are always the same: `illegal_parameter` for any others. */
export const fixedBytes = (bytes: ReadonlyArray<number>, expected: string): Fixed => ({
  fixed: {
    schema: Schema.Undefined,
    read: (reader) => {
      const start = reader.offset
      const read = reader.take(bytes.length)
      if (!bytes.every((byte, i) => read[i] === byte)) reader.fail(expected, "illegal_parameter", start)
    },
    write: (writer) => writer.put(Uint8Array.from(bytes))
  }
})

/** `T name = value`: bytes that must be there and say nothing; `illegal_parameter` for any other value. */
export const constant = <A, const C extends A & (string | number)>(of: Wire<A>, value: C): Wire<C> => ({
  schema: Schema.Literal(value) as unknown as Schema.Codec<C>,
  read: (reader) => {
    const start = reader.offset
    const read: unknown = of.read(reader)
    if (read !== value) reader.fail(`${value}`, "illegal_parameter", start)
    return value
  },
  write: (writer) => of.write(writer, value)
})

type Variant<T extends string, Tag, F extends string, Data> = { readonly [K in T]: Tag } & { readonly [K in F]: Data }

/** Narrower than the structure says: what `holds` refuses is well formed and nevertheless an `illegal_parameter`. */
export const refine = <A>(wire: Wire<A>, holds: (value: A) => boolean, expected: string): Wire<A> => ({
  schema: wire.schema.check(Schema.makeFilter(holds, { expected })),
  read: (reader) => {
    const start = reader.offset
    const value = wire.read(reader)
    if (reader.failure === undefined && !holds(value)) reader.fail(expected, "illegal_parameter", start)
    return value
  },
  write: (writer, value) => (holds(value) ? wire.write(writer, value) : writer.fail(expected))
})

/** The value of a `select`: a variant for each name of its enumeration, and one for the code points without a name. */
export type Select<
  T extends string,
  R extends Registry,
  F extends string,
  C extends { readonly [K in keyof R]: Wire.Any },
  O
> = { readonly [N in keyof R & string]: Variant<T, N, F, Wire.Type<C[N]>> }[keyof R & string] | Variant<T, number, F, O>

/** `struct { E tag; select (tag) { case e1: T1; … } field; }`; `otherwise` keeps code points without a name. */
export const select = <
  const T extends string,
  R extends Registry,
  const F extends string,
  C extends { readonly [K in keyof R]: Wire.Any },
  O
>(
  tag: T,
  type: Enum<R>,
  field: F,
  cases: C,
  otherwise: Wire<O>
): Wire<Select<T, R, F, C, O>> => {
  type A = Select<T, R, F, C, O>
  const arms = cases as unknown as { readonly [name: string]: Wire<unknown> }
  const future = otherwise as unknown as Wire<unknown>
  const arm = (of: Open<R>): Wire<unknown> => (typeof of === "number" ? future : (arms[of] ?? future))
  const variant = (of: Schema.Top, data: Schema.Top) => Schema.Struct({ [tag]: of, [field]: data })
  const named = Object.entries(arms).map(([name, wire]) => variant(Schema.Literal(name), wire.schema))
  return {
    schema: Schema.Union([...named, variant(type.unknown, otherwise.schema)]) as unknown as Schema.Codec<A>,
    read: (reader) => {
      const of = reader.field(tag, type.read)
      return { [tag]: of, [field]: reader.field(field, arm(of).read) } as A
    },
    write: (writer, value) => {
      const parts = value as unknown as { readonly [name: string]: unknown }
      const of = parts[tag] as Open<R>
      writer.field(tag, () => type.write(writer, of))
      writer.field(field, () => arm(of).write(writer, parts[field]))
    }
  }
}
