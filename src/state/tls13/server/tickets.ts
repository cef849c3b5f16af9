/** SEALING_TICKETS: sessions that the client may resume (RFC 9846 section 4.7.1). */
import { find } from "../../../codec/extension/extension.ts"
import type { NewSessionTicket } from "../../../codec/handshake/newSessionTicket.ts"
import { resultFn } from "../../../codec/resultFn.ts"
import type { Send } from "../../action.ts"
import type { SealedTicket, TicketsSealed } from "../../command.ts"
import type { Established13 } from "../../established.ts"
import { encodeHandshake } from "../../flight.ts"
import * as Grease from "../../hello/grease.ts"
import { land, type Steps } from "../../machine.ts"
import { maxLifetime, type SessionDraft13 } from "../../session.ts"
import * as KeySchedule from "../keySchedule.ts"
import { maxTicket } from "../limits.ts"
import type { Choices, ClientProof, Connected, SealingTickets } from "./state.ts"

/**
 * How many tickets this client gets: as many as it asks for (RFC 9149), but not more than we give. One that does not
 * ask, and has used one up, is given one.
 */
export const ticketsFor = ({ config, hello }: Choices, kind: Established13["kind"]): number => {
  const modes = find(hello.extensions, "psk_key_exchange_modes")?.ke_modes ?? []
  if (config.resumption === undefined || kind === "external" || !modes.includes("psk_dhe_ke")) return 0
  const asked = find(hello.extensions, "ticket_request")
  const most = config.resumption.tickets
  return Math.min(most, kind === "resumed" ? (asked?.resumption_count ?? 1) : (asked?.new_session_count ?? most))
}

/** Unique among the tickets of a connection. */
const nonce = (index: number): Uint8Array => Uint8Array.of(index >> 8, index)

/** One session for each ticket, with a secret of its own. */
export const sessionsOf = (
  choices: Choices,
  proof: ClientProof,
  { suite, group, protocol, serverName, kind, peer }: Established13,
  derive: () => KeySchedule.ResumptionSecret
): ReadonlyArray<SessionDraft13> => {
  const ours = choices.config.resumption
  const count = ticketsFor(choices, kind)
  if (ours === undefined || count === 0) return []
  const resumption = derive()
  const sessions = Array.from(
    { length: count },
    (_, index): SessionDraft13 => ({
      version: "TLSv1.3",
      suite: suite.name,
      secret: KeySchedule.ticketSecret(suite.hash, resumption, nonce(index)),
      maxEarlyData: ours.maxEarlyData,
      group,
      serverName,
      protocol,
      policy: ours.policy,
      peer,
      authenticated: proof._tag === "PskSelected" ? proof.authenticated : undefined
    })
  )
  resumption.wipe()
  return sessions
}

type Extensions = NewSessionTicket["extensions"]

const earlyData = (maxEarlyData: number): Extensions =>
  maxEarlyData === 0 ? [] : [{ type: "early_data", data: { max_early_data_size: maxEarlyData } }]

/** Every ticket has a value of its own: the entropy, turned by the ticket's place. */
const greased = (extensions: Extensions, index: number, entropy: Uint8Array | undefined): Extensions => {
  if (entropy === undefined) return extensions
  return Grease.newSessionTicket(
    extensions,
    entropy.map((byte) => byte + index * 29)
  )
}

/** Whether a ticket is worth sending: one that lasts no second would be discarded at once. */
const sendable = ({ ticket, lifetime }: SealedTicket): boolean =>
  lifetime >= 1000 && ticket.length > 0 && ticket.length <= maxTicket

const message = ({ ticket, ageAdd, lifetime }: SealedTicket, index: number, extensions: Extensions) => ({
  ticket_lifetime: Math.floor(Math.min(lifetime, maxLifetime) / 1000),
  ticket_age_add: ageAdd,
  ticket_nonce: nonce(index),
  ticket,
  extensions
})

/** SEALING_TICKETS --TicketsSealed--> CONNECTED */
export const ticketsSealed = resultFn(function* (state: SealingTickets, { tickets }: TicketsSealed): Steps<Connected> {
  const { asks, proof, established, traffic, entropy } = state
  const said: Array<Send> = []
  for (const [index, { maxEarlyData }] of asks.sessions.entries()) {
    const sealed = tickets[index]
    if (sealed === undefined || !sendable(sealed)) continue
    const body = message(sealed, index, greased(earlyData(maxEarlyData), index, entropy))
    const raw = yield* encodeHandshake({ _tag: "NewSessionTicket", body })
    said.push({ _tag: "Send", epoch: "application", message: { _tag: "NewSessionTicket", body }, raw })
  }
  return land({ _tag: "CONNECTED", proof, established, traffic, owes: undefined }, said)
})
