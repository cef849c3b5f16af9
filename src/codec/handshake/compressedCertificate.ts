/** RFC 8879 section 4: CompressedCertificate. */
import { CertificateCompressionAlgorithm } from "../extension/compressCertificate.ts"
import { codec } from "../presentation/codec.ts"
import { uint24 } from "../presentation/number.ts"
import { struct } from "../presentation/struct.ts"
import { opaque } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** A Certificate in fewer bytes: how it was compressed, the bytes of its body before, and its body after. */
export const CompressedCertificate = codec(
  "CompressedCertificate",
  struct({
    algorithm: CertificateCompressionAlgorithm,
    uncompressed_length: uint24,
    compressed_certificate_message: opaque({ min: 1, max: 2 ** 24 - 1 })
  })
)
export type CompressedCertificate = Wire.Type<typeof CompressedCertificate>
