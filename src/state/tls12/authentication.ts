/** What certificates and signatures mean in TLS 1.2, in either role (RFC 5246 sections 7.4.2, 7.4.3 and 7.4.8). */
import * as Result from "effect/Result"
import type { Certificate12 } from "../../codec/handshake/certificate.ts"
import { SignatureScheme } from "../../codec/registry/signatureScheme.ts"
import { algorithm12, authentication12, signable12 } from "../../crypto/signature.ts"
import type { Authentication12 } from "../../crypto/suite.ts"
import type { AuthenticatePeer, Credential, Sign } from "../command.ts"
import { type Failure, fail } from "../failure.ts"
import { namesOf } from "../negotiation/names.ts"
import type { Staples } from "../proof.ts"

/** The Certificate for a credential; none is the empty list of a client that declines. */
export const certificateOf = (credential: Credential | undefined): Certificate12 => ({
  certificate_list: credential?.chain ?? []
})

/** A signature as it stands in ServerKeyExchange and in CertificateVerify. */
export interface Signature {
  readonly algorithm: SignatureScheme
  readonly signature: Uint8Array
}

/** What is to be judged of a peer. */
export interface Presented extends Staples {
  readonly peer: AuthenticatePeer["peer"]
  readonly chain: ReadonlyArray<Uint8Array>
  /** What was signed. */
  readonly content: Uint8Array
}

/** The question that a signature raises: the chain and the signature are judged together. */
export const authenticate = (
  presented: Presented,
  offered: ReadonlyArray<SignatureScheme>,
  kinds: ReadonlyArray<Authentication12>,
  { algorithm: scheme, signature }: Signature
): Result.Result<AuthenticatePeer, Failure> => {
  const kind = authentication12(scheme)
  if (kind === undefined || !offered.includes(scheme)) {
    return fail(
      "UnofferedSignatureScheme",
      `the peer signed with ${SignatureScheme.show(scheme)}, which was not offered`
    )
  }
  return kinds.includes(kind)
    ? Result.succeed({
        _tag: "AuthenticatePeer",
        certificateType: "X509",
        ...presented,
        scheme,
        algorithm: algorithm12(scheme),
        signature
      })
    : fail(
        "UnofferedSignatureScheme",
        `the peer signed with ${SignatureScheme.show(scheme)}; it had to be ${kinds.join(" or ")}`
      )
}

/** The question for a signature of ours. */
export const signing = (credential: Credential, scheme: SignatureScheme, content: Uint8Array): Sign => ({
  _tag: "Sign",
  credential,
  scheme,
  algorithm: algorithm12(scheme),
  content
})

/** The first scheme of our key that the peer accepts, among those that its suite or its request allows. */
export const select = (
  { schemes }: Credential,
  accepted: ReadonlyArray<SignatureScheme>,
  kinds: ReadonlyArray<Authentication12>
): Result.Result<SignatureScheme, Failure> => {
  const ours = signable12(schemes)
  const scheme = ours.find((candidate) => {
    const kind = authentication12(candidate)
    return kind !== undefined && kinds.includes(kind) && accepted.includes(candidate)
  })
  return scheme === undefined
    ? fail(
        "NoCommonSignatureScheme",
        `the peer accepts ${namesOf(SignatureScheme, accepted)}; our key signs ${namesOf(SignatureScheme, ours)}`
      )
    : Result.succeed(scheme)
}
