/** RFC 9846 section 4.3.3; IANA "TLS SignatureScheme". */
import { type Open, openEnum } from "../presentation/enum.ts"

/** `uint16`: how a signature is made. SHA-1 has names only so that they can be shown and refused. */
export const SignatureScheme = openEnum(2, {
  rsa_pkcs1_sha1: 0x0201,
  ecdsa_sha1: 0x0203,
  rsa_pkcs1_sha256: 0x0401,
  rsa_pkcs1_sha384: 0x0501,
  rsa_pkcs1_sha512: 0x0601,
  ecdsa_secp256r1_sha256: 0x0403,
  ecdsa_secp384r1_sha384: 0x0503,
  ecdsa_secp521r1_sha512: 0x0603,
  rsa_pss_rsae_sha256: 0x0804,
  rsa_pss_rsae_sha384: 0x0805,
  rsa_pss_rsae_sha512: 0x0806,
  ed25519: 0x0807,
  ed448: 0x0808,
  rsa_pss_pss_sha256: 0x0809,
  rsa_pss_pss_sha384: 0x080a,
  rsa_pss_pss_sha512: 0x080b
})
export type SignatureScheme = Open<typeof SignatureScheme.registry>
