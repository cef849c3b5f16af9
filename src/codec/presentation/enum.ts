/** RFC 9846 section 3.5: enumerations. A value is the registered name where there is one, else the number. */
import * as Schema from "effect/Schema"
import type { Wire } from "./wire.ts"

/** A registry: the code point of each name. */
export type Registry = { readonly [name: string]: number }

/** A name of the registry, or the number of a code point that it does not know. */
export type Open<R extends Registry> = (keyof R & string) | number

/** An open enumeration: a wire whose values are names, and a table of their code points. */
export interface Enum<R extends Registry> extends Wire<Open<R>> {
  readonly registry: R
  /** The code points without a name, as a schema. */
  readonly unknown: Schema.Codec<number>
  /** The code point of a value. */
  readonly code: (value: Open<R>) => number
  /** The value of a code point. */
  readonly of: (code: number) => Open<R>
  /** The value as a person reads it: the name, or the number in hexadecimal. */
  readonly show: (value: Open<R>) => string
}

/** `enum { name(code), …, (2^(8*size)-1) }`; unknown code points survive a round trip. */
export const openEnum = <const R extends Registry>(size: 1 | 2, registry: R): Enum<R> => {
  const names = new Map<number, keyof R & string>(Object.entries(registry).map(([name, code]) => [code, name]))
  const of = (code: number): Open<R> => names.get(code) ?? code
  const code = (value: Open<R>): number => (typeof value === "number" ? value : (registry[value] ?? 0))
  const unknown = Schema.Int.check(
    Schema.isBetween({ minimum: 0, maximum: 256 ** size - 1 }),
    Schema.makeFilter((n) => !names.has(n), { expected: "an unregistered code point" })
  )
  return {
    registry,
    unknown,
    code,
    of,
    show: (value) => (typeof value === "number" ? `0x${value.toString(16).padStart(size * 2, "0")}` : value),
    schema: Schema.Union([Schema.Literals(Object.keys(registry)), unknown]) as unknown as Schema.Codec<Open<R>>,
    read: (reader) => of(reader.uint(size)),
    write: (writer, value) => writer.uint(size, code(value))
  }
}

/** An enumeration whose other values the RFC forbids: they are refused with `illegal_parameter`. */
export const closedEnum = <const R extends Registry>(size: 1 | 2, registry: R): Wire<keyof R & string> => {
  const names = Object.keys(registry) as ReadonlyArray<keyof R & string>
  const byCode = new Map<number | undefined, keyof R & string>(names.map((name) => [registry[name], name]))
  const expected = names.join(" or ")
  return {
    schema: Schema.Literals(names) as unknown as Schema.Codec<keyof R & string>,
    read: (reader) => {
      const start = reader.offset
      const name = byCode.get(reader.uint(size))
      if (name === undefined && reader.failure === undefined) reader.fail(expected, "illegal_parameter", start)
      return name ?? (names[0] as keyof R & string)
    },
    write: (writer, value) => {
      const code = registry[value]
      if (code === undefined) writer.fail(expected)
      else writer.uint(size, code)
    }
  }
}
