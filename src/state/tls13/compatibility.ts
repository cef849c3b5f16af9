/** RFC 9846 appendix E.4: the records that only middleboxes read. */
import type { SendChangeCipherSpec } from "../action.ts"
import type { ClientConfig } from "../config.ts"

const dummy: ReadonlyArray<SendChangeCipherSpec> = [{ _tag: "SendChangeCipherSpec" }]
const nothing: ReadonlyArray<SendChangeCipherSpec> = []

/** Once, immediately before the client's second flight: its second ClientHello, or its encrypted handshake flight. */
export const beforeSecondFlight = (config: ClientConfig): ReadonlyArray<SendChangeCipherSpec> =>
  config.compatibility === "middlebox" ? dummy : nothing

/** Once, immediately after the server's first handshake message, when the client sent a session ID. */
export const afterFirstMessage = (sessionId: Uint8Array): ReadonlyArray<SendChangeCipherSpec> =>
  sessionId.length > 0 ? dummy : nothing
