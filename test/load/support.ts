/** A server under load: what it pulled, wrote and let go of, and who of its clients failed and why. */
import * as fs from "node:fs"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { afterAll, assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Socket from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import { handshakeFailures, handshakes } from "../../src/layers/observability.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsConnection from "../../src/layers/TlsConnection.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import { open, read, text } from "../layers/support.ts"

/** What went through one inner socket. */
export interface Seen {
  /** Bytes that were pulled. */
  pulled: number
  /** Bytes that the writer was given, and those that it has taken. */
  offered: number
  taken: number
  /** Readers that were acquired and not released. */
  open: number
  /** Calls of the reader and the writer that have not ended. */
  pending: number
  /** Done at the beginning and at the end of every call. */
  onStep?: Effect.Effect<void> | undefined
}

export const unseen = (): Seen => ({ pulled: 0, offered: 0, taken: 0, open: 0, pending: 0 })

const sizeOf = (chunk: unknown): number => (typeof chunk === "string" || chunk instanceof Uint8Array ? chunk.length : 0)
const sizes = (chunks: ReadonlyArray<unknown>): number => chunks.reduce<number>((sum, chunk) => sum + sizeOf(chunk), 0)

/** The socket, watched. */
export const watch = (socket: Socket.Socket, seen: Seen): Socket.Socket => {
  const step = <A>(effect: Effect.Effect<A, Socket.SocketError>, done: (value: A) => void) => {
    const moment = Effect.suspend(() => seen.onStep ?? Effect.void)
    const whole = Effect.andThen(moment, effect).pipe(
      Effect.tap((value) => Effect.sync(() => done(value))),
      Effect.tap(() => moment)
    )
    return Effect.uninterruptibleMask((restore) => {
      seen.pending++
      return Effect.ensuring(
        restore(whole),
        Effect.sync(() => {
          seen.pending--
        })
      )
    })
  }
  const write = (size: number, effect: Effect.Effect<void, Socket.SocketError>) =>
    Effect.suspend(() => {
      seen.offered += size
      return step(effect, () => {
        seen.taken += size
      })
    })
  return Socket.make({
    reader: Effect.gen(function* () {
      const reader = yield* socket.reader
      yield* Effect.acquireRelease(
        Effect.sync(() => void seen.open++),
        () => Effect.sync(() => void seen.open--)
      )
      const pull = step(reader.pull, (chunks) => {
        seen.pulled += sizes(chunks)
      })
      return { ...reader, pull }
    }),
    writer: Effect.map(socket.writer, (writer) => ({
      write: (chunk) => write(sizeOf(chunk), writer.write(chunk)),
      writeAll: (chunks) => write(sizes(chunks), writer.writeAll(chunks))
    }))
  })
}

export type Handler = (socket: Socket.Socket) => Effect.Effect<unknown, unknown>

/** Says hello, then echoes until the peer closes. */
export const echo: Handler = (socket) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = Option.getOrThrow(yield* TlsConnection.current)
      const { pull } = yield* socket.reader
      const writer = yield* socket.writer
      yield* writer.write(`hello over ${connection.info.version}\n`)
      while (true) yield* writer.writeAll(yield* pull)
    })
  )

const greeting = "hello over TLSv1.3\n"

/** A server on a free port of the loopback while the scope lives. What its handlers fail with is their business. */
export const serve = Effect.fnUntraced(function* (options: TlsServer.LayerOptions = {}, handler: Handler = echo) {
  const connections: Array<Seen> = []
  const registry: typeof Metric.MetricRegistry.Service = new Map()
  const inner = Layer.effect(
    SocketServer,
    Effect.map(SocketServer, (server) => ({
      address: server.address,
      run: (handler) =>
        server.run((socket) => {
          const seen = unseen()
          connections.push(seen)
          return handler(watch(socket, seen))
        })
    }))
  ).pipe(Layer.provide(NodeSocketServer.layer({ port: 0, host: "127.0.0.1", allowHalfOpen: true, backlog: 1024 })))
  const server = Context.get(yield* Layer.build(TlsServer.layer(options).pipe(Layer.provide(inner))), SocketServer)
  const registered = Effect.provideService(Metric.MetricRegistry, registry)
  const fiber = yield* server.run((socket) => Effect.exit(handler(socket))).pipe(registered, Effect.forkScoped)
  const counted = (metric: string, attribute: string) =>
    Effect.map(registered(Metric.snapshot), (all) =>
      Object.fromEntries(
        all.flatMap((one) =>
          one.id === metric && one.type === "Counter"
            ? [[one.attributes?.[attribute] ?? "", Number(one.state.count)]]
            : []
        )
      )
    )
  return {
    port: "port" in server.address ? server.address.port : 0,
    connections,
    fiber,
    /** How many handshakes failed for each reason. */
    failures: counted(handshakeFailures.id, "reason"),
    succeeded: counted(handshakes.id, "kind")
  }
})

export type Server = Effect.Success<ReturnType<typeof serve>>

/** A client of it. */
export const connect = Effect.fnUntraced(function* (port: number, seen: Seen = unseen()) {
  const tcp = yield* NodeSocket.makeNet({ host: "127.0.0.1", port })
  const connection = yield* TlsClient.connect(watch(tcp, seen), { serverName: "localhost" })
  return { connection, ...(yield* open(connection.socket)) }
})

/** A new client is let in and served; how many milliseconds that took. */
export const served = (port: number): Effect.Effect<number, unknown, Effect.Services<ReturnType<typeof connect>>> =>
  Effect.gen(function* () {
    const begin = performance.now()
    const client = yield* connect(port)
    assert.strictEqual(text(yield* read(client.pull, greeting.length)), greeting)
    yield* client.write("ping")
    assert.strictEqual(text(yield* read(client.pull, 4)), "ping")
    yield* client.connection.close
    return performance.now() - begin
  })

/** Waits until it is so, and says what it is when it never is. */
export const eventually = Effect.fnUntraced(function* <A>(what: () => A, wanted: (value: A) => boolean, millis = 5000) {
  const end = performance.now() + millis
  while (!wanted(what())) {
    if (performance.now() > end) assert.fail(`still ${JSON.stringify(what())} after ${millis} ms`)
    yield* Effect.sleep("5 millis")
  }
})

/** Files that this process has open; `undefined` where that cannot be known. */
export const descriptors = (): number | undefined =>
  fs.existsSync("/proc/self/fd") ? fs.readdirSync("/proc/self/fd").length : undefined

/** Sockets that keep the event loop alive. */
export const handles = (): number => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length

v8.setFlagsFromString("--expose-gc")
const collect: () => void = vm.runInNewContext("gc")

/** Bytes of the heap after everything that can be let go of was. */
export const heap = Effect.gen(function* () {
  for (let i = 0; i < 3; i++) {
    collect()
    yield* Effect.sleep("10 millis")
  }
  return process.memoryUsage().heapUsed
})

const noises = ["warning", "unhandledRejection", "uncaughtExceptionMonitor", "rejectionHandled"] as const

/** To be called once in a file: nothing in it may leave a warning of the process or a rejection that nobody handles. */
export const quiet = (): void => {
  const heard: Array<string> = []
  const listeners = noises.map((name) => [name, (value: unknown) => void heard.push(`${name}: ${value}`)] as const)
  for (const [name, listener] of listeners) process.on(name, listener)
  afterAll(async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    for (const [name, listener] of listeners) process.off(name, listener)
    assert.deepStrictEqual(heard, [])
  })
}
