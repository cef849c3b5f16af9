/** A Socket as a Node stream, for the libraries that want one: HTTP servers and clients, database drivers. */
import { Duplex } from "node:stream"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"

type Done = (error?: Error | null) => void

/** What net.Socket has beyond Duplex, and what its users call without asking. */
export interface SocketDuplex extends Duplex {
  /** Emits `timeout` after so many milliseconds without data in either direction; 0 turns it off. */
  setTimeout(milliseconds: number, listener?: () => void): this
  setNoDelay(): this
  setKeepAlive(): this
  ref(): this
  unref(): this
}

/** An ordinary end: the peer said goodbye, or we did. */
const closeCode = (error: Socket.SocketError): number | undefined =>
  error.reason._tag === "SocketCloseError" ? error.reason.code : undefined

/** What the stream does when it is used; everything of Effect stays behind these. */
interface Ends {
  readonly pull: Effect.Effect<ReadonlyArray<Uint8Array>, Socket.SocketError>
  readonly writeAll: Socket.Writer["writeAll"]
  /** Closes the writing half. */
  readonly finish: Effect.Effect<void>
  /** Closes everything. */
  readonly close: Effect.Effect<void>
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
}

class Adapter extends Duplex implements SocketDuplex {
  readonly #ends: Ends
  #timeout: NodeJS.Timeout | undefined
  #pulling = false

  constructor(ends: Ends) {
    super({ allowHalfOpen: true })
    this.#ends = ends
  }

  override _read(): void {
    if (this.#pulling) return
    this.#pulling = true
    const { fork, pull } = this.#ends
    fork(
      Effect.match(pull, {
        onSuccess: (chunks) => {
          this.#pulling = false
          this.#timeout?.refresh()
          for (const chunk of chunks) this.push(chunk)
        },
        onFailure: (error) => {
          const code = closeCode(error)
          if (code === 1000) this.push(null)
          else if (code === 1006) this.destroy()
          else this.destroy(error)
        }
      })
    )
  }

  #send(chunks: readonly [Uint8Array, ...Array<Uint8Array>], done: Done): void {
    this.#timeout?.refresh()
    this.#ends.fork(Effect.match(this.#ends.writeAll(chunks), { onSuccess: () => done(), onFailure: done }))
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    this.#send([chunk], done)
  }

  override _writev(chunks: Array<{ readonly chunk: Uint8Array }>, done: Done): void {
    const [first, ...rest] = chunks.map(({ chunk }) => chunk)
    if (first === undefined) done()
    else this.#send([first, ...rest], done)
  }

  override _final(done: Done): void {
    this.#ends.fork(Effect.andThen(this.#ends.finish, Effect.sync(done)))
  }

  override _destroy(error: Error | null, done: Done): void {
    clearTimeout(this.#timeout)
    this.#ends.fork(
      Effect.andThen(
        this.#ends.close,
        Effect.sync(() => done(error))
      )
    )
  }

  setTimeout(milliseconds: number, listener?: () => void): this {
    clearTimeout(this.#timeout)
    this.#timeout = milliseconds > 0 ? setTimeout(() => this.emit("timeout"), milliseconds).unref() : undefined
    if (listener !== undefined) this.once("timeout", listener)
    return this
  }

  setNoDelay = (): this => this
  setKeepAlive = (): this => this
  ref = (): this => this
  unref = (): this => this
}

/**
 * Opens the socket and gives it as a Duplex. `end()` closes the writing half (a close_notify, for one of ours),
 * `destroy()` or the end of the scope closes it all, the peer's goodbye is the stream's end, and a failure is its
 * error. Both directions have backpressure.
 *
 * @example
 * const duplex = yield* toDuplex(connection.socket)
 * http.createServer(handler).emit("connection", duplex)
 */
export const toDuplex: (socket: Socket.Socket) => Effect.Effect<SocketDuplex, Socket.SocketError, Scope.Scope> =
  Effect.fnUntraced(function* (socket) {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const pull = yield* Scope.provide(Socket.readerBytes(socket), scope)
    const writing = yield* Scope.fork(scope)
    const writer = yield* Scope.provide(socket.writer, writing)
    const services = yield* Effect.context<never>()
    const duplex = new Adapter({
      pull,
      writeAll: writer.writeAll,
      finish: Scope.close(writing, Exit.void),
      close: Scope.close(scope, Exit.void),
      fork: Effect.runForkWith(services)
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => duplex.destroy()))
    return duplex
  })
