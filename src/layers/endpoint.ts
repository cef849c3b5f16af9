/** From services and configuration to connections: looked at once, then made as often as there are sockets. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import * as Core from "../core.ts"
import type { ClientConfig } from "../state/config.ts"
import type { Connection, ConnectionOptions } from "../state/connection.ts"
import { serverText } from "../state/path/host.ts"
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

interface Options extends WriterOptions, Pick<Endpoint, "earlyData"> {
  readonly handshakeTimeout?: Duration.Input | undefined
  /** Wraps the work of answering; by default it is done at once. */
  readonly admit?: Endpoint["admit"] | undefined
}

const atOnce: Endpoint["admit"] = (work) => work

/** One end of one connection. */
interface End extends Attendant, Pick<Endpoint, "keepTicket"> {
  readonly connection: (options: ConnectionOptions) => Connection
}

const endpoint = Effect.fnUntraced(function* (role: Endpoint["role"], options: Options) {
  const keyLog = yield* KeyLog
  const observer = yield* HandshakeObserver
  const allocate = yield* Allocator
  const services = yield* Effect.context<never>()
  const shared = {
    role,
    admit: options.admit ?? atOnce,
    handshakeTimeout: Duration.fromInputUnsafe(options.handshakeTimeout ?? handshakeTimeout),
    earlyData: options.earlyData,
    keyLog,
    observer,
    services
  }
  const keyLogging = keyLog === undefined ? "off" : "on"
  const settings = { ...forWriter(options), allocate, keyLog: keyLogging } as const
  return (end: () => End): Handshake =>
    (socket, peer) =>
      Effect.suspend(() => {
        const { connection, ...attendant } = end()
        return establish(socket, { ...shared, ...attendant, connection: connection(settings), peer })
      })
})

/** What makes handshakes of a client, for the settings and the services of each. */
export const client = (options: Options) =>
  Effect.map(
    endpoint("client", options),
    (handshake) =>
      (config: ClientConfig, world: World & { readonly sessions: SessionStore }): Handshake => {
        const { sessions } = world
        const connect = handshake(() => ({
          connection: (settings) => Core.client(config, settings),
          answer: answering(answers(world)),
          keepTicket: keepTicket(sessions, config)
        }))
        const remember = ({ established }: Link) => sessions.rememberGroup(serverText(config.server), established.group)
        return (socket, peer) => Effect.tap(connect(socket, peer), remember)
      }
  )

interface ServerOptions extends Options {
  /** Picks how a client is served; without it all are served alike. */
  readonly choose?: Chooser | undefined
}

/** Handshakes of a server. */
export const server = (own: Served, { choose, ...options }: ServerOptions): Effect.Effect<Handshake> => {
  const attendant = { answer: answering(own.answers), keepSession: own.keepSession }
  return Effect.map(endpoint("server", options), (handshake) =>
    handshake(() => ({
      ...(choose === undefined ? attendant : choosing(own, choose)),
      connection: (settings) => Core.server(own.config, settings)
    }))
  )
}
