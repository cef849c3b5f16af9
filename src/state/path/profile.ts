/** RFC 5280 section 4: what a certificate may say, judged by itself. */

import * as Result from "effect/Result"
import { same } from "../../codec/bytes.ts"
import { type Returns, resultFn } from "../../codec/resultFn.ts"
import type { Certificate } from "../../codec/x509/certificate.ts"
import { type ExtensionName, extensionName } from "../../codec/x509/extension.ts"
import { understoodQualifiers } from "../../codec/x509/policies.ts"
import type { Failure } from "../failure.ts"
import { keyProblem } from "./key.ts"
import { once } from "./once.ts"
import { refuse } from "./refusal.ts"

const malformed = (certificate: Certificate, detail: string): Result.Result<never, Failure> =>
  refuse("CertificateMalformed", certificate, detail)

/** The extensions that may be critical. */
const processed: ReadonlyArray<ExtensionName | undefined> = [
  "keyUsage",
  "subjectAltName",
  "basicConstraints",
  "nameConstraints",
  "extKeyUsage",
  "cRLDistributionPoints",
  "certificatePolicies",
  "policyMappings",
  "policyConstraints",
  "inhibitAnyPolicy"
]

/**
 * RFC 7633: of the features that a certificate may demand we know status_request, and revocation.ts sees to it. In a CA
 * the extension is about whom it certifies, which nobody processes.
 */
const isProcessed = (name: ExtensionName | undefined, { known }: Certificate): boolean =>
  name === "tlsFeature"
    ? known.basicConstraints?.cA !== true && (known.tlsFeature?.every((feature) => feature === 5) ?? false)
    : processed.includes(name)

/** "MUST be able to interpret this extension (including the optional qualifier)", where it is critical (4.2.1.4). */
const unknownQualifier = ({ known }: Certificate): string | undefined =>
  known.certificatePolicies
    ?.flatMap(({ policyQualifiers = [] }) => policyQualifiers)
    .find(({ policyQualifierId }) => !understoodQualifiers.includes(policyQualifierId))?.policyQualifierId

/** Section 4.2: what is critical and not understood, or must not be critical, refuses the certificate. */
const checkExtensions = (certificate: Certificate): Result.Result<void, Failure> => {
  for (const { extnID, critical } of certificate.extensions) {
    const name = extensionName(extnID)
    // "MUST mark this extension as critical" (sections 4.2.1.11 and 4.2.1.14): whoever skips it accepts too much
    if (!critical && (name === "policyConstraints" || name === "inhibitAnyPolicy")) {
      return malformed(certificate, `has ${name}, which must be critical, and is not`)
    }
    if (critical && !isProcessed(name, certificate)) {
      const detail = `has a critical extension that is not understood, or must not be critical: ${name ?? extnID}`
      return refuse("CertificateExtensionUnknown", certificate, detail)
    }
    const qualifier = critical && name === "certificatePolicies" ? unknownQualifier(certificate) : undefined
    if (qualifier !== undefined) {
      const detail = `has critical certificatePolicies with a qualifier that is not understood: ${qualifier}`
      return refuse("CertificateExtensionUnknown", certificate, detail)
    }
  }
  return Result.void
}

/** An empty subject is for end-entities that have another name, which then is critical (sections 4.1.2.6, 4.2.1.6). */
const checkSubject = (certificate: Certificate): Result.Result<void, Failure> => {
  const { subject, known, extensions } = certificate
  if (subject.value.length > 0) return Result.void
  const issues = known.basicConstraints?.cA === true ? "is a CA" : "signs revocation lists"
  if (known.basicConstraints?.cA === true || known.keyUsage?.includes("cRLSign")) {
    return malformed(certificate, `has an empty subject and ${issues} (RFC 5280 section 4.1.2.6)`)
  }
  const isNamed = extensions.some(({ extnID, critical }) => critical && extensionName(extnID) === "subjectAltName")
  return isNamed
    ? Result.void
    : malformed(certificate, "has an empty subject and no critical subjectAltName (RFC 5280 section 4.2.1.6)")
}

/** What goes with the CA bit alone: sections 4.2.1.3, 4.2.1.9 and 4.2.1.10. */
const checkAuthorities = (certificate: Certificate): Result.Result<void, Failure> => {
  const { basicConstraints, keyUsage, nameConstraints } = certificate.known
  const hasPathLength = basicConstraints?.pathLenConstraint !== undefined
  if (basicConstraints?.cA === true) {
    return hasPathLength && keyUsage?.includes("keyCertSign") === false
      ? malformed(certificate, "has pathLenConstraint and may not sign certificates (section 4.2.1.9)")
      : Result.void
  }
  if (keyUsage?.includes("keyCertSign")) {
    return malformed(certificate, "has keyCertSign and is no CA (section 4.2.1.9)")
  }
  if (nameConstraints !== undefined) {
    return malformed(certificate, "has nameConstraints and is no CA (section 4.2.1.10)")
  }
  return hasPathLength ? malformed(certificate, "has pathLenConstraint and is no CA (section 4.2.1.9)") : Result.void
}

/**
 * What section 4 forbids whoever issues, of things that another verifier could understand otherwise than we do. Holds
 * for every certificate, that of an anchor included, whatever its place.
 */
export const checkProfile = once(
  resultFn(function* (certificate: Certificate): Returns<void, Failure> {
    if (certificate.issuer.value.length === 0) {
      yield* malformed(certificate, "has an empty issuer (RFC 5280 section 4.1.2.4)")
    }
    yield* checkSubject(certificate)
    yield* checkAuthorities(certificate)
    yield* checkExtensions(certificate)
    const problem = keyProblem(certificate.publicKey)
    if (problem !== undefined) yield* refuse("CertificateKeyUnsupported", certificate, `has ${problem}`)
  })
)

/** What is refused of certificates that somebody issued: roots that are trusted everywhere do it all the same. */
export const checkIssued = (certificate: Certificate): Result.Result<void, Failure> => {
  const { serialNumber, validity } = certificate
  const isPositive = serialNumber.some((byte) => byte !== 0) && (serialNumber[0] ?? 0) < 0x80
  if (!isPositive || serialNumber.length > 20) {
    return malformed(certificate, "has a serial number that is not positive, or too long (RFC 5280 4.1.2.2)")
  }
  return validity.form === "profile"
    ? Result.void
    : malformed(certificate, "has a date before 2050 as GeneralizedTime (RFC 5280 4.1.2.5)")
}

/**
 * What is refused of an anchor's certificate alone. One that signed itself names its own key, if it names any (section
 * 4.2.1.1): for another key it is somebody else's certificate.
 */
export const checkAnchor = (certificate: Certificate): Result.Result<void, Failure> => {
  const { subject, issuer, known } = certificate
  const { authorityKeyIdentifier, subjectKeyIdentifier } = known
  const key = authorityKeyIdentifier?.keyIdentifier
  if (key === undefined || subjectKeyIdentifier === undefined || !same(subject.der, issuer.der)) return Result.void
  return same(key, subjectKeyIdentifier)
    ? Result.void
    : malformed(certificate, "is a root whose authorityKeyIdentifier is of another key (RFC 5280 4.2.1.1)")
}
