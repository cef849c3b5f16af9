/** From services and configuration to connections: looked at once, then made as often as there are sockets. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import * as Core from "../core.ts"
import type { ClientConfig } from "../state/config.ts"
import type { Connection } from "../state/connection.ts"
import { serverText } from "../state/path/host.ts"
import type { ConnectionOptions } from "../state/shell.ts"
import { Allocator } from "./Allocator.ts"
import { type Attendant, answering, answers, type Chooser, choosing, type Served, type World } from "./answers.ts"
import type { Shape as SessionStore } from "./ClientSessionStore.ts"
import { handshakeTimeout } from "./configuration.ts"
import { type Endpoint, establish, type Link } from "./driver.ts"
import { HandshakeObserver } from "./events.ts"
import { KeyLog } from "./KeyLog.ts"
import { forWriter, type WriterOptions } from "./recordOptions.ts"
import { keepTicket } from "./resumption.ts"
import type { TlsError } from "./TlsError.ts"

/** Opens a socket and does the handshake on it. `peer` is for messages. */
export type Handshake = (socket: Socket.Socket, peer?: string | undefined) => Effect.Effect<Link, TlsError, Scope.Scope>

interface Options extends WriterOptions, Pick<Endpoint, "keepTicket" | "earlyData"> {
  readonly handshakeTimeout?: Duration.Input | undefined
  /** Wraps the work of answering; by default it is done at once. */
  readonly admit?: Endpoint["admit"] | undefined
}

const atOnce: Endpoint["admit"] = (work) => work

const endpoint = Effect.fnUntraced(function* (
  role: Endpoint["role"],
  connection: (options: ConnectionOptions) => Connection,
  attendant: () => Attendant,
  options: Options
) {
  const keyLog = yield* KeyLog
  const observer = yield* HandshakeObserver
  const allocate = yield* Allocator
  const services = yield* Effect.context<never>()
  const shared = {
    role,
    admit: options.admit ?? atOnce,
    handshakeTimeout: Duration.fromInputUnsafe(options.handshakeTimeout ?? handshakeTimeout),
    keepTicket: options.keepTicket,
    earlyData: options.earlyData,
    keyLog,
    observer,
    services
  }
  const shape = forWriter(options)
  const handshake: Handshake = (socket, peer) =>
    Effect.suspend(() => {
      const keyLogging = keyLog === undefined ? "off" : "on"
      const settings = { ...shape, allocate, keyLog: keyLogging } as const
      return establish(socket, { ...shared, ...attendant(), connection: connection(settings), peer })
    })
  return handshake
})

/** Handshakes of a client. */
export const client = (
  config: ClientConfig,
  world: World & { readonly sessions: SessionStore },
  options: Omit<Options, "keepTicket">
): Effect.Effect<Handshake> => {
  const { sessions } = world
  const attendant = { answer: answering(answers(world)) }
  const remember = ({ established }: Link) => sessions.rememberGroup(serverText(config.server), established.group)
  const handshake = endpoint(
    "client",
    (settings) => Core.client(config, settings),
    () => attendant,
    { ...options, keepTicket: keepTicket(sessions, config) }
  )
  return Effect.map(handshake, (connect) => (socket, peer) => Effect.tap(connect(socket, peer), remember))
}

interface ServerOptions extends Options {
  /** Picks how a client is served; without it all are served alike. */
  readonly choose?: Chooser | undefined
}

/** Handshakes of a server. */
export const server = (own: Served, options: ServerOptions): Effect.Effect<Handshake> => {
  const { choose } = options
  const attendant = { answer: answering(own.answers), keepSession: own.keepSession }
  return endpoint(
    "server",
    (settings) => Core.server(own.config, settings),
    () => (choose === undefined ? attendant : choosing(own, choose)),
    options
  )
}
