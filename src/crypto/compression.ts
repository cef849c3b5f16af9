/** Compressing Certificate messages (RFC 8879), as plain functions: the algorithms are values like the suites. */
import { same } from "../codec/bytes.ts"
import type { CertificateCompressionAlgorithm } from "../codec/extension/compressCertificate.ts"

/** One algorithm, both ways. */
export interface CertificateCompressor {
  readonly algorithm: CertificateCompressionAlgorithm
  /** The bytes, compressed for any decompressor of this algorithm; `undefined` when that cannot be done. */
  readonly compress: (bytes: Uint8Array) => Uint8Array | undefined
  /**
   * The `size` bytes that were compressed, `size` at least 1; `undefined` when they are more or fewer, or followed by
   * something. A peer chose the input: memory must stay in proportion to `size`, whatever the input swells to.
   */
  readonly decompress: (bytes: Uint8Array, size: number) => Uint8Array | undefined
}

/** What `remembering` keeps by default: chains of a server, each with and without what is stapled to it. */
const maxRemembered = 32

/**
 * A compressor that keeps its latest results, so that a server compresses a chain once and not in every handshake.
 * What it yields is shared: nobody may write to it.
 */
export const remembering = (compressor: CertificateCompressor, most = maxRemembered): CertificateCompressor => {
  const known: Array<{ readonly bytes: Uint8Array; readonly compressed: Uint8Array | undefined }> = []
  return {
    ...compressor,
    compress: (bytes) => {
      const at = known.findIndex((entry) => same(entry.bytes, bytes))
      const [found] = at === -1 ? [] : known.splice(at, 1)
      const entry = found ?? { bytes: bytes.slice(), compressed: compressor.compress(bytes) }
      known.unshift(entry)
      known.length = Math.min(known.length, most)
      return entry.compressed
    }
  }
}
