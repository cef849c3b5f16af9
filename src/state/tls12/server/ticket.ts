/** SEALING_TICKET: the session that the client may resume (RFC 5077 section 3.3). */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import { Secret, unsafeBytes } from "../../../crypto/secret.ts"
import type { SealedTicket, TicketsSealed } from "../../command.ts"
import type { Established12 } from "../../established.ts"
import { fail } from "../../failure.ts"
import type { Stepped } from "../../machine.ts"
import type { SessionDraft12 } from "../../session.ts"
import { Flight12 } from "../flight.ts"
import { finish } from "./ending.ts"
import type { Choices, EstablishedState, Keys, SealingTicket } from "./state.ts"

/** Whether a ticket is promised: to clients that take one, and only of sessions with an extended master secret. */
export const givesTicket = ({ config, hello, masterSecret }: Choices): boolean =>
  config.resumption !== undefined &&
  config.resumption.tickets > 0 &&
  masterSecret === "extended" &&
  find(hello.extensions, "session_ticket") !== undefined

/** What the ticket will stand for. */
export const sessionOf = (
  { selected, master }: Keys,
  { suite, group, protocol, serverName, peer }: Established12
): SessionDraft12 => ({
  version: "TLSv1.2",
  suite: suite.name,
  secret: new Secret("session", unsafeBytes(master).slice()),
  maxEarlyData: 0,
  group,
  serverName,
  protocol,
  policy: selected.choices.config.resumption?.policy ?? new Uint8Array(0),
  peer,
  authenticated: undefined
})

/** One was promised: where none can be made, an empty one says so (RFC 5077 section 3.3). */
const none: Pick<SealedTicket, "ticket" | "lifetime"> = { ticket: new Uint8Array(0), lifetime: 0 }

/** SEALING_TICKET --TicketsSealed--> ESTABLISHED */
export const ticketsSealed = (
  { hs, established, transcript }: SealingTicket,
  { tickets }: TicketsSealed
): Stepped<EstablishedState> => {
  if (tickets.length > 1) return fail("InternalError", "one ticket was asked for, and several were made")
  const { ticket, lifetime } = tickets[0] ?? none
  const flight = new Flight12(transcript)
  const body = { ticket_lifetime_hint: Math.floor(lifetime / 1000), ticket }
  return Result.flatMap(flight.say({ _tag: "NewSessionTicket", body }), () => finish(flight, hs, established))
}
