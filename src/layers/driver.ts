/**
 * Drives a connection over a socket: first the handshake, afterwards both directions of data. Bytes that are pulled go
 * into one `receive` a chunk, what it yields goes to the outbox; there is no effect for a record.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import { type ChannelBindingType, channelBinding, type Hashes } from "../state/channelBinding.ts"
import type { Established } from "../state/established.ts"
import { type Failure, fail } from "../state/failure.ts"
import { Conversation, closedHere, type Endpoint } from "./conversation.ts"
import type { EarlyDataQueue } from "./earlyData.ts"
import { handOver, type TrafficHandOver } from "./handOver.ts"
import { finish, handshake, inTime, receiverOf, unfinished } from "./handshake.ts"
import { Inbox } from "./inbox.ts"
import { fromFailure, type TlsError } from "./TlsError.ts"
import { releaseOf, transportFailed } from "./transport.ts"

export type { Endpoint } from "./conversation.ts"

type Exporter<Context> = (label: string, context: Context, length: number) => Effect.Effect<Uint8Array, TlsError>

type Chunks = NonEmptyReadonlyArray<Uint8Array>

/** A connection whose handshake is done. It lives until its scope closes, or `shutDown`. */
export interface Link {
  readonly established: Established
  /** What a client said before its handshake was done (RFC 9846 section 4.3.10). It may be a replay. */
  readonly earlyData: EarlyDataQueue
  /** Done when the handshake is: at once, but for a server that took early data. */
  readonly confirmed: Effect.Effect<void, TlsError>
  readonly pull: Effect.Effect<Chunks, Socket.SocketError>
  /** Done when the inner writer has taken the records. */
  readonly write: (plaintext: Uint8Array) => Effect.Effect<void, TlsError>
  readonly updateKeys: (request: "update_requested" | "update_not_requested") => Effect.Effect<void, TlsError>
  readonly exportKeyingMaterial: Exporter<Uint8Array | undefined>
  readonly exportEarlyKeyingMaterial: Exporter<Uint8Array>
  readonly channelBinding: (hashes: Hashes, type: ChannelBindingType) => Effect.Effect<Uint8Array, TlsError>
  /** The keys and the transport, after all that was written before; this connection is over then. */
  readonly dangerouslyExtractTrafficSecrets: Effect.Effect<TrafficHandOver, TlsError>
  /** Says close_notify after all that was written before. Reading goes on. Bounded by a second. */
  readonly close: Effect.Effect<void>
  /** Ends the transport without waiting for anybody. */
  readonly destroy: (event: Socket.CloseEvent) => Effect.Effect<void>
  /** `close`, then everything is let go: the transport, the secrets. */
  readonly shutDown: Effect.Effect<void>
}

/** How long what is left to say may take when a connection is closed. */
const closeTimeout = Duration.seconds(1)

/** Says close_notify when its turn comes, and waits for it, but not long: the peer may read no more. */
const close = (conversation: Conversation): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { connection, outbox } = conversation
    const say = () => conversation.settle(Result.succeed(connection.close()))
    if (outbox.idle) outbox.push(Result.getOrElse(say(), () => []))
    if (outbox.idle || conversation.transport !== "open") return Effect.void
    const stuck = Effect.sync(() => {
      conversation.transport = "stuck"
    })
    const said = Effect.ignore(Effect.interruptible(outbox.records(say)))
    return Effect.timeoutOrElse(said, { duration: closeTimeout, orElse: () => stuck })
  })

interface Opened {
  readonly conversation: Conversation
  readonly established: Established
  readonly confirmed: Link["confirmed"]
  readonly inbox: Inbox
  readonly scope: Scope.Closeable
}

