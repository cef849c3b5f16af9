/** What was checked, as values that only the check can make. */
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { AuthenticatePeer } from "./command.ts"
import type { CertificateKind } from "./config.ts"
import type { Session12 } from "./session.ts"
import type { GivenKey, Psk } from "./tls13/psk.ts"

declare const checked: unique symbol

/** Who the peer is, as the verifier judged it. */
export interface PeerIdentity {
  /** DER, the end-entity first, as the peer sent it; a raw public key is a SubjectPublicKeyInfo alone. */
  readonly chain: ReadonlyArray<Uint8Array>
  /** How the verifier came to believe it, for people: the subject and the anchor, or the pin. */
  readonly description: string
  /** When the first certificate of its path ends, in milliseconds since 1970: no session outlives it. */
  readonly validUntil?: number | undefined
  /** SubjectPublicKeyInfo, DER, of who issued the first certificate, where the verifier followed a path to an anchor. */
  readonly issuerKey?: Uint8Array | undefined
}

/** The peer as it is known for the rest of a connection, and when its session is resumed. */
export interface Peer extends PeerIdentity {
  /** What `chain` is. */
  readonly certificateType: CertificateKind
}

/** What came stapled to the peer's certificate (RFC 9846 section 4.5.1.1), as it came. */
export interface Staples {
  /** An OCSPResponse, DER. */
  readonly ocsp: Uint8Array | undefined
  /** Serialized SCTs (RFC 6962 section 3.3). */
  readonly timestamps: ReadonlyArray<Uint8Array> | undefined
}

/** The peer's chain was accepted and its CertificateVerify signature is right (RFC 9846 sections 4.5.1 and 4.5.2). */
export interface PeerAuthenticated {
  readonly _tag: "PeerAuthenticated"
  readonly identity: PeerIdentity
  readonly scheme: SignatureScheme
  /** What `identity.chain` is. */
  readonly certificateType: CertificateKind
  /** What its verifier was shown besides, and not necessarily has judged. */
  readonly staples: Staples
  readonly [checked]: "PeerAuthenticated"
}

/**
 * A PSK was selected and the keys of the handshake are made of it: the peer's Finished will show that it has the key
 * too (RFC 9846 section 4.3.11).
 */
export interface PskSelected {
  readonly _tag: "PskSelected"
  readonly kind: "resumed" | "external"
  /** Who the peer proved to be when the session began; a key that was given says nothing but that both have it. */
  readonly peer: Peer | undefined
  /** When that was, in milliseconds since 1970. */
  readonly authenticated: number | undefined
  /** The key that was given, where it was one. */
  readonly given: GivenKey | undefined
  readonly [checked]: "PskSelected"
}

/**
 * A session of TLS 1.2 is resumed, and the keys are made of its master secret: the peer's Finished will show that it
 * has that too (RFC 5246 section 7.3).
 */
export interface SessionResumed {
  readonly _tag: "SessionResumed"
  /** Who the peer proved to be when the session began. */
  readonly peer: Peer | undefined
  /** When that was, in milliseconds since 1970. */
  readonly authenticated: number
  readonly [checked]: "SessionResumed"
}

/** The peer's Finished is right (RFC 9846 section 4.5.3). */
export interface FinishedVerified {
  readonly _tag: "FinishedVerified"
  readonly [checked]: "FinishedVerified"
}

/** For the interpreter of `AuthenticatePeer`, after it has judged the chain and the signature, and for nobody else. */
export const peerAuthenticated = (
  identity: PeerIdentity,
  { scheme, certificateType, ocsp, timestamps }: Judged
): PeerAuthenticated =>
  ({
    _tag: "PeerAuthenticated",
    identity,
    scheme,
    certificateType,
    staples: { ocsp, timestamps }
  }) as PeerAuthenticated

/** What is kept of the question. */
type Judged = Pick<AuthenticatePeer, "scheme" | "certificateType" | keyof Staples>

/** For the two places where a PSK is selected: the server's choice, and the client's check of it. */
export const pskSelected = ({ origin }: Psk): PskSelected =>
  (origin._tag === "Session"
    ? {
        _tag: "PskSelected",
        kind: "resumed",
        peer: origin.session.peer,
        authenticated: origin.session.authenticated,
        given: undefined
      }
    : {
        _tag: "PskSelected",
        kind: "external",
        peer: undefined,
        authenticated: undefined,
        given: givenKey(origin.external)
      }) as PskSelected

const givenKey = ({ identity, kind, label, peer }: GivenKey): GivenKey => ({ identity, kind, label, peer })

/** For the two places where a session of TLS 1.2 is resumed: the server's choice, and the client's check of it. */
export const sessionResumed = ({ peer, authenticated }: Session12): SessionResumed =>
  ({ _tag: "SessionResumed", peer, authenticated }) as SessionResumed

/** Who the peer is by a proof. */
export const peerOf = (proof: PeerAuthenticated | PskSelected | SessionResumed): Peer | undefined =>
  proof._tag === "PeerAuthenticated" ? { ...proof.identity, certificateType: proof.certificateType } : proof.peer

/** The key that both were given, where it speaks for the peer. */
export const givenOf = (proof: PeerAuthenticated | PskSelected): GivenKey | undefined =>
  proof._tag === "PskSelected" ? proof.given : undefined

/** What came stapled with it, in this handshake. */
export const staplesOf = (proof: PeerAuthenticated | PskSelected | SessionResumed): Staples | undefined =>
  proof._tag === "PeerAuthenticated" ? proof.staples : undefined

/** For `finished.ts` of either version, after the comparison. */
export const finishedVerified = { _tag: "FinishedVerified" } as FinishedVerified
