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
import { now } from "./answers.ts"

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
export const kept = ({ ticket, draft, lifetime, ageAdd }: Stored, at = now): Ticket => ({
  session: begin(draft, { now: at, lifetime, ageAdd }),
  ticket
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
