/** The states of the TLS 1.3 server: records that hold what the next step needs and no more. */

import type { KeyShareEntry } from "../../../codec/extension/keyShare.ts"
import type { Certificate } from "../../../codec/handshake/certificate.ts"
import type { ClientHello } from "../../../codec/handshake/clientHello.ts"
import type { NamedGroup } from "../../../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../../../codec/registry/signatureScheme.ts"
import type { CipherSuite13 } from "../../../crypto/suite.ts"
import type { Asking, AuthenticatePeer, Credential, EncapsulateSecret, ResolveHello, Sign } from "../../command.ts"
import type { CertificateKind, ServerConfig } from "../../config.ts"
import type { Established } from "../../established.ts"
import type { UpdateKeys } from "../../event.ts"
import type { GroupChoice } from "../../negotiation/group.ts"
import type { PeerAuthenticated } from "../../proof.ts"
import type { Hashing, Heard } from "../../transcript.ts"
import type {
  ClientHandshakeTrafficSecret,
  ExporterSecret,
  HandshakeSecret,
  MainSecret,
  ResumptionSecret,
  ServerHandshakeTrafficSecret
} from "../keySchedule.ts"
import type { Traffic } from "../keyUpdate.ts"

/** What the ClientHello alone decides. */
export interface Choices {
  readonly config: ServerConfig
  readonly hello: ClientHello
  readonly suite: CipherSuite13
  readonly group: GroupChoice<KeyShareEntry>
  readonly schemes: ReadonlyArray<SignatureScheme>
  readonly protocol: string | undefined
  readonly serverName: string | undefined
  /** What the client shows where `config` asks for it. */
  readonly clientCertificateType: CertificateKind
}

/** The choices with what the world added to them. Carried whole, never spread. */
export interface Selected {
  readonly choices: Choices
  readonly credential: Credential
  readonly scheme: SignatureScheme
  /** 32 bytes. */
  readonly random: Uint8Array
  /** What GREASE is chosen by. */
  readonly entropy?: Uint8Array | undefined
  readonly kind: Established["kind"]
}

/** What the key exchange added. */
export interface Handshake {
  readonly selected: Selected
  readonly group: NamedGroup
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
export type ClientProof = { readonly _tag: "Anonymous" } | PeerAuthenticated

export interface ReceivedClientHello extends Asking<"RECVD_CH", ResolveHello> {
  readonly choices: Choices
  readonly transcript: Heard
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
export interface Connected {
  readonly _tag: "CONNECTED"
  readonly proof: ClientProof
  readonly established: Established
  readonly traffic: ServerTraffic
  readonly resumption: ResumptionSecret
  /** A KeyUpdate that the peer asked for and we have yet to say. */
  readonly owes: UpdateKeys | undefined
}

export type State =
  | ReceivedClientHello
  | WaitClientHello2
  | Agreeing
  | Agreeing2
  | Negotiated
  | WaitCertificate
  | WaitCertificateVerify
  | Authenticating
  | WaitFinished
  | Connected
