/** What one connection over one open transport knows. Its methods do not wait: they are plain functions. */

import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Socket from "effect/socket/Socket"
import type { KeepSession, StoreTicket } from "../state/action.ts"
import type { Connection, Progress } from "../state/connection.ts"
import { alertOf, type Failure } from "../state/failure.ts"
import type { Answerer } from "./answers.ts"
import { EarlyDataQueue } from "./earlyData.ts"
import type { Observer } from "./events.ts"
import type { KeyLogger } from "./KeyLog.ts"
import { Outbox } from "./outbox.ts"
import { fromFailure, type TlsError } from "./TlsError.ts"
import { type Release, transportFailed } from "./transport.ts"

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
  /** Keeps a session that a server gave. */
  readonly keepTicket?: ((ticket: StoreTicket) => Effect.Effect<void>) | undefined
  /** Keeps a session under its ID, for a client of TLS 1.2. */
  readonly keepSession?: ((session: KeepSession) => Effect.Effect<void>) | undefined
  /** What a client has to say before the server has spoken, if a session allows it. */
  readonly earlyData?: Uint8Array | undefined
  readonly observer: Observer | undefined
  /** For the fibers of the connection: its clock, its scheduler. */
  readonly services: Context.Context<never>
  /** For messages: whom we talk to. */
  readonly peer: string | undefined
}

const socketError = (reason: Socket.SocketError["reason"]): Socket.SocketError => new Socket.SocketError({ reason })
const readError = (cause: unknown): Socket.SocketError => socketError(new Socket.SocketReadError({ cause }))

/** Made once, since every connection ends with one, and an error's stack costs more than a record. */
const closedByPeer = socketError(new Socket.SocketCloseError({ code: 1000 }))
export const closedHere = socketError(new Socket.SocketCloseError({ code: 1006 }))

/** One end of a connection, from the first byte to the last. */
export class Conversation {
  readonly endpoint: Endpoint
  readonly connection: Connection
  readonly outbox: Outbox
  readonly inner: Socket.Reader
  readonly writer: Socket.Writer
  /** Takes back the memory of arrays that came over the transport and are read. */
  readonly release: Release
  /** Data that came and was not pulled yet. */
  ready: Array<Uint8Array> = []
  readonly earlyData = new EarlyDataQueue()
  /** Why no more data will come. */
  ended: Socket.SocketError | undefined
  /** What ended the connection. */
  error: TlsError | undefined
  /** Whether the transport takes what we say; `stuck` when it did not take the last words, `destroyed` by ourselves. */
  transport: "open" | "stuck" | "destroyed" = "open"

  constructor(endpoint: Endpoint, inner: Socket.Reader, writer: Socket.Writer, release: Release) {
    this.endpoint = endpoint
    this.connection = endpoint.connection
    this.inner = inner
    this.writer = writer
    this.release = release
    const send = (plaintext: Uint8Array) => this.settle(this.connection.send(plaintext))
    this.outbox = new Outbox(writer, endpoint.services, send, release)
  }

  /** Sends what a step yields, and takes note of what happened in it. What others must be told is left over. */
  take(progress: Progress): ReadonlyArray<Effect.Effect<void>> {
    const { keyLog, keepTicket, keepSession, observer, role } = this.endpoint
    this.outbox.push(progress.out)
    const told: Array<Effect.Effect<void>> = []
    for (const event of progress.events) {
      if (event._tag === "ApplicationData") this.ready.push(event.bytes)
      else if (event._tag === "Message" || event._tag === "Message12") observer?.onMessage(role, event)
      else if (event._tag === "LogKey" && keyLog !== undefined) told.push(keyLog.log(event.line))
      else if (event._tag === "StoreTicket" && keepTicket !== undefined) told.push(keepTicket(event))
      else if (event._tag === "KeepSession" && keepSession !== undefined) told.push(keepSession(event))
      else if (event._tag === "StoreTicket" || event._tag === "KeepSession") event.draft.secret.wipe()
      else if (event._tag === "EarlyData") this.earlyData.push(event.bytes)
      else if (event._tag === "PeerClosed") this.ended ??= closedByPeer
      else if (event._tag === "Failed") {
        this.error = this.describe(event.failure, event.state, progress.out.length > 0)
        this.ended ??= readError(this.error)
      }
    }
    return told
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

  hearEnd(error: Socket.SocketError): Socket.SocketError | undefined {
    const { reason } = error
    if (this.transport === "destroyed" || (reason._tag === "SocketCloseError" && reason.code === 1006)) return error
    this.take(this.transportEnded(error))
    // After the peer's close_notify its side may be closed, and ours be open still.
    if (this.connection.failure !== undefined) this.outbox.fail(this.connection.failure)
    return undefined
  }
}
