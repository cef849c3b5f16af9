/** RFC 9846 section 4.5.2: the signature of CertificateVerify, which every verifier checks whatever else it believes. */
import * as Result from "effect/Result"
import { describe } from "../codec/presentation/wire.ts"
import { type Certificate, parseCertificate } from "../codec/x509/certificate.ts"
import type { PublicKey } from "../crypto/primitives.ts"
import { mayVerify } from "../crypto/signature.ts"
import type { AuthenticatePeer } from "../state/command.ts"
import { escape, type Failure, make } from "../state/failure.ts"

/** One certificate of a peer's chain; `at` counts from 0, the end-entity. */
export const readCertificate = (der: Uint8Array, at: number): Result.Result<Certificate, Failure> =>
  Result.mapError(parseCertificate(der), (failure) =>
    make("CertificateMalformed", `certificate ${at + 1} of the chain: ${escape(describe(failure))}`)
  )

/** Fails with `IllegalValue` for a scheme that does not belong to the key, and with `SignatureMismatch`. */
export const checkPeerSignature = (
  key: PublicKey,
  { scheme, content, signature }: AuthenticatePeer
): Result.Result<void, Failure> => {
  if (typeof scheme === "number" || !mayVerify(key.kind, scheme)) {
    const name = typeof scheme === "number" ? `scheme 0x${scheme.toString(16)}` : scheme
    return Result.fail(make("IllegalValue", `CertificateVerify uses ${name}, and the certificate's key is ${key.kind}`))
  }
  return key.verify(scheme, content, signature)
    ? Result.void
    : Result.fail(make("SignatureMismatch", `the CertificateVerify signature (${scheme}) is wrong`))
}
