/** What a transition makes happen, in order. None of them needs an answer. */
import type { Message, Message12 } from "../codec/handshake/handshake.ts"
import type { Hash } from "../crypto/primitives.ts"
import type { Secret } from "../crypto/secret.ts"
import type { CipherSuite12, CipherSuite13 } from "../crypto/suite.ts"
import type { Established, Established13 } from "./established.ts"
import type { SessionDraft, SessionDraft12, TicketForm } from "./session.ts"
import type { EarlyExporterSecret } from "./tls13/keySchedule.ts"

/** Which keys protect a record; RFC 9001 calls it the encryption level. */
export type Epoch = "plaintext" | "early" | "handshake" | "application"
export type Direction = "read" | "write"

/** A handshake message, encoded once; `raw` is what the transcript heard. */
export interface Send {
  readonly _tag: "Send"
  readonly epoch: Epoch
  readonly message: Message
  readonly raw: Uint8Array
}

/** A handshake message of TLS 1.2, encoded once. */
export interface Send12 {
  readonly _tag: "Send12"
  readonly epoch: Extract<Epoch, "plaintext" | "application">
  readonly message: Message12
  readonly raw: Uint8Array
}

/** The record that says nothing in TLS 1.3 (RFC 9846 E.4), and in TLS 1.2 that new keys follow (RFC 5246 7.1). */
export interface SendChangeCipherSpec {
  readonly _tag: "SendChangeCipherSpec"
}

/** From here on records in this direction use keys made from this secret (RFC 9846 section 7.3). */
export interface InstallKeys {
  readonly _tag: "InstallKeys"
  readonly direction: Direction
  readonly epoch: Exclude<Epoch, "plaintext">
  readonly suite: CipherSuite13
  readonly secret: Secret<string>
}

/** New keys of TLS 1.2: the secret is one direction of the key block (RFC 5246 section 6.3). */
export interface InstallKeys12 {
  readonly _tag: "InstallKeys12"
  readonly direction: Direction
  readonly suite: CipherSuite12
  readonly secret: Secret<string>
}

/** The warning no_renegotiation, which ends nothing (RFC 5246 section 7.2.2). */
export interface RefuseRenegotiation {
  readonly _tag: "RefuseRenegotiation"
}

/** Application data may flow in this direction. */
export interface Open {
  readonly _tag: "Open"
  readonly direction: Direction
}

/**
 * From here on protected records in this direction hold at most `size` bytes of `TLSInnerPlaintext` (RFC 8449): ours are
 * made so, longer ones of the peer are refused, and so is what it sent under the present key already.
 */
export interface LimitRecords {
  readonly _tag: "LimitRecords"
  readonly direction: Direction
  readonly size: number
}

/** A client may send early data from here on, so many bytes of it (RFC 9846 section 4.3.10). */
export interface OfferEarlyData {
  readonly _tag: "OfferEarlyData"
  /** Bytes. */
  readonly limit: number
  readonly hash: Hash
  readonly exporter: EarlyExporterSecret
}

/** What became of early data that a client offered. What was refused is lost, unless the application says it again. */
export interface EarlyDataJudged {
  readonly _tag: "EarlyDataJudged"
  readonly outcome: "accepted" | "rejected"
}

/**
 * A server takes early data, at most `limit` bytes, and may answer at once: its own Finished is said, though the
 * client's is still to come.
 */
export interface AcceptEarlyData {
  readonly _tag: "AcceptEarlyData"
  readonly limit: number
  readonly exporter: EarlyExporterSecret
  readonly established: Established13
}

/** A server passes over early data that it does not take, at most `limit` bytes of records. */
export interface SkipEarlyData {
  readonly _tag: "SkipEarlyData"
  readonly limit: number
}

/** A ticket came, or what stands for one in TLS 1.2: a session that may be resumed, once the clock is asked when. */
export interface StoreTicket {
  readonly _tag: "StoreTicket"
  readonly ticket: Uint8Array
  readonly form?: TicketForm | undefined
  readonly draft: SessionDraft
  readonly ageAdd: number
  /** Milliseconds. */
  readonly lifetime: number
}

/** A server keeps a session under its ID, so that the client may resume it without a ticket (RFC 5246 section 7.3). */
export interface KeepSession {
  readonly _tag: "KeepSession"
  /** 32 bytes. */
  readonly id: Uint8Array
  readonly draft: SessionDraft12
  /** When it ends, in milliseconds since 1970, if it began in an earlier handshake. */
  readonly expires: number | undefined
}

/** A line for the key log (RFC 9850), if anybody keeps one. */
export interface LogKey {
  readonly _tag: "LogKey"
  readonly label: KeyLogLabel
  readonly clientRandom: Uint8Array
  readonly secret: Secret<string>
}

export type KeyLogLabel =
  | "CLIENT_EARLY_TRAFFIC_SECRET"
  | "EARLY_EXPORTER_SECRET"
  | "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
  | "SERVER_HANDSHAKE_TRAFFIC_SECRET"
  | "CLIENT_TRAFFIC_SECRET_0"
  | "SERVER_TRAFFIC_SECRET_0"
  | "EXPORTER_SECRET"
  | "CLIENT_RANDOM"

/** The handshake is over, and this is what came of it. */
export interface EstablishedAction {
  readonly _tag: "Established"
  readonly established: Established
}

export type Action =
  | Send
  | Send12
  | SendChangeCipherSpec
  | InstallKeys
  | InstallKeys12
  | RefuseRenegotiation
  | LimitRecords
  | Open
  | LogKey
  | OfferEarlyData
  | EarlyDataJudged
  | AcceptEarlyData
  | SkipEarlyData
  | StoreTicket
  | KeepSession
  | EstablishedAction
