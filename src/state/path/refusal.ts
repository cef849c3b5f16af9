/** How a certificate is refused: which one, why, and which failure of several tells most. */
import * as Result from "effect/Result"
import type { Certificate } from "../../codec/x509/certificate.ts"
import { showGeneralName } from "../../codec/x509/generalName.ts"
import { type Name, showName } from "../../codec/x509/name.ts"
import { escape, type Failure, make, type ReasonName } from "../failure.ts"

/** A distinguished name for people: quoted, printable ASCII, at most 100 characters. */
export const nameText = (name: Name): string => {
  const text = name.value.length === 0 ? "(empty name)" : showName(name)
  return `"${escape(text.length > 100 ? `${text.slice(0, 99)}…` : text)}"`
}

/** Which certificate it is: its subject or, where that is empty, the first of its other names. */
export const subjectText = ({ subject, known }: Certificate): string => {
  const [first] = known.subjectAltName ?? []
  return subject.value.length === 0 && first !== undefined ? `"${escape(showGeneralName(first))}"` : nameText(subject)
}

/** A failure that begins with the certificate it is about. */
export const refuse = (reason: ReasonName, certificate: Certificate, detail: string): Result.Result<never, Failure> =>
  Result.fail(make(reason, `certificate ${subjectText(certificate)} ${detail}`))

/**
 * From what tells least to what tells most. A missing issuer or a wrong signature often means only that the wrong
 * candidate was tried; what is wrong with a certificate that was found is rarely an accident of the search.
 */
const telling: ReadonlyArray<ReasonName> = [
  "CertificateIssuerUnknown",
  "CertificateSignatureInvalid",
  "CertificateSearchExhausted",
  "CertificateMalformed",
  "CertificateNotAuthority",
  "CertificateKeyUsageMismatch",
  "CertificateKeyUnsupported",
  "CertificateAlgorithmUnsupported",
  "CertificateHashWeak",
  "CertificateExtensionUnknown",
  "CertificatePathTooLong",
  "CertificatePurposeMismatch",
  "CertificateNotYetValid",
  "CertificateExpired",
  "CertificateNameConstrained",
  "CertificateRevoked"
]

/** Of two paths that failed, the failure to report: the more telling, and of two alike the earlier. */
export const moreTelling = (earlier: Failure | undefined, later: Failure): Failure =>
  earlier === undefined || telling.indexOf(later.reason) > telling.indexOf(earlier.reason) ? later : earlier
