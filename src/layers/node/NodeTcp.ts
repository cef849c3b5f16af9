/**
 * TCP on node:net for connections of this library. It does what `NodeSocket` of `@effect/platform-node` does, and says
 * more: arrays have one owner at a time. So a connection gives their memory back as soon as it has used it, and bulk
 * data costs a half to a third (`release` in crypto/node/bytes.ts says why).
 */
import * as Net from "node:net"
import type { NonEmptyArray, NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import { release as giveBack } from "../../crypto/node/bytes.ts"
import { release, type SoleOwner } from "../transport.ts"

type Chunks = NonEmptyReadonlyArray<Uint8Array>
type Pulled = Effect.Effect<Chunks, Socket.SocketError>

/** Bytes that wait for a reader before the peer is stopped. */
const mostWaiting = 2 ** 16

const isNonEmpty = <A>(list: Array<A>): list is NonEmptyArray<A> => list.length > 0

/** Made once: every connection ends, and the stack of an error costs as much as a signature. */
const closed = (code: number) => new Socket.SocketError({ reason: new Socket.SocketCloseError({ code }) })
const ended = closed(1000)
const broken = closed(1006)
const writeFailed = (cause: unknown) => new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause }) })

/** An open socket of Node, its events turned into what a reader pulls. */
class Tcp {
  readonly pull: Pulled
  readonly #socket: Net.Socket
  #waiting: Array<Uint8Array> = []
  #size = 0
  #reader: ((pulled: Pulled) => void) | undefined
  #ended: Socket.SocketError | undefined

  constructor(socket: Net.Socket) {
    this.#socket = socket
    this.pull = Effect.callback((resume) => {
      this.#reader = resume
      this.#deliver()
      if (this.#reader !== resume) return
      return Effect.sync(() => {
        if (this.#reader === resume) this.#reader = undefined
      })
    })
    socket.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onError).on("close", this.#onClose)
    socket.resume()
  }

  /** Nobody reads any more. */
  stop(): void {
    const { destroyed } = this.#socket
    this.#socket.off("data", this.#onData).off("end", this.#onEnd).off("error", this.#onError)
    this.#socket.off("close", this.#onClose)
    this.#end(broken, "at once")
    if (!destroyed) this.#socket.on("error", () => undefined).destroySoon()
  }

  write(chunk: Uint8Array | string | Socket.CloseEvent): Effect.Effect<void, Socket.SocketError> {
    if (!Socket.isCloseEvent(chunk)) return this.#written((done) => this.#socket.write(chunk, done))
    const { code } = chunk
    return Effect.sync(() => {
      this.#socket.destroy(code > 1000 ? new Error(`closed with code ${code}`) : undefined)
    })
  }

  writeAll(chunks: NonEmptyReadonlyArray<Uint8Array | string>): Effect.Effect<void, Socket.SocketError> {
    return this.#written((done) => {
      this.#socket.cork()
      chunks.forEach((chunk, i) => {
        this.#socket.write(chunk, i === chunks.length - 1 ? done : undefined)
      })
      this.#socket.uncork()
    })
  }

