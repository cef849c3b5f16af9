/** Two handshakes inside QUIC and the hosts around them: what a host would do with bytes, secrets and levels. */
import { assert } from "@effect/vitest"
import {
  type CryptoData,
  type CryptoLevel,
  type QuicConnection,
  type QuicEvent,
  type QuicProgress,
  type QuicSecret,
  quicClient,
  quicServer,
  settleQuic,
  type World
} from "../../src/core.ts"
import { unsafeBytes } from "../../src/crypto/secret.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import { fromHex, toHex } from "./answers.ts"
import { clientConfig, clientWorld, serverConfig, serverWorld } from "./pair.ts"

/** RFC 9001 appendix A.2: those of its ClientHello; and some for a server. */
export const clientParameters = fromHex("0408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f08")
export const serverParameters = fromHex("010480007530030245ac04048010000005048008000006048008000007")
export const protocols = ["h3", "hq-interop"] as const

/** One host: a connection with its world, and all that it was told. */
export class Host {
  readonly connection: QuicConnection
  readonly events: Array<QuicEvent> = []
  readonly secrets: Array<QuicSecret> = []
  readonly #world: World
  #out: Array<CryptoData> = []

  constructor(connection: QuicConnection, world: World) {
    this.connection = connection
    this.#world = world
  }

  start(): this {
    return this.take(this.connection.start())
  }

  take(progress: QuicProgress): this {
    const { out, secrets, events } = settleQuic(this.connection, progress, this.#world)
    this.#out.push(...out)
    this.secrets.push(...secrets)
    this.events.push(...events)
    return this
  }

  receive(level: CryptoLevel, bytes: Uint8Array): this {
    return this.take(this.connection.receive(level, bytes))
  }

  /** What is to be sent, once. */
  flush(): ReadonlyArray<CryptoData> {
    const out = this.#out
    this.#out = []
    return out
  }

  /** The secrets as `level direction` and hexadecimal digits. */
  get keys(): Record<string, string> {
    return Object.fromEntries(
      this.secrets.map(({ level, direction, secret }) => [`${level} ${direction}`, toHex(unsafeBytes(secret))])
    )
  }

  get parameters(): ReadonlyArray<string> {
    return this.events.flatMap((e) => (e._tag === "TransportParameters" ? [toHex(e.parameters)] : []))
  }

  /** The reason and the error code of the failure. */
  get end(): readonly [reason: string, errorCode: number] | undefined {
    const failed = this.events.find((event) => event._tag === "Failed")
    return failed === undefined ? undefined : [failed.failure.reason, failed.errorCode]
  }
}

export const clientHost = (
  config: Partial<ClientConfig> = {},
  world: World = clientWorld(),
  keyLog: "off" | "on" = "off"
): Host =>
  new Host(quicClient({ ...clientConfig(config), protocols }, { transportParameters: clientParameters, keyLog }), world)

export const serverHost = (config: Partial<ServerConfig> = {}, world: World = serverWorld()): Host =>
  new Host(quicServer({ ...serverConfig(config), protocols }, { transportParameters: serverParameters }), world)

/** Pieces of CRYPTO data of at most `size` bytes. */
export const pieces = (data: ReadonlyArray<CryptoData>, size: number): ReadonlyArray<CryptoData> =>
  data.flatMap(({ level, bytes }) =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => ({
      level,
      bytes: bytes.slice(i * size, (i + 1) * size)
    }))
  )

/** Neighbours of one level as one. */
export const joined = (data: ReadonlyArray<CryptoData>): ReadonlyArray<CryptoData> => {
  const all: Array<CryptoData> = []
  for (const { level, bytes } of data) {
    const last = all.at(-1)
    if (last?.level === level) all.splice(-1, 1, { level, bytes: Uint8Array.from([...last.bytes, ...bytes]) })
    else all.push({ level, bytes })
  }
  return all
}

export type Cut = (data: ReadonlyArray<CryptoData>) => ReadonlyArray<CryptoData>

/** Carries data to and fro until both are silent. */
export const carry = (client: Host, server: Host, cut: Cut = joined): void => {
  for (;;) {
    const toServer = client.flush()
    for (const { level, bytes } of cut(toServer)) server.receive(level, bytes)
    const toClient = server.flush()
    for (const { level, bytes } of cut(toClient)) client.receive(level, bytes)
    if (toServer.length === 0 && toClient.length === 0) return
  }
}

export const connect = (client: Host, server: Host, cut?: Cut): { readonly client: Host; readonly server: Host } => {
  server.start()
  client.start()
  carry(client, server, cut)
  return { client, server }
}

/** Both are connected, and know the same. */
export const assertConnected = ({ client, server }: { readonly client: Host; readonly server: Host }): void => {
  assert.isUndefined(client.connection.failure, JSON.stringify(client.connection.failure))
  assert.isUndefined(server.connection.failure, JSON.stringify(server.connection.failure))
  assert.strictEqual(client.connection.established?.protocol, "h3")
  assert.strictEqual(server.connection.established?.protocol, "h3")
  for (const level of ["handshake", "application"]) {
    assert.strictEqual(client.keys[`${level} read`], server.keys[`${level} write`] ?? assert.fail(level))
    assert.strictEqual(client.keys[`${level} write`], server.keys[`${level} read`] ?? assert.fail(level))
  }
}
