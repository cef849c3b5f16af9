/** CONNECTED: what may still be heard after the handshake (RFC 9846 section 4.7); key updates stand in `keyUpdate.ts`. */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import type { Established13 } from "../../established.ts"
import type { Heard } from "../../event.ts"
import { land, type Of, type Stepped } from "../../machine.ts"
import { serverText } from "../../path/host.ts"
import { maxLifetime } from "../../session.ts"
import * as KeySchedule from "../keySchedule.ts"
import { maxTicket, maxTickets } from "../limits.ts"
import type { Connected, Parameters, Tickets } from "./state.ts"

/** What is to become of tickets, once the handshake is done. */
export const keepTickets = (
  { hs }: Parameters,
  { suite, group, protocol, peer }: Established13,
  derive: () => KeySchedule.ResumptionSecret
): Tickets => {
  const { config } = hs.offer
  const origin = hs.psk?.origin
  // A key that both were given says nothing about who the server is, so there is nothing to resume.
  if (config.resumption === undefined || origin?._tag === "External") return { _tag: "Ignored" }
  return {
    _tag: "Kept",
    resumption: derive(),
    session: {
      version: "TLSv1.3",
      suite: suite.name,
      group,
      serverName: serverText(config.server),
      protocol,
      policy: config.resumption.policy,
      peer,
      authenticated: origin?.session.authenticated
    },
    left: maxTickets
  }
}

/** CONNECTED --NewSessionTicket--> CONNECTED: a session more, or a ticket that nobody wants (section 4.7.1). */
export const newSessionTicket = (state: Connected, event: Of<Heard, "NewSessionTicket">): Stepped<Connected> => {
  const { tickets } = state
  const { ticket, ticket_nonce, ticket_age_add, ticket_lifetime, extensions } = event.body
  if (tickets._tag === "Ignored" || tickets.left === 0 || ticket_lifetime === 0 || ticket.length > maxTicket) {
    return Result.succeed(land(state))
  }
  const { hash } = state.established.suite
  return Result.succeed(
    land({ ...state, tickets: { ...tickets, left: tickets.left - 1 } }, [
      {
        _tag: "StoreTicket",
        ticket: ticket.slice(),
        ageAdd: ticket_age_add,
        lifetime: Math.min(ticket_lifetime * 1000, maxLifetime),
        draft: {
          ...tickets.session,
          secret: KeySchedule.ticketSecret(hash, tickets.resumption, ticket_nonce),
          maxEarlyData: find(extensions, "early_data")?.max_early_data_size ?? 0
        }
      }
    ])
  )
}
