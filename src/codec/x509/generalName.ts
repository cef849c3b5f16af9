/** RFC 5280 section 4.2.1.6: GeneralName, the one thing that subjectAltName, name constraints and pointers share. */
import { objectIdentifier } from "../der/objectIdentifier.ts"
import { any, octetString } from "../der/primitive.ts"
import { ia5String } from "../der/string.ts"
import { choice, explicit, implicit, optional, sequence, sequenceOf } from "../der/structure.ts"
import { showIpAddress } from "./ipAddress.ts"
import { Name, showName } from "./name.ts"

/** `value` is text for rfc822Name, dNSName and URI, bytes for iPAddress, a `Name` for directoryName. */
export const GeneralName = choice({
  otherName: implicit(0, sequence({ typeId: objectIdentifier, value: explicit(0, any) })),
  rfc822Name: implicit(1, ia5String),
  dNSName: implicit(2, ia5String),
  // ORAddress, of X.400: nobody reads it, and it needs a hundred lines
  x400Address: implicit(3, sequenceOf(any)),
  // A CHOICE cannot be tagged implicitly, so this one is explicit (X.680 section 31.2.7)
  directoryName: explicit(4, Name),
  ediPartyName: implicit(5, sequence({ nameAssigner: optional(explicit(0, any)), partyName: explicit(1, any) })),
  uniformResourceIdentifier: implicit(6, ia5String),
  iPAddress: implicit(7, octetString),
  registeredID: implicit(8, objectIdentifier)
})
export type GeneralName = ReturnType<typeof GeneralName.read>

export const GeneralNames = sequenceOf(GeneralName, 1)
export type GeneralNames = ReadonlyArray<GeneralName>

/** Peer's text for a terminal: printable ASCII, the rest as `\xNN`. */
const safe = (text: string) =>
  text.replace(
    /[^\x21-\x5b\x5d-\x7e]/gu,
    (character) => `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`
  )

/** An address or, in a name constraint, a network: `192.0.2.0/24`, and its whole mask where that has holes. */
const showAddress = (bytes: Uint8Array): string => {
  if (bytes.length !== 8 && bytes.length !== 32) return showIpAddress(bytes)
  const half = bytes.length / 2
  const mask = bytes.subarray(half)
  const bits = Array.from(mask, (byte) => byte.toString(2).padStart(8, "0")).join("")
  const prefix = /^1*(?=0*$)/.exec(bits)?.[0].length
  return `${showIpAddress(bytes.subarray(0, half))}/${prefix ?? showIpAddress(mask)}`
}

/** For people: `DNS:example.org`, `IP:192.0.2.1`, `email:…`, `URI:…`, `DirName:…`. Safe for a terminal. */
export const showGeneralName = (name: GeneralName): string => {
  switch (name._tag) {
    case "rfc822Name":
      return `email:${safe(name.value)}`
    case "dNSName":
      return `DNS:${safe(name.value)}`
    case "uniformResourceIdentifier":
      return `URI:${safe(name.value)}`
    case "iPAddress":
      return `IP:${showAddress(name.value)}`
    case "directoryName":
      return `DirName:${showName(name.value)}`
    case "registeredID":
      return `RID:${name.value}`
    case "otherName":
      return `otherName:${name.value.typeId}`
    default:
      return name._tag
  }
}
