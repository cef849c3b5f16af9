/** RFC 9846 section 4.5.2: CertificateVerify. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { opaque } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { SignatureScheme } from "../registry/signatureScheme.ts"

/** `opaque signature<0..2^16-1>` over the transcript, by the key of the certificate. */
export const CertificateVerify = codec(
  "CertificateVerify",
  struct({
    algorithm: SignatureScheme,
    signature: opaque({ min: 0, max: 2 ** 16 - 1 })
  })
)
export type CertificateVerify = Wire.Type<typeof CertificateVerify>
