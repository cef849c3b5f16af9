/** RFC 5280 sections 4.2.1.3, 4.2.1.9 and 4.2.1.12: what a key may be used for. */
import * as Result from "effect/Result"
import type { Certificate } from "../../codec/x509/certificate.ts"
import type { Failure } from "../failure.ts"
import { refuse } from "./refusal.ts"

/** What the end-entity is asked to be. */
export type Purpose = "serverAuth" | "clientAuth"

/** A few of them: there may be thousands. */
const listed = (purposes: ReadonlyArray<string> = []): string =>
  purposes.length > 5 ? `${purposes.slice(0, 5).join(", ")}, …` : purposes.join(", ")

/** The end-entity: its key signs CertificateVerify, and it has the purpose by name if it has any. */
export const checkEndEntity = (certificate: Certificate, purpose: Purpose): Result.Result<void, Failure> => {
  const { keyUsage, extKeyUsage } = certificate.known
  if (keyUsage !== undefined && !keyUsage.includes("digitalSignature")) {
    return refuse(
      "CertificateKeyUsageMismatch",
      certificate,
      `is not for digitalSignature, only ${keyUsage.join(", ")}`
    )
  }
  return extKeyUsage === undefined || extKeyUsage.includes(purpose)
    ? Result.void
    : refuse("CertificatePurposeMismatch", certificate, `is not for ${purpose}, only ${listed(extKeyUsage)}`)
}

/**
 * An issuer: a CA by its basic constraints, which no certificate before version 3 has, whose key may sign
 * certificates. Purposes nest, as every verifier of the web has it: a CA that names some issues for no others.
 */
export const checkAuthority = (certificate: Certificate, purpose: Purpose): Result.Result<void, Failure> => {
  const { basicConstraints, keyUsage, extKeyUsage } = certificate.known
  if (basicConstraints?.cA !== true) {
    const why = basicConstraints === undefined ? `${certificate.version} without basicConstraints` : "cA is FALSE"
    return refuse("CertificateNotAuthority", certificate, `issued another and is no CA (${why})`)
  }
  if (keyUsage !== undefined && !keyUsage.includes("keyCertSign")) {
    return refuse(
      "CertificateKeyUsageMismatch",
      certificate,
      `is a CA without keyCertSign, only ${keyUsage.join(", ")}`
    )
  }
  const covers = extKeyUsage?.some((allowed) => allowed === purpose || allowed === "anyExtendedKeyUsage") ?? true
  return covers
    ? Result.void
    : refuse("CertificatePurposeMismatch", certificate, `may not issue for ${purpose}, only ${listed(extKeyUsage)}`)
}
