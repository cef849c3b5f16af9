/** Two connections that move one record or one answer at a time, and every secret that their machines ever held. */
import { answer, type ConnectionEvent, type World } from "../../src/core.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import {
  client as clientMachine,
  expects as expectsClient,
  speaks as speaksClient,
  start as startClient
} from "../../src/state/client.ts"
import type { Answer, Command } from "../../src/state/command.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import type { Connection, ConnectionOptions, Progress } from "../../src/state/connection.ts"
import { reduce } from "../../src/state/machine.ts"
import {
  expects as expectsServer,
  server as serverMachine,
  speaks as speaksServer,
  start as startServer
} from "../../src/state/server.ts"
import { make } from "../../src/state/shell.ts"
import { credentials, okay } from "../support/answers.ts"
import { ticketBoth12 } from "../support/both12.ts"
import { suites as suites12 } from "../support/client12.ts"
import { clientConfig, clientWorld, records, serverConfig, serverWorld, suites } from "../support/pair.ts"
import { copy, giving, keeping, openTickets } from "../support/resumption.ts"
import { type Role, ticketFrom } from "../support/travel.ts"

/** Every secret in a value, whoever it belongs to, with what its bytes were when it was first seen. */
export const gather = (value: unknown, found: Map<Secret<string>, Uint8Array>, seen = new Set<unknown>()): void => {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || seen.has(value)) return
  seen.add(value)
  if (value instanceof Secret) {
    if (!found.has(value)) found.set(value, unsafeBytes(value).slice())
  } else for (const part of Object.values(value)) gather(part, found, seen)
}

/** Suites that note the key of every HMAC, as the very array: so no secret that was used stays unknown. */
export const notingSuites = (keys: Set<Uint8Array>): typeof suites =>
  suites.map((suite) => ({
    ...suite,
    hash: {
      ...suite.hash,
      hmac: (key) => {
        keys.add(key)
        return suite.hash.hmac(key)
      }
    }
  }))

export interface Plan {
  readonly client?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  readonly clientWorld?: World
  readonly serverWorld?: World
  readonly options?: ConnectionOptions
}

/** One end, in the hands of whoever moves it. */
export class Side {
  readonly connection: Connection
  readonly secrets = new Map<Secret<string>, Uint8Array>()
  readonly events: Array<ConnectionEvent> = []
  /** Records that came and were not read yet. */
  readonly inbox: Array<Uint8Array> = []
  /** The shared secrets that were handed over, as the very arrays. */
  readonly agreed: Array<Uint8Array> = []
  readonly world: World
  asks: Command | undefined
  other: Side | undefined

  constructor(role: Role, plan: Plan) {
    const watch = <A extends readonly [state: unknown, event: unknown], B>(step: (...args: A) => B) => {
      return (...args: A): B => {
        gather(args, this.secrets)
        const stepped = step(...args)
        gather(stepped, this.secrets)
        return stepped
      }
    }
    const options = { maxFragment: 16, ...plan.options }
    this.world =
      (role === "client" ? plan.clientWorld : plan.serverWorld) ?? (role === "client" ? clientWorld() : serverWorld())
    const client = {
      role: "client",
      speaks: speaksClient,
      step: watch(reduce(clientMachine)),
      expects: expectsClient
    } as const
    const server = {
      role: "server",
      speaks: speaksServer,
      step: watch(reduce(serverMachine)),
      expects: expectsServer
    } as const
    this.connection =
      role === "client"
        ? make({ ...client, start: startClient(clientConfig(plan.client)) }, options)
        : make({ ...server, start: startServer(serverConfig(plan.server)) }, options)
  }

  take(progress: Progress): this {
    this.asks = progress.asks
    this.events.push(...progress.events)
    this.other?.inbox.push(...progress.out.flatMap(records))
    return this
  }

  answer(answer: Answer): this {
    if (answer._tag === "SecretAgreed") this.agreed.push(answer.secret)
    return this.take(this.connection.answer(answer))
  }

  /** Answers what is asked, or else reads one record; false when there is neither. */
  step(): boolean {
    if (this.asks !== undefined) {
      this.answer(okay(answer(this.world, this.asks)))
      return true
    }
    const record = this.inbox.shift()
    if (record === undefined) return false
    this.take(this.connection.receive(record))
    return true
  }

