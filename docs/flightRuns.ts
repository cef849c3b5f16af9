/** Runs of the two machines with fixed keys, fixed randomness and a fixed clock, transition by transition. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { decodeMessage, decodeMessage12 } from "../src/codec/handshake/handshake.ts"
import { answer, type TicketMaker, type World } from "../src/core.ts"
import { Secret } from "../src/crypto/secret.ts"
import { suites12, suites13 } from "../src/crypto/suite.ts"
import { issue, makeCa } from "../src/layers/testing/certificates.ts"
import { deterministicPrimitives, layerDeterministic } from "../src/layers/testing/deterministic.ts"
import type { Action } from "../src/state/action.ts"
import {
  type ClientState,
  speaks as clientSpeaks,
  step as clientStep,
  start as startClient
} from "../src/state/client.ts"
import type { Credential } from "../src/state/command.ts"
import type { ClientConfig, ServerConfig, Version } from "../src/state/config.ts"
import type { Event } from "../src/state/event.ts"
import type { Failure } from "../src/state/failure.ts"
import type { Step } from "../src/state/machine.ts"
import {
  type ServerState,
  speaks as serverSpeaks,
  step as serverStep,
  start as startServer
} from "../src/state/server.ts"
import { begin, decodeSession, encodeSession, type Ticket } from "../src/state/session.ts"
import type { ExternalPsk } from "../src/state/tls13/psk.ts"

const now = Date.UTC(2026, 6, 1)

/** A CA, a server and a client certificate, the same at every run. */
const certificates = Effect.gen(function* () {
  const ca = yield* makeCa({ commonName: "Example CA", notBefore: now })
  const server = yield* issue(ca, { names: ["server.example"], notBefore: now })
  const client = yield* issue(ca, { purpose: "client", commonName: "client", notBefore: now })
  return { server, client }
}).pipe(Effect.provide(layerDeterministic("certificates")), Effect.runSync)

const credentialOf = ({ chain, key }: typeof certificates.server): Credential => ({ chain, key, schemes: key.schemes })

const world = (seed: string, issued: typeof certificates.server): World => ({
  primitives: deterministicPrimitives(seed),
  now: () => now,
  choose: () => credentialOf(issued),
  sign: ({ scheme, content }) => {
    const signature = typeof scheme === "string" ? issued.key.sign(scheme, content) : undefined
    return Result.isResult(signature)
      ? signature
      : Result.fail({ _tag: "CryptoFailure", reason: "UnsupportedAlgorithm", detail: "" })
  },
  verify: ({ chain }) => Result.succeed({ chain, description: "as the page wants it" })
})

/** One transition of one of the two machines. */
export interface Travelled {
  readonly role: "client" | "server"
  readonly from: string
  readonly event: string
  readonly to: string
  readonly actions: ReadonlyArray<Action>
}

type AnyState = ClientState | ServerState

/** What goes from one end to the other: a message, or the record that TLS 1.2 counts as an event. */
type Said = Uint8Array | "ChangeCipherSpec"

