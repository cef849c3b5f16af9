/**
 * Drives a connection over a socket: the handshake as a loop, under a deadline, and afterwards both directions of
 * data. Bytes that are pulled go into one `receive` a chunk, what it yields goes to the outbox; there is no effect for
 * a record.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { type ChannelBindingType, channelBinding, type Hashes } from "../state/channelBinding.ts"
import type { Answer, Command } from "../state/command.ts"
import type { Connection, Progress } from "../state/connection.ts"
import type { Established } from "../state/established.ts"
import { alertOf, type Failure, fail, make as failure } from "../state/failure.ts"
import type { Answerer } from "./answers.ts"
import { bytesOf } from "./bytes.ts"
import type { Observer } from "./events.ts"
import { handOver, type TrafficHandOver } from "./handOver.ts"
import { Inbox, type Receiver } from "./inbox.ts"
import type { KeyLogger } from "./KeyLog.ts"
import { Outbox } from "./outbox.ts"
import { fromFailure, type TlsError } from "./TlsError.ts"
import { transportFailed } from "./transport.ts"

/** One end of a connection that is to be: the machine, who answers it, and how long it may take. */
export interface Endpoint {
  readonly role: "client" | "server"
  readonly connection: Connection
  readonly answer: Answerer
  /** Wraps the work of answering, so that a server may limit how much of it goes on at once. */
  readonly admit: <A, E>(work: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** From the first byte to Finished, absolute: bytes that come do not extend it. */
  readonly handshakeTimeout: Duration.Duration
  readonly keyLog: KeyLogger | undefined
  readonly observer: Observer | undefined
  /** For the fibers of the connection: its clock, its scheduler. */
  readonly services: Context.Context<never>
  /** For messages: whom we talk to. */
  readonly peer: string | undefined
}

type Chunks = NonEmptyReadonlyArray<Uint8Array>

/** A connection whose handshake is done. It lives until its scope closes, or `shutDown`. */
export interface Link {
  readonly established: Established
  readonly pull: Effect.Effect<Chunks, Socket.SocketError>
  /** Done when the inner writer has taken the records. */
  readonly write: (plaintext: Uint8Array) => Effect.Effect<void, TlsError>
  readonly updateKeys: (request: "update_requested" | "update_not_requested") => Effect.Effect<void, TlsError>
  readonly exportKeyingMaterial: (
    label: string,
    context: Uint8Array,
    length: number
  ) => Effect.Effect<Uint8Array, TlsError>
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

const socketError = (reason: Socket.SocketError["reason"]): Socket.SocketError => new Socket.SocketError({ reason })
const readError = (cause: unknown): Socket.SocketError => socketError(new Socket.SocketReadError({ cause }))

/** Made once, since every connection ends with one, and an error's stack costs more than a record. */
const closedByPeer = socketError(new Socket.SocketCloseError({ code: 1000 }))
const closedHere = socketError(new Socket.SocketCloseError({ code: 1006 }))

/** What one connection over one open transport knows; the methods that do not wait are plain functions. */
class Session implements Receiver {
  readonly endpoint: Endpoint
  readonly connection: Connection
  readonly outbox: Outbox
  readonly inner: Socket.Reader
  readonly writer: Socket.Writer
  /** Data that came and was not pulled yet. */
  ready: Array<Uint8Array> = []
  /** Why no more data will come. */
  ended: Socket.SocketError | undefined
  /** What ended the connection. */
  error: TlsError | undefined
  /** Whether the transport takes what we say; `stuck` when it did not take the last words, `destroyed` by ourselves. */
  transport: "open" | "stuck" | "destroyed" = "open"

  constructor(endpoint: Endpoint, inner: Socket.Reader, writer: Socket.Writer) {
    this.endpoint = endpoint
    this.connection = endpoint.connection
    this.inner = inner
    this.writer = writer
    this.outbox = new Outbox(writer, endpoint.services, (plaintext) => this.settle(this.connection.send(plaintext)))
  }

  /** Sends what a step yields, and takes note of what happened in it. The lines for the key log are left over. */
  take(progress: Progress): ReadonlyArray<string> {
    this.outbox.push(progress.out)
    const lines: Array<string> = []
    for (const event of progress.events) {
      if (event._tag === "ApplicationData") this.ready.push(event.bytes)
      else if (event._tag === "Message") this.endpoint.observer?.onMessage(this.endpoint.role, event)
      else if (event._tag === "LogKey") lines.push(event.line)
      else if (event._tag === "PeerClosed") this.ended ??= closedByPeer
      else if (event._tag === "Failed") {
        this.error = this.describe(event.failure, event.state, progress.out.length > 0)
        this.ended ??= readError(this.error)
      }
    }
    return lines
  }

