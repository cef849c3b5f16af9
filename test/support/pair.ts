/** Two connections and the link between them, which can split, merge, delay, corrupt, drop and duplicate. */
import { HEADER_LENGTH, lengthAt } from "../../src/codec/record/record.ts"
import {
  type Connection,
  type ConnectionEvent,
  client,
  type Progress,
  server,
  settle,
  type World
} from "../../src/core.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { KeyLimits } from "../../src/crypto/primitives.ts"
import { suites13 } from "../../src/crypto/suite.ts"
import { limited } from "../../src/layers/testing/keyLimits.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import type { ConnectionOptions } from "../../src/state/connection.ts"
import type { Failure } from "../../src/state/failure.ts"
import { concat, credentials, okay, world } from "./answers.ts"

/** AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305. */
export const suites = suites13(node)
export const schemes = ["ecdsa_secp256r1_sha256", "ed25519", "rsa_pss_rsae_sha256"] as const

const shared = { suites, schemes, protocols: ["h2", "http/1.1"], compatibility: "middlebox" } as const

/** A client that offers everything and sends a share of x25519. */
export const clientConfig = (changes: Partial<ClientConfig> = {}): ClientConfig => ({
  ...shared,
  groups: ["x25519", "secp256r1", "secp384r1"],
  shares: ["x25519"],
  server: { _tag: "DnsName", name: "server.test" },
  ...changes
})

export const serverConfig = (changes: Partial<ServerConfig> = {}): ServerConfig => ({
  ...shared,
  groups: ["x25519", "secp256r1"],
  clientAuthentication: { _tag: "None" },
  ...changes
})

/** A server that wants a P-256 share, which the client of `clientConfig` has not sent. */
export const retryingConfig = (changes: Partial<ServerConfig> = {}): ServerConfig =>
  serverConfig({ groups: ["secp256r1"], ...changes })

export const clientWorld = (changes: Partial<World> = {}): World => world("client", credentials.clientEd25519, changes)
export const serverWorld = (changes: Partial<World> = {}): World => world("server", credentials.serverEd25519, changes)

/** One end: a connection with its world, all that happened to it, and what it has to say. */
export class End {
  readonly connection: Connection
  readonly events: Array<ConnectionEvent> = []
  readonly #world: World
  #out: Array<Uint8Array> = []

  constructor(connection: Connection, world: World) {
    this.connection = connection
    this.#world = world
  }

  start(): this {
    return this.take(this.connection.start())
  }

  /** Answers what is asked and keeps what came of it. */
  take(progress: Progress): this {
    const { out, events } = settle(this.connection, progress, this.#world)
    this.#out.push(...out)
    this.events.push(...events)
    return this
  }

  receive(bytes: Uint8Array): this {
    return this.take(this.connection.receive(bytes))
  }

  send(bytes: Uint8Array): this {
    return this.take(okay(this.connection.send(bytes)))
  }

  updateKeys(request: "update_requested" | "update_not_requested"): this {
    return this.take(okay(this.connection.updateKeys(request)))
  }

  /** What goes on the wire, once. */
  flush(): Uint8Array {
    const out = concat(...this.#out)
    this.#out = []
    return out
  }

  get failure(): Failure | undefined {
    return this.connection.failure
  }

  /** The application data that was released. */
  get data(): Uint8Array {
    return concat(...this.events.flatMap((event) => (event._tag === "ApplicationData" ? [event.bytes] : [])))
  }

  /** What was said and heard, in order. */
  get messages(): ReadonlyArray<string> {
    return this.events.flatMap((e) => (e._tag === "Message" ? [`${e.direction} ${e.message._tag}`] : []))
  }
}

export const clientEnd = (
  config: Partial<ClientConfig> = {},
  world: World = clientWorld(),
  options: ConnectionOptions = {}
): End => new End(client(clientConfig(config), options), world)

export const serverEnd = (
  config: Partial<ServerConfig> = {},
  world: World = serverWorld(),
  options: ConnectionOptions = {}
): End => new End(server(serverConfig(config), options), world)

/** What the link does to one flight: the chunks that arrive, in order. */
export type Link = (flight: Uint8Array, direction: "toServer" | "toClient") => ReadonlyArray<Uint8Array>

export const straight: Link = (flight) => [flight]

/** Chunks of these sizes, round and round. */
export const chunked =
  (sizes: ReadonlyArray<number>): Link =>
  (flight) => {
    const chunks: Array<Uint8Array> = []
    for (let at = 0, i = 0; at < flight.length; i++) {
      const size = Math.max(1, sizes[i % sizes.length] ?? 1)
      chunks.push(flight.slice(at, at + size))
      at += size
    }
    return chunks
  }

/** The records of a flight, each with its header; what is cut off stays at the end. */
export const records = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const found: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; ) {
    const size = at + HEADER_LENGTH <= bytes.length ? HEADER_LENGTH + lengthAt(bytes, at) : bytes.length - at
    found.push(bytes.slice(at, at + size))
    at += size
  }
  return found
}

/** Lets the link change the records of one direction, which may come in several flights. */
export const rewriting =
  (which: "toServer" | "toClient", rewrite: (records: ReadonlyArray<Uint8Array>) => ReadonlyArray<Uint8Array>): Link =>
  (flight, direction) =>
    direction === which ? rewrite(records(flight)) : [flight]

/** Carries bytes to and fro until both ends are silent. */
export const carry = (client: End, server: End, link: Link = straight): void => {
  for (;;) {
    const toServer = client.flush()
    for (const chunk of link(toServer, "toServer")) server.receive(chunk)
    const toClient = server.flush()
    for (const chunk of link(toClient, "toClient")) client.receive(chunk)
    if (toServer.length === 0 && toClient.length === 0) return
  }
}

/** Starts both and carries on until nothing more happens. */
export const handshake = (client: End, server: End, link: Link = straight): { client: End; server: End } => {
  server.start()
  client.start()
  carry(client, server, link)
  return { client, server }
}

/** Both sides' suites with keys that protect few records. */
export const limitedKeys = (limits: KeyLimits) => {
  const few = { suites: suites.map((suite) => limited(suite, limits)) }
  return { client: few, server: few }
}

/** Two ends that are connected. */
export const connected = (
  config: { readonly client?: Partial<ClientConfig>; readonly server?: Partial<ServerConfig> } = {},
  options: ConnectionOptions = {}
) => handshake(clientEnd(config.client, undefined, options), serverEnd(config.server, undefined, options))
