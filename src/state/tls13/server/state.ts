/** The states of the TLS 1.3 server: records that hold what the next step needs and no more. */

import type { KeyShareEntry } from "../../../codec/extension/keyShare.ts"
import type { OfferedPsks } from "../../../codec/extension/preSharedKey.ts"
import type { Certificate } from "../../../codec/handshake/certificate.ts"
import type { ClientHello } from "../../../codec/handshake/clientHello.ts"
import type { NamedGroup } from "../../../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../../../codec/registry/signatureScheme.ts"
import type { CipherSuite13 } from "../../../crypto/suite.ts"
import type {
  Asking,
  AuthenticatePeer,
  Credential,
  EncapsulateSecret,
  ResolveHello,
  SealTickets,
  Sign,
  TakeSession
} from "../../command.ts"
import type { CertificateKind, ServerConfig } from "../../config.ts"
import type { Established13 } from "../../established.ts"
import type { UpdateKeys } from "../../event.ts"
import type { GroupChoice } from "../../negotiation/group.ts"
import type { PeerAuthenticated, PskSelected } from "../../proof.ts"
import type { Hashing, Heard } from "../../transcript.ts"
import type { Rounds } from "../authentication.ts"
import type {
  ClientHandshakeTrafficSecret,
  ExporterSecret,
  HandshakeSecret,
  MainSecret,
  ServerHandshakeTrafficSecret
} from "../keySchedule.ts"
import type { Traffic } from "../keyUpdate.ts"
import type { SelectedPsk } from "../psk.ts"

/** What the ClientHello alone decides. */
export interface Choices {
  readonly config: ServerConfig
  readonly hello: ClientHello
  /** The message itself, which binders bind. */
  readonly raw: Uint8Array
  /** The suite that we prefer; a PSK may want another one, of its hash. */
  readonly suite: CipherSuite13
  readonly group: GroupChoice<KeyShareEntry>
  /** `undefined` where a client offers a PSK and nothing else. */
  readonly schemes: ReadonlyArray<SignatureScheme> | undefined
  /** What the client offers to resume or to share, as far as it may be looked up. */
  readonly psks: OfferedPsks | undefined
  readonly protocol: string | undefined
  readonly serverName: string | undefined
  /** What the client shows where `config` asks for it. */
  readonly clientCertificateType: CertificateKind
}

/** A PSK with the suite that its hash allows. */
export interface Found {
  readonly psk: SelectedPsk
  readonly suite: CipherSuite13
}

/** A ClientHello with what the world knows of it, but for the PSKs. */
export interface Resolved {
  readonly choices: Choices
  readonly transcript: Heard
  readonly certificateTypes: ResolveHello["certificateTypes"]
  readonly credential: Credential | undefined
  /** 32 bytes. */
  readonly random: Uint8Array
  readonly entropy: Uint8Array | undefined
}

/** What speaks for us. */
export type Authentication =
  | { readonly _tag: "Certificate"; readonly credential: Credential; readonly scheme: SignatureScheme }
  | { readonly _tag: "Psk"; readonly psk: SelectedPsk }

/** The choices with what the world added to them. Carried whole, never spread. */
export interface Selected {
  readonly choices: Choices
  readonly suite: CipherSuite13
  readonly authentication: Authentication
  /** 32 bytes. */
  readonly random: Uint8Array
  /** What GREASE is chosen by. */
  readonly entropy?: Uint8Array | undefined
  readonly earlyData: Established13["earlyData"]
}

/** What the key exchange added. */
export interface Handshake {
  readonly selected: Selected
  readonly group: NamedGroup
  readonly rounds: Rounds
  readonly secret: HandshakeSecret
  readonly client: ClientHandshakeTrafficSecret
  readonly server: ServerHandshakeTrafficSecret
}

export type ServerTraffic = Traffic<"server application traffic", "client application traffic">

/** What our own Finished allows to be derived. */
export interface Ending {
  readonly hs: Handshake
  readonly main: MainSecret
  readonly traffic: ServerTraffic
  readonly exporter: ExporterSecret
}

/** How the client showed who it is. */
export type ClientProof = { readonly _tag: "Anonymous" } | PeerAuthenticated | PskSelected

export interface ReceivedClientHello extends Asking<"RECVD_CH", ResolveHello> {
  readonly choices: Choices
  readonly transcript: Heard
}
export interface TakingSession extends Asking<"TAKING_SESSION", TakeSession> {
  readonly received: Resolved
  readonly found: Found
}
export interface WaitClientHello2 {
  readonly _tag: "WAIT_CH_2"
  readonly selected: Selected
  readonly group: NamedGroup
  readonly transcript: Hashing
}
export interface Agreeing extends Asking<"AGREEING", EncapsulateSecret> {
  readonly selected: Selected
  readonly transcript: Hashing
}
export interface Agreeing2 extends Asking<"AGREEING_2", EncapsulateSecret> {
  readonly selected: Selected
  readonly transcript: Hashing
}
export interface Negotiated extends Asking<"NEGOTIATED", Sign> {
  readonly hs: Handshake
  readonly transcript: Hashing
}
export interface WaitEndOfEarlyData {
  readonly _tag: "WAIT_EOED"
  readonly ending: Ending
  readonly transcript: Hashing
  readonly proof: PskSelected
}
export interface WaitCertificate {
  readonly _tag: "WAIT_CERT"
  readonly ending: Ending
  readonly transcript: Hashing
}
export interface WaitCertificateVerify {
  readonly _tag: "WAIT_CV"
  readonly ending: Ending
  readonly transcript: Hashing
  readonly chain: Certificate["certificate_list"]
}
export interface Authenticating extends Asking<"AUTHENTICATING", AuthenticatePeer> {
  readonly ending: Ending
  readonly transcript: Hashing
}
export interface WaitFinished {
  readonly _tag: "WAIT_FINISHED"
  readonly ending: Ending
  readonly transcript: Hashing
  readonly proof: ClientProof
}
export interface SealingTickets extends Asking<"SEALING_TICKETS", SealTickets> {
  readonly proof: ClientProof
  readonly established: Established13
  readonly traffic: ServerTraffic
  /** What the GREASE of the tickets is chosen by; `undefined` for none. */
  readonly entropy: Uint8Array | undefined
}
export interface Connected {
  readonly _tag: "CONNECTED"
  readonly proof: ClientProof
  readonly established: Established13
  readonly traffic: ServerTraffic
  /** A KeyUpdate that the peer asked for and we have yet to say. */
  readonly owes: UpdateKeys | undefined
}

export type State =
  | ReceivedClientHello
  | TakingSession
  | WaitClientHello2
  | Agreeing
  | Agreeing2
  | Negotiated
  | WaitEndOfEarlyData
  | WaitCertificate
  | WaitCertificateVerify
  | Authenticating
  | WaitFinished
  | SealingTickets
  | Connected
