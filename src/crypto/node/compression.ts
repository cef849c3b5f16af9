/** brotli (RFC 7932), zstd (RFC 8878) and zlib (RFC 1950) by node:zlib. */
import * as Zlib from "node:zlib"
import { type CertificateCompressor, remembering } from "../compression.ts"
import { plain } from "./bytes.ts"

const attempt = (call: () => Uint8Array): Uint8Array | undefined => {
  try {
    return plain(call())
  } catch {
    return undefined
  }
}

/** The output has room for what was promised and no more: whatever swells beyond it fails before it is kept. */
const exactly = (size: number, inflate: (options: Limits) => Uint8Array): Uint8Array | undefined => {
  const out = attempt(() =>
    inflate({ chunkSize: Math.max(64, size + 1), maxOutputLength: size, rejectGarbageAfterEnd: true })
  )
  return out?.length === size ? out : undefined
}
type Limits = Pick<Required<Zlib.ZlibOptions>, "chunkSize" | "maxOutputLength" | "rejectGarbageAfterEnd">

const zlib: CertificateCompressor = {
  algorithm: "zlib",
  compress: (bytes) => attempt(() => Zlib.deflateSync(bytes, { level: 9 })),
  decompress: (bytes, size) => exactly(size, (limits) => Zlib.inflateSync(bytes, limits))
}

/** Bytes of the window of 2^18 that a distance can reach (RFC 7932 section 9.1). */
const narrow = 2 ** 18 - 16

/**
 * The same stream with a window of 2^18 in the place of a larger one. The decoder makes a ring of the window's size, up
 * to 16 MiB, and fills it before it yields anything, so that no limit of the output could stop it. No distance reaches
 * farther back than the beginning, so nothing else changes for what is shorter than the window. A window of 2^18 and
 * more is told by the 4 bits 1xxx in front, of which xxx = 001 is 2^18 (section 9.1).
 */
const narrowed = (bytes: Uint8Array): Uint8Array => {
  const [first = 0] = bytes
  const isWide = (first & 1) === 1 && (first & 0x0e) !== 0
  if (!isWide) return bytes
  const copy = bytes.slice()
  copy[0] = (first & 0xf0) | 0b0011
  return copy
}

const brotli: CertificateCompressor = {
  algorithm: "brotli",
  compress: (bytes) =>
    attempt(() =>
      Zlib.brotliCompressSync(bytes, { params: { [Zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } })
    ),
  decompress: (bytes, size) =>
    size > narrow ? undefined : exactly(size, (limits) => Zlib.brotliDecompressSync(narrowed(bytes), limits))
}

/** 8 MiB: what every decoder should take (RFC 8878 section 3.1.1.1.2). Of it is touched what is output. */
const zstdWindow = 23

const zstd: CertificateCompressor = {
  algorithm: "zstd",
  compress: (bytes) => attempt(() => Zlib.zstdCompressSync(bytes, { pledgedSrcSize: bytes.length })),
  decompress: (bytes, size) =>
    exactly(size, (limits) =>
      Zlib.zstdDecompressSync(bytes, { ...limits, params: { [Zlib.constants.ZSTD_d_windowLogMax]: zstdWindow } })
    )
}

/** Not every platform that has node:zlib has all of it. */
const has = (name: string): boolean => name in Zlib

/**
 * What node:zlib has, the best for certificates first: brotli, whose dictionary knows their words, zstd, and zlib.
 */
export const certificateCompressors: ReadonlyArray<CertificateCompressor> = [
  ...(has("brotliDecompressSync") ? [brotli] : []),
  ...(has("zstdDecompressSync") ? [zstd] : []),
  zlib
].map((compressor) => remembering(compressor))