/** One end: its state, and how it takes an event and answers its own questions. */
const endpoint = <S extends AnyState>(
  role: Travelled["role"],
  start: S,
  step: (state: S, event: Event) => Result.Result<Step<S, Action>, Failure>,
  speaks: (state: S) => Version,
  world: World,
  travelled: Array<Travelled>
) => {
  let state = start
  const take = (event: Event): ReadonlyArray<Said> => {
    const next = Result.getOrThrow(step(state, event))
    travelled.push({ role, from: state._tag, event: event._tag, to: next.state._tag, actions: next.actions })
    state = next.state
    const said = next.actions.flatMap((action): ReadonlyArray<Said> => {
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
  const settle = (): ReadonlyArray<Said> => {
    if ("asks" in state) return take(Result.getOrThrow(answer(world, state.asks)))
    return "owes" in state && state.owes !== undefined ? take(state.owes) : []
  }
  return { take, hear, settle }
}

const compatibility = "middlebox" as const
const groups = ["x25519", "secp256r1"] as const

export interface Scenario {
  readonly title: string
  readonly text: string
  /** TLS 1.3 when absent. */
  readonly version?: Version
  readonly client?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  /** What both sides have from before: a session of another handshake, or a key. */
  readonly before?: "a session" | "a session under an older key" | "a key"
  readonly afterwards?: Event
}

/** Tickets that are names of sessions, 32 bytes each. */
const tickets: TicketMaker = (() => {
  const kept = new Map<string, Uint8Array>()
  const { random } = deterministicPrimitives("tickets")
  return {
    lifetime: 3_600_000,
    issue: (session) => {
      const name = random(32)
      kept.set(name.join(), Result.getOrThrow(encodeSession(session)))
      return name
    },
    redeem: (name) => {
      const session = kept.get(name.join())
      return session === undefined ? undefined : decodeSession(session)
    }
  }
})()

const policy = new Uint8Array(32)
export const keeping = { resumption: { policy } } satisfies Partial<ClientConfig>
export const giving = {
  resumption: { policy, tickets: 1, maxEarlyData: 16_384, freshness: 10_000 }
} satisfies Partial<ServerConfig>

/** Without tickets a server of TLS 1.2 keeps sessions itself, under their IDs. */
export const naming = { resumption: { ...giving.resumption, tickets: 0 } } satisfies Partial<ServerConfig>
const named = new Map<string, Uint8Array>()
const takeSession = (id: Uint8Array) => {
  const session = named.get(id.join())
  return session === undefined ? undefined : decodeSession(session)
}

/** The ticket that a handshake before this one has left, or the ID of its session. */
const ticketBefore = ({ before: _, ...scenario }: Scenario): Ticket | undefined => {
  const actions = run(scenario).flatMap(({ actions }) => actions)
  for (const action of actions) {
    if (action._tag !== "KeepSession") continue
    const session = begin(action.draft, { now, lifetime: tickets.lifetime, ageAdd: 0 })
    named.set(action.id.join(), Result.getOrThrow(encodeSession(session)))
  }
  const [stored] = actions.filter((action) => action._tag === "StoreTicket")
  if (stored === undefined) return undefined
  const { ticket, form, draft, lifetime, ageAdd } = stored
  return { ticket, form, session: begin(draft, { now, lifetime, ageAdd }) }
}

export const given: ExternalPsk = {
  identity: new TextEncoder().encode("meter 7"),
  secret: new Secret("external PSK", new Uint8Array(32).fill(7)),
  hash: "sha256",
  kind: "external"
}

export const run = (scenario: Scenario): ReadonlyArray<Travelled> => {
  const { version = "TLSv1.3", client, server, before, afterwards } = scenario
  const ours: World = {
    ...world("client", certificates.client),
    takeTicket: () => (before === undefined || before === "a key" ? undefined : ticketBefore(scenario))
  }
  const theirs: World = {
    ...world("server", certificates.server),
    tickets: before === "a session under an older key" ? { ...tickets, sealedBy: () => "older key" } : tickets,
    ...(server?.resumption?.tickets === 0 ? { takeSession } : {}),
    judgeEarlyData: () => "fresh",
    externalPsk: () => (before === "a key" ? given : undefined)
  }
  const shared = {
    versions: [version],
    groups,
    schemes: ["ecdsa_secp256r1_sha256"],
    protocols: ["http/1.1"],
    compatibility
  } as const
  const travelled: Array<Travelled> = []
  const clientConfig: ClientConfig = {
    ...shared,
    suites: suites13(ours.primitives),
    suites12: suites12(ours.primitives),
    server: { _tag: "DnsName", name: "server.example" },
    shares: ["x25519"],
    ...client
  }
  const serverConfig: ServerConfig = {
    ...shared,
    suites: suites13(theirs.primitives),
    suites12: suites12(theirs.primitives),
    clientAuthentication: { _tag: "None" },
    ...server
  }
  const a = endpoint<ClientState>("client", startClient(clientConfig), clientStep, clientSpeaks, ours, travelled)
  const b = endpoint<ServerState>("server", startServer(serverConfig), serverStep, serverSpeaks, theirs, travelled)
  const exchange = (said: ReadonlyArray<Said>, from: typeof a | typeof b): void => {
    const other = from === a ? b : a
    if (said.length > 0) exchange(said.flatMap(other.hear), other)
  }
  exchange(a.settle(), a)
  if (afterwards !== undefined) exchange(a.take(afterwards), a)
  return travelled
}
