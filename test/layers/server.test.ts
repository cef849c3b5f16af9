import { connect as connectTcp } from "node:net"
import { connect as connectTls } from "node:tls"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { assert, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type * as Socket from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import * as Tracer from "effect/Tracer"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsConnection from "../../src/layers/TlsConnection.ts"
import * as TlsError from "../../src/layers/TlsError.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { open, read, text, world } from "./support.ts"

/** Echoes until the peer closes, and tells what it knows of the connection first. */
const echo = (socket: Socket.Socket) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = Option.getOrThrow(yield* TlsConnection.current)
      const { pull } = yield* socket.reader
      const writer = yield* socket.writer
      yield* writer.write(`${connection.info.suite}\n`)
      while (true) yield* writer.writeAll(yield* pull)
    })
  ).pipe(Effect.catchTag("SocketError", () => Effect.void))

/** A server on a free port that echoes while the scope lives. */
const start = Effect.fnUntraced(function* (options: TlsServer.LayerOptions = {}) {
  const context = yield* Layer.build(
    TlsServer.layer(options).pipe(Layer.provide(NodeSocketServer.layer({ port: 0, host: "127.0.0.1" })))
  )
  return yield* Effect.gen(function* () {
    const server = yield* SocketServer
    yield* Effect.forkScoped(server.run(echo))
    return "port" in server.address ? server.address.port : 0
  }).pipe(Effect.provide(context))
})

const connect = Effect.fnUntraced(function* (port: number) {
  const tcp = yield* NodeSocket.makeNet({ host: "127.0.0.1", port })
  const connection = yield* TlsClient.connect(tcp, { serverName: "localhost" })
  return { connection, ...(yield* open(connection.socket)) }
})

const greeting = "TLS_AES_128_GCM_SHA256\n"

layer(world, { excludeTestServices: true })("TlsServer.layer over TCP", (it) => {
  it.effect("hands connections to handlers, who know what was negotiated", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* start())
      assert.strictEqual(text(yield* read(client.pull, greeting.length)), greeting)
      yield* client.write("hello")
      assert.strictEqual(text(yield* read(client.pull, 5)), "hello")
    })
  )

  it.effect("a client that talks nonsense, hangs up or distrusts us does not stop it", () =>
    Effect.gen(function* () {
      const port = yield* start()
      const nonsense = Effect.callback<void>((resume) => {
        const socket = connectTcp(port, "127.0.0.1", () => socket.end("GET / HTTP/1.1\r\n\r\n"))
        socket.on("error", () => undefined)
        socket.on("close", () => resume(Effect.void))
        socket.resume()
      })
      const silence = Effect.callback<void>((resume) => {
        const socket = connectTcp(port, "127.0.0.1", () => socket.destroy())
        socket.on("close", () => resume(Effect.void))
      })
      const distrust = Effect.callback<void>((resume) => {
        const socket = connectTls({ port, host: "127.0.0.1", servername: "localhost" })
        socket.on("error", () => undefined)
        socket.on("close", () => resume(Effect.void))
      })
      yield* Effect.all([nonsense, silence, distrust, nonsense], { concurrency: "unbounded" })
      const client = yield* connect(port)
      assert.strictEqual(text(yield* read(client.pull, greeting.length)), greeting)
    })
  )

  it.effect("a handler that fails or dies does not stop it, and its client learns that data may be missing", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        TlsServer.layer().pipe(Layer.provide(NodeSocketServer.layer({ port: 0, host: "127.0.0.1" })))
      )
      const port = yield* Effect.gen(function* () {
        const server = yield* SocketServer
        let count = 0
        yield* Effect.forkScoped(
          server.run((socket) => {
            count++
            return count === 1 ? Effect.fail("an error") : count === 2 ? Effect.die("a defect") : echo(socket)
          })
        )
        return "port" in server.address ? server.address.port : 0
      }).pipe(Effect.provide(context))
      for (let i = 0; i < 2; i++) {
        const end = yield* Effect.scoped(Effect.flatMap(connect(port), ({ pull }) => Effect.flip(pull)))
        assert.strictEqual(TlsError.find(end)?.reason._tag, "UncleanClose")
      }
      const client = yield* connect(port)
      assert.strictEqual(text(yield* read(client.pull, greeting.length)), greeting)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )
})

/** A `SocketServer` that is given its sockets by hand. */
const byHand = (sockets: ReadonlyArray<Socket.Socket>) =>
  Layer.succeed(SocketServer, {
    address: { _tag: "UnixPathAddress", path: "/nowhere" } as unknown as SocketServer["Service"]["address"],
    run: (handler) =>
      Effect.andThen(Effect.forEach(sockets, handler, { concurrency: "unbounded" }), Effect.never).pipe(
        Effect.catchCause(() => Effect.never)
      )
  })

/** Lets the ClientHello through and nothing else. */
const onlyFirst = () => {
  let count = 0
  return (chunk: Uint8Array) => (count++ === 0 ? chunk : new Uint8Array(0))
}

