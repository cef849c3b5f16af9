/** RFC 5280 section 6.1.1 (d): what a trust anchor is. */
import * as Result from "effect/Result"
import { describe } from "../../codec/presentation/wire.ts"
import { type Certificate, parseCertificate } from "../../codec/x509/certificate.ts"
import type { Name } from "../../codec/x509/name.ts"
import type { NameConstraints } from "../../codec/x509/nameConstraints.ts"
import type { PublicKeyInfo } from "../../codec/x509/publicKey.ts"
import { type Failure, make } from "../failure.ts"

/** A name and a key that are believed without proof. */
export interface TrustAnchor {
  readonly subject: Name
  readonly publicKey: PublicKeyInfo
  /** What the anchor may certify, when it says so (RFC 5937). */
  readonly nameConstraints?: NameConstraints | undefined
  /** The certificate it came from, when it came in one. */
  readonly certificate?: Certificate | undefined
}

/** The anchor that a certificate states. Its own signature is not looked at: that it is trusted is somebody's word. */
export const anchorOf = (certificate: Certificate): TrustAnchor => ({
  subject: certificate.subject,
  publicKey: certificate.publicKey,
  nameConstraints: certificate.known.nameConstraints,
  certificate
})

/** The anchor in a certificate, DER; fails with `CertificateMalformed`. */
export const anchorFromDer = (der: Uint8Array): Result.Result<TrustAnchor, Failure> =>
  Result.mapBoth(parseCertificate(der), {
    onSuccess: anchorOf,
    onFailure: (failure) => make("CertificateMalformed", `a trust anchor: ${describe(failure)}`)
  })
