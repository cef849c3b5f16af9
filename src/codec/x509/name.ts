/** RFC 5280 section 4.1.2.4: distinguished names, and RFC 4514: how they are shown. */
import * as Result from "effect/Result"
import { decodeDer, encodeDer } from "../der/der.ts"
import { namedOid } from "../der/objectIdentifier.ts"
import { any } from "../der/primitive.ts"
import {
  bmpString,
  ia5String,
  numericString,
  printableString,
  teletexString,
  universalString,
  utf8String,
  visibleString
} from "../der/string.ts"
import { choice, type Retained, retained, sequence, sequenceOf, setOf } from "../der/structure.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { type Returns, resultFn } from "../resultFn.ts"

/** The attribute types that have names (RFC 5280 appendix A.1, RFC 4519); others stay dotted text. */
export const AttributeType = namedOid({
  commonName: "2.5.4.3",
  surname: "2.5.4.4",
  serialNumber: "2.5.4.5",
  countryName: "2.5.4.6",
  localityName: "2.5.4.7",
  stateOrProvinceName: "2.5.4.8",
  streetAddress: "2.5.4.9",
  organizationName: "2.5.4.10",
  organizationalUnitName: "2.5.4.11",
  title: "2.5.4.12",
  businessCategory: "2.5.4.15",
  postalCode: "2.5.4.17",
  givenName: "2.5.4.42",
  organizationIdentifier: "2.5.4.97",
  userId: "0.9.2342.19200300.100.1.1",
  domainComponent: "0.9.2342.19200300.100.1.25",
  emailAddress: "1.2.840.113549.1.9.1"
})

/** The short forms of RFC 4514 section 3, and those that everybody adds. */
export const abbreviations: ReadonlyMap<string, string> = new Map([
  ["commonName", "CN"],
  ["surname", "SN"],
  ["countryName", "C"],
  ["localityName", "L"],
  ["stateOrProvinceName", "ST"],
  ["streetAddress", "STREET"],
  ["organizationName", "O"],
  ["organizationalUnitName", "OU"],
  ["userId", "UID"],
  ["domainComponent", "DC"]
])

/** `type` is a name of `AttributeType` or dotted text; `value` is the element, whole, as names compare by it. */
export const AttributeTypeAndValue = sequence({ type: AttributeType, value: any })
export interface AttributeTypeAndValue {
  readonly type: string
  readonly value: Uint8Array
}

export const RelativeDistinguishedName = setOf(AttributeTypeAndValue, 1)
export type RelativeDistinguishedName = ReadonlyArray<AttributeTypeAndValue>

/** `RDNSequence`, the most significant part first. */
export const RDNSequence = sequenceOf(RelativeDistinguishedName)
export type RDNSequence = ReadonlyArray<RelativeDistinguishedName>

/** A name with the bytes it was read from; names are the same when their `der` is. */
export const Name = retained(RDNSequence)
export type Name = Retained<RDNSequence>

const AttributeString = choice({
  utf8String,
  printableString,
  ia5String,
  teletexString,
  bmpString,
  universalString,
  numericString,
  visibleString
})

/** The text of an attribute; `undefined` for what is not a well-formed string. */
export const attributeText = (attribute: AttributeTypeAndValue): string | undefined =>
  Result.match(decodeDer(AttributeString, attribute.value), {
    onSuccess: ({ value }) => value,
    onFailure: () => undefined
  })

/** The texts of all attributes of one type, in order; for example `attributesOf(subject, "commonName")`. */
export const attributesOf = (name: Name, type: string): ReadonlyArray<string> =>
  name.value
    .flat()
    .filter((attribute) => attribute.type === type)
    .flatMap((attribute) => attributeText(attribute) ?? [])

/** A name of one attribute a part, as UTF-8; countries as PrintableString and domain components as IA5String. */
export const makeName = resultFn(function* (
  attributes: ReadonlyArray<readonly [type: string, text: string]>
): Returns<Name, CodecFailure> {
  const value: Array<RelativeDistinguishedName> = []
  for (const [type, text] of attributes) {
    const string =
      type === "countryName" || type === "serialNumber"
        ? printableString
        : type === "domainComponent" || type === "emailAddress"
          ? ia5String
          : utf8String
    value.push([{ type, value: yield* encodeDer(string, text) }])
  }
  return { value, der: yield* encodeDer(RDNSequence, value) }
})

const hex = (bytes: Uint8Array, before = "") =>
  Array.from(bytes, (byte) => `${before}${byte.toString(16).padStart(2, "0")}`).join("")

const encoder = new TextEncoder()

/**
 * Text with everything escaped that could be taken for something else: what RFC 4514 section 2.4 names, and all that
 * is not a letter, a digit or printable ASCII, such as controls and marks that turn the direction of writing.
 */
const escaped = (text: string): string =>
  text
    .replace(/["+,;<>\\]/g, "\\$&")
    .replace(/[^\x20-\x7e\p{L}\p{N}]/gu, (character) => hex(encoder.encode(character), "\\"))
    .replace(/ $/, "\\ ")
    .replace(/^[ #]/, "\\$&")

const showAttribute = (attribute: AttributeTypeAndValue): string => {
  const text = attributeText(attribute)
  const type = abbreviations.get(attribute.type) ?? attribute.type
  return `${type}=${text === undefined ? `#${hex(attribute.value)}` : escaped(text)}`
}

/** A name as RFC 4514 writes it, the last part first: `CN=example.org,O=Example,C=CH`. Safe for a terminal. */
export const showName = (name: Name): string =>
  name.value
    .map((rdn) => rdn.map(showAttribute).join("+"))
    .reverse()
    .join(",")
