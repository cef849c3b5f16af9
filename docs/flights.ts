/** Flights and bytes as they are, from runs of the two machines with fixed keys, fixed randomness and a fixed clock. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { Handshake } from "../src/codec/handshake/handshake.ts"
import { explain, render } from "../src/codec/presentation/explain.ts"
import { answer, type TicketMaker, type World } from "../src/core.ts"
import { Secret } from "../src/crypto/secret.ts"
import { suites13 } from "../src/crypto/suite.ts"
import { issue, makeCa } from "../src/layers/testing/certificates.ts"
import { deterministicPrimitives, layerDeterministic } from "../src/layers/testing/deterministic.ts"
import type { Action } from "../src/state/action.ts"
import { type ClientState, step as clientStep, start as startClient } from "../src/state/client.ts"
import type { Credential } from "../src/state/command.ts"
import type { ClientConfig, ServerConfig } from "../src/state/config.ts"
import type { Event, Heard } from "../src/state/event.ts"
import type { Failure } from "../src/state/failure.ts"
import type { Step } from "../src/state/machine.ts"
import { type ServerState, step as serverStep, start as startServer } from "../src/state/server.ts"
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
interface Travelled {
  readonly role: "client" | "server"
  readonly from: string
  readonly event: string
  readonly to: string
  readonly actions: ReadonlyArray<Action>
}

type AnyState = ClientState | ServerState

/** One end: its state, and how it takes an event and answers its own questions. */
const endpoint = <S extends AnyState>(
  role: Travelled["role"],
  start: S,
  step: (state: S, event: Event) => Result.Result<Step<S, Action>, Failure>,
  world: World,
  travelled: Array<Travelled>
) => {
  let state = start
  const take = (event: Event): ReadonlyArray<Heard> => {
    const next = Result.getOrThrow(step(state, event))
    travelled.push({ role, from: state._tag, event: event._tag, to: next.state._tag, actions: next.actions })
    state = next.state
    const said = next.actions.flatMap((action) =>
      action._tag === "Send" ? [{ ...action.message, raw: action.raw }] : []
    )
    return [...said, ...settle()]
  }
  const settle = (): ReadonlyArray<Heard> => {
    if ("asks" in state) return take(Result.getOrThrow(answer(world, state.asks)))
    return "owes" in state && state.owes !== undefined ? take(state.owes) : []
  }
  return { take, settle }
}

const compatibility = "middlebox" as const
const groups = ["x25519", "secp256r1"] as const

