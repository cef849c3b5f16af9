/** The states of the TLS 1.3 client: records that hold what the next step needs and no more. */
import type { Certificate } from "../../../codec/handshake/certificate.ts"
import type { CertificateRequest } from "../../../codec/handshake/certificateRequest.ts"
import type { NamedGroup } from "../../../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../../../codec/registry/signatureScheme.ts"
import type { CipherSuite13 } from "../../../crypto/suite.ts"
import type {
  AgreeSecret,
  Asking,
  AuthenticatePeer,
  ChooseCredential,
  Credential,
  MakeKeyShare,
  Sign
} from "../../command.ts"
import type { Established13 } from "../../established.ts"
import type { UpdateKeys } from "../../event.ts"
import type { Offer } from "../../hello/clientHello.ts"
import type { CertificateTypes } from "../../negotiation/certificateType.ts"
import type { PeerAuthenticated, PskSelected } from "../../proof.ts"
import type { SessionDraft13 } from "../../session.ts"
import type { Hashing } from "../../transcript.ts"
import type { Rounds } from "../authentication.ts"
import type {
  ClientHandshakeTrafficSecret,
  HandshakeSecret,
  MainSecret,
  ResumptionSecret,
  ServerHandshakeTrafficSecret
} from "../keySchedule.ts"
import type { Traffic } from "../keyUpdate.ts"
import type { OfferedPsk } from "../psk.ts"

/** What a HelloRetryRequest fixed. */
export interface Retry {
  readonly suite: CipherSuite13
  /** The group it asked for; a retry for a cookie alone asks for none. */
  readonly group: NamedGroup | undefined
  readonly cookie: Uint8Array | undefined
}

/** What ServerHello fixed. Carried whole, never spread. */
export interface Handshake {
  readonly offer: Offer
  readonly suite: CipherSuite13
  readonly group: NamedGroup
  /** The PSK that the server took. */
  readonly psk: OfferedPsk | undefined
  readonly kind: Rounds
  readonly secret: HandshakeSecret
  readonly client: ClientHandshakeTrafficSecret
  readonly server: ServerHandshakeTrafficSecret
}

/** What EncryptedExtensions added. */
export interface Parameters {
  readonly hs: Handshake
  readonly protocol: string | undefined
  readonly certificateTypes: CertificateTypes
  readonly earlyData: Established13["earlyData"]
}

/** How the server proved who it is. There is no third way to make one. */
export type ServerProof = PeerAuthenticated | PskSelected

/** Whether and how the client shows who it is; three cases, so that a declined request is not taken for none. */
export type ClientAuth =
  | { readonly _tag: "NotRequested" }
  | { readonly _tag: "Declined" }
  | {
      readonly _tag: "Chosen"
      readonly credential: Credential
      readonly scheme: SignatureScheme
      /** What the server asks of our Certificate: how it may be compressed, and what may be stapled to it. */
      readonly asked: CertificateRequest["extensions"]
    }

export interface Retrying extends Asking<"RETRYING", MakeKeyShare> {
  readonly offer: Offer
  readonly retry: Retry
  readonly transcript: Hashing
}
export interface WaitServerHello2 {
  readonly _tag: "WAIT_SH_2"
  readonly offer: Offer
  readonly retry: Retry
  readonly transcript: Hashing
}
export interface Agreeing extends Asking<"AGREEING", AgreeSecret> {
  readonly offer: Offer
  readonly suite: CipherSuite13
  readonly psk: OfferedPsk | undefined
  readonly kind: Rounds
  readonly transcript: Hashing
}
export interface WaitEncryptedExtensions {
  readonly _tag: "WAIT_EE"
  readonly hs: Handshake
  readonly transcript: Hashing
}
export interface WaitCertificateOrRequest {
  readonly _tag: "WAIT_CERT_CR"
  readonly parameters: Parameters
  readonly transcript: Hashing
}
export interface ChoosingCredential extends Asking<"CHOOSING_CREDENTIAL", ChooseCredential> {
  readonly request: CertificateRequest
  readonly parameters: Parameters
  readonly transcript: Hashing
}
export interface WaitCertificate {
  readonly _tag: "WAIT_CERT"
  readonly parameters: Parameters
  readonly transcript: Hashing
  readonly auth: ClientAuth
}
export interface WaitCertificateVerify {
  readonly _tag: "WAIT_CV"
  readonly parameters: Parameters
  readonly transcript: Hashing
  readonly auth: ClientAuth
  readonly chain: Certificate["certificate_list"]
}
export interface Authenticating extends Asking<"AUTHENTICATING", AuthenticatePeer> {
  readonly parameters: Parameters
  readonly transcript: Hashing
  readonly auth: ClientAuth
}
export interface WaitFinished {
  readonly _tag: "WAIT_FINISHED"
  readonly parameters: Parameters
  readonly transcript: Hashing
  readonly auth: ClientAuth
  readonly proof: ServerProof
}
/** What the server's Finished allows to be derived. */
export interface Ending {
  readonly parameters: Parameters
  readonly proof: ServerProof
  readonly main: MainSecret
  readonly established: Established13
  readonly traffic: ClientTraffic
}
export interface Signing extends Asking<"SIGNING", Sign> {
  readonly ending: Ending
  readonly transcript: Hashing
}
export type ClientTraffic = Traffic<"client application traffic", "server application traffic">
/** What becomes of tickets: nothing where none are wanted, else they are sessions, of which so many more are taken. */
export type Tickets =
  | { readonly _tag: "Ignored" }
  | {
      readonly _tag: "Kept"
      readonly resumption: ResumptionSecret
      readonly session: Omit<SessionDraft13, "secret" | "maxEarlyData">
      readonly left: number
    }
export interface Connected {
  readonly _tag: "CONNECTED"
  readonly proof: ServerProof
  readonly established: Established13
  readonly traffic: ClientTraffic
  readonly tickets: Tickets
  /** A KeyUpdate that the peer asked for and we have yet to say. */
  readonly owes: UpdateKeys | undefined
}

export type State =
  | Retrying
  | WaitServerHello2
  | Agreeing
  | WaitEncryptedExtensions
  | WaitCertificateOrRequest
  | ChoosingCredential
  | WaitCertificate
  | WaitCertificateVerify
  | Authenticating
  | WaitFinished
  | Signing
  | Connected
