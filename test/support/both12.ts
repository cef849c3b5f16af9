/** Both machines of TLS 1.2 without any shell: runs of them as lists of the transitions that were made. */
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import { decodeMessage, decodeMessage12 } from "../../src/codec/handshake/handshake.ts"
import { answer, type World } from "../../src/core.ts"
import {
  type ClientState,
  speaks as clientSpeaks,
  step as clientStep,
  start as startClient
} from "../../src/state/client.ts"
import type { ClientConfig, ServerConfig, Version } from "../../src/state/config.ts"
import type { Event } from "../../src/state/event.ts"
import {
  type ServerState,
  speaks as serverSpeaks,
  step as serverStep,
  start as startServer
} from "../../src/state/server.ts"
import { begin, decodeSession, encodeSession, type Session, type Ticket } from "../../src/state/session.ts"
import { now, okay, toHex } from "./answers.ts"
import { both, encode12, hello12 } from "./client12.ts"
import { clientConfig, clientWorld, serverConfig, serverWorld } from "./pair.ts"
import { copy, giving, hour, keeping, kept, openTickets } from "./resumption.ts"
import type { AnyState, Stepping, Travelled } from "./travel.ts"

type Role = "client" | "server"
/** What one end says: a message, or its ChangeCipherSpec. */
type Said = Uint8Array | "ChangeCipherSpec"

export interface BothPlan {
  readonly client?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  readonly clientWorld?: World
  readonly serverWorld?: World
  /** Once both are connected: the client hears, or says, what it never would by itself. */
  readonly then?: ReadonlyArray<readonly [Role, Event]>
}

const ends: { readonly [R in Role]: { readonly speaks: (state: unknown) => Version; readonly step: Stepping } } = {
  client: {
    speaks: (state) => clientSpeaks(state as ClientState),
    step: (state, event) => clientStep(state as ClientState, event)
  },
  server: {
    speaks: (state) => serverSpeaks(state as ServerState),
    step: (state, event) => serverStep(state as ServerState, event)
  }
}

const endpoint = (role: Role, start: ClientState | ServerState, world: World, trip: Array<Travelled>) => {
  const { speaks, step } = ends[role]
  let state: AnyState = start
  const settle = (): ReadonlyArray<Said> => ("asks" in state ? take(okay(answer(world, state.asks))) : [])
  const take = (event: Event): ReadonlyArray<Said> => {
    const next = step(state, event)
    if (Result.isFailure(next)) assert.fail(`${role}: ${next.failure.reason}: ${next.failure.detail}`)
    const { state: to, actions } = next.success
    trip.push({ role, from: state, event, to, actions })
    state = to
    const said = actions.flatMap((action): ReadonlyArray<Said> => {
      if (action._tag === "Send" || action._tag === "Send12") return [action.raw]
      return action._tag === "SendChangeCipherSpec" && speaks(state) === "TLSv1.2" ? ["ChangeCipherSpec"] : []
    })
    return [...said, ...settle()]
  }
  const hear = (said: Said): ReadonlyArray<Said> => {
    if (said === "ChangeCipherSpec") return take({ _tag: "ChangeCipherSpec" })
    return speaks(state) === "TLSv1.2"
      ? take({ ...Result.getOrThrow(decodeMessage12(said)), raw: said })
      : take({ ...Result.getOrThrow(decodeMessage(said)), raw: said })
  }
  return { settle, take, hear }
}

/** Runs both until neither has anything to say. */
export const travelBoth12 = (plan: BothPlan = {}): ReadonlyArray<Travelled> => {
  const trip: Array<Travelled> = []
  const client = endpoint(
    "client",
    startClient(clientConfig({ versions: ["TLSv1.2"], ...suited, ...plan.client })),
    plan.clientWorld ?? clientWorld(),
    trip
  )
  const server = endpoint(
    "server",
    startServer(serverConfig({ ...both, ...plan.server })),
    plan.serverWorld ?? serverWorld(),
    trip
  )
  const pair = { client, server }
  const converse = (role: Role, said: ReadonlyArray<Said>): void => {
    if (said.length === 0) return
    const other = role === "client" ? "server" : "client"
    converse(other, said.flatMap(pair[other].hear))
  }
  converse("client", client.settle())
  for (const [role, event] of plan.then ?? []) converse(role, pair[role].take(event))
  for (const role of ["client", "server"] as const) {
    assert.strictEqual(trip.findLast((each) => each.role === role)?.to._tag, "ESTABLISHED", role)
  }
  return trip
}

