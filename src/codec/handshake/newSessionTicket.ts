/** RFC 9846 section 4.7.1 and RFC 5077 section 3.3: NewSessionTicket, which has a form for each version. */
import { extensions } from "../extension/extension.ts"
import { codec } from "../presentation/codec.ts"
import { uint32 } from "../presentation/number.ts"
import { struct } from "../presentation/struct.ts"
import { opaque } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** A ticket: `ticket_lifetime` in seconds, `ticket_age_add` in milliseconds. */
export const NewSessionTicket = codec(
  "NewSessionTicket",
  struct({
    ticket_lifetime: uint32,
    ticket_age_add: uint32,
    ticket_nonce: opaque({ min: 0, max: 255 }),
    ticket: opaque({ min: 1, max: 2 ** 16 - 1 }),
    extensions: extensions("NewSessionTicket", { min: 0, max: 2 ** 16 - 1 })
  })
)
export type NewSessionTicket = Wire.Type<typeof NewSessionTicket>

/** The form of TLS 1.2: a hint in seconds, 0 for none, and a ticket, of no bytes where the server has thought better. */
export const NewSessionTicket12 = codec(
  "NewSessionTicket12",
  struct({ ticket_lifetime_hint: uint32, ticket: opaque({ min: 0, max: 2 ** 16 - 1 }) })
)
export type NewSessionTicket12 = Wire.Type<typeof NewSessionTicket12>
