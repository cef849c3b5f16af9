/**
 * RFC 5280 section 6.1: is a path valid, if its signatures are?
 *
 * A fold over the certificates from the anchor to the end-entity, with the state variables of section 6.1.2 under
 * their names. It does no cryptography: it ends with the list of signatures still to be checked.
 */

import * as Result from "effect/Result"
import { same } from "../../codec/bytes.ts"
import { type Returns, resultFn } from "../../codec/resultFn.ts"
import { algorithmForKey, type SignatureAlgorithm } from "../../codec/x509/algorithm.ts"
import type { Certificate } from "../../codec/x509/certificate.ts"
import type { Name } from "../../codec/x509/name.ts"
import type { PublicKeyInfo } from "../../codec/x509/publicKey.ts"
import { mayVerify } from "../../crypto/signature.ts"
import type { Failure } from "../failure.ts"
import type { TrustAnchor } from "./anchor.ts"
import type { Path } from "./build.ts"
import { type Constraints, checkNames, readConstraints } from "./constraints.ts"
import { keyProblem } from "./key.ts"
import {
  concludePolicies,
  constrainPolicies,
  initialPolicies,
  type Policies,
  preparePolicies,
  processPolicies
} from "./policy.ts"
import { checkAnchor, checkIssued, checkProfile } from "./profile.ts"
import { checkAuthority, checkEndEntity, type Purpose } from "./purpose.ts"
import { nameText, refuse } from "./refusal.ts"

/** What a path is judged for. */
export interface Circumstances {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly purpose: Purpose
  /**
   * user-initial-policy-set (section 6.1.1 (c)): object identifiers, one of which the end-entity must be certified
   * under. Absent: any policy and none, unless a CA of the path demands one.
   */
  readonly initialPolicies?: ReadonlyArray<string> | undefined
}

/** A signature that must be right for the path to be valid. */
export interface SignatureCheck {
  /** Whose signature it is that `certificate` bears. */
  readonly issuer: PublicKeyInfo
  readonly certificate: Certificate
  readonly algorithm: SignatureAlgorithm
}

/** Section 6.1.2. */
interface State {
  /** (a), (d), (e) and (f) */
  readonly policies: Policies
  /** (b) and (c): permitted_subtrees and excluded_subtrees, kept by the certificate that stated them. */
  readonly subtrees: ReadonlyArray<Constraints>
  /** (g) to (i): an SPKI holds the key, its algorithm and its parameters. */
  readonly working_public_key: PublicKeyInfo
  /** (j) */
  readonly working_issuer_name: Name
  /** (k): how many certificates that are not self-issued may follow, the last one not counted. */
  readonly max_path_length: number
  readonly owed: ReadonlyArray<SignatureCheck>
}

const isSelfIssued = ({ subject, issuer }: Certificate): boolean => same(subject.der, issuer.der)

const date = (time: number): string => new Date(time).toISOString().replace(".000Z", "Z")

/** Section 4.1.2.5: both ends belong to the period, to the second, as that is all a certificate can say. */
const checkValidity = (certificate: Certificate, now: number): Result.Result<void, Failure> => {
  const { notBefore, notAfter } = certificate.validity
  const second = Math.floor(now / 1000) * 1000
  const today = `and it is ${date(second)}`
  if (second < notBefore) {
    return refuse("CertificateNotYetValid", certificate, `is valid from ${date(notBefore)}, ${today}`)
  }
  return second > notAfter
    ? refuse("CertificateExpired", certificate, `was valid until ${date(notAfter)}, ${today}`)
    : Result.void
}

/** What every certificate must be, that of the anchor included, whatever its place. */
const checkAlone = resultFn(function* (certificate: Certificate, { now }: Circumstances): Returns<void, Failure> {
  yield* checkProfile(certificate)
  yield* checkValidity(certificate, now)
})

/** md5WithRSAEncryption (RFC 3279 section 2.2.1), which has no name here. */
const md5WithRsa = "1.2.840.113549.1.1.4"

/** MD5 and SHA-1 have an alert of their own (RFC 9846 section 4.5.1.3). */
const weakHash = (algorithm: Certificate["signatureAlgorithm"], oid: string): string | undefined =>
  oid === md5WithRsa ? "MD5" : algorithm?.endsWith("_sha1") ? "SHA-1" : undefined

/** Section 6.1.3 (a) (1): the signature, which is not checked here but noted as owed. */
const owe = (certificate: Certificate, issuer: PublicKeyInfo): Result.Result<SignatureCheck, Failure> => {
  const { signatureAlgorithm, signatureOid } = certificate
  const reject = (what: string) => refuse("CertificateAlgorithmUnsupported", certificate, `is signed with ${what}`)
  const weak = weakHash(signatureAlgorithm, signatureOid)
  if (weak !== undefined) return refuse("CertificateHashWeak", certificate, `is signed with ${weak}`)
  if (signatureAlgorithm === undefined) return reject(`an algorithm that is not supported (${signatureOid})`)
  const algorithm = algorithmForKey(signatureAlgorithm, issuer.kind)
  const problem = keyProblem(issuer)
  if (problem !== undefined || issuer.kind === "unsupported") {
    return refuse("CertificateKeyUnsupported", certificate, `was issued with ${problem}`)
  }
  return mayVerify(issuer.kind, algorithm)
    ? Result.succeed({ issuer, certificate, algorithm })
    : refuse(
        "CertificateSignatureInvalid",
        certificate,
        `is signed with ${algorithm}, and the issuer of that name has a key of kind ${issuer.kind}`
      )
}

