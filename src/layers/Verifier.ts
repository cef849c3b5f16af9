/**
 * What `ServerVerifier` and `ClientVerifier` have in common, and how verifiers are combined: a verifier is a value, so
 * that a check of one's own stands beside the check of the chain and not in its place.
 *
 * @example
 * // the chain must be right, and the key must be one of ours
 * const Both = ServerVerifier.zipWith(ServerVerifier.layerWebPki, ServerVerifier.layerPinned(pins), Verifier.and)
 */

import * as Effect from "effect/Effect"
import { same } from "../codec/bytes.ts"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import { hashes } from "../crypto/noble/hash.ts"
import { acceptable12 } from "../crypto/signature.ts"
import type { AuthenticatePeer } from "../state/command.ts"
import type { CertificateKind } from "../state/config.ts"
import { type Failure, make as failure, reasons } from "../state/failure.ts"
import type { PeerIdentity } from "../state/proof.ts"
import { joined } from "./bytes.ts"

/**
 * Who judges peers. One that is made of another with a different `verify` needs a `fingerprint` of its own, or none:
 * with that of the other it would resume whom only the other has judged. {@link check} and its kin see to that.
 */
export interface Verifier {
  /**
   * What it judges, the preferred first; absent for certificates only. With `RawPublicKey` among them (RFC 7250)
   * `verify` looks at `certificateType`, and takes one for the other never.
   */
  readonly certificateTypes?: ReadonlyArray<CertificateKind> | undefined
  /** The names, DER, of the authorities it believes (RFC 9846 section 4.3.4); none, or absent, means any. */
  readonly authorities?: ReadonlyArray<Uint8Array> | undefined
  /** Signature schemes accepted in the peer's CertificateVerify, in order of preference (RFC 9846 section 4.3.3). */
  readonly schemes: ReadonlyArray<SignatureScheme>
  /**
   * Judges a peer's chain and the signature made with its key. Who fails here never gets a connection: the reasons
   * are those of the failure table, `Certificate…` for the chain and `SignatureMismatch` for CertificateVerify.
   */
  readonly verify: (request: AuthenticatePeer) => Effect.Effect<PeerIdentity, Failure>
  /**
   * A digest of the policy, 32 bytes: SHA-256 over whom and what is believed. A session is resumed only under the
   * policy that it began under, since its peer is not judged again; a verifier without a fingerprint resumes nothing.
   */
  readonly fingerprint?: Uint8Array | undefined
}

const typesOf = ({ certificateTypes }: Verifier): ReadonlyArray<CertificateKind> => certificateTypes ?? ["X509"]

const has = (list: ReadonlyArray<Uint8Array>, bytes: Uint8Array): boolean => list.some((one) => same(one, bytes))

/** Whether a verifier judges such a request at all: what it does not offer, it is never shown. */
const judges = (verifier: Verifier, { certificateType, scheme, algorithm }: AuthenticatePeer): boolean => {
  // Who says how to verify is a machine of TLS 1.2, which offers more than the schemes of TLS 1.3.
  const schemes = algorithm === undefined ? verifier.schemes : acceptable12(verifier.schemes)
  return typesOf(verifier).includes(certificateType) && schemes.includes(scheme)
}

const notJudged = ({ certificateType, scheme }: AuthenticatePeer): Effect.Effect<never, Failure> =>
  Effect.fail(failure("CertificateRejected", `no verifier here judges ${certificateType} with ${scheme}`))

/** The digest of both; absent where one is, since what has no name cannot be found again. */
const nameOf = (how: string, a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined =>
  a === undefined || b === undefined ? undefined : hashes.sha256.digest(joined([how, a, b]))

/** The earlier end of two that may have none. */
const earlier = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)

/** The names that both believe. Where one takes any name they are the other's; where none is common, the first's. */
const commonAuthorities = (a: ReadonlyArray<Uint8Array>, b: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a
  const common = a.filter((name) => has(b, name))
  return common.length === 0 ? a : common
}

