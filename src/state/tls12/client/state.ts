/** The states of the TLS 1.2 client: records that hold what the next step needs and no more. */
import type { SignatureScheme } from "../../../codec/registry/signatureScheme.ts"
import type { CipherSuite12 } from "../../../crypto/suite.ts"
import type { Asking, AuthenticatePeer, ChooseCredential, Credential, EncapsulateSecret, Sign } from "../../command.ts"
import type { Established12 } from "../../established.ts"
import type { Offer } from "../../hello/clientHello.ts"
import type { PeerAuthenticated, SessionResumed } from "../../proof.ts"
import type { Session12, Ticket } from "../../session.ts"
import type { Heard } from "../../transcript.ts"
import type { MasterSecret, MasterSecretKind, Randoms, ServerWriteKeys, WriteKeys } from "../keySchedule.ts"

/** A session that a ClientHello offers, with what stands for it. */
export interface OfferedSession {
  readonly ticket: Ticket
  readonly session: Session12
  /** Milliseconds that were left to it. */
  readonly left: number
}

/** What ServerHello fixed. Carried whole, never spread. */
export interface Negotiated {
  readonly offer: Offer
  readonly suite: CipherSuite12
  readonly randoms: Randoms
  /** How the master secret is made (RFC 7627); a plain one is never resumed, and exports nothing. */
  readonly masterSecret: MasterSecretKind
  readonly protocol: string | undefined
  /** What the server calls the session; of no bytes when it does not keep it. */
  readonly sessionId: Uint8Array
  readonly ticket: "promised" | "none"
  readonly status: "promised" | "none"
  /** SCTs, serialized (RFC 6962 section 3.3.1). */
  readonly timestamps: ReadonlyArray<Uint8Array> | undefined
}

/** How the server proved who it is. There is no third way to make one. */
export type ServerProof = PeerAuthenticated | SessionResumed

/** Whether and how the client shows who it is; three cases, so that a declined request is not taken for none. */
export type ClientAuth =
  | { readonly _tag: "NotRequested" }
  | { readonly _tag: "Declined" }
  | { readonly _tag: "Chosen"; readonly credential: Credential; readonly scheme: SignatureScheme }

/** The server's share, which its certificate vouches for. */
export interface ServerShare {
  readonly group: EncapsulateSecret["group"]
  readonly share: Uint8Array
}

/** What the key exchange came to. */
export interface Keyed {
  readonly negotiated: Negotiated
  readonly proof: ServerProof
  readonly group: ServerShare["group"]
  readonly master: MasterSecret
}

/** What stands for the session once the handshake is done: what was heard of it so far. */
export type Kept =
  | { readonly _tag: "Nothing" }
  | {
      readonly _tag: "Ticket"
      readonly ticket: Ticket["ticket"]
      readonly lifetime: number
      readonly form: "ticket" | "session_id"
    }

interface Heard12 {
  readonly transcript: Heard
}
export interface WaitServerCertificate extends Heard12 {
  readonly _tag: "WAIT_SERVER_CERTIFICATE"
  readonly negotiated: Negotiated
}
export interface WaitCertificateStatus extends Heard12 {
  readonly _tag: "WAIT_CERTIFICATE_STATUS"
  readonly negotiated: Negotiated
  readonly chain: ReadonlyArray<Uint8Array>
}
export interface WaitServerKeyExchange extends Heard12 {
  readonly _tag: "WAIT_SERVER_KEY_EXCHANGE"
  readonly negotiated: Negotiated
  readonly chain: ReadonlyArray<Uint8Array>
  readonly ocsp: Uint8Array | undefined
}
export interface AuthenticatingKey extends Asking<"AUTHENTICATING_KEY", AuthenticatePeer>, Heard12 {
  readonly negotiated: Negotiated
  readonly share: ServerShare
}
/** What is known once the server's share is. */
export interface Exchange {
  readonly negotiated: Negotiated
  readonly share: ServerShare
  readonly proof: ServerProof
}
export interface WaitServerHelloDone extends Heard12 {
  readonly _tag: "WAIT_SERVER_HELLO_DONE"
  readonly exchange: Exchange
}
export interface ChoosingClientCredential extends Asking<"CHOOSING_CLIENT_CREDENTIAL", ChooseCredential>, Heard12 {
  readonly exchange: Exchange
}
export interface WaitDoneAfterRequest extends Heard12 {
  readonly _tag: "WAIT_DONE_AFTER_REQUEST"
  readonly exchange: Exchange
  readonly auth: ClientAuth
}
export interface ExchangingKey extends Asking<"EXCHANGING_KEY", EncapsulateSecret>, Heard12 {
  readonly exchange: Exchange
  readonly auth: ClientAuth
}
export interface SigningTranscript extends Asking<"SIGNING_TRANSCRIPT", Sign>, Heard12 {
  readonly keyed: Keyed
}
export interface WaitNewSessionTicket extends Heard12 {
  readonly _tag: "WAIT_NEW_SESSION_TICKET"
  readonly keyed: Keyed
  readonly server: ServerWriteKeys
}
export interface WaitChangeCipherSpec extends Heard12 {
  readonly _tag: "WAIT_CHANGE_CIPHER_SPEC"
  readonly keyed: Keyed
  readonly server: ServerWriteKeys
  readonly kept: Kept
}
export interface WaitServerFinished extends Heard12 {
  readonly _tag: "WAIT_SERVER_FINISHED"
  readonly keyed: Keyed
  readonly kept: Kept
}
export interface ResumedWaitNewSessionTicket extends Heard12 {
  readonly _tag: "RESUMED_WAIT_NEW_SESSION_TICKET"
  readonly keyed: Keyed
  readonly keys: WriteKeys
}
export interface ResumedWaitChangeCipherSpec extends Heard12 {
  readonly _tag: "RESUMED_WAIT_CHANGE_CIPHER_SPEC"
  readonly keyed: Keyed
  readonly keys: WriteKeys
  readonly kept: Kept
}
export interface ResumedWaitServerFinished extends Heard12 {
  readonly _tag: "RESUMED_WAIT_SERVER_FINISHED"
  readonly keyed: Keyed
  readonly keys: WriteKeys
  readonly kept: Kept
}
export interface Established {
  readonly _tag: "ESTABLISHED"
  readonly proof: ServerProof
  readonly established: Established12
  /** One wish to renegotiate is refused with a warning, the next ends the connection. */
  readonly renegotiation: "not asked for" | "refused"
}

export type State =
  | WaitServerCertificate
  | WaitCertificateStatus
  | WaitServerKeyExchange
  | AuthenticatingKey
  | WaitServerHelloDone
  | ChoosingClientCredential
  | WaitDoneAfterRequest
  | ExchangingKey
  | SigningTranscript
  | WaitNewSessionTicket
  | WaitChangeCipherSpec
  | WaitServerFinished
  | ResumedWaitNewSessionTicket
  | ResumedWaitChangeCipherSpec
  | ResumedWaitServerFinished
  | Established
