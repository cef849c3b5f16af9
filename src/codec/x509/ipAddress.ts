/** IP addresses between their text and the bytes of an iPAddress (RFC 5280 section 4.2.1.6). */
import { hex } from "../bytes.ts"

const v4 = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/

const parseV4 = (text: string): Uint8Array | undefined => {
  const octets = (v4.exec(text) ?? []).slice(1).map(Number)
  return octets.length === 4 && octets.every((octet) => octet < 256) ? Uint8Array.from(octets) : undefined
}

/** The 16-bit groups on one side of `::`; an IPv4 address may stand for the last two. */
const groups = (text: string, isLast: boolean): ReadonlyArray<number> | undefined => {
  if (text === "") return []
  const list: Array<number> = []
  const parts = text.split(":")
  for (const [i, part] of parts.entries()) {
    const tail = isLast && i === parts.length - 1 ? parseV4(part) : undefined
    if (tail !== undefined) list.push((tail[0] ?? 0) * 256 + (tail[1] ?? 0), (tail[2] ?? 0) * 256 + (tail[3] ?? 0))
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) list.push(Number.parseInt(part, 16))
    else return undefined
  }
  return list
}

const parseV6 = (text: string): Uint8Array | undefined => {
  const sides = text.split("::")
  if (text.length > 45 || sides.length > 2) return undefined
  const [left = "", right] = sides
  const head = groups(left, right === undefined)
  const tail = right === undefined ? [] : groups(right, true)
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  if (right === undefined ? missing !== 0 : missing < 1) return undefined
  const all = [...head, ...new Array<number>(missing).fill(0), ...tail]
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}

/**
 * The 4 or 16 bytes of an address; `undefined` for everything else. Strict: no leading zeros, no shortened or
 * hexadecimal IPv4, no zone, no brackets.
 */
export const parseIpAddress = (text: string): Uint8Array | undefined => parseV4(text) ?? parseV6(text)

/** The text of 4 or 16 bytes (RFC 5952); hexadecimal for any other number of bytes. */
export const showIpAddress = (bytes: Uint8Array): string => {
  if (bytes.length === 4) return bytes.join(".")
  if (bytes.length !== 16) return `0x${hex(bytes)}`
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0))
  let [start, length] = [0, 0]
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && words[i + run] === 0) run++
    if (run > length) [start, length] = [i, run]
  }
  const show = (part: ReadonlyArray<number>) => part.map((word) => word.toString(16)).join(":")
  return length < 2 ? show(words) : `${show(words.slice(0, start))}::${show(words.slice(start + length))}`
}
