/**
 * The questions that the core asks of the world, each paired with its answer.
 *
 * A state that waits for an answer carries its question in `asks`. Everything with a private key, randomness, a
 * certificate, a store or a clock is a question; answers bring `now` with them, so time needs none of its own.
 */
import type { OIDFilter } from "../codec/extension/certificateAuthorities.ts"
import type { ClientHello } from "../codec/handshake/clientHello.ts"
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { KeyPair, SignatureAlgorithm } from "../crypto/primitives.ts"
import type { CertificateKind, ClientConfig, Policy, ServerConfig, ServerIdentity, Version } from "./config.ts"
import type { PeerAuthenticated, Staples } from "./proof.ts"
import type { Session, SessionDraft, Ticket } from "./session.ts"
import type { Known } from "./tls13/psk.ts"

/** A chain and the key that goes with it. Who holds the key, and what it is, is known to the one who made it. */
export interface Credential {
  /** DER, the end-entity first (RFC 9846 section 4.5.1); a raw public key is one SubjectPublicKeyInfo. */
  readonly chain: ReadonlyArray<Uint8Array>
  /** What `chain` is; absent for certificates. */
  readonly certificateType?: CertificateKind | undefined
  /** What the key can sign, in order of preference. */
  readonly schemes: ReadonlyArray<SignatureScheme>
  /** A handle on the key, opaque to the core. */
  readonly key: object
  /** An OCSPResponse about the end-entity certificate, DER, for peers that ask for one. */
  readonly ocspStaple?: Uint8Array | undefined
  /** Serialized SCTs (RFC 6962 section 3.3), each 1 to 65533 bytes, for peers that ask for them. */
  readonly signedCertificateTimestamps?: ReadonlyArray<Uint8Array> | undefined
}

/** Bytes that decide what means nothing: which GREASE values a hello has, and the order of its extensions. */
export const entropySize = 128

/** START of the client: what a ClientHello needs from outside. */
export interface PrepareHello {
  readonly _tag: "PrepareHello"
  /** The groups to send a share for, unless it is known that this server takes another. */
  readonly groups: ReadonlyArray<NamedGroup>
  /** What else there is to choose by: whom to reach, which groups and which sessions are good. */
  readonly config: ClientConfig
}
/** The answer to {@link PrepareHello}. */
export interface HelloPrepared {
  readonly _tag: "HelloPrepared"
  /** 32 bytes. */
  readonly random: Uint8Array
  /** 32 bytes; used in middlebox compatibility mode only (RFC 9846 E.4). */
  readonly sessionId: Uint8Array
  /** One pair for each group asked for, in that order; or for a group that this server chose before. */
  readonly shares: ReadonlyArray<KeyPair>
  /** A session to resume, out of a store that has forgotten it: it is used once. */
  readonly ticket?: Ticket | undefined
  /** Milliseconds since 1970. */
  readonly now: number
  /** {@link entropySize} bytes for GREASE and the order of extensions; without them there is neither. */
  readonly entropy?: Uint8Array | undefined
}

/** A retry: one more share (RFC 9846 section 4.3.8). */
export interface MakeKeyShare {
  readonly _tag: "MakeKeyShare"
  readonly group: NamedGroup
}
/** The answer to {@link MakeKeyShare}. */
export interface KeyShareMade {
  readonly _tag: "KeyShareMade"
  readonly share: KeyPair
}

/** The client's half of RFC 9846 section 7.4. */
export interface AgreeSecret {
  readonly _tag: "AgreeSecret"
  readonly key: KeyPair
  readonly peerShare: Uint8Array
}
/** The server's half: a share of its own and the secret, which for a KEM come together. */
export interface EncapsulateSecret {
  readonly _tag: "EncapsulateSecret"
  readonly group: NamedGroup
  readonly peerShare: Uint8Array
}
/** What both halves yield; a client that agreed has no further share to send. */
export interface SecretAgreed {
  readonly _tag: "SecretAgreed"
  readonly secret: Uint8Array
  readonly share: Uint8Array
}

/** CHOOSING_CONFIGURATION: how this client is served. */
export interface ChooseConfiguration {
  readonly _tag: "ChooseConfiguration"
  /** What the server began with, which is the answer where nobody chooses. */
  readonly config: ServerConfig
  readonly hello: ClientHello
  /** The message as it was heard, with its header. */
  readonly raw: Uint8Array
  readonly serverName: string | undefined
}
/** The answer to {@link ChooseConfiguration}. */
export interface ConfigurationChosen {
  readonly _tag: "ConfigurationChosen"
  readonly config: ServerConfig
}

