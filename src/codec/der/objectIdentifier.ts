/** OBJECT IDENTIFIER (X.690 section 8.19), as its dotted text. */
import * as Schema from "effect/Schema"
import { type Tagged, tagged } from "./der.ts"
import { drawn } from "./schema.ts"
import { tags } from "./tlv.ts"

/** An arc has no bound in X.690; real ones go up to a UUID's 19 bytes, and text of a long one costs its square. */
const longestArc = 32
const most = 2n ** BigInt(7 * longestArc) - 1n

const expected = `an OBJECT IDENTIFIER with arcs in their shortest form, of at most ${longestArc} bytes`

/** The arcs of the contents, the first two still joined in one; `undefined` when they are not well formed. */
const subidentifiers = (bytes: Uint8Array): ReadonlyArray<bigint> | undefined => {
  const arcs: Array<bigint> = []
  let arc = 0n
  let start = 0
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i] ?? 0
    if ((i === start && octet === 0x80) || i - start >= longestArc) return undefined
    arc = (arc << 7n) | BigInt(octet & 0x7f)
    if (octet < 0x80) {
      arcs.push(arc)
      arc = 0n
      start = i + 1
    }
  }
  return start === bytes.length && bytes.length > 0 ? arcs : undefined
}

const toText = ([first = 0n, ...rest]: ReadonlyArray<bigint>): string => {
  const root = first < 40n ? 0n : first < 80n ? 1n : 2n
  return [root, first - root * 40n, ...rest].join(".")
}

/** The joined arcs of a dotted text; `undefined` when it is not one. */
const fromText = (text: string): ReadonlyArray<bigint> | undefined => {
  const parts = text.split(".")
  if (parts.length < 2 || !parts.every((part) => /^(0|[1-9]\d{0,70})$/.test(part))) return undefined
  const [root = 0n, second = 0n, ...rest] = parts.map(BigInt)
  if (root > 2n || (root < 2n && second >= 40n)) return undefined
  const arcs = [root * 40n + second, ...rest]
  return arcs.every((arc) => arc <= most) ? arcs : undefined
}

const octets = (arc: bigint): ReadonlyArray<number> => {
  const list = [Number(arc & 0x7fn)]
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) list.unshift(Number(rest & 0x7fn) | 0x80)
  return list
}

const arc = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 2n ** 70n }))

/** OBJECT IDENTIFIER as dotted text, for example `"2.5.29.17"`. */
export const objectIdentifier: Tagged<string> = tagged(
  "OBJECT IDENTIFIER",
  tags["OBJECT IDENTIFIER"],
  drawn(
    "OBJECT IDENTIFIER",
    (value): value is string => typeof value === "string" && fromText(value) !== undefined,
    Schema.NonEmptyArray(arc),
    toText,
    (text): readonly [bigint, ...Array<bigint>] => {
      const [first = 0n, ...rest] = fromText(text) ?? []
      return [first, ...rest]
    }
  ),
  (reader) => {
    const arcs = subidentifiers(reader.rest())
    if (arcs === undefined) reader.fail(expected)
    return arcs === undefined ? "" : toText(arcs)
  },
  (writer, text) => {
    const arcs = fromText(text)
    if (arcs === undefined) return writer.fail(expected)
    for (const octet of arcs.flatMap(octets)) writer.uint(1, octet)
  }
)

/** A registry of object identifiers: the dotted text of each name. */
export interface OidRegistry {
  readonly [name: string]: string
}

/** OBJECT IDENTIFIER as the name that a registry has for it, else as dotted text. */
export const namedOid = <const R extends OidRegistry>(registry: R): Tagged<string> & { readonly registry: R } => {
  const names = new Map(Object.entries(registry).map(([name, oid]) => [oid, name]))
  const oids = new Map(Object.entries(registry))
  const of = (oid: string) => names.get(oid) ?? oid
  const to = (name: string) => oids.get(name) ?? name
  const is = Schema.is(objectIdentifier.schema)
  const type = tagged(
    objectIdentifier.name,
    objectIdentifier.tag,
    drawn(
      "a named OBJECT IDENTIFIER",
      (value): value is string => typeof value === "string" && !names.has(value) && is(to(value)),
      objectIdentifier.schema,
      of,
      to
    ),
    (reader) => of(objectIdentifier.readContents(reader)),
    (writer, name) => objectIdentifier.writeContents(writer, to(name))
  )
  return { ...type, registry }
}
