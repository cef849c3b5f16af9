/** zlib (RFC 1950) in JavaScript, which runs anywhere. */
import { zlibSync } from "fflate"
import { type CertificateCompressor, remembering } from "./compression.ts"
import { inflate } from "./inflate.ts"

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

const decompress = (bytes: Uint8Array, size: number): Uint8Array | undefined => {
  const [method = 0, flags = 0] = bytes
  if (bytes.length < 6 || !isHeader(method, flags)) return undefined
  const out = inflate(bytes.subarray(2, -4), size)
  const checksum = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(bytes.length - 4)
  return out !== undefined && adler32(out) === checksum ? out : undefined
}

/** zlib in JavaScript: fflate deflates; inflating is our own. It remembers what it has compressed. */
export const zlib: CertificateCompressor = remembering({
  algorithm: "zlib",
  compress: (bytes) => zlibSync(bytes, { level: 9 }),
  decompress
})
