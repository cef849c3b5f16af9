/** RFC 9846 section 4.3: a block of extensions. */
import * as Schema from "effect/Schema"
import type { Reader, Writer } from "../presentation/cursor.ts"
import { type Bounds, opaque, items as sequence } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { ExtensionType } from "../registry/extensionType.ts"
import { type Extension, type ExtensionsOf, type MessageName, placement, placement12 } from "./placement.ts"

/** `extension_data<0..2^16-1>` of the extensions we cannot read. */
const unknownData = opaque({ min: 0, max: 2 ** 16 - 1 })

interface AnyExtension {
  readonly type: ExtensionType
  readonly data: unknown
}

/** What stands in one message: the wire of each extension under its name. */
const bodiesOf = (message: MessageName): ReadonlyMap<string, Wire<unknown>> => {
  const rows: ReadonlyArray<readonly [string, { readonly [message: string]: { readonly wire: Wire.Any } }]> = [
    ...Object.entries(placement),
    ...Object.entries(placement12)
  ]
  const bodies = new Map<string, Wire<unknown>>()
  for (const [name, row] of rows) {
    const body = row[message]
    if (body !== undefined) bodies.set(name, body.wire as unknown as Wire<unknown>)
  }
  return bodies
}

/** `struct { ExtensionType extension_type; opaque extension_data<0..2^16-1>; } Extension`, for one message. */
const extension = (message: MessageName): Wire<AnyExtension> => {
  const bodies = bodiesOf(message)
  const member = (type: Schema.Top, data: Schema.Top) => Schema.Struct({ type, data })
  const named = [...bodies].map(([name, body]) => member(Schema.Literal(name), body.schema))
  const unknown = member(ExtensionType.unknown, unknownData.schema)
  return {
    schema: Schema.Union([...named, unknown]) as unknown as Schema.Codec<AnyExtension>,
    read: (reader) => {
      const type = reader.field("extension_type", ExtensionType.read)
      if (typeof type === "number") return { type, data: reader.field("extension_data", unknownData.read) }
      const body = bodies.get(type)
      if (body !== undefined) {
        return { type, data: reader.field(type, (r) => r.vector(2, 0, 2 ** 16 - 1, body.read)) }
      }
      reader.fail(`an extension that may stand in ${message}, not ${type}`, "illegal_parameter", reader.offset - 2)
      return { type, data: undefined }
    },
    write: (writer, { type, data }) => {
      writer.uint(2, ExtensionType.code(type))
      const body = typeof type === "number" ? undefined : bodies.get(type)
      if (typeof type === "number") writer.field("extension_data", () => unknownData.write(writer, data as Uint8Array))
      else if (body === undefined) writer.fail(`an extension that may stand in ${message}, not ${type}`)
      else writer.field(type, () => writer.vector(2, 0, 2 ** 16 - 1, () => body.write(writer, data)))
    }
  }
}

/** Two rules for the block as a whole: no type twice, and pre_shared_key at the end of a ClientHello. */
const disorder = (message: MessageName, block: ReadonlyArray<AnyExtension>): string | undefined => {
  const seen = new Set<ExtensionType>()
  for (const { type } of block) {
    if (seen.has(type)) return `one extension of each type, but ${ExtensionType.show(type)} is there twice`
    if (message === "ClientHello" && seen.has("pre_shared_key")) return "pre_shared_key as the last extension"
    seen.add(type)
  }
  return undefined
}

/**
 * `Extension extensions<min..max>` of a message.
 *
 * `decode_error` for bytes left over in an extension; `illegal_parameter` for an extension that stands twice, that
 * does not belong in this message, or that follows pre_shared_key in a ClientHello.
 */
export const extensions = <M extends MessageName>(message: M, { min, max }: Bounds): Wire<ExtensionsOf<M>> => {
  const block = sequence(extension(message))
  const ordered = Schema.makeFilter((value: ReadonlyArray<AnyExtension>) => disorder(message, value) === undefined, {
    expected: "extensions in order",
    arbitraryConstraint: { uniqueBy: ({ type }: AnyExtension) => type }
  })
  const wire: Wire<ReadonlyArray<AnyExtension>> = {
    schema: block.schema.check(ordered),
    read: (reader) => {
      const start = reader.offset
      const value = reader.vector(2, min, max, block.read)
      const expected = reader.failure === undefined ? disorder(message, value) : undefined
      if (expected !== undefined) reader.fail(expected, "illegal_parameter", start)
      return value
    },
    write: (writer, value) => {
      const expected = disorder(message, value)
      if (expected === undefined) writer.vector(2, min, max, () => block.write(writer, value))
      else writer.fail(expected)
    }
  }
  return wire as unknown as Wire<ExtensionsOf<M>>
}

/** The extensions at the end of a message of TLS 1.2, which may leave the block out: no bytes, no extensions. */
export const trailingExtensions = <M extends MessageName>(message: M): Wire<ExtensionsOf<M>> => {
  const present = extensions(message, { min: 0, max: 2 ** 16 - 1 })
  return {
    schema: present.schema,
    read: (reader: Reader) => (reader.remaining === 0 ? [] : present.read(reader)),
    write: (writer: Writer, value) => (value.length === 0 ? undefined : present.write(writer, value))
  }
}

type Named<X> = X extends { readonly type: infer T extends string } ? T : never

/**
 * What an extension holds, or `undefined` when the block does not have it.
 *
 * @example find(clientHello.extensions, "key_share")?.client_shares
 */
export const find = <X extends { readonly type: string | number; readonly data: unknown }, const T extends Named<X>>(
  block: ReadonlyArray<X>,
  type: T
): Extract<X, { readonly type: T }>["data"] | undefined => {
  for (const item of block) if (item.type === type) return item.data as Extract<X, { readonly type: T }>["data"]
  return undefined
}

export type { Extension, ExtensionsOf, MessageName }
