/** From services and configuration to connections: looked at once, then made as often as there are sockets. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import * as Core from "../core.ts"
import type { ClientConfig, ServerConfig } from "../state/config.ts"
import type { Connection } from "../state/connection.ts"
import type { ConnectionOptions } from "../state/shell.ts"
import { Allocator } from "./Allocator.ts"
import { answers, type World } from "./answers.ts"
import { handshakeTimeout } from "./configuration.ts"
import { type Endpoint, establish, type Link } from "./driver.ts"
import { HandshakeObserver } from "./events.ts"
import { KeyLog } from "./KeyLog.ts"
import type { TlsError } from "./TlsError.ts"

/** Opens a socket and does the handshake on it. `peer` is for messages. */
export type Handshake = (socket: Socket.Socket, peer?: string | undefined) => Effect.Effect<Link, TlsError, Scope.Scope>

interface Options {
  readonly handshakeTimeout?: Duration.Input | undefined
  /** Wraps the work of answering; by default it is done at once. */
  readonly admit?: Endpoint["admit"] | undefined
}

const atOnce: Endpoint["admit"] = (work) => work

const endpoint = Effect.fnUntraced(function* (
  role: Endpoint["role"],
  connection: (options: ConnectionOptions) => Connection,
  world: World,
  options: Options
) {
  const keyLog = yield* KeyLog
  const observer = yield* HandshakeObserver
  const allocate = yield* Allocator
  const services = yield* Effect.context<never>()
  const shared = {
    role,
    answers: answers(world),
    admit: options.admit ?? atOnce,
    handshakeTimeout: Duration.fromInputUnsafe(options.handshakeTimeout ?? handshakeTimeout),
    keyLog,
    observer,
    services
  }
  const handshake: Handshake = (socket, peer) =>
    Effect.suspend(() => {
      const keyLogging = keyLog === undefined ? "off" : "on"
      return establish(socket, { ...shared, connection: connection({ allocate, keyLog: keyLogging }), peer })
    })
  return handshake
})

/** Handshakes of a client. */
export const client = (config: ClientConfig, world: World, options: Options): Effect.Effect<Handshake> =>
  endpoint("client", (settings) => Core.client(config, settings), world, options)

/** Handshakes of a server. */
export const server = (config: ServerConfig, world: World, options: Options): Effect.Effect<Handshake> =>
  endpoint("server", (settings) => Core.server(config, settings), world, options)
