/** Everything that can happen to a machine. */
import type { Message } from "../codec/handshake/handshake.ts"
import type { Answer } from "./command.ts"

/** A handshake message as it was heard, with the bytes that the transcript needs. */
export type Heard = Message & { readonly raw: Uint8Array }

/** A wish of the application. */
export type Intent = UpdateKeys

/** New keys for what we send, and if asked, for what the peer sends (RFC 9846 section 4.7.3). */
export interface UpdateKeys {
  readonly _tag: "UpdateKeys"
  readonly request: "update_not_requested" | "update_requested"
}

/** New keys for what we send, and nothing asked: before the limit of a key, or as the answer that a peer asked for. */
export const ownUpdate: UpdateKeys = { _tag: "UpdateKeys", request: "update_not_requested" }

export type Event = Heard | Answer | Intent