const linkOf = ({ conversation, established, confirmed, inbox, scope }: Opened): Link => {
  const { connection, outbox, writer } = conversation
  const failed = (reason: Failure): TlsError => conversation.error ?? conversation.describe(reason)
  const material = (make: () => Result.Result<Uint8Array, Failure>) =>
    Effect.suspend(() =>
      // The secret may be wiped already, and zeros would do as well as any key.
      Effect.fromResult(
        conversation.transport === "destroyed"
          ? fail("ConnectionClosed", "the connection is closed, and its secrets are gone")
          : make()
      )
    ).pipe(Effect.mapError(failed))
  return {
    established,
    earlyData: conversation.earlyData,
    confirmed,
    // Whoever reads ordinary data waits for the rest of the handshake first.
    pull: confirmed === Effect.void ? inbox.pull : Effect.andThen(Effect.ignore(confirmed), inbox.pull),
    write: (plaintext) => Effect.mapError(outbox.data(plaintext), failed),
    updateKeys: (request) =>
      Effect.mapError(
        outbox.records(() => conversation.settle(connection.updateKeys(request))),
        failed
      ),
    exportKeyingMaterial: (label, context, length) =>
      material(() => connection.exportKeyingMaterial(label, context, length)),
    exportEarlyKeyingMaterial: (label, context, length) =>
      material(() => connection.exportEarlyKeyingMaterial(label, context, length)),
    channelBinding: (hashes, type) => material(() => channelBinding(connection, hashes, type)),
    dangerouslyExtractTrafficSecrets: Effect.mapError(handOver(conversation, inbox), failed),
    close: close(conversation),
    destroy: (event) =>
      Effect.suspend(() => {
        if (conversation.transport === "destroyed") return Effect.void
        conversation.transport = "destroyed"
        // What it says goes nowhere, but from here on it refuses to send.
        conversation.take({ ...connection.close(), out: [] })
        return Effect.ignore(writer.write(event))
      }),
    shutDown: Scope.close(scope, Exit.void)
  }
}

/** The end of everything: the last words, the secrets, the fibers. */
const letGo = (conversation: Conversation, inbox: Inbox): Effect.Effect<void> =>
  Effect.suspend(() => {
    const closed = conversation.transport === "destroyed" ? Effect.void : close(conversation)
    conversation.ended ??= closedHere
    const disposed = Effect.sync(() => {
      conversation.transport = "destroyed"
      conversation.connection.dispose()
    })
    return Effect.all([closed, disposed, inbox.stop(), conversation.outbox.stop()], { discard: true })
  })

/** Everything of one connection in a scope of its own, so that a handshake that fails leaves nothing behind. */
const open = Effect.fnUntraced(function* (socket: Socket.Socket, endpoint: Endpoint, scope: Scope.Closeable) {
  const inner = yield* Effect.mapError(Scope.provide(socket.reader, scope), (error) =>
    fromFailure(transportFailed(error), { phase: endpoint.connection.state, peer: endpoint.peer })
  )
  const writer = yield* Scope.provide(socket.writer, scope)
  const conversation = new Conversation(endpoint, inner, writer, releaseOf(socket))
  const inbox = new Inbox(inner, conversation.outbox, receiverOf(conversation), endpoint.services)
  yield* Scope.addFinalizer(scope, letGo(conversation, inbox))
  const began = yield* Clock.currentTimeNanos
  const established = yield* inTime(conversation, began, handshake(conversation))
  if (conversation.connection.handshake === "done") {
    conversation.earlyData.end()
    return linkOf({ conversation, established, confirmed: Effect.void, inbox, scope })
  }
  const rest = yield* Effect.forkIn(inbox.lend(finish(conversation, began)), scope)
  const confirmed = Effect.flatMap(Fiber.await(rest), (exit) =>
    Exit.isSuccess(exit) ? Effect.void : Effect.fail(unfinished(conversation))
  )
  return linkOf({ conversation, established, confirmed, inbox, scope })
})

const opening = Effect.fnUntraced(function* (
  socket: Socket.Socket,
  endpoint: Endpoint,
  restore: typeof Effect.interruptible
) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  return yield* Effect.onExit(restore(open(socket, endpoint, scope)), (exit) =>
    Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)
  )
})

/**
 * Opens the socket and does the handshake. The connection lives in the scope that is given; when it fails or is
 * interrupted before it is established, everything is closed at once.
 */
export const establish = (socket: Socket.Socket, endpoint: Endpoint): Effect.Effect<Link, TlsError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) => opening(socket, endpoint, restore))