  /** The records of a call that may fail. An alert that the failure calls for goes out too. */
  settle(result: Result.Result<Progress, Failure>): Result.Result<ReadonlyArray<Uint8Array>, Failure> {
    if (Result.isSuccess(result)) {
      this.take({ ...result.success, out: [] })
      return Result.succeed(result.success.out)
    }
    if (this.connection.failure !== undefined) this.take(this.connection.abort(this.connection.failure))
    return Result.fail(result.failure)
  }

  describe(failure: Failure, phase = this.connection.state, said = false): TlsError {
    const alert = alertOf(failure)
    const { peer } = this.endpoint
    return fromFailure(failure, { phase, peer, alertSent: said && alert !== "none" ? alert : undefined })
  }

  /** The end of the transport as the connection sees it: an end without close_notify is no ordinary one. */
  transportEnded(error: Socket.SocketError): Progress {
    return error.reason._tag === "SocketCloseError" && error.reason.code === 1000
      ? this.connection.end()
      : this.connection.abort(transportFailed(error))
  }

  takeReady(): ReadonlyArray<Uint8Array> {
    const { ready } = this
    if (ready.length > 0) this.ready = []
    return ready
  }

  hear(chunks: NonEmptyReadonlyArray<Uint8Array | string>): Effect.Effect<void> | undefined {
    let asks: Progress["asks"]
    for (const chunk of chunks) {
      const progress = this.connection.receive(bytesOf(chunk))
      this.take(progress)
      asks = progress.asks
    }
    return asks === undefined ? undefined : Effect.ignore(settle(this, { out: [], events: [], asks }))
  }

  hearEnd(error: Socket.SocketError): Socket.SocketError | undefined {
    const { reason } = error
    if (this.transport === "destroyed" || (reason._tag === "SocketCloseError" && reason.code === 1006)) return error
    this.take(this.transportEnded(error))
    // After the peer's close_notify its side may be closed, and ours be open still.
    if (this.connection.failure !== undefined) this.outbox.fail(this.connection.failure)
    return undefined
  }
}

const logKeys = (keyLog: KeyLogger | undefined, lines: ReadonlyArray<string>): Effect.Effect<void> =>
  keyLog === undefined ? Effect.void : Effect.forEach(lines, keyLog.log, { discard: true })

/** Takes a step's outcome. Fails when the connection has. */
const note = (session: Session, progress: Progress): Effect.Effect<void, TlsError> => {
  const lines = session.take(progress)
  const outcome = Effect.suspend(() => (session.error === undefined ? Effect.void : Effect.fail(session.error)))
  if (lines.length === 0) return outcome
  const logged = Effect.catchCause(logKeys(session.endpoint.keyLog, lines), (cause) => keyLogDied(session, cause))
  return Effect.andThen(logged, outcome)
}

/** A key log that dies ends the connection and not the program. */
const keyLogDied = (session: Session, cause: Cause.Cause<never>): Effect.Effect<void> => {
  session.take(session.connection.abort(failure("InternalError", "the key log died")))
  return Effect.logDebug("the key log died", cause)
}

/** Answers what is asked until nothing is. */
const answerAll = Effect.fnUntraced(function* (session: Session, first: Command) {
  const { connection, endpoint } = session
  let asks: Progress["asks"] = first
  while (asks !== undefined) {
    const answered: Result.Result<Answer, Failure> = yield* Effect.result(endpoint.answer(asks))
    const progress: Progress = Result.isSuccess(answered)
      ? connection.answer(answered.success)
      : connection.abort(answered.failure)
    yield* note(session, progress)
    asks = progress.asks
  }
})

/** Takes a step's outcome, and answers what it asks. */
const settle = (session: Session, progress: Progress): Effect.Effect<void, TlsError> => {
  const { asks } = progress
  const noted = note(session, progress)
  return asks === undefined
    ? noted
    : Effect.andThen(noted, session.endpoint.admit(Effect.suspend(() => answerAll(session, asks))))
}

/** From the first message to the last. Bytes behind the handshake are taken too. */
const handshake = Effect.fnUntraced(function* (session: Session) {
  const { connection, inner } = session
  yield* settle(session, connection.start())
  while (true) {
    const pulled = yield* Effect.result(inner.pull)
    if (Result.isFailure(pulled)) yield* settle(session, session.transportEnded(pulled.failure))
    else for (const chunk of pulled.success) yield* settle(session, connection.receive(bytesOf(chunk)))
    if (connection.established !== undefined) return connection.established
  }
})

/** The handshake, ended when its time is over. */
const handshakeInTime = (session: Session): Effect.Effect<Established, TlsError> => {
  const { handshakeTimeout } = session.endpoint
  return Effect.timeoutOrElse(handshake(session), {
    duration: handshakeTimeout,
    orElse: () => {
      const detail = `the handshake is not done after ${Duration.format(handshakeTimeout)}`
      session.take(session.connection.abort(failure("HandshakeTimeout", detail)))
      return Effect.fail(session.error ?? session.describe(failure("HandshakeTimeout", detail)))
    }
  })
}

/** Says close_notify when its turn comes, and waits for it, but not long: the peer may read no more. */
const close = (session: Session): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { connection, outbox } = session
    const say = () => session.settle(Result.succeed(connection.close()))
    if (outbox.idle) outbox.push(Result.getOrElse(say(), () => []))
    if (outbox.idle || session.transport !== "open") return Effect.void
    const stuck = Effect.sync(() => {
      session.transport = "stuck"
    })
    const said = Effect.ignore(Effect.interruptible(outbox.records(say)))
    return Effect.timeoutOrElse(said, { duration: closeTimeout, orElse: () => stuck })
  })

