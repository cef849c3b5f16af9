/** The character strings of ASN.1 (X.690 section 8.23), as JavaScript strings. */

import * as Schema from "effect/Schema"
import { same } from "../bytes.ts"
import { type Tagged, tagged } from "./der.ts"
import { type Tag, tags } from "./tlv.ts"

const short = Schema.makeFilter<string>(() => true, { arbitraryConstraint: { maxLength: 20 } })

/** A string type from the two directions of its alphabet; either is `undefined` for what does not belong to it. */
const string = (
  name: string,
  tag: Tag,
  read: (bytes: Uint8Array) => string | undefined,
  write: (text: string) => Uint8Array | undefined
): Tagged<string> =>
  tagged(
    name,
    tag,
    Schema.String.check(
      short,
      Schema.makeFilter((text) => write(text) !== undefined, { expected: `a ${name}` })
    ),
    (reader) => {
      const text = read(reader.rest())
      if (text === undefined) reader.fail(`the characters of a ${name}`)
      return text ?? ""
    },
    (writer, text) => {
      const bytes = write(text)
      if (bytes === undefined) writer.fail(`the characters of a ${name}`)
      else writer.put(bytes)
    }
  )

/** Each byte one character. */
const latin1 = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

/** A string of one byte a character, out of an alphabet. */
const restricted = (name: string, tag: Tag, alphabet: RegExp): Tagged<string> =>
  string(
    name,
    tag,
    (bytes) => {
      const text = latin1(bytes)
      return alphabet.test(text) ? text : undefined
    },
    (text) => (alphabet.test(text) ? Uint8Array.from(text, (character) => character.charCodeAt(0)) : undefined)
  )

/** ASCII, as host names, addresses and URIs are written. */
export const ia5String = restricted("IA5String", tags.IA5String, /^[\0-\x7f]*$/)
export const printableString = restricted("PrintableString", tags.PrintableString, /^[A-Za-z0-9 '()+,\-./:=?]*$/)
export const numericString = restricted("NumericString", tags.NumericString, /^[0-9 ]*$/)
export const visibleString = restricted("VisibleString", tags.VisibleString, /^[\x20-\x7e]*$/)
/** Read as Latin-1, as everybody does; T.61 itself was used by nobody. */
export const teletexString = restricted("TeletexString", tags.TeletexString, /^[\0-\xff]*$/)

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const encoder = new TextEncoder()

/** `undefined` for what is not well formed: the decoder's replacement characters do not encode to what they replaced. */
const fromUtf8 = (bytes: Uint8Array): string | undefined => {
  const text = decoder.decode(bytes)
  const again = encoder.encode(text)
  return same(again, bytes) ? text : undefined
}

const toUtf8 = (text: string): Uint8Array | undefined => {
  const bytes = encoder.encode(text)
  return decoder.decode(bytes) === text ? bytes : undefined
}

export const utf8String = string("UTF8String", tags.UTF8String, fromUtf8, toUtf8)

/** Characters of a fixed number of bytes each, big-endian. */
const wide = (size: 2 | 4) => ({
  read: (bytes: Uint8Array): string | undefined => {
    if (bytes.length % size !== 0) return undefined
    let text = ""
    for (let i = 0; i < bytes.length; i += size) {
      const point = bytes.subarray(i, i + size).reduce((sum, byte) => sum * 256 + byte, 0)
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return undefined
      text += String.fromCodePoint(point)
    }
    return text
  },
  write: (text: string): Uint8Array | undefined => {
    const octets: Array<number> = []
    for (const character of text) {
      const point = character.codePointAt(0) ?? 0
      if (point >= 256 ** size || (point >= 0xd800 && point < 0xe000)) return undefined
      for (let shift = size - 1; shift >= 0; shift--) octets.push(Math.floor(point / 256 ** shift) % 256)
    }
    return Uint8Array.from(octets)
  }
})

/** Two bytes a character, the basic plane only. */
export const bmpString = string("BMPString", tags.BMPString, wide(2).read, wide(2).write)
/** Four bytes a character. */
export const universalString = string("UniversalString", tags.UniversalString, wide(4).read, wide(4).write)
