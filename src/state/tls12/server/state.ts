/** The states of the TLS 1.2 server: records that hold what the next step needs and no more. */
import type { Certificate12 } from "../../../codec/handshake/certificate.ts"
import type { ClientHello } from "../../../codec/handshake/clientHello.ts"
import type { NamedGroup } from "../../../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../../../codec/registry/signatureScheme.ts"
import type { KeyPair } from "../../../crypto/primitives.ts"
import type { CipherSuite12 } from "../../../crypto/suite.ts"
import type {
  AgreeSecret,
  Asking,
  AuthenticatePeer,
  Credential,
  MakeKeyShare,
  ResolveHello,
  SealTickets,
  Sign
} from "../../command.ts"
import type { ServerConfig } from "../../config.ts"
import type { Established12 } from "../../established.ts"
import type { PeerAuthenticated } from "../../proof.ts"
import type { Session12 } from "../../session.ts"
import type { Heard } from "../../transcript.ts"
import type { MasterSecret, MasterSecretKind, Randoms, WriteKeys } from "../keySchedule.ts"

/** What the ClientHello alone decides. */
export interface Choices {
  readonly config: ServerConfig
  readonly hello: ClientHello
  readonly serverName: string | undefined
  readonly protocol: string | undefined
  /** The suites of both, our preferred first; never empty. */
  readonly suites: ReadonlyArray<CipherSuite12>
  /** How the client lets us sign, with one of these suites. */
  readonly schemes: ReadonlyArray<SignatureScheme>
  /** Whether the master secret is bound to the handshake (RFC 7627). */
  readonly masterSecret: MasterSecretKind
}

/** What will stand for the session, once the handshake is done. */
export type Kept =
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "Ticket" }
  | { readonly _tag: "Id"; readonly id: Uint8Array }

/** The choices with what the world added to them. Carried whole, never spread. */
export interface Selected {
  readonly choices: Choices
  readonly suite: CipherSuite12
  readonly group: NamedGroup
  readonly credential: Credential
  readonly scheme: SignatureScheme
  readonly randoms: Randoms
  readonly kept: Kept
}

/** Who the client is, as far as it has said. */
export type ClientAuth =
  | { readonly _tag: "Anonymous" }
  | { readonly _tag: "Shown"; readonly chain: Certificate12["certificate_list"] }

/** How the client showed who it is. */
export type ClientProof = { readonly _tag: "Anonymous" } | PeerAuthenticated

/** What the key exchange led to. */
export interface Keys {
  readonly selected: Selected
  readonly master: MasterSecret
  readonly keys: WriteKeys
}

/** A session that is resumed, under the randoms of today. */
export interface Resumed {
  readonly choices: Choices
  readonly suite: CipherSuite12
  readonly session: Session12
  /** What stood for it: a ticket still does, an ID only from now on again. */
  readonly kept: Kept
  readonly randoms: Randoms
  readonly master: MasterSecret
  readonly keys: WriteKeys
}

export interface ReceivedClientHello extends Asking<"RECVD_CLIENT_HELLO", ResolveHello> {
  readonly choices: Choices
  readonly transcript: Heard
}
export interface OfferingKey extends Asking<"OFFERING_KEY", MakeKeyShare> {
  readonly selected: Selected
  readonly transcript: Heard
}
export interface SigningKey extends Asking<"SIGNING_KEY", Sign> {
  readonly selected: Selected
  readonly share: KeyPair
  readonly transcript: Heard
}
export interface WaitClientCertificate {
  readonly _tag: "WAIT_CLIENT_CERTIFICATE"
  readonly selected: Selected
  readonly share: KeyPair
  readonly transcript: Heard
}
export interface WaitClientKeyExchange {
  readonly _tag: "WAIT_CLIENT_KEY_EXCHANGE"
  readonly selected: Selected
  readonly share: KeyPair
  readonly auth: ClientAuth
  readonly transcript: Heard
}
export interface DerivingSecret extends Asking<"DERIVING_SECRET", AgreeSecret> {
  readonly selected: Selected
  readonly auth: ClientAuth
  readonly transcript: Heard
}
export interface WaitCertificateVerify {
  readonly _tag: "WAIT_CERTIFICATE_VERIFY"
  readonly hs: Keys
  readonly chain: Certificate12["certificate_list"]
  readonly transcript: Heard
}
export interface AuthenticatingClient extends Asking<"AUTHENTICATING_CLIENT", AuthenticatePeer> {
  readonly hs: Keys
  readonly transcript: Heard
}
export interface WaitClientChangeCipherSpec {
  readonly _tag: "WAIT_CLIENT_CHANGE_CIPHER_SPEC"
  readonly hs: Keys
  readonly proof: ClientProof
  readonly transcript: Heard
}
export interface WaitClientFinished {
  readonly _tag: "WAIT_CLIENT_FINISHED"
  readonly hs: Keys
  readonly proof: ClientProof
  readonly transcript: Heard
}
export interface SealingTicket extends Asking<"SEALING_TICKET", SealTickets> {
  readonly hs: Keys
  readonly established: Established12
  readonly transcript: Heard
}
export interface ResumedSealingTicket extends Asking<"RESUMED_SEALING_TICKET", SealTickets> {
  readonly resumed: Resumed
  readonly transcript: Heard
}
export interface ResumedWaitClientChangeCipherSpec {
  readonly _tag: "RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC"
  readonly resumed: Resumed
  readonly transcript: Heard
}
export interface ResumedWaitClientFinished {
  readonly _tag: "RESUMED_WAIT_CLIENT_FINISHED"
  readonly resumed: Resumed
  readonly transcript: Heard
}
export interface EstablishedState {
  readonly _tag: "ESTABLISHED"
  readonly established: Established12
  /** How often the client asked for a new handshake; once is refused with a warning. */
  readonly renegotiations: "none" | "refused"
}

export type State =
  | ReceivedClientHello
  | OfferingKey
  | SigningKey
  | WaitClientCertificate
  | WaitClientKeyExchange
  | DerivingSecret
  | WaitCertificateVerify
  | AuthenticatingClient
  | WaitClientChangeCipherSpec
  | WaitClientFinished
  | SealingTicket
  | ResumedSealingTicket
  | ResumedWaitClientChangeCipherSpec
  | ResumedWaitClientFinished
  | EstablishedState
