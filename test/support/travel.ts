/** The two machines without any shell: runs of them as lists of the transitions that were made. */
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import { decodeMessage, type Message } from "../../src/codec/handshake/handshake.ts"
import { answer, type World } from "../../src/core.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import { zlib } from "../../src/crypto/zlib.ts"
import type { Action } from "../../src/state/action.ts"
import { type ClientState, client, step as clientStep, start as startClient } from "../../src/state/client.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import type { Event, Heard } from "../../src/state/event.ts"
import type { Failure } from "../../src/state/failure.ts"
import type { Drawing, Step } from "../../src/state/machine.ts"
import { type ServerState, server, step as serverStep, start as startServer } from "../../src/state/server.ts"
import type { Ticket } from "../../src/state/session.ts"
import { okay, toHex } from "./answers.ts"
import { plansBoth12, travelBoth12 } from "./both12.ts"
import { clientConfig, clientWorld, serverConfig, serverWorld } from "./pair.ts"
import { encode } from "./puppet.ts"
import { copy, external, giving, keeping, kept, openTickets } from "./resumption.ts"
import { plans12, travel12 } from "./tls12.ts"

export type Role = "client" | "server"
export type AnyState = ClientState | ServerState
export type Stepping = (state: AnyState, event: Event) => Result.Result<Step<AnyState, Action>, Failure>

/** Each machine as one that takes any state; a state of the other side has no row in it. */
export const steps: { readonly [R in Role]: Stepping } = {
  client: (state, event) => clientStep(state as ClientState, event),
  server: (state, event) => serverStep(state as ServerState, event)
}
export const figures: { readonly [R in Role]: Drawing } = { client: client.figure, server: server.figure }

/** The states that two ends of ours can be in. */
export const reachable: { readonly [R in Role]: ReadonlyArray<string> } = {
  client: Object.keys(client.figure),
  server: Object.keys(server.figure)
}

/** One transition. */
export interface Travelled {
  readonly role: Role
  readonly from: AnyState
  readonly event: Event
  readonly to: AnyState
  readonly actions: ReadonlyArray<Action>
}
export const arrowOf = ({ from, event, to }: Travelled): string => `${from._tag} --${event._tag}--> ${to._tag}`

const endpoint = (role: Role, start: AnyState, world: World, trip: Array<Travelled>) => {
  let state = start
  const take = (event: Event): ReadonlyArray<Heard> => {
    const step = steps[role](state, event)
    if (Result.isFailure(step)) assert.fail(`${step.failure.reason}: ${step.failure.detail}`)
    trip.push({ role, from: state, event, to: step.success.state, actions: step.success.actions })
    state = step.success.state
    return [...step.success.actions.flatMap((a) => (a._tag === "Send" ? [heard(a.raw)] : [])), ...settle()]
  }
  /** Answers what the state asks, and pays what it owes. */
  const settle = (): ReadonlyArray<Heard> => {
    if ("asks" in state) return take(okay(answer(world, state.asks)))
    return "owes" in state && state.owes !== undefined ? take(state.owes) : []
  }
  return { take, settle }
}

/** A message as the other side takes it in. */
export const heard = (raw: Uint8Array): Heard => ({ ...Result.getOrThrow(decodeMessage(raw)), raw })
export const hearing = (message: Message): Heard => heard(encode(message))

export interface Plan {
  readonly client?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  readonly clientWorld?: () => World
  readonly serverWorld?: () => World
  /** What happens once both are connected: who takes which event. */
  readonly then?: ReadonlyArray<readonly [Role, Event]>
  /** A message that the server never says, in place of its answer to the first ClientHello. */
  readonly instead?: Message
  /** What the client says in place of its Certificate, though it cannot know what follows from that. */
  readonly lastly?: Message
}

/** Runs both machines until neither has anything to say. */
export const travel = (plan: Plan = {}): ReadonlyArray<Travelled> => {
  const trip: Array<Travelled> = []
  const ends = {
    client: endpoint("client", startClient(clientConfig(plan.client)), (plan.clientWorld ?? clientWorld)(), trip),
    server: endpoint("server", startServer(serverConfig(plan.server)), (plan.serverWorld ?? serverWorld)(), trip)
  }
  const converse = (role: Role, said: ReadonlyArray<Heard>): void => {
    const other = role === "client" ? "server" : "client"
    if (plan.lastly !== undefined && said[0]?._tag === "Certificate") ends.server.take(hearing(plan.lastly))
    else if (said.length > 0) converse(other, said.flatMap(ends[other].take))
  }
  const hello = ends.client.settle()
  if (plan.instead !== undefined) ends.client.take(hearing(plan.instead))
  else converse("client", hello)
  for (const [role, event] of plan.then ?? []) converse(role, ends[role].take(event))
  return trip
}

const required = { _tag: "Required", authorities: [] } as const
const optional = { _tag: "Optional", authorities: [] } as const

export const ticket = hearing({
  _tag: "NewSessionTicket",
  body: {
    ticket_lifetime: 7200,
    ticket_age_add: 1,
    ticket_nonce: Uint8Array.of(0),
    ticket: Uint8Array.of(1, 2, 3),
    extensions: []
  }
})

