/** RFC 9149 section 3: ticket_request. */
import { codec } from "../presentation/codec.ts"
import { uint8 } from "../presentation/number.ts"
import { struct } from "../presentation/struct.ts"
import type { Wire } from "../presentation/wire.ts"

/** In a ClientHello: how many tickets a client would like, of a new session and of one that is resumed. */
export const ClientTicketRequest = codec(
  "ClientTicketRequest",
  struct({ new_session_count: uint8, resumption_count: uint8 })
)
export type ClientTicketRequest = Wire.Type<typeof ClientTicketRequest>

/** In EncryptedExtensions: how many it may expect. */
export const ServerTicketRequestHint = codec("ServerTicketRequestHint", struct({ expected_count: uint8 }))
export type ServerTicketRequestHint = Wire.Type<typeof ServerTicketRequestHint>