  /** Moves until there is nothing to do. */
  settle(): this {
    while (this.step());
    return this
  }

  /** The secrets that are not wiped, by stage. */
  get alive(): ReadonlyArray<string> {
    return [...this.secrets.keys()]
      .filter(({ wiped }) => !wiped)
      .map(({ stage }) => stage)
      .sort()
  }
}

export interface Duo {
  readonly client: Side
  readonly server: Side
}

/** Two ends that were started and have not moved. */
export const duo = (plan: Plan = {}): Duo => {
  const client = new Side("client", plan)
  const server = new Side("server", plan)
  client.other = server
  server.other = client
  server.take(server.connection.start())
  client.take(client.connection.start())
  return { client, server }
}

/** Moves both until `role` is in this state, or nothing moves any more. */
export const until = (pair: Duo, role: Role, state: string): boolean => {
  while (pair[role].connection.state !== state) if (!pair.client.step() && !pair.server.step()) return false
  return true
}

export const required = { _tag: "Required", authorities: [] } as const
export const retrying = { server: { groups: ["secp256r1"] } } as const satisfies Plan
export const mutual = { server: { clientAuthentication: required } } as const satisfies Plan

const ticket = ticketFrom({ client: keeping(), server: giving({ maxEarlyData: 1000 }) })

/** A session that is resumed, with early data that the server takes, and two more tickets at the end. */
export const resuming = (more: Plan = {}): Plan => ({
  client: keeping({ earlyData: 5 }),
  server: giving({ maxEarlyData: 1000 }, { clientAuthentication: { _tag: "None" } }),
  clientWorld: { ...(more.clientWorld ?? clientWorld()), takeTicket: () => copy(ticket) },
  serverWorld: { ...(more.serverWorld ?? serverWorld()), tickets: openTickets, judgeEarlyData: () => "fresh" }
})

const only12 = { versions: ["TLSv1.2"], suites12 } as const
const unasked = { ...only12, clientAuthentication: { _tag: "None" } } as const
const stapled = { ...credentials.serverEd25519, ocspStaple: Uint8Array.of(1) }
const older12 = ticketBoth12()

/** The same in TLS 1.2: full, with a client that is asked and a status, with a ticket, and resumed, with another ticket too. */
const older = (more: Plan): ReadonlyArray<Plan> => {
  const ours = more.serverWorld ?? serverWorld()
  const theirs = more.clientWorld ?? clientWorld()
  return [
    { client: only12, server: unasked },
    {
      client: { ...only12, stapling: "ask" },
      server: { ...only12, clientAuthentication: required },
      serverWorld: { ...ours, choose: () => stapled },
      // No message ends in the record that the next one begins in.
      options: { maxFragment: 3 }
    },
    { client: keeping(only12), server: giving({}, unasked), serverWorld: { ...ours, tickets: openTickets } },
    {
      client: keeping(only12),
      server: giving({}, unasked),
      clientWorld: { ...theirs, takeTicket: () => copy(older12) },
      serverWorld: { ...ours, tickets: openTickets }
    },
    {
      client: keeping(only12),
      server: giving({}, unasked),
      clientWorld: { ...theirs, takeTicket: () => copy(older12) },
      serverWorld: { ...ours, tickets: { ...openTickets, sealedBy: () => "older key" } },
      options: { maxFragment: 3 }
    }
  ]
}

/** A pair of which one end is in this state: by a plain handshake, a retry, a client that is asked, or a session. */
export const reached = (role: Role, state: string, more: Plan = {}): Duo => {
  for (const plan of [{}, retrying, mutual, resuming(more), ...older(more)] satisfies ReadonlyArray<Plan>) {
    const pair = duo({
      ...more,
      ...plan,
      client: { ...more.client, ...("client" in plan ? plan.client : {}) },
      server: { ...more.server, ...("server" in plan ? plan.server : {}) }
    })
    if (until(pair, role, state)) return pair
  }
  throw new Error(`no handshake leads to ${state} of the ${role}`)
}
