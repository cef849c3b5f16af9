/** What `ServerVerifier` and `ClientVerifier` have in common. */
import type * as Effect from "effect/Effect"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { AuthenticatePeer } from "../state/command.ts"
import type { CertificateKind } from "../state/config.ts"
import type { Failure } from "../state/failure.ts"
import type { PeerIdentity } from "../state/proof.ts"

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
   * The name of the policy, 32 bytes: SHA-256 over whom and what is believed. Sessions are resumed only where it is the
   * same as when they began, since their peer is not asked again who it is; without one, none is resumed.
   */
  readonly fingerprint?: Uint8Array | undefined
}
