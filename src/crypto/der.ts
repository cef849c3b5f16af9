/** The little DER (X.690) that keys are made of. Whole structures of X.509 are read in `codec`. */

/** One element: its identifier octet, its contents, and where the next one begins. */
export interface Element {
  readonly tag: number
  readonly content: Uint8Array
  readonly end: number
}

export const tags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30
} as const

/** The element at `at`, definite and minimal in length, of at most 2^24 bytes; else `undefined`. */
export const elementAt = (bytes: Uint8Array, at: number): Element | undefined => {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  let length = first
  let start = at + 2
  if (first >= 0x80) {
    const size = first - 0x80
    if (size < 1 || size > 3 || start + size > bytes.length) return undefined
    length = 0
    for (let i = 0; i < size; i++) length = length * 256 + (bytes[start + i] ?? 0)
    if (length < 0x80 || length < 256 ** (size - 1)) return undefined
    start += size
  }
  const end = start + length
  return end > bytes.length ? undefined : { tag, content: bytes.subarray(start, end), end }
}

/** The one element that fills `bytes`, when it has this tag. */
export const only = (bytes: Uint8Array, tag: number): Uint8Array | undefined => {
  const element = elementAt(bytes, 0)
  return element?.tag === tag && element.end === bytes.length ? element.content : undefined
}

/** The elements that fill `bytes`, at most sixteen. */
export const elements = (bytes: Uint8Array): ReadonlyArray<Element> | undefined => {
  const found: Array<Element> = []
  for (let at = 0; at < bytes.length; ) {
    const element = elementAt(bytes, at)
    if (element === undefined || found.length === 16) return undefined
    found.push(element)
    at = element.end
  }
  return found
}

/** The elements of a SEQUENCE that fills `bytes`. */
export const sequence = (bytes: Uint8Array): ReadonlyArray<Element> | undefined => {
  const content = only(bytes, tags.sequence)
  return content && elements(content)
}

/** The magnitude of a non-negative INTEGER in the fewest octets, without leading zeros; zero is empty. */
export const unsigned = (element: Element | undefined): Uint8Array | undefined => {
  if (element?.tag !== tags.integer) return undefined
  const [first, second] = element.content
  if (first === undefined || first >= 0x80) return undefined
  if (first !== 0) return element.content
  if (second !== undefined && second < 0x80) return undefined
  return element.content.subarray(1)
}

/** The contents of a BIT STRING of whole octets. */
export const wholeBits = (element: Element | undefined): Uint8Array | undefined =>
  element?.tag === tags.bitString && element.content[0] === 0 ? element.content.subarray(1) : undefined

/** An OBJECT IDENTIFIER as the hexadecimal of its contents, for comparison only. */
export const oid = (element: Element | undefined): string | undefined => {
  if (element?.tag !== tags.oid) return undefined
  let hex = ""
  for (const byte of element.content) hex += byte.toString(16).padStart(2, "0")
  return hex
}

/** The bytes of a literal in hexadecimal. */
export const hex = (text: string): Uint8Array =>
  Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16))

/** An element made of parts. */
export const encode = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const size = length < 0x80 ? [] : length < 0x100 ? [length] : [length >>> 8, length & 0xff]
  const header = [tag, ...(size.length === 0 ? [length] : [0x80 + size.length, ...size])]
  const bytes = new Uint8Array(header.length + length)
  bytes.set(header)
  let at = header.length
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
