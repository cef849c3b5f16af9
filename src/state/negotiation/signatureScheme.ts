/** Choosing and checking how a CertificateVerify is signed (RFC 9846 sections 4.3.3 and 4.5.2). */
import * as Result from "effect/Result"
import { SignatureScheme } from "../../codec/registry/signatureScheme.ts"
import { tls13Schemes } from "../../crypto/signature.ts"
import { type Failure, fail } from "../failure.ts"
import { namesOf } from "./names.ts"

/** What TLS 1.3 allows in CertificateVerify at all: no PKCS#1 v1.5, no SHA-1. */
const inCertificateVerify: ReadonlySet<SignatureScheme> = new Set(tls13Schemes)

/** The first scheme of our key that the peer accepts. */
export const select = (
  ours: ReadonlyArray<SignatureScheme>,
  accepted: ReadonlyArray<SignatureScheme>
): Result.Result<SignatureScheme, Failure> => {
  const scheme = ours.find((candidate) => accepted.includes(candidate) && inCertificateVerify.has(candidate))
  return scheme === undefined
    ? fail(
        "NoCommonSignatureScheme",
        `the peer accepts ${namesOf(SignatureScheme, accepted)}; our key signs ${namesOf(SignatureScheme, ours)}`
      )
    : Result.succeed(scheme)
}

/** The peer's scheme must be one that we said we accept, and not one that we accept in certificates only. */
export const selected = (
  offered: ReadonlyArray<SignatureScheme>,
  chosen: SignatureScheme
): Result.Result<SignatureScheme, Failure> =>
  offered.includes(chosen) && inCertificateVerify.has(chosen)
    ? Result.succeed(chosen)
    : fail("UnofferedSignatureScheme", `the peer signed with ${SignatureScheme.show(chosen)}, which was not offered`)
