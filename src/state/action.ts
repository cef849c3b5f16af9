/** What a transition makes happen, in order. None of them needs an answer. */
import type { Message } from "../codec/handshake/handshake.ts"
import type { Secret } from "../crypto/secret.ts"
import type { CipherSuite13 } from "../crypto/suite.ts"
import type { Established } from "./established.ts"

/** Which keys protect a record; RFC 9001 calls it the encryption level. */
export type Epoch = "plaintext" | "handshake" | "application"
export type Direction = "read" | "write"

/** A handshake message, encoded once; `raw` is what the transcript heard. */
export interface Send {
  readonly _tag: "Send"
  readonly epoch: Epoch
  readonly message: Message
  readonly raw: Uint8Array
}

/** The record of RFC 9846 E.4 that says nothing. */
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

/** A line for the key log (RFC 9850), if anybody keeps one. */
export interface LogKey {
  readonly _tag: "LogKey"
  readonly label: KeyLogLabel
  readonly clientRandom: Uint8Array
  readonly secret: Secret<string>
}

export type KeyLogLabel =
  | "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
  | "SERVER_HANDSHAKE_TRAFFIC_SECRET"
  | "CLIENT_TRAFFIC_SECRET_0"
  | "SERVER_TRAFFIC_SECRET_0"
  | "EXPORTER_SECRET"

/** The handshake is over, and this is what came of it. */
export interface EstablishedAction {
  readonly _tag: "Established"
  readonly established: Established
}

export type Action = Send | SendChangeCipherSpec | InstallKeys | LimitRecords | Open | LogKey | EstablishedAction
