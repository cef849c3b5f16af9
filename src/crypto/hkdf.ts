/** HKDF (RFC 5869) and HKDF-Expand-Label (RFC 9846 section 7.1). One block of output costs one HMAC. */
import type { Hash } from "./primitives.ts"
import { Secret, unsafeBytes } from "./secret.ts"

const empty = new Uint8Array(0)

/**
 * `HKDF-Extract(salt, IKM)`: `hash.size` bytes. Bytes as salt are public or constant; a secret as salt is one whose
 * HMAC key may be set up already.
 */
export const extract = (
  hash: Hash,
  salt: Secret<string> | Uint8Array,
  ikm: Secret<string> | Uint8Array
): Uint8Array => {
  const mac = salt instanceof Secret ? salt.mac(hash) : hash.hmac(salt)
  return mac(ikm instanceof Secret ? unsafeBytes(ikm) : ikm)
}

/** `HKDF-Expand(PRK, info, L)`: `length` bytes, at most 255 blocks of `hash.size`. */
export const expand = (hash: Hash, secret: Secret<string>, info: Uint8Array, length: number): Uint8Array => {
  const counted = new Uint8Array(info.length + 1)
  counted.set(info)
  return expandCounted(hash, secret, counted, length)
}

/** Expand, when `info` already has room for the counter behind it; the counter of the first block is put there. */
const expandCounted = (hash: Hash, secret: Secret<string>, info: Uint8Array, length: number): Uint8Array => {
  const mac = secret.mac(hash)
  info[info.length - 1] = 1
  const first = mac(info)
  if (length === hash.size) return first
  if (length < hash.size) return first.slice(0, length)
  const output = new Uint8Array(length)
  output.set(first)
  const input = new Uint8Array(hash.size + info.length)
  input.set(info, hash.size)
  let previous = first
  for (let at = hash.size, counter = 2; at < length; at += hash.size, counter++) {
    input.set(previous)
    input[input.length - 1] = counter
    previous = mac(input)
    output.set(previous.subarray(0, length - at), at)
  }
  return output
}

const encoder = new TextEncoder()

/** `struct { uint16 length; opaque label<7..255>; opaque context<0..255> } HkdfLabel`, and one byte for a counter. */
const hkdfLabel = (label: string, context: Uint8Array, length: number): Uint8Array => {
  const name = encoder.encode(`tls13 ${label}`)
  const bytes = new Uint8Array(5 + name.length + context.length)
  bytes[0] = length >>> 8
  bytes[1] = length
  bytes[2] = name.length
  bytes.set(name, 3)
  bytes[3 + name.length] = context.length
  bytes.set(context, 4 + name.length)
  return bytes
}

/** The labels without a context: "key", "iv", "finished", "traffic upd" …, a handful. Bounded all the same. */
const contextless = new Map<string, Uint8Array>()
const contextlessLimit = 64

/** The longest label: its vector holds 255 bytes, and six are taken by "tls13 ". */
export const maxLabelLength = 249

/**
 * `HKDF-Expand-Label(Secret, Label, Context, Length)`: `length` bytes.
 *
 * `label` is without "tls13 " and has at most {@link maxLabelLength} bytes in UTF-8, `context` at most 255, `length` is
 * at most 255 times `hash.size`. Only exporters take a label from outside, and they check it.
 */
export const expandLabel = (
  hash: Hash,
  secret: Secret<string>,
  label: string,
  context: Uint8Array,
  length: number
): Uint8Array => {
  if (context.length > 0) return expandCounted(hash, secret, hkdfLabel(label, context, length), length)
  const key = `${length} ${label}`
  let info = contextless.get(key)
  if (info === undefined) {
    info = hkdfLabel(label, empty, length)
    if (contextless.size < contextlessLimit) contextless.set(key, info)
  }
  return expandCounted(hash, secret, info, length)
}