/** RECVD_CH: which credential serves this client. */
export interface ResolveHello {
  readonly _tag: "ResolveHello"
  /** TLS 1.3 when absent; in TLS 1.2 an RSA key can sign by PKCS#1 v1.5 too. */
  readonly version?: Version | undefined
  readonly serverName: string | undefined
  /** Strict: a credential for another name than this one is none. */
  readonly serverNamePolicy?: Policy | undefined
  readonly protocols: ReadonlyArray<string>
  readonly schemes: ReadonlyArray<SignatureScheme>
  /**
   * TLS 1.2: what the client lists in supported_groups, among which the curve of an ECDSA certificate must be (RFC 8422
   * section 5.3); absent for any.
   */
  readonly groups?: ReadonlyArray<NamedGroup> | undefined
  /** How the certificates of the chain may be signed (section 4.3.3); the same as `schemes` unless the client says. */
  readonly certificateSchemes: ReadonlyArray<SignatureScheme>
  /** Distinguished names, DER, of the authorities that the client knows (section 4.3.4); empty when it does not say. */
  readonly authorities: ReadonlyArray<Uint8Array>
  /** What the client takes, the preferred first (RFC 7250 section 4.1); absent for certificates only. */
  readonly certificateTypes?: ReadonlyArray<CertificateKind> | undefined
  /**
   * The PSKs that the client offers, the first few (section 4.3.11), in TLS 1.2 its ticket; none where they are of no
   * use.
   */
  readonly identities: ReadonlyArray<Uint8Array>
  /** How TLS 1.2 resumes without a ticket (RFC 5246 section 7.3); absent where it does not. */
  readonly byId?: SessionById | undefined
}
/** What a client of TLS 1.2 says of sessions that have an ID, and no ticket. */
export interface SessionById {
  /** The session to resume, 1 to 32 bytes; absent when it offers none. */
  readonly offered: Uint8Array | undefined
}
/** The answer to {@link ResolveHello}. */
export interface HelloResolved {
  readonly _tag: "HelloResolved"
  /** Absent when there is none for this name and these schemes. */
  readonly credential: Credential | undefined
  /** What the identities stand for, in their order; `undefined` for what is not known. Sessions stay where they are. */
  readonly psks?: ReadonlyArray<Known | undefined> | undefined
  /**
   * A digest of whom the credential names, at most 64 bytes: a session is resumed only where the same would be shown.
   * Absent: sessions are not told apart by that.
   */
  readonly name?: Uint8Array | undefined
  /** The session of `byId`: whoever keeps it has forgotten it, until the handshake has come to its end. */
  readonly session?: Session | undefined
  /** 32 random bytes: the ID of a new session, for `byId`; absent where nobody keeps sessions. */
  readonly sessionId?: Uint8Array | undefined
  /** 32 bytes. */
  readonly random: Uint8Array
  readonly now: number
  /** {@link entropySize} bytes for GREASE; without them there is none. */
  readonly entropy?: Uint8Array | undefined
}

/** TAKING_SESSION: a session whose binder was checked is taken, if it is good once (RFC 9846 section 8.1). */
export interface TakeSession {
  readonly _tag: "TakeSession"
  /** The ticket that stands for it. */
  readonly ticket: Uint8Array
  /** Early data that would be accepted; absent when there is none. */
  readonly earlyData: EarlyDataOffered | undefined
}
/** Whether this ClientHello was seen before is to be found out (section 8.2). */
export interface EarlyDataOffered {
  /** The binder of the PSK in use. */
  readonly binder: Uint8Array
  /** Until when, in milliseconds since 1970, the same ClientHello would be fresh enough. */
  readonly until: number
}
/** The answer to {@link TakeSession}. */
export interface SessionTaken {
  readonly _tag: "SessionTaken"
  /** `gone`: somebody else has taken it meanwhile, and the handshake is a full one. */
  readonly session: "taken" | "gone"
  readonly earlyData: "fresh" | "replayed"
}

/** SEALING_TICKETS: sessions that a client may resume; each is to become a ticket. */
export interface SealTickets {
  readonly _tag: "SealTickets"
  readonly sessions: ReadonlyArray<SessionDraft>
}
/** The answer to {@link SealTickets}. */
export interface TicketsSealed {
  readonly _tag: "TicketsSealed"
  /** In the order of the sessions; `undefined` for one that could not be kept. */
  readonly tickets: ReadonlyArray<SealedTicket | undefined>
}
/** What NewSessionTicket says of a session (RFC 9846 section 4.7.1). */
export interface SealedTicket {
  readonly ticket: Uint8Array
  /** 32 random bits. */
  readonly ageAdd: number
  /** Milliseconds that are left to it. */
  readonly lifetime: number
}

