/** TLS as a server: on one socket, or as a `SocketServer` made of a `SocketServer`. */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Socket from "effect/socket/Socket"
import { CloseEvent } from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import { make as failure } from "../state/failure.ts"
import type { Credentials } from "./Credentials.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { handshakeDuration } from "./configuration.ts"
import type { Link } from "./driver.ts"
import * as Endpoint from "./endpoint.ts"
import { observed } from "./observability.ts"
import type { WriterOptions } from "./recordOptions.ts"
import { type Choose, type ConfigurationOptions, chooser, configure } from "./serverConfiguration.ts"
import { current, make as makeConnection, type TlsConnection } from "./TlsConnection.ts"
import { asConfiguration, fromFailure, type TlsError } from "./TlsError.ts"

export type { ClientHelloInfo } from "./ClientHelloInfo.ts"
export {
  type Choose,
  type Configuration,
  type ConfigurationOptions,
  configure,
  configureWith,
  refuse
} from "./serverConfiguration.ts"

/** How a server serves: what may differ by client, and what holds for all of them. */
export interface Options extends ConfigurationOptions, WriterOptions {
  /** How long the handshake may take once the socket is open; 10 seconds by default. `choose` has no longer either. */
  readonly handshakeTimeout?: Duration.Input | undefined
  /** Picks another configuration for a client, by its ClientHello. */
  readonly choose?: Choose | undefined
}

/** What {@link accept} can be told besides. */
export interface AcceptOptions extends Options {
  /** Whom we talk to, for messages. */
  readonly peer?: string | undefined
}

/** What `layer` can be told besides. */
export interface LayerOptions extends Options {
  /**
   * Handshakes that are worked on at once; 256 by default. One that waits for its client is not worked on, so that
   * clients who say nothing keep nobody out.
   */
  readonly maxHandshakes?: number | undefined
  /**
   * Connections whose handshake is not done besides: they wait for such a place, or for their client. 3840 by default.
   * Further ones are closed unheard.
   */
  readonly maxWaiting?: number | undefined
}

/** How many handshakes are worked on at once, unless the options say otherwise. */
export const maxHandshakes = 256
/** How many connections may wait for their handshake besides, unless the options say otherwise. */
export const maxWaiting = 3840

/** Looks at services and options once; each call of what it yields is one handshake. */
const prepare = Effect.fnUntraced(function* ({ choose, ...options }: Options, admit?: Admit) {
  const own = yield* configure(options)
  const crypto = yield* CryptoProvider
  const handshake = yield* Endpoint.server(own, {
    handshakeTimeout: yield* asConfiguration(Effect.fromResult(handshakeDuration(options.handshakeTimeout))),
    maxFragmentSize: options.maxFragmentSize,
    padding: options.padding,
    admit,
    choose: choose === undefined ? undefined : chooser(choose, crypto)
  })
  const connectionOf = (link: Link) => makeConnection(link, crypto.primitives.hashes)
  return (socket: Socket.Socket, peer?: string) => observed("server")(Effect.map(handshake(socket, peer), connectionOf))
})

/**
 * Opens `socket` and does a handshake on it as the server. The connection lives in the surrounding scope.
 *
 * Fails as `TlsClient.connect` does; `NoCredential` when `Credentials` have nothing for what the client asks.
 */
export const accept = (
  socket: Socket.Socket,
  options: AcceptOptions = {}
): Effect.Effect<TlsConnection, TlsError, Scope.Scope | CryptoProvider | Credentials> =>
  Effect.flatMap(prepare(options), (handshake) => handshake(socket, options.peer))

type Admit = NonNullable<Parameters<typeof Endpoint.server>[1]["admit"]>
type Handshake = (socket: Socket.Socket) => Effect.Effect<TlsConnection, TlsError, Scope.Scope>

const tooBusy = fromFailure(failure("TooBusy", "too many connections wait for their handshake"), { phase: "START" })

/** Turns away unheard who comes when so many are before the end of their handshake. */
const bounded = (handshake: Handshake, most: number): Handshake => {
  let pending = 0
  const leave = Effect.sync(() => {
    pending--
  })
  return (socket) =>
    Effect.suspend(() => {
      // Opening and letting go is how a socket is closed.
      if (pending >= most) return Effect.andThen(Effect.ignore(Effect.scoped(socket.reader)), Effect.fail(tooBusy))
      pending++
      return Effect.ensuring(handshake(socket), leave)
    })
}

const refused = (error: TlsError): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logDebug(error), { package: "effect-tls", module: "TlsServer" })

/** Ends a connection without close_notify: what was sent may not be all, and the client is to know. */
const cut = ({ socket }: TlsConnection): Effect.Effect<void> =>
  Effect.ignore(Effect.scoped(Effect.flatMap(socket.writer, (writer) => writer.write(new CloseEvent(1011)))))

/**
 * Handshake, then the handler, in a scope of their own. A client that fails concerns nobody else. A handler that fails
 * or dies has not said all it meant to say, so its connection is cut.
 */
const serve =
  <R, E, A>(handshake: Handshake, handler: (socket: Socket.Socket) => Effect.Effect<A, E, R>) =>
  (socket: Socket.Socket): Effect.Effect<void, E, R> =>
    Effect.scopedWith((scope) =>
      Effect.flatMap(Effect.result(Scope.provide(handshake(socket), scope)), (outcome) =>
        Result.isFailure(outcome)
          ? refused(outcome.failure)
          : handler(outcome.success.socket).pipe(
              Effect.provideService(current, Option.some(outcome.success)),
              Effect.onExit((exit) =>
                Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause) ? cut(outcome.success) : Effect.void
              ),
              Effect.asVoid
            )
      )
    )

/**
 * A `SocketServer` over a `SocketServer`: handlers get sockets whose handshake is done, and find the connection in
 * `TlsConnection.current`. Handshakes that fail are counted and logged at debug level; they never stop the server.
 * A handler that ends, or is interrupted, closes with close_notify; one that fails or dies cuts the connection.
 *
 * Fails with `InvalidConfiguration` when it is built, never later.
 *
 * @example
 * const Server = TlsServer.layer({ alpnProtocols: ["http/1.1"] }).pipe(
 *   Layer.provide(NodeSocketServer.layer({ port: 8443 })),
 *   Layer.provide(Credentials.layerPem({ chain, key })),
 *   Layer.provide(NodeTls.layer)
 * )
 */
export const layer = (
  options: LayerOptions = {}
): Layer.Layer<SocketServer, TlsError, SocketServer | CryptoProvider | Credentials> =>
  Layer.effect(
    SocketServer,
    Effect.gen(function* () {
      const inner = yield* SocketServer
      const atOnce = options.maxHandshakes ?? maxHandshakes
      const permits = Semaphore.makeUnsafe(atOnce)
      const handshake = yield* prepare(options, (work) => permits.withPermit(work))
      const admitted = bounded(handshake, atOnce + (options.maxWaiting ?? maxWaiting))
      return SocketServer.of({
        address: inner.address,
        run: (handler) => inner.run(serve(admitted, handler))
      })
    })
  )
