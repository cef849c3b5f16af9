/** Everything that can happen to a machine. */
import type { Message, Message12 } from "../codec/handshake/handshake.ts"
import type { Answer } from "./command.ts"

/** A handshake message as it was heard, with the bytes that the transcript needs. */
export type Heard = Message & { readonly raw: Uint8Array }

/** A message of TLS 1.2 that the peer said. */
export type Heard12 = Message12 & { readonly raw: Uint8Array }

/** The record that is a message in TLS 1.2 (RFC 5246 section 7.1): what follows is protected with the new keys. */
export interface ChangeCipherSpec {
  readonly _tag: "ChangeCipherSpec"
}

/** A wish of the application. */
export type Intent = UpdateKeys

/** New keys for what we send, and if asked, for what the peer sends (RFC 9846 section 4.7.3). */
export interface UpdateKeys {
  readonly _tag: "UpdateKeys"
  readonly request: "update_not_requested" | "update_requested"
}

/** New keys for what we send, and nothing asked: before the limit of a key, or as the answer that a peer asked for. */
export const ownUpdate: UpdateKeys = { _tag: "UpdateKeys", request: "update_not_requested" }

/** What can happen in a handshake of TLS 1.3, and before the version is known. */
export type Event13 = Heard | Answer | Intent

/** What can happen in one of TLS 1.2. */
export type Event12 = Heard12 | ChangeCipherSpec | Answer | Intent

export type Event = Event13 | Event12