layer(world)("TlsServer.layer in memory", (it) => {
  it.effect("turns away whom it has no room for, and only while it has none", () =>
    Effect.gen(function* () {
      const silent = [Pair.make(), Pair.make(), Pair.make()]
      const server = TlsServer.layer({ maxHandshakes: 1, maxWaiting: 1 }).pipe(
        Layer.provide(byHand(silent.map(({ right }) => right)))
      )
      yield* Effect.gen(function* () {
        yield* Effect.forkScoped((yield* SocketServer).run(echo))
        const [, , third] = silent
        const { pull } = yield* (third ?? Pair.make()).left.reader
        const end = yield* Effect.flip(pull)
        assert.strictEqual(end.reason._tag, "SocketCloseError")
        const [first] = silent
        const other = yield* Effect.forkScoped(
          Effect.flatMap((first ?? Pair.make()).left.reader, (reader) => reader.pull)
        )
        yield* Effect.yieldNow
        assert.strictEqual(other.pollUnsafe(), undefined)
      }).pipe(Effect.provide(server))
    })
  )

  it.effect("clients that say nothing, or no more, take nobody's place", () =>
    Effect.gen(function* () {
      const [silent, deserter, honest] = [Pair.make(), Pair.make({ leftToRight: { alter: onlyFirst() } }), Pair.make()]
      const server = TlsServer.layer({ maxHandshakes: 1 }).pipe(
        Layer.provide(byHand([silent.right, deserter.right, honest.right]))
      )
      yield* Effect.gen(function* () {
        yield* Effect.forkScoped((yield* SocketServer).run(echo))
        yield* Effect.forkScoped(Effect.result(TlsClient.connect(deserter.left, { serverName: "localhost" })))
        yield* Effect.yieldNow
        const client = yield* TlsClient.connect(honest.left, { serverName: "localhost" })
        const { pull } = yield* client.socket.reader
        assert.strictEqual(text(yield* read(pull, greeting.length)), greeting)
      }).pipe(Effect.provide(server))
    })
  )

  it.effect("logs failed handshakes at debug level only, and counts them", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        logged.push(`${logLevel} ${String(message)}`)
      })
      const { left, right } = Pair.make()
      yield* Effect.flatMap(left.writer, ({ write }) => write("SSH-2.0-OpenSSH_9.6\r\n"))
      const handled = yield* Deferred.make<void>()
      const server = TlsServer.layer().pipe(Layer.provide(byHand([right])))
      yield* Effect.gen(function* () {
        yield* Effect.forkScoped((yield* SocketServer).run(() => Deferred.succeed(handled, undefined)))
        const { pull } = yield* left.reader
        while (true) if ((yield* Effect.result(pull))._tag === "Failure") break
        while (logged.length === 0) yield* Effect.yieldNow
      }).pipe(
        Effect.provide(Layer.merge(server, Logger.layer([logger]))),
        Effect.provideService(References.MinimumLogLevel, "All")
      )
      assert.isFalse(yield* Deferred.isDone(handled))
      assert.lengthOf(logged, 1)
      assert.match(logged[0] ?? "", /^Debug ~effect-tls\/TlsError: UnexpectedRecord: .*SSH/)
      const failures = (yield* Metric.snapshot).filter(({ id }) => id === "tls_handshake_failures_total")
      assert.deepStrictEqual(
        failures.map(({ attributes }) => attributes),
        [{ role: "server", reason: "UnexpectedRecord" }]
      )
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("a handshake is one span and is counted, with names and without secrets", () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* TlsTest.handshake({ client: { alpnProtocols: ["h2"] }, server: { alpnProtocols: ["h2"] } }).pipe(
        Effect.provideService(Tracer.Tracer, tracer)
      )
      assert.deepStrictEqual(
        spans.map(({ name, kind }) => [name, kind]),
        [
          ["Tls.handshake", "client"],
          ["Tls.handshake", "server"]
        ]
      )
      for (const { attributes } of spans) {
        assert.deepStrictEqual(Object.fromEntries(attributes), {
          "tls.protocol.version": "1.3",
          "tls.cipher": "TLS_AES_128_GCM_SHA256",
          "tls.curve": "X25519MLKEM768",
          "tls.next_protocol": "h2",
          "tls.resumed": false
        })
      }
      const all = yield* Metric.snapshot
      const done = all.filter(({ id }) => id === "tls_handshakes_total").map(({ attributes }) => attributes?.role)
      assert.deepStrictEqual(done.sort(), ["client", "server"])
      assert.isTrue(all.some(({ id }) => id === "tls_handshake_duration"))
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("what is wrong with its options is said when it is built", () =>
    Effect.gen(function* () {
      const build = (options: TlsServer.LayerOptions) =>
        Effect.flip(Layer.build(TlsServer.layer(options).pipe(Layer.provide(byHand([])))))
      const long = yield* build({ alpnProtocols: ["x".repeat(256)] })
      assert.strictEqual(long.reason._tag, "InvalidConfiguration")
      const asked = yield* build({ clientAuthentication: "optional" })
      assert.include(asked.message, "without a ClientVerifier")
      const left = yield* build({ versions: ["TLSv1.2"], groups: ["X25519MLKEM768"] })
      assert.include(left.message, "leave nothing of TLSv1.2")
    })
  )

  it.effect("without a certificate for a client it says NoCredential", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(TlsTest.handshake().pipe(Effect.provide(Mocks.credentials())))
      assert.strictEqual(error.reason._tag, "NoCredential")
      assert.strictEqual(error.alertSent, "handshake_failure")
    })
  )

  it.effect("services are substituted in one line", () =>
    Effect.gen(function* () {
      const asked: Array<string | undefined> = []
      const real = yield* Credentials.Credentials
      const spy = Mocks.credentials({
        ...real,
        choose: (request) => {
          asked.push(request._tag === "ResolveHello" ? request.serverName : request._tag)
          return real.choose(request)
        }
      })
      yield* TlsTest.handshake({ client: { serverName: "localhost" } }).pipe(Effect.provide(spy))
      assert.deepStrictEqual(asked, ["localhost"])
      const { client } = yield* TlsTest.handshake({ client: { serverName: "any.example" } }).pipe(
        Effect.provide(Mocks.serverVerifier())
      )
      assert.strictEqual(client.info.peer, "a mock")
    })
  )
})
