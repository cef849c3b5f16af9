/** zlib (RFC 1950) in JavaScript, which runs anywhere. */
import * as Result from "effect/Result"
import { Inflate, zlibSync } from "fflate"
import { type CertificateCompressor, remembering } from "./compression.ts"
import { attempt } from "./failure.ts"

/** Section 9. */
const adler32 = (bytes: Uint8Array): number => {
  let a = 1
  let b = 0
  for (const byte of bytes) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return b * 65536 + a
}

/** Section 2.2: a method, deflate with a window of 32 KiB at most, and flags, no dictionary among them, with a check. */
const isHeader = (method: number, flags: number): boolean =>
  (method & 0x0f) === 8 && method >> 4 <= 7 && (flags & 0x20) === 0 && (method * 256 + flags) % 31 === 0

/** Input goes in by so few bytes that what comes out is bounded: deflate makes 1032 bytes of one at the most. */
const piece = 64

/** What is deflated, if it is exactly `size` bytes; not much more than those is ever made of it. */
const inflate = (deflated: Uint8Array, size: number): Uint8Array | undefined => {
  const out = new Uint8Array(size)
  let at = 0
  const stream = new Inflate((chunk) => {
    if (at + chunk.length <= size) out.set(chunk, at)
    at += chunk.length
  })
  const end = deflated.length - piece
  const inflated = attempt("OperationFailed", "this is not deflate, or it is cut short", () => {
    for (let from = 0; at <= size && from < deflated.length; from += piece) {
      stream.push(deflated.subarray(from, from + piece), from >= end)
    }
  })
  return Result.isSuccess(inflated) && at === size ? out : undefined
}

const decompress = (bytes: Uint8Array, size: number): Uint8Array | undefined => {
  const [method = 0, flags = 0] = bytes
  if (bytes.length < 6 || !isHeader(method, flags)) return undefined
  const out = inflate(bytes.subarray(2, -4), size)
  const checksum = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(bytes.length - 4)
  if (out === undefined || adler32(out) !== checksum) return undefined
  // Without its last byte it must be cut short, or something follows that means nothing.
  return inflate(bytes.subarray(2, -5), size) === undefined ? out : undefined
}

/** zlib in JavaScript, by fflate. It remembers what it has compressed. */
export const zlib: CertificateCompressor = remembering({
  algorithm: "zlib",
  compress: (bytes) => zlibSync(bytes, { level: 9 }),
  decompress
})