/** What a certificate says as an issuer, of a path or of its anchor: section 6.1.4 (g), (k), (m) and (n). */
const authorise = resultFn(function* (
  state: State,
  certificate: Certificate,
  { purpose }: Circumstances
): Returns<State, Failure> {
  yield* checkAuthority(certificate, purpose)
  const { nameConstraints, basicConstraints } = certificate.known
  const subtrees = nameConstraints === undefined ? [] : [yield* readConstraints(certificate, nameConstraints)]
  return {
    ...state,
    subtrees: [...state.subtrees, ...subtrees],
    max_path_length: Math.min(state.max_path_length, basicConstraints?.pathLenConstraint ?? state.max_path_length)
  }
})

/**
 * Section 6.1.2. The anchor's certificate is judged as an issuer too, except for its signature and what roots do all
 * the same (`checkIssued`): a root that has expired, or was never a CA, is trusted no further. A certificate that is its
 * own anchor issues nothing but itself and needs no authority.
 */
const initialise = (
  anchor: TrustAnchor,
  { certificates }: Path,
  circumstances: Circumstances
): Result.Result<State, Failure> => {
  const [leaf] = certificates
  const { certificate } = anchor
  const initial: State = {
    policies: initialPolicies(circumstances.initialPolicies, certificates.length),
    subtrees: [],
    working_public_key: anchor.publicKey,
    working_issuer_name: anchor.subject,
    max_path_length: certificates.length,
    owed: []
  }
  if (certificate === undefined) {
    return anchor.nameConstraints === undefined
      ? Result.succeed(initial)
      : Result.map(readConstraints(leaf, anchor.nameConstraints), (subtrees) => ({ ...initial, subtrees: [subtrees] }))
  }
  if (certificates.length === 1 && same(certificate.der, leaf.der)) return Result.succeed(initial)
  const constrained = { ...initial, policies: constrainPolicies(initial.policies, certificate) }
  return Result.all([checkAlone(certificate, circumstances), checkAnchor(certificate)]).pipe(
    Result.flatMap(() => authorise(constrained, certificate, circumstances))
  )
}

/** Section 6.1.3. Revocation, (a) (3), comes with revocation.ts. */
const process = resultFn(function* (
  state: State,
  certificate: Certificate,
  place: "intermediate" | "end-entity",
  circumstances: Circumstances
): Returns<State, Failure> {
  if (!same(certificate.issuer.der, state.working_issuer_name.der)) {
    const detail = `was issued by ${nameText(certificate.issuer)}, not by ${nameText(state.working_issuer_name)}`
    yield* refuse("CertificateIssuerUnknown", certificate, detail)
  }
  yield* checkAlone(certificate, circumstances)
  yield* checkIssued(certificate)
  const isExempt = place === "intermediate" && isSelfIssued(certificate)
  if (!isExempt) yield* checkNames(certificate, state.subtrees)
  const policies = yield* processPolicies(state.policies, certificate, isExempt)
  return { ...state, policies, owed: [...state.owed, yield* owe(certificate, state.working_public_key)] }
})

/** Section 6.1.4: from one certificate to the next. */
const prepare = resultFn(function* (
  state: State,
  certificate: Certificate,
  circumstances: Circumstances
): Returns<State, Failure> {
  const isSelf = isSelfIssued(certificate)
  const policies = yield* preparePolicies(state.policies, certificate, isSelf)
  const counts = isSelf ? 0 : 1
  if (state.max_path_length < counts) {
    yield* refuse("CertificatePathTooLong", certificate, "is one CA more than a pathLenConstraint above it allows")
  }
  const next = {
    ...state,
    policies,
    working_public_key: certificate.publicKey,
    working_issuer_name: certificate.subject,
    max_path_length: state.max_path_length - counts
  }
  return yield* authorise(next, certificate, circumstances)
})

/**
 * Judges a path. The signatures that are left to check come from the anchor downwards: so checked, no key is used
 * that nobody has vouched for.
 *
 * Fails with one of the `Certificate…` reasons, naming the certificate and the value it was refused for.
 */
export const validate = resultFn(function* (
  path: Path,
  circumstances: Circumstances
): Returns<ReadonlyArray<SignatureCheck>, Failure> {
  const [leaf, ...issuers] = path.certificates
  let state = yield* initialise(path.anchor, path, circumstances)
  for (const certificate of issuers.reverse()) {
    state = yield* process(state, certificate, "intermediate", circumstances)
    state = yield* prepare(state, certificate, circumstances)
  }
  state = yield* process(state, leaf, "end-entity", circumstances)
  // Section 6.1.5, wrap-up
  yield* checkEndEntity(leaf, circumstances.purpose)
  yield* concludePolicies(state.policies, leaf, circumstances.initialPolicies)
  return state.owed
})
