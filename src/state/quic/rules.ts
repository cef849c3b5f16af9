/** What RFC 9001 takes out of TLS: messages that QUIC does in its own way. */
import * as Result from "effect/Result"
import { find } from "../../codec/extension/extension.ts"
import type { Message } from "../../codec/handshake/handshake.ts"
import { HandshakeType } from "../../codec/registry/handshakeType.ts"
import { type Failure, fail } from "../failure.ts"

const { certificate_request, end_of_early_data, key_update } = HandshakeType.registry
const done: Result.Result<void, Failure> = Result.succeed(undefined)

/** Refuses a message by its type, however it goes on. `phase` is that of the handshake. */
export const mayCome = (type: number | undefined, phase: "handshake" | "established"): Result.Result<void, Failure> => {
  switch (type) {
    case key_update:
      return fail("QuicKeyUpdate", "QUIC updates its keys by itself, not by KeyUpdate")
    case end_of_early_data:
      return fail("QuicEndOfEarlyData", "QUIC has no EndOfEarlyData")
    case certificate_request:
      return phase === "handshake" ? done : fail("QuicPostHandshakeRequest", "a CertificateRequest after the handshake")
    default:
      return done
  }
}

/** `max_early_data_size` of a ticket in QUIC, which limits early data by other means (section 4.6.1). */
export const unlimitedEarlyData = 0xffffffff

/** Section 4.6.1: a ticket allows early data without a limit of TLS, or none. */
export const mayHold = (message: Message): Result.Result<void, Failure> => {
  const early = message._tag === "NewSessionTicket" ? find(message.body.extensions, "early_data") : undefined
  return early === undefined || early.max_early_data_size === unlimitedEarlyData
    ? done
    : fail("QuicTicketEarlyData", `a max_early_data_size of ${early.max_early_data_size}`)
}

/** The transport parameters that a message brings (section 8.2). */
export const parametersOf = (message: Message): Uint8Array | undefined => {
  switch (message._tag) {
    case "ClientHello":
      return find(message.body.extensions, "quic_transport_parameters")
    case "EncryptedExtensions":
      return find(message.body.extensions, "quic_transport_parameters")
    default:
      return undefined
  }
}