/**
 * Both must accept: the first is asked first, and the second only if it accepts. The peer is told of the types and
 * schemes that both take; the identity is the first's, and ends when the earlier of the two does.
 */
export const and = (first: Verifier, second: Verifier): Verifier => ({
  certificateTypes: typesOf(first).filter((type) => typesOf(second).includes(type)),
  authorities: commonAuthorities(first.authorities ?? [], second.authorities ?? []),
  schemes: first.schemes.filter((scheme) => second.schemes.includes(scheme)),
  verify: Effect.fnUntraced(function* (request) {
    if (!judges(first, request) || !judges(second, request)) return yield* notJudged(request)
    const one = yield* first.verify(request)
    const other = yield* second.verify(request)
    return {
      ...one,
      description: `${one.description}, and ${other.description}`,
      validUntil: earlier(one.validUntil, other.validUntil),
      issuerKey: one.issuerKey ?? other.issuerKey
    }
  }),
  fingerprint: nameOf("and", first.fingerprint, second.fingerprint)
})

/** A refusal is a judgement, which another may see otherwise; a wrong signature or a bug of ours is none. */
const isRefusal = ({ reason }: Failure): boolean => reasons[reason].kind === "CertificateRefused"

/**
 * Whom either accepts. It is as weak as the weaker of the two: `orElse(webPki, pinned)` lets in a pinned key whose
 * certificate has expired or was revoked, and that is what it is for. The second is asked only about a certificate
 * that the first refused; when the signature of the handshake is wrong, or a check could not be made, nobody else is.
 * Each is shown only what it judges by its types and schemes. When both refuse, both reasons are told.
 */
export const orElse = (first: Verifier, second: Verifier): Verifier => {
  const [a, b] = [first.authorities ?? [], second.authorities ?? []]
  return {
    certificateTypes: [...new Set([...typesOf(first), ...typesOf(second)])],
    authorities: a.length === 0 || b.length === 0 ? [] : [...a, ...b.filter((name) => !has(a, name))],
    schemes: [...new Set([...first.schemes, ...second.schemes])],
    verify: (request) => {
      if (!judges(second, request)) return judges(first, request) ? first.verify(request) : notJudged(request)
      if (!judges(first, request)) return second.verify(request)
      return Effect.catchIf(first.verify(request), isRefusal, (refusal) =>
        Effect.mapError(second.verify(request), (other) =>
          isRefusal(other)
            ? { ...refusal, detail: `${refusal.detail}; nor by another verifier: ${other.detail}` }
            : other
        )
      )
    },
    fingerprint: nameOf("orElse", first.fingerprint, second.fingerprint)
  }
}

/** A verifier with failures in words and reasons of one's own. It accepts nobody whom the given one refuses. */
export const mapError = (verifier: Verifier, f: (failure: Failure) => Failure): Verifier => ({
  ...verifier,
  verify: (request) => Effect.mapError(verifier.verify(request), f)
})

/** What a check of one's own is told: who the peer proved to be, and everything that it sent for it. */
export type Check = (identity: PeerIdentity, request: AuthenticatePeer) => Effect.Effect<void, Failure>

/**
 * One more condition, asked once the verifier has accepted. `policy` names what is checked, and changes when that does:
 * without it no session is resumed, since the check would not be asked then.
 *
 * @example
 * const ours = Verifier.check(verifier, ({ chain }) =>
 *   isOnOurList(chain) ? Effect.void : Effect.fail(Verifier.refuse("not one of our partners")), "partners of 2026")
 */
export const check = (verifier: Verifier, condition: Check, policy?: string): Verifier => ({
  ...verifier,
  verify: (request) => Effect.tap(verifier.verify(request), (identity) => condition(identity, request)),
  fingerprint: nameOf(
    "check",
    verifier.fingerprint,
    policy === undefined ? undefined : new TextEncoder().encode(policy)
  )
})

/** A refusal of one's own: `CertificateRejected`, which peers hear as `certificate_unknown`. */
export const refuse = (detail: string): Failure => failure("CertificateRejected", detail)
