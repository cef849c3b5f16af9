/** RFC 6066 section 8 and RFC 9846 section 4.5.1.1: status_request. */
import { codec } from "../presentation/codec.ts"
import { openEnum } from "../presentation/enum.ts"
import { select, struct } from "../presentation/struct.ts"
import { opaque, remainder, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** `uint8`: how the status of a certificate is told. */
export const CertificateStatusType = openEnum(1, { ocsp: 1 })

/** DER of the responders the client trusts (`ResponderID`) and of the OCSP extensions it asks for; both mostly empty. */
export const OCSPStatusRequest = codec(
  "OCSPStatusRequest",
  struct({
    responder_id_list: vector(opaque({ min: 1, max: 2 ** 16 - 1 }), { min: 0, max: 2 ** 16 - 1 }),
    request_extensions: opaque({ min: 0, max: 2 ** 16 - 1 })
  })
)
export type OCSPStatusRequest = Wire.Type<typeof OCSPStatusRequest>

/** In a ClientHello: the wish for a status. */
export const CertificateStatusRequest = codec(
  "CertificateStatusRequest",
  select("status_type", CertificateStatusType, "request", { ocsp: OCSPStatusRequest.wire }, remainder)
)
export type CertificateStatusRequest = Wire.Type<typeof CertificateStatusRequest>

/** With a certificate: `opaque OCSPResponse<1..2^24-1>`, in DER. */
export const CertificateStatus = codec(
  "CertificateStatus",
  select("status_type", CertificateStatusType, "response", { ocsp: opaque({ min: 1, max: 2 ** 24 - 1 }) }, remainder)
)
export type CertificateStatus = Wire.Type<typeof CertificateStatus>
