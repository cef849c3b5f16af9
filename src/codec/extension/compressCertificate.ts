/** RFC 8879 section 3: compress_certificate. */
import { codec } from "../presentation/codec.ts"
import { type Open, openEnum } from "../presentation/enum.ts"
import { struct } from "../presentation/struct.ts"
import { vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** `uint16`: how a Certificate message may be compressed. */
export const CertificateCompressionAlgorithm = openEnum(2, { zlib: 1, brotli: 2, zstd: 3 })
export type CertificateCompressionAlgorithm = Open<typeof CertificateCompressionAlgorithm.registry>

/** `CertificateCompressionAlgorithm algorithms<2..2^8-2>`: what the sender can decompress. */
export const CertificateCompressionAlgorithms = codec(
  "CertificateCompressionAlgorithms",
  struct({ algorithms: vector(CertificateCompressionAlgorithm, { min: 2, max: 2 ** 8 - 2 }) })
)
export type CertificateCompressionAlgorithms = Wire.Type<typeof CertificateCompressionAlgorithms>