const linkOf = (session: Session, established: Established, inbox: Inbox, scope: Scope.Closeable): Link => {
  const { connection, outbox, writer } = session
  const failed = (reason: Failure): TlsError => session.error ?? session.describe(reason)
  const material = (make: () => Result.Result<Uint8Array, Failure>) =>
    Effect.suspend(() =>
      // The secret may be wiped already, and zeros would do as well as any key.
      Effect.fromResult(
        session.transport === "destroyed"
          ? fail("ConnectionClosed", "the connection is closed, and its secrets are gone")
          : make()
      )
    ).pipe(Effect.mapError(failed))
  return {
    established,
    pull: inbox.pull,
    write: (plaintext) => Effect.mapError(outbox.data(plaintext), failed),
    updateKeys: (request) =>
      Effect.mapError(
        outbox.records(() => session.settle(connection.updateKeys(request))),
        failed
      ),
    exportKeyingMaterial: (label, context, length) =>
      material(() => connection.exportKeyingMaterial(label, context, length)),
    channelBinding: (hashes, type) => material(() => channelBinding(connection, hashes, type)),
    dangerouslyExtractTrafficSecrets: Effect.mapError(handOver(session, inbox), failed),
    close: close(session),
    destroy: (event) =>
      Effect.suspend(() => {
        if (session.transport === "destroyed") return Effect.void
        session.transport = "destroyed"
        // What it says goes nowhere, but from here on it refuses to send.
        session.take({ ...connection.close(), out: [] })
        return Effect.ignore(writer.write(event))
      }),
    shutDown: Scope.close(scope, Exit.void)
  }
}

/** The end of everything: the last words, the secrets, the fibers. */
const letGo = (session: Session, inbox: Inbox): Effect.Effect<void> =>
  Effect.suspend(() => {
    const closed = session.transport === "destroyed" ? Effect.void : close(session)
    session.ended ??= closedHere
    const disposed = Effect.sync(() => {
      session.transport = "destroyed"
      session.connection.dispose()
    })
    return Effect.all([closed, disposed, inbox.stop(), session.outbox.stop()], { discard: true })
  })

/** Everything of one connection in a scope of its own, so that a handshake that fails leaves nothing behind. */
const open = Effect.fnUntraced(function* (socket: Socket.Socket, endpoint: Endpoint, scope: Scope.Closeable) {
  const inner = yield* Effect.mapError(Scope.provide(socket.reader, scope), (error) =>
    fromFailure(transportFailed(error), { phase: endpoint.connection.state, peer: endpoint.peer })
  )
  const writer = yield* Scope.provide(socket.writer, scope)
  const session = new Session(endpoint, inner, writer)
  const inbox = new Inbox(inner, session.outbox, session, endpoint.services)
  yield* Scope.addFinalizer(scope, letGo(session, inbox))
  const established = yield* handshakeInTime(session)
  return linkOf(session, established, inbox, scope)
})

/**
 * Opens the socket and does the handshake. The connection lives in the scope that is given; when it fails or is
 * interrupted before it is established, everything is closed at once.
 */
export const establish = (socket: Socket.Socket, endpoint: Endpoint): Effect.Effect<Link, TlsError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      return yield* Effect.onExit(restore(open(socket, endpoint, scope)), (exit) =>
        Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)
      )
    })
  )
