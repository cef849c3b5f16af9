/** RFC 9846 section 4.4.2 and RFC 5246 section 7.4.4: CertificateRequest, which has a form for each version. */
import { extensions } from "../extension/extension.ts"
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { opaque, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { ClientCertificateType } from "../registry/clientCertificateType.ts"
import { SignatureScheme } from "../registry/signatureScheme.ts"

/** The server's wish for a client certificate. The context is empty within a handshake. */
export const CertificateRequest = codec(
  "CertificateRequest",
  struct({
    certificate_request_context: opaque({ min: 0, max: 2 ** 8 - 1 }),
    extensions: extensions("CertificateRequest", { min: 0, max: 2 ** 16 - 1 })
  })
)
export type CertificateRequest = Wire.Type<typeof CertificateRequest>

/** The form of TLS 1.2. The authorities are distinguished names in DER; none of them means any. */
export const CertificateRequest12 = codec(
  "CertificateRequest12",
  struct({
    certificate_types: vector(ClientCertificateType, { min: 1, max: 2 ** 8 - 1 }),
    supported_signature_algorithms: vector(SignatureScheme, { min: 2, max: 2 ** 16 - 2 }),
    certificate_authorities: vector(opaque({ min: 1, max: 2 ** 16 - 1 }), { min: 0, max: 2 ** 16 - 1 })
  })
)
export type CertificateRequest12 = Wire.Type<typeof CertificateRequest12>
