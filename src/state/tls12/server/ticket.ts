/** SEALING_TICKET: the session that the client may resume (RFC 5077 section 3.3). */
import * as Result from "effect/Result"
import type { SealedTicket, TicketsSealed } from "../../command.ts"
import { fail } from "../../failure.ts"
import type { Stepped } from "../../machine.ts"
import { Flight12 } from "../flight.ts"
import { finish } from "./ending.ts"
import type { EstablishedState, SealingTicket } from "./state.ts"

/** The body of NewSessionTicket. */
export const newSessionTicket = ({ ticket, lifetime }: Pick<SealedTicket, "ticket" | "lifetime">) => ({
  ticket_lifetime_hint: Math.floor(lifetime / 1000),
  ticket
})

/** One was promised: where none can be made, an empty one says so (RFC 5077 section 3.3). */
const none: Pick<SealedTicket, "ticket" | "lifetime"> = { ticket: new Uint8Array(0), lifetime: 0 }

/** SEALING_TICKET --TicketsSealed--> ESTABLISHED */
export const ticketsSealed = (
  { hs, established, transcript }: SealingTicket,
  { tickets }: TicketsSealed
): Stepped<EstablishedState> => {
  if (tickets.length > 1) return fail("InternalError", "one ticket was asked for, and several were made")
  const flight = new Flight12(transcript)
  const body = newSessionTicket(tickets[0] ?? none)
  return Result.flatMap(flight.say({ _tag: "NewSessionTicket", body }), () => finish(flight, hs, established))
}
