/** How a certificate is refused: which one, why, and which failure of several tells most. */
import * as Result from "effect/Result"
import type { Certificate } from "../../codec/x509/certificate.ts"
import { type GeneralName, showGeneralName } from "../../codec/x509/generalName.ts"
import { type Name, showName } from "../../codec/x509/name.ts"
import { escape, type Failure, make, type ReasonName, type RefusedPath } from "../failure.ts"
import type { TrustAnchor } from "./anchor.ts"
import { once } from "./once.ts"

/** Characters of a name that are told. */
const most = 100

const short = (text: string): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text)

/**
 * A distinguished name for people: quoted, printable ASCII, at most 100 characters. Names may be long and are told for
 * every path they are in, so each is written once.
 */
export const nameText = once(
  (name: Name): string => `"${escape(short(name.value.length === 0 ? "(empty name)" : showName(name)))}"`
)

/** A name of another type for people: `DNS:example.org`, printable ASCII. No more of it is written than is told. */
export const generalNameText = (name: GeneralName): string => {
  switch (name._tag) {
    case "directoryName":
      return `DirName:${nameText(name.value)}`
    case "rfc822Name":
    case "dNSName":
    case "uniformResourceIdentifier":
    case "registeredID":
      return escape(showGeneralName({ ...name, value: short(name.value) }))
    case "iPAddress":
      return escape(showGeneralName({ ...name, value: name.value.subarray(0, most) }))
    default:
      return escape(short(showGeneralName(name)))
  }
}

/** Which certificate it is: its subject or, where that is empty, the first of its other names. */
export const subjectText = ({ subject, known }: Certificate): string => {
  const [first] = known.subjectAltName ?? []
  return subject.value.length === 0 && first !== undefined ? `"${generalNameText(first)}"` : nameText(subject)
}

/** A failure that begins with the certificate it is about. */
export const refuse = (reason: ReasonName, certificate: Certificate, detail: string): Result.Result<never, Failure> =>
  Result.fail({ ...make(reason, `certificate ${subjectText(certificate)} ${detail}`), certificate: certificate.der })

/** The failure with the path that it ends: its certificates, the end-entity first, and its anchor where it has one. */
export const along = (
  certificates: ReadonlyArray<Certificate>,
  anchor: TrustAnchor | undefined,
  failure: Failure
): Failure => {
  const { reason, detail } = failure
  const at = certificates.findIndex(({ der }) => der === failure.certificate)
  const isAnchor = anchor?.certificate !== undefined && anchor.certificate.der === failure.certificate
  const subjects = certificates.map(subjectText)
  return {
    ...failure,
    paths: [
      {
        subjects: anchor === undefined ? subjects : [...subjects, nameText(anchor.subject)],
        at: at === -1 && isAnchor ? certificates.length : at,
        reason,
        detail
      }
    ]
  }
}

/**
 * From what tells least to what tells most. A missing issuer or a wrong signature often means only that the wrong
 * candidate was tried; what is wrong with a certificate that was found is rarely an accident of the search.
 */
const telling: ReadonlyArray<ReasonName> = [
  "CertificateIssuerUnknown",
  "CertificateRootUntrusted",
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
  "CertificatePolicyMismatch",
  "CertificatePurposeMismatch",
  "CertificateNotYetValid",
  "CertificateExpired",
  "CertificateNameConstrained",
  "CertificateStatusUnknown",
  "CertificateStatusResponseInvalid",
  "CertificateRevoked"
]

/** Paths that a failure keeps: enough to see what was tried, however many there are. */
const maxPaths = 16

const pathsOf = (first: Failure, second: Failure): ReadonlyArray<RefusedPath> =>
  [...(first.paths ?? []), ...(second.paths ?? [])].slice(0, maxPaths)

/**
 * Of two paths that failed, the failure to report: the more telling, and of two alike the earlier. It keeps the paths
 * of both.
 */
export const moreTelling = (earlier: Failure | undefined, later: Failure): Failure => {
  if (earlier === undefined) return later
  return telling.indexOf(later.reason) > telling.indexOf(earlier.reason)
    ? { ...later, paths: pathsOf(later, earlier) }
    : { ...earlier, paths: pathsOf(earlier, later) }
}
