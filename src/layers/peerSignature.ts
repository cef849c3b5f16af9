/** The signature of a peer, which every verifier checks (RFC 9846 section 4.5.2, RFC 5246 section 7.4.3). */
import * as Result from "effect/Result"
import { describe } from "../codec/presentation/wire.ts"
import { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import { type Certificate, parseCertificate } from "../codec/x509/certificate.ts"
import type { PublicKey } from "../crypto/primitives.ts"
import { mayVerify } from "../crypto/signature.ts"
import type { AuthenticatePeer } from "../state/command.ts"
import { escape, type Failure, make } from "../state/failure.ts"

const place = (at: number): string =>
  at === 0
    ? "the peer's own certificate"
    : `certificate ${at + 1} of those that the peer sent, its own being the first,`

/**
 * One certificate of a peer's chain; `at` counts from 0, the end-entity. One that is malformed refuses the chain even
 * where no path needs it: what one reader drops another may read.
 */
export const readCertificate = (der: Uint8Array, at: number): Result.Result<Certificate, Failure> =>
  Result.mapError(parseCertificate(der), (failure) =>
    make("CertificateMalformed", `${place(at)} cannot be read: ${escape(describe(failure))}`)
  )

/** Fails with `IllegalValue` for a scheme that does not belong to the key, and with `SignatureMismatch`. */
export const checkPeerSignature = (
  key: PublicKey,
  { scheme, algorithm, content, signature }: AuthenticatePeer
): Result.Result<void, Failure> => {
  const how = algorithm ?? scheme
  const name = SignatureScheme.show(scheme)
  if (typeof how === "number" || !mayVerify(key.kind, how)) {
    return Result.fail(make("IllegalValue", `the peer signed with ${name}, and the certificate's key is ${key.kind}`))
  }
  return key.verify(how, content, signature)
    ? Result.void
    : Result.fail(make("SignatureMismatch", `the peer's signature (${name}) is wrong`))
}