const suited = { suites12: both.suites12 ?? [] }
const required = { _tag: "Required", authorities: [] } as const
const optional = { _tag: "Optional", authorities: [] } as const

/** What a server keeps by ID. */
const keptBy = (trip: ReadonlyArray<Travelled>) => {
  const sessions = new Map<string, Uint8Array>()
  for (const action of trip.flatMap(({ actions }) => actions)) {
    if (action._tag !== "KeepSession") continue
    const session = begin(action.draft, { now, lifetime: hour, ageAdd: 0 })
    sessions.set(toHex(action.id), Result.getOrThrow(encodeSession(session)))
  }
  return (id: Uint8Array): Session | undefined => {
    const bytes = sessions.get(toHex(id))
    return bytes && decodeSession(bytes)
  }
}
const ticketOf = (trip: ReadonlyArray<Travelled>): Ticket => {
  const [stored] = trip.flatMap(({ actions }) => actions).flatMap((a) => (a._tag === "StoreTicket" ? [a] : []))
  return kept(stored ?? assert.fail("the client kept nothing"))
}

const nobody = () => undefined
const byTicket = () => ({ client: keeping(), server: giving(), serverWorld: serverWorld({ tickets: openTickets }) })
const byId = () => ({
  client: keeping(),
  server: giving({ tickets: 0 }),
  serverWorld: serverWorld({ takeSession: nobody })
})

/** The ticket that a first handshake leaves. */
export const ticketBoth12 = (): Ticket => ticketOf(travelBoth12(byTicket()))

/** The second of two handshakes. */
const again = (first: BothPlan, changes: Partial<World> = {}): BothPlan => {
  const trip = travelBoth12(first)
  const ticket = ticketOf(trip)
  return {
    ...first,
    clientWorld: clientWorld({ takeTicket: () => copy(ticket) }),
    serverWorld: serverWorld({ tickets: openTickets, takeSession: keptBy(trip), ...changes })
  }
}

const late = { now: () => now + hour / 2 }
/** Tickets under a key that seals no more. */
const older: World["tickets"] = { ...openTickets, sealedBy: () => "older key" }

const clientHello: Event = (() => {
  const body = hello12()
  return { _tag: "ClientHello", body, raw: encode12({ _tag: "ClientHello", body }) } as const
})()
/** The other end has no warning to hear here: alerts are no messages. */
const renegotiation = [["server", clientHello]] as const

/** Every kind of handshake there is. */
export const plansBoth12: { readonly [name: string]: () => BothPlan } = {
  "1.2 of both: full": () => ({}),
  "1.2 of both: full, between ends of both versions, one of which has only this one": () => ({
    client: { versions: ["TLSv1.3", "TLSv1.2"] },
    server: { versions: ["TLSv1.2"] }
  }),
  "1.2 of both: full, with a plain master secret": () => ({
    client: { extendedMasterSecret: "optional" },
    server: { extendedMasterSecret: "optional" }
  }),
  "1.2 of both: full, with a ticket": byTicket,
  "1.2 of both: full, with a session ID": byId,
  "1.2 of both: client authentication": () => ({ server: { clientAuthentication: required } }),
  "1.2 of both: client authentication and a ticket": () => ({
    ...byTicket(),
    server: giving({}, { clientAuthentication: required })
  }),
  "1.2 of both: client authentication declined": () => ({
    server: { clientAuthentication: optional },
    clientWorld: clientWorld({ choose: () => undefined })
  }),
  "1.2 of both: resumed by ticket": () => again(byTicket()),
  "1.2 of both: resumed by ticket, which is renewed": () => again(byTicket(), late),
  "1.2 of both: resumed by a ticket under an older key": () => again(byTicket(), { tickets: older }),
  "1.2 of both: resumed by a ticket that cannot be renewed": () =>
    again(byTicket(), { ...late, tickets: { ...openTickets, issue: () => undefined } }),
  "1.2 of both: resumed by session ID": () => again(byId()),
  "1.2 of both: a wish to renegotiate": () => ({ then: renegotiation })
}
