/** Bytes from one socket to another, or to standard output. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import { describeError } from "../layers/transport.ts"
import { type CliFailure, failed } from "./failure.ts"

type Chunks = NonEmptyReadonlyArray<Uint8Array>
type Pull = Effect.Effect<Chunks, Socket.SocketError>

/** Whether the peer said that it has nothing more to send. */
const isEnd = (error: Socket.SocketError): boolean =>
  error.reason._tag === "SocketCloseError" && error.reason.code === 1000

/** Gives every batch to `use` until the peer closes in order; any other end is a failure. */
export const drain = <E>(
  pull: Pull,
  use: (chunks: Chunks) => Effect.Effect<void, E>
): Effect.Effect<void, E | Socket.SocketError> =>
  Effect.catchIf(
    Effect.forever(Effect.flatMap(pull, use)),
    (error): error is Socket.SocketError => Socket.isSocketError(error) && isEnd(error),
    () => Effect.void
  )

/** Everything that comes goes back, until the peer closes. */
export const echo = (socket: Socket.Socket): Effect.Effect<void, Socket.SocketError, Scope.Scope> =>
  Effect.gen(function* () {
    const pull = yield* Socket.readerBytes(socket)
    const writer = yield* socket.writer
    yield* drain(pull, writer.writeAll)
  })

/** Everything that comes is thrown away. */
export const sink = (socket: Socket.Socket): Effect.Effect<void, Socket.SocketError, Scope.Scope> =>
  Effect.flatMap(Socket.readerBytes(socket), (pull) => drain(pull, () => Effect.void))

/** One direction: what is pulled is written, and the end of it closes the writing half. */
const copy = (pull: Pull, to: Socket.Socket): Effect.Effect<void, Socket.SocketError> =>
  Effect.scoped(Effect.flatMap(to.writer, ({ writeAll }) => drain(pull, writeAll)))

/** Both directions between two sockets, until both have ended. */
export const join = (a: Socket.Socket, b: Socket.Socket): Effect.Effect<void, Socket.SocketError, Scope.Scope> =>
  Effect.gen(function* () {
    const fromA = yield* Socket.readerBytes(a)
    const fromB = yield* Socket.readerBytes(b)
    yield* Effect.all([copy(fromA, b), copy(fromB, a)], { concurrency: 2, discard: true })
  })

/** All of it goes to standard output, at the pace at which that is read. */
export const print = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>
): Effect.Effect<void, E | CliFailure, R | Stdio.Stdio> =>
  Effect.flatMap(Stdio.Stdio, ({ stdout }) =>
    Stream.run(
      bytes,
      Sink.mapError(stdout({ endOnDone: false }), ({ cause, message }) =>
        failed(`cannot write to standard output: ${describeError(cause ?? message)}`)
      )
    )
  )

/** What is pulled goes to standard output. */
export const toStdout = (pull: Pull): Effect.Effect<void, Socket.SocketError | CliFailure, Stdio.Stdio> =>
  Stream.fromEffectRepeat(pull).pipe(
    Stream.flattenIterable,
    Stream.catchIf(
      (error) => isEnd(error),
      () => Stream.empty
    ),
    print
  )