const cookieRetry: Message = {
  _tag: "HelloRetryRequest",
  body: {
    legacy_version: "TLSv1.2",
    legacy_session_id_echo: new Uint8Array(0),
    cipher_suite: "TLS_AES_128_GCM_SHA256",
    legacy_compression_method: 0,
    extensions: [
      { type: "supported_versions", data: { selected_version: "TLSv1.3" } },
      { type: "cookie", data: { cookie: Uint8Array.of(1, 2, 3) } }
    ]
  }
}

/** Only zlib: what is compressed here must be the same in every run. */
const certificateCompression = [zlib]
const nothing = Uint8Array.of(0, 0, 0, 0)
const nothingCompressed: Message = {
  _tag: "CompressedCertificate",
  body: {
    algorithm: "zlib",
    uncompressed_length: nothing.length,
    compressed_certificate_message: zlib.compress(nothing) ?? assert.fail("zlib compresses everything")
  }
}

const updated = { _tag: "UpdateKeys", request: "update_requested" } as const
const updatedAlone = { _tag: "UpdateKeys", request: "update_not_requested" } as const

/** The ticket that the first of two handshakes leaves. */
export const ticketFrom = (plan: Plan): Ticket => {
  const [stored] = travel({ serverWorld: () => serverWorld({ tickets: openTickets }), ...plan })
    .flatMap(({ actions }) => actions)
    .flatMap((action) => (action._tag === "StoreTicket" ? [action] : []))
  return kept(stored ?? assert.fail("no ticket came"))
}

/** The second of two handshakes: with the ticket that the first one left. */
const resumed = (plan: Plan & { readonly first?: Plan; readonly server: Partial<ServerConfig> }): Plan => {
  const { first = { client: keeping(), server: plan.server }, ...second } = plan
  const ticket = ticketFrom(first)
  return {
    client: keeping(),
    clientWorld: () => clientWorld({ takeTicket: () => copy(ticket) }),
    serverWorld: () => serverWorld({ tickets: openTickets, judgeEarlyData: () => "fresh" }),
    ...second
  }
}

const early = { client: keeping({ earlyData: 5 }), server: giving({ maxEarlyData: 1000 }) }
const given = external()

/** Every kind of handshake there is. */
export const plans: { readonly [name: string]: Plan } = {
  full: {},
  "full, without middlebox compatibility": { client: { compatibility: "none" }, server: { compatibility: "none" } },
  retried: { server: { groups: ["secp256r1"] } },
  "retried, without middlebox compatibility": {
    client: { compatibility: "none" },
    server: { groups: ["secp256r1"], compatibility: "none" }
  },
  "retried for a cookie": { client: { compatibility: "none" }, instead: cookieRetry },
  "client authentication": { server: { clientAuthentication: required } },
  "client authentication declined": {
    server: { clientAuthentication: optional },
    clientWorld: () => clientWorld({ choose: () => undefined })
  },
  "client authentication after a retry": { server: { clientAuthentication: required, groups: ["secp256r1"] } },
  "compressed certificates": { client: { certificateCompression }, server: { certificateCompression } },
  "compressed certificates of both": {
    client: { certificateCompression },
    server: { certificateCompression, clientAuthentication: required }
  },
  "no certificate, compressed": {
    client: { certificateCompression },
    server: { certificateCompression, clientAuthentication: optional },
    clientWorld: () => clientWorld({ choose: () => undefined }),
    lastly: nothingCompressed
  },
  "key updates": {
    // biome-ignore format: one event a line
    // A KeyUpdate that is asked for is answered, which the client hears too.
    then: [["client", updated], ["server", updated], ["client", updatedAlone], ["server", updatedAlone]]
  },
  "tickets that nobody wants": {
    then: [
      ["client", ticket],
      ["client", ticket]
    ]
  },
  tickets: {
    client: keeping(),
    server: giving(),
    serverWorld: () => serverWorld({ tickets: openTickets })
  },
  resumed: resumed({ server: giving() }),
  "resumed after a retry": resumed({
    first: { client: keeping(), server: giving() },
    server: giving({}, { groups: ["secp256r1"] })
  }),
  "early data": resumed(early),
  "early data again": resumed({
    ...early,
    serverWorld: () => serverWorld({ tickets: openTickets, judgeEarlyData: () => "replayed" })
  }),
  "early data refused by a retry": resumed({
    ...early,
    first: { client: keeping(), server: early.server },
    server: giving({ maxEarlyData: 1000 }, { groups: ["secp256r1"] })
  }),
  "early data of a session that is forgotten": resumed({ ...early, serverWorld: () => serverWorld() }),
  "a key that both were given": {
    client: { externalPsks: [given] },
    server: { externalPsks: "lookup" },
    serverWorld: () => serverWorld({ externalPsk: () => given })
  }
}

/** All transitions of all plans, of both versions. */
export const everyTrip = (): ReadonlyArray<Travelled> => [
  ...Object.values(plans).flatMap((plan) => travel(plan)),
  ...Object.values(plans12).flatMap((plan) => travel12(plan)),
  ...Object.values(plansBoth12).flatMap((plan) => travelBoth12(plan()))
]

/** A value with its secrets laid open and everything opaque given a name, so that two can be compared and printed. */
export const plain = (value: unknown): unknown => {
  if (value instanceof Secret) return `${value.stage}:${toHex(unsafeBytes(value))}`
  if (value instanceof Uint8Array) return toHex(value)
  if (typeof value === "function") return "function"
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  if ("digest" in value && "append" in value && typeof value.digest === "function") return plain(value.digest())
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
}