  /** Done when the kernel has it all: on the spot where it takes it at once, which it does until its buffer is full. */
  #written(write: (done: (error?: Error | null) => void) => void): Effect.Effect<void, Socket.SocketError> {
    const socket = this.#socket
    return Effect.callback((resume) => {
      write((error) => resume(error ? Effect.fail(writeFailed(error)) : Effect.void))
      if (socket.writableLength === 0 && !socket.destroyed && !socket.writableEnded) resume(Effect.void)
    })
  }

  #deliver(): void {
    const reader = this.#reader
    if (reader === undefined) return
    const chunks = this.#waiting
    if (isNonEmpty(chunks)) {
      this.#waiting = []
      this.#size = 0
      this.#reader = undefined
      if (this.#socket.isPaused()) this.#socket.resume()
      reader(Effect.succeed(chunks))
    } else if (this.#ended !== undefined) {
      this.#reader = undefined
      reader(Effect.fail(this.#ended))
    }
  }

  /** What came before an ordinary end is still read. */
  #end(error: Socket.SocketError, when: "after what came" | "at once"): void {
    this.#ended ??= error
    if (when === "at once") this.#waiting = []
    this.#deliver()
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#waiting.push(chunk)
    this.#size += chunk.length
    if (this.#reader === undefined && this.#size >= mostWaiting) this.#socket.pause()
    this.#deliver()
  }

  readonly #onEnd = (): void => this.#end(ended, "after what came")

  readonly #onError = (cause: Error): void =>
    this.#end(new Socket.SocketError({ reason: new Socket.SocketReadError({ cause }) }), "at once")

  readonly #onClose = (hadError: boolean): void =>
    hadError ? this.#end(broken, "at once") : this.#end(ended, "after what came")
}

/** A socket of Node, opened with the reader, as a `Socket`. */
const make = (open: Effect.Effect<Net.Socket, Socket.SocketError, Scope.Scope>): SoleOwner => {
  let tcp: Tcp | undefined
  const opened = Latch.makeUnsafe(false)
  const using = (use: (tcp: Tcp) => Effect.Effect<void, Socket.SocketError>): Effect.Effect<void, Socket.SocketError> =>
    Effect.suspend(() => (tcp === undefined ? opened.whenOpen(using(use)) : use(tcp)))
  let socket: Net.Socket | undefined
  return {
    [Socket.TypeId]: Socket.TypeId,
    [release]: giveBack,
    reader: Effect.flatMap(open, (found) => {
      socket = found
      const made = new Tcp(found)
      tcp = made
      const reader = { pull: made.pull, upgrade: Socket.SocketUpgradeError.unsupported }
      return Effect.map(
        Effect.addFinalizer(() => Effect.sync(() => made.stop())),
        () => {
          opened.openUnsafe()
          return reader
        }
      )
    }),
    writer: Effect.acquireRelease(
      Effect.succeed({
        write: (chunk) => using((tcp) => tcp.write(chunk)),
        writeAll: (chunks) => using((tcp) => tcp.writeAll(chunks))
      } satisfies Socket.Writer),
      () => Effect.sync(() => socket?.writableEnded === false && socket.end())
    )
  }
}

/** Connects when its reader is acquired. Fails with `SocketOpenError` when there is nobody. */
const dial = (options: Net.NetConnectOpts): Effect.Effect<Net.Socket, Socket.SocketError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => Net.createConnection(options)),
    (socket) => Effect.sync(() => (socket.connecting ? socket.destroy() : undefined))
  ).pipe(
    Effect.flatMap((socket) =>
      Effect.callback<Net.Socket, Socket.SocketError>((resume) => {
        socket.once("connect", () => resume(Effect.succeed(socket)))
        socket.on("error", (cause) =>
          resume(
            Effect.fail(new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind: "Unknown", cause }) }))
          )
        )
      })
    )
  )

/**
 * A TCP connection as an Effect socket, to hand to `TlsClient.connect` in the place of one of `NodeSocket.makeNet`. It
 * connects when its reader is acquired, and fails with `SocketOpenError` where nobody answers. Its `upgrade` is not
 * supported.
 *
 * @example
 * const tcp = yield* NodeTcp.makeNet({ host: "example.org", port: 443 })
 * const tls = yield* TlsClient.connect(tcp, { serverName: "example.org" })
 */
export const makeNet = (options: Net.NetConnectOpts): Effect.Effect<Socket.Socket> =>
  Effect.sync(() => make(dial(options)))

/** A client may be gone before anybody looks. */
const accepted = (socket: Net.Socket): Effect.Effect<Net.Socket, Socket.SocketError> =>
  Effect.suspend(() => (socket.destroyed ? Effect.fail(ended) : Effect.succeed(socket)))

/** What `NodeSocketServer` tells its handlers: the socket of Node. Named here, so that its package is not needed. */
class NetSocket extends Context.Service<NetSocket, Net.Socket>()("@effect/platform-node/NodeSocket/NetSocket") {}

/**
 * Goes between `TlsServer.layer` and `NodeSocketServer.layer`: the connections that come are read and written as those of
 * {@link makeNet} are. Sockets of any other server pass as they are.
 *
 * @example
 * const Server = TlsServer.layer().pipe(
 *   Layer.provide(NodeTcp.layer),
 *   Layer.provide(NodeSocketServer.layer({ port: 8443 }))
 * )
 */
export const layer: Layer.Layer<SocketServer, never, SocketServer> = Layer.effect(
  SocketServer,
  Effect.map(SocketServer, ({ address, run }) =>
    SocketServer.of({
      address,
      run: (handler) =>
        run((socket) =>
          Effect.flatMap(Effect.serviceOption(NetSocket), (found) =>
            handler(Option.isSome(found) ? make(accepted(found.value)) : socket)
          )
        )
    })
  )
)
