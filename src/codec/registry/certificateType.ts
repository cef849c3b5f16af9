/** RFC 9846 section 4.5.1; IANA "TLS Certificate Types". */
import { type Open, openEnum } from "../presentation/enum.ts"

/** `uint8`: what a Certificate message holds. OpenPGP (1) must not be used with TLS 1.3 and has no name here. */
export const CertificateType = openEnum(1, { X509: 0, RawPublicKey: 2 })
export type CertificateType = Open<typeof CertificateType.registry>
