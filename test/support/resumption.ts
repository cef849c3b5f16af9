/** Sessions for tests: a ticket is the session itself, unsealed, so that both ends need no more than a function. */
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import type { TicketMaker } from "../../src/core.ts"
import { Secret } from "../../src/crypto/secret.ts"
import type { Action } from "../../src/state/action.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import {
  begin,
  decodeSession,
  decodeTicket,
  encodeSession,
  encodeTicket,
  type Session13,
  type Ticket
} from "../../src/state/session.ts"
import type { ExternalPsk } from "../../src/state/tls13/psk.ts"
import { concat, now } from "./answers.ts"

export const hour = 3600 * 1000

/** Tickets that anybody can read. */
export const openTickets: TicketMaker = {
  lifetime: hour,
  issue: (session) => Result.getOrThrow(encodeSession(session)),
  redeem: decodeSession
}

const policy = new Uint8Array(32).fill(7)

/** A client that keeps sessions. */
export const keeping = (changes: Partial<ClientConfig> = {}): Partial<ClientConfig> => ({
  resumption: { policy },
  ...changes
})

/** A server that gives tickets, two unless said otherwise. */
export const giving = (
  changes: Partial<NonNullable<ServerConfig["resumption"]>> = {},
  config: Partial<ServerConfig> = {}
): Partial<ServerConfig> => ({
  resumption: { policy, tickets: 2, maxEarlyData: 0, freshness: 10_000, ...changes },
  ...config
})

export type Stored = Extract<Action, { readonly _tag: "StoreTicket" }>

/** The ticket that a client would keep. */
export const kept = ({ ticket, form, draft, lifetime, ageAdd }: Stored, at = now): Ticket => ({
  session: begin(draft, { now: at, lifetime, ageAdd }),
  ticket,
  form
})

/** A ticket with a secret of its own: whoever uses one wipes it. */
export const copy = (ticket: Ticket): Ticket =>
  decodeTicket(Result.getOrThrow(encodeTicket(ticket))) ?? assert.fail("no ticket")

/** A session of TLS 1.3. */
export const session13 = ({ session }: Ticket): Session13 =>
  session.version === "TLSv1.3" ? session : assert.fail(`a session of ${session.version}`)

/** The same ticket for another session: what a client believes, and what the server finds in it. */
export const altered = (ticket: Ticket, session: Partial<Session13>): Ticket => {
  const changed = { ...session13(copy(ticket)), ...session }
  return { session: changed, ticket: openTickets.issue(changed) ?? assert.fail("no ticket") }
}

/** A key that both were given. */
export const external = (changes: Partial<ExternalPsk> = {}): ExternalPsk => ({
  identity: Uint8Array.from("somebody", (character) => character.charCodeAt(0)),
  secret: new Secret("external PSK", new Uint8Array(32).fill(9)),
  hash: "sha256",
  kind: "external",
  ...changes
})

/** PskIdentity, PskBinderEntry and OfferedPsks by hand, whatever they hold (RFC 9846 section 4.3.11). */
export const offeredBytes = (
  identities: ReadonlyArray<Uint8Array>,
  binders: ReadonlyArray<Uint8Array>,
  behind: Uint8Array = new Uint8Array(0)
): { readonly type: number; readonly data: Uint8Array } => {
  const sized = (...parts: ReadonlyArray<Uint8Array>) => {
    const all = concat(...parts)
    return concat(Uint8Array.of(all.length >> 8, all.length & 255), all)
  }
  const list = sized(...identities.map((identity) => concat(sized(identity), new Uint8Array(4))))
  const bound = sized(...binders.map((binder) => concat(Uint8Array.of(binder.length), binder)))
  return { type: 41, data: concat(list, bound, behind) }
}
