/** RFC 9846 sections 3.6 to 3.8: constructed types, constants and variants. */
import * as Schema from "effect/Schema"
import type { Wire } from "./wire.ts"

type Value<F> = { readonly [K in keyof F]: F[K] extends Wire<infer A> ? A : never }

/** `struct { T1 f1; … }`: the fields in the order given. */
export const struct = <const F extends { readonly [name: string]: Wire.Any }>(fields: F): Wire<Value<F>> => {
  const entries = Object.entries(fields as unknown as { readonly [name: string]: Wire<unknown> })
  const schemas = Object.fromEntries(entries.map(([name, field]) => [name, field.schema]))
  return {
    schema: Schema.Struct(schemas) as unknown as Schema.Codec<Value<F>>,
    read: (reader) => {
      const value: Record<string, unknown> = {}
      for (const [name, field] of entries) {
        value[name] = reader.field(name, field.read)
        if (reader.failure !== undefined) break
      }
      return value as Value<F>
    },
    write: (writer, value) => {
      for (const [name, field] of entries) {
        writer.field(name, () => field.write(writer, (value as Record<string, unknown>)[name]))
      }
    }
  }
}
