/** RFC 9846 section 4.5.1 and RFC 5246 section 7.4.2: Certificate, which has a form for each version. */
import { extensions } from "../extension/extension.ts"
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { opaque, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** `opaque cert_data<1..2^24-1>`: an X.509 certificate in DER, or a SubjectPublicKeyInfo where raw keys were agreed. */
export const CertificateEntry = codec(
  "CertificateEntry",
  struct({
    cert_data: opaque({ min: 1, max: 2 ** 24 - 1 }),
    extensions: extensions("Certificate", { min: 0, max: 2 ** 16 - 1 })
  })
)
export type CertificateEntry = Wire.Type<typeof CertificateEntry>

/** The chain of the sender, its own certificate first; an empty list declines a CertificateRequest. */
export const Certificate = codec(
  "Certificate",
  struct({
    certificate_request_context: opaque({ min: 0, max: 2 ** 8 - 1 }),
    certificate_list: vector(CertificateEntry.wire, { min: 0, max: 2 ** 24 - 1 }, 3)
  })
)
export type Certificate = Wire.Type<typeof Certificate>

/** The form of TLS 1.2: `ASN.1Cert certificate_list<0..2^24-1>`, nothing but certificates in DER. */
export const Certificate12 = codec(
  "Certificate12",
  struct({ certificate_list: vector(opaque({ min: 1, max: 2 ** 24 - 1 }), { min: 0, max: 2 ** 24 - 1 }, 3) })
)
export type Certificate12 = Wire.Type<typeof Certificate12>
