/** RFC 7250 section 3: client_certificate_type and server_certificate_type, which have one form. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { CertificateType } from "../registry/certificateType.ts"

/** Of a ClientHello: `CertificateType client_certificate_types<1..2^8-1>`, the preferred first. */
export const CertificateTypeList = codec(
  "CertificateTypeList",
  struct({ certificate_types: vector(CertificateType, { min: 1, max: 2 ** 8 - 1 }) })
)
export type CertificateTypeList = Wire.Type<typeof CertificateTypeList>

/** Of the server's answer: `CertificateType client_certificate_type`. */
export const SelectedCertificateType = codec("SelectedCertificateType", struct({ certificate_type: CertificateType }))
export type SelectedCertificateType = Wire.Type<typeof SelectedCertificateType>