interface Scenario {
  readonly title: string
  readonly text: string
  readonly client?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  /** What both sides have from before: a session of another handshake, or a key. */
  readonly before?: "a session" | "a key"
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
const keeping = { resumption: { policy } } satisfies Partial<ClientConfig>
const giving = {
  resumption: { policy, tickets: 1, maxEarlyData: 16_384, freshness: 10_000 }
} satisfies Partial<ServerConfig>

/** The ticket that a handshake before this one has left. */
const ticketBefore = (): Ticket | undefined => {
  const first = run({ title: "", text: "", client: keeping, server: giving })
  const [stored] = first.flatMap(({ actions }) => actions.filter((action) => action._tag === "StoreTicket"))
  if (stored === undefined) return undefined
  const { ticket, draft, lifetime, ageAdd } = stored
  return { ticket, session: begin(draft, { now, lifetime, ageAdd }) }
}

const given: ExternalPsk = {
  identity: new TextEncoder().encode("meter 7"),
  secret: new Secret("external PSK", new Uint8Array(32).fill(7)),
  hash: "sha256",
  kind: "external"
}

const run = ({ client, server, before, afterwards }: Scenario): ReadonlyArray<Travelled> => {
  const ours: World = {
    ...world("client", certificates.client),
    takeTicket: () => (before === "a session" ? ticketBefore() : undefined)
  }
  const theirs: World = {
    ...world("server", certificates.server),
    tickets,
    judgeEarlyData: () => "fresh",
    externalPsk: () => (before === "a key" ? given : undefined)
  }
  const shared = { groups, schemes: ["ecdsa_secp256r1_sha256"], protocols: ["http/1.1"], compatibility } as const
  const travelled: Array<Travelled> = []
  const clientConfig: ClientConfig = {
    ...shared,
    suites: suites13(ours.primitives),
    server: { _tag: "DnsName", name: "server.example" },
    shares: ["x25519"],
    ...client
  }
  const serverConfig: ServerConfig = {
    ...shared,
    suites: suites13(theirs.primitives),
    clientAuthentication: { _tag: "None" },
    ...server
  }
  const a = endpoint<ClientState>("client", startClient(clientConfig), clientStep, ours, travelled)
  const b = endpoint<ServerState>("server", startServer(serverConfig), serverStep, theirs, travelled)
  const exchange = (said: ReadonlyArray<Heard>, from: typeof a | typeof b): void => {
    if (said.length > 0)
      exchange(
        said.flatMap((message) => (from === a ? b : a).take(message)),
        from === a ? b : a
      )
  }
  exchange(a.settle(), a)
  if (afterwards !== undefined) exchange(a.take(afterwards), a)
  return travelled
}

const scenarios = {
  full: {
    title: "A full handshake",
    text: "One round trip: the client guessed the group right."
  },
  retried: {
    title: "A retried handshake",
    text: "The server wants another group and says so with a HelloRetryRequest (RFC 9846 section 4.2.4).",
    server: { groups: ["secp256r1"] }
  },
  resumed: {
    title: "A resumed session",
    text: "The client has a ticket of an earlier handshake: no certificate is shown (RFC 9846 section 2.2).",
    before: "a session",
    client: keeping,
    server: giving
  },
  "early-data": {
    title: "Early data",
    text: "With the ticket the client may send data at once (section 2.3). It is no message, so it is not here.",
    before: "a session",
    client: { ...keeping, earlyData: 100 },
    server: giving
  },
  "external-psk": {
    title: "An external PSK",
    text: "Both sides were given a key by other means (RFC 9846 section 4.3.11): there are no certificates.",
    before: "a key",
    client: { externalPsks: [given] },
    server: { externalPsks: "lookup" }
  },
  "client-authentication": {
    title: "Client authentication",
    text: "The server asks who the client is (RFC 9846 section 4.4.2), and the client answers.",
    server: { clientAuthentication: { _tag: "Required", authorities: [] } }
  },
  "key-update": {
    title: "A key update",
    text: "After the handshake the client asks for new keys in both directions (RFC 9846 section 4.7.3).",
    afterwards: { _tag: "UpdateKeys", request: "update_requested" }
  }
} as const satisfies Record<string, Scenario>

const show = (action: Action): string => {
  switch (action._tag) {
    case "Send":
    case "Send12":
      return `says **${action.message._tag}** (${action.epoch}, ${action.raw.length} bytes)`
    case "SendChangeCipherSpec":
      return "sends change_cipher_spec"
    case "InstallKeys":
      return `K_${action.direction === "read" ? "recv" : "send"} = ${action.epoch}`
    case "InstallKeys12":
      return `K_${action.direction === "read" ? "recv" : "send"} = those of ${action.suite.name}`
    case "RefuseRenegotiation":
      return "warns that it does not renegotiate"
    case "LimitRecords":
      return `limits ${action.direction === "read" ? "the peer's" : "its"} records to ${action.size} bytes`
    case "Open":
      return `opens ${action.direction === "read" ? "reading" : "writing"}`
    case "LogKey":
      return `logs ${action.label}`
    case "OfferEarlyData":
      return `may send ${action.limit} bytes of early data`
    case "AcceptEarlyData":
      return `takes ${action.limit} bytes of early data, and may answer`
    case "SkipEarlyData":
      return "passes over early data"
    case "EarlyDataJudged":
      return `learns that its early data was ${action.outcome}`
    case "StoreTicket":
      return "keeps a ticket"
    case "KeepSession":
      return "keeps the session under its ID"
    case "Established":
      return "is established"
  }
}

const page = (scenario: Scenario): string => {
  const rows = run(scenario).map(
    ({ role, from, event, actions, to }) =>
      `| ${role} | ${from} | ${event} | ${actions.map(show).join("<br>")} | ${to} |`
  )
  return `# ${scenario.title}

Generated by \`docs/flights.ts\` from a run of the two machines. ${scenario.text}

| who | in state | on | does, in order | and is in |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`
}

export const flightPages = (): Record<string, string> =>
  Object.fromEntries(Object.entries(scenarios).map(([name, scenario]) => [`flights/${name}.md`, page(scenario)]))

/** Every message of a full handshake, byte by byte. */
export const bytesPage = (): string => {
  const messages = run(scenarios.full).flatMap(({ role, actions }) =>
    actions.flatMap((action) => (action._tag === "Send" ? [{ role, action }] : []))
  )
  const sections = messages.map(
    ({ role, action: { message, raw } }) =>
      `## ${message._tag}, from the ${role}\n\n\`\`\`text\n${render(explain(Handshake.wire, raw))}\n\`\`\`\n`
  )
  return `# The bytes of a full handshake

Generated by \`docs/flights.ts\` with \`explain\`, from the same declarations that read and write these messages. Offsets
count from the start of each message.

${sections.join("\n")}`
}