/** A client is asked who it is. */
export interface ChooseCredential {
  readonly _tag: "ChooseCredential"
  /** TLS 1.3 when absent; in TLS 1.2 an RSA key can sign by PKCS#1 v1.5 too. */
  readonly version?: Version | undefined
  readonly schemes: ReadonlyArray<SignatureScheme>
  /** How the certificates of the chain may be signed (section 4.3.3). */
  readonly certificateSchemes: ReadonlyArray<SignatureScheme>
  /** Distinguished names, DER; empty means any. */
  readonly authorities: ReadonlyArray<Uint8Array>
  /** The one type that was negotiated; absent for certificates. */
  readonly certificateTypes?: ReadonlyArray<CertificateKind> | undefined
  /** What the certificate's extensions must hold (section 4.3.5). */
  readonly filters?: ReadonlyArray<OIDFilter> | undefined
}
/** The answer to {@link ChooseCredential}. */
export interface CredentialChosen {
  readonly _tag: "CredentialChosen"
  /** Absent to decline. */
  readonly credential: Credential | undefined
}

/** The content is that of RFC 9846 section 4.5.2, already with its 64 spaces and its context string. */
export interface Sign {
  readonly _tag: "Sign"
  readonly credential: Credential
  readonly scheme: SignatureScheme
  /** How to sign, where the scheme does not say it all: in TLS 1.2 the hash of ECDSA goes with any curve. */
  readonly algorithm?: SignatureAlgorithm | undefined
  readonly content: Uint8Array
}
/** The answer to {@link Sign}. */
export interface Signed {
  readonly _tag: "Signed"
  readonly signature: Uint8Array
}

/** Judge a chain and the signature made with its key, in one question. */
export interface AuthenticatePeer extends Staples {
  readonly _tag: "AuthenticatePeer"
  /** Whose chain it is, and for a server under which name it was called. */
  readonly peer: { readonly _tag: "Server"; readonly identity: ServerIdentity } | { readonly _tag: "Client" }
  /** Which type was negotiated: a verifier that judges one must not take the other for it. */
  readonly certificateType: CertificateKind
  /** DER, the end-entity first; never empty. For `RawPublicKey` one SubjectPublicKeyInfo. */
  readonly chain: ReadonlyArray<Uint8Array>
  readonly scheme: SignatureScheme
  /** How to verify, where the scheme does not say it all: in TLS 1.2 the hash of ECDSA goes with any curve. */
  readonly algorithm?: SignatureAlgorithm | undefined
  readonly signature: Uint8Array
  /** What was signed. */
  readonly content: Uint8Array
}

/** Which answer belongs to which question. Core, driver and types all hang on this table. */
export interface Exchanges {
  readonly PrepareHello: { readonly command: PrepareHello; readonly answer: HelloPrepared }
  readonly MakeKeyShare: { readonly command: MakeKeyShare; readonly answer: KeyShareMade }
  readonly AgreeSecret: { readonly command: AgreeSecret; readonly answer: SecretAgreed }
  readonly EncapsulateSecret: { readonly command: EncapsulateSecret; readonly answer: SecretAgreed }
  readonly ChooseConfiguration: { readonly command: ChooseConfiguration; readonly answer: ConfigurationChosen }
  readonly ResolveHello: { readonly command: ResolveHello; readonly answer: HelloResolved }
  readonly TakeSession: { readonly command: TakeSession; readonly answer: SessionTaken }
  readonly SealTickets: { readonly command: SealTickets; readonly answer: TicketsSealed }
  readonly ChooseCredential: { readonly command: ChooseCredential; readonly answer: CredentialChosen }
  readonly Sign: { readonly command: Sign; readonly answer: Signed }
  readonly AuthenticatePeer: { readonly command: AuthenticatePeer; readonly answer: PeerAuthenticated }
}

/** {@link Exchanges} at run time, by tags. */
export const answerOf = {
  PrepareHello: "HelloPrepared",
  MakeKeyShare: "KeyShareMade",
  AgreeSecret: "SecretAgreed",
  EncapsulateSecret: "SecretAgreed",
  ChooseConfiguration: "ConfigurationChosen",
  ResolveHello: "HelloResolved",
  TakeSession: "SessionTaken",
  SealTickets: "TicketsSealed",
  ChooseCredential: "CredentialChosen",
  Sign: "Signed",
  AuthenticatePeer: "PeerAuthenticated"
} as const satisfies { readonly [Q in keyof Exchanges]: Exchanges[Q]["answer"]["_tag"] }

/** Every question of the core. */
export type Command = Exchanges[keyof Exchanges]["command"]
/** Every answer to the core. */
export type Answer = Exchanges[keyof Exchanges]["answer"]
/** The answer to one question. */
export type AnswerTo<C extends Command> = Exchanges[C["_tag"]]["answer"]

/** A state that waits for the answer to `C` and reads no message meanwhile. */
export interface Asking<Tag extends string, C extends Command> {
  readonly _tag: Tag
  readonly asks: C
}
