/** RFC 5246 section 7.4.4 and RFC 8422 section 5.5; IANA "TLS ClientCertificateType Identifiers". */
import { type Open, openEnum } from "../presentation/enum.ts"

/** `uint8`: what kind of key a server of TLS 1.2 wants to see. `ecdsa_sign` means Ed25519 too. */
export const ClientCertificateType = openEnum(1, { rsa_sign: 1, ecdsa_sign: 64 })
export type ClientCertificateType = Open<typeof ClientCertificateType.registry>
