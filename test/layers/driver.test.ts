import { inspect } from "node:util"
import { assert, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as TestClock from "effect/testing/TestClock"
import * as Core from "../../src/core.ts"
import { answering, answers } from "../../src/layers/answers.ts"
import { Credentials } from "../../src/layers/Credentials.ts"
import { CryptoProvider } from "../../src/layers/CryptoProvider.ts"
import * as Configuration from "../../src/layers/configuration.ts"
import { handshakeTimeout } from "../../src/layers/configuration.ts"
import { establish } from "../../src/layers/driver.ts"
import * as KeyLog from "../../src/layers/KeyLog.ts"
import { maxPiece } from "../../src/layers/outbox.ts"
import { ServerVerifier } from "../../src/layers/ServerVerifier.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsError from "../../src/layers/TlsError.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { bytes, open, read, text, world } from "./support.ts"

const reasonOf = (error: unknown) => TlsError.find(error)?.reason._tag

/** Both ends of an established connection, opened. */
const connected = Effect.fnUntraced(function* (options: TlsTest.Options = {}) {
  const { client, server, pair } = yield* TlsTest.handshake(options)
  return { client, server, pair, left: yield* open(client.socket), right: yield* open(server.socket) }
})

/** Pulls until the end, and says how it ended. */
const drain = Effect.fnUntraced(function* (pull: Effect.Effect<ReadonlyArray<Uint8Array>, Socket.SocketError>) {
  const parts: Array<Uint8Array> = []
  while (true) {
    const pulled = yield* Effect.result(pull)
    if (pulled._tag === "Failure") return { text: text(Buffer.concat(parts)), end: pulled.failure }
    parts.push(...pulled.success)
  }
})

const closeCode = (error: Socket.SocketError) =>
  error.reason._tag === "SocketCloseError" ? error.reason.code : error.reason._tag

layer(world)("order", (it) => {
  for (const ops of [2048, 13]) {
    it.effect(`20,000 small writes of four fibers arrive whole and in order, yielding every ${ops} steps`, () =>
      Effect.gen(function* () {
        const { left, right } = yield* connected()
        const [writers, each, size] = [4, 5000, 8]
        const message = (writer: number, i: number) => `${writer}${i}`.padEnd(size, ".")
        const write = Effect.fnUntraced(function* (writer: number) {
          for (let i = 0; i < each; i++) yield* left.write(message(writer, i))
        })
        const fiber = yield* Effect.forkChild(
          Effect.forEach([0, 1, 2, 3], write, { concurrency: writers }).pipe(
            Effect.provideService(References.MaxOpsBeforeYield, ops)
          )
        )
        const all = text(yield* read(right.pull, writers * each * size))
        yield* Fiber.join(fiber)
        const next = [0, 0, 0, 0]
        for (let at = 0; at < all.length; at += size) {
          const writer = Number(all[at])
          const i = next[writer] ?? -1
          assert.strictEqual(all.slice(at, at + size), message(writer, i))
          next[writer] = i + 1
        }
        assert.deepStrictEqual(next, [each, each, each, each])
      })
    )
  }

  it.effect("large writes of two fibers are not mixed", () =>
    Effect.gen(function* () {
      const { left, right } = yield* connected()
      const size = 5 * maxPiece + 17
      const [a, b] = [new Uint8Array(size).fill(97), new Uint8Array(size).fill(98)]
      const fiber = yield* Effect.forkChild(Effect.all([left.write(a), left.write(b)], { concurrency: 2 }))
      const all = yield* read(right.pull, 2 * size)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(all, Buffer.concat([a, b]))
    })
  )

  it.effect("chunks that are written together share records", () =>
    Effect.gen(function* () {
      const { left, right, pair } = yield* connected()
      const before = pair.sent().leftToRight
      yield* left.writeAll(["one", new Uint8Array([32]), "two"])
      assert.strictEqual(text(yield* read(right.pull, 7)), "one two")
      assert.strictEqual(pair.sent().leftToRight - before, 5 + 7 + 17)
    })
  )
})

layer(world)("back-pressure", (it) => {
  it.effect("a peer that does not pull stops the writer, and few bytes are sealed ahead", () =>
    Effect.gen(function* () {
      const { left, right, pair } = yield* connected()
      const before = pair.sent().leftToRight
      const data = bytes(8 * 2 ** 20)
      const fiber = yield* Effect.forkChild(left.write(data))
      yield* Effect.yieldNow
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      assert.isAtMost(pair.sent().leftToRight - before, 3 * maxPiece)
      const all = yield* read(right.pull, data.length)
      yield* Fiber.join(fiber)
      assert.isTrue(Buffer.from(data).equals(all))
    })
  )

  it.effect("a writer that is interrupted while it waits leaves the stream whole", () =>
    Effect.gen(function* () {
      const { left, right } = yield* connected()
      const blocked = yield* Effect.forkChild(left.write(bytes(4 * maxPiece, 3)))
      const waiting = yield* Effect.forkChild(left.write("never sent"))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(waiting)
      yield* Fiber.interrupt(blocked)
      const last = yield* Effect.forkChild(left.write("and on it goes"))
      const { pull } = right
      let all = ""
      while (!all.endsWith("and on it goes")) for (const part of yield* pull) all += text(part)
      yield* Fiber.join(last)
      assert.notInclude(all, "never sent")
    })
  )

  it.effect("closing does not wait for a peer that does not read longer than a second", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { left, right } = Pair.make()
      const server = yield* Effect.forkChild(TlsServer.accept(right))
      const client = yield* Scope.provide(TlsClient.connect(left, { serverName: "localhost" }), scope)
      yield* Fiber.join(server)
      const writer = yield* Scope.provide(client.socket.writer, scope)
      const blocked = yield* Effect.forkChild(Effect.result(writer.write(bytes(2 ** 20))))
      yield* Effect.yieldNow
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("1 second")
      // Releasing the writer waits for a second, and so does the connection.
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      const outcome = yield* Fiber.join(blocked)
      assert.strictEqual(outcome._tag === "Failure" && reasonOf(outcome.failure), "ConnectionClosed")
    })
  )
})

layer(world)("ends", (it) => {
  it.effect("close_notify ends one direction; the other goes on until it is said there too", () =>
    Effect.gen(function* () {
      const { client, server, left, right } = yield* connected()
      yield* left.write("last words")
      yield* client.close
      const heard = yield* drain(right.pull)
      assert.strictEqual(heard.text, "last words")
      assert.strictEqual(closeCode(heard.end), 1000)
      yield* right.write("an answer")
      yield* server.close
      const answered = yield* drain(left.pull)
      assert.strictEqual(answered.text, "an answer")
      assert.strictEqual(closeCode(answered.end), 1000)
      assert.strictEqual(closeCode((yield* drain(left.pull)).end), 1000)
    })
  )

  it.effect("releasing the writer says close_notify", () =>
    Effect.gen(function* () {
      const { client, server } = yield* TlsTest.handshake()
      yield* Effect.scoped(Effect.flatMap(client.socket.writer, ({ write }) => write("bye")))
      const { pull } = yield* server.socket.reader
      const heard = yield* drain(pull)
      assert.deepStrictEqual([heard.text, closeCode(heard.end)], ["bye", 1000])
    })
  )

  it.effect("a close event with code 1000 says close_notify and closes the transport", () =>
    Effect.gen(function* () {
      const { left, right } = yield* connected()
      yield* left.write(new Socket.CloseEvent(1000))
      assert.strictEqual(closeCode((yield* drain(right.pull)).end), 1000)
      assert.strictEqual((yield* drain(left.pull)).end.reason._tag, "SocketCloseError")
    })
  )

  it.effect("a write after closing fails and does not hang", () =>
    Effect.gen(function* () {
      const { client, left } = yield* connected()
      yield* client.close
      const error = yield* Effect.flip(left.write("too late"))
      assert.strictEqual(error.reason._tag, "SocketWriteError")
      assert.strictEqual(reasonOf(error), "ConnectionClosed")
      assert.strictEqual((yield* Effect.flip(client.updateKeys())).reason._tag, "ConnectionClosed")
      yield* left.write(new Socket.CloseEvent(1000))
      yield* left.write(new Socket.CloseEvent(1000))
      assert.strictEqual(reasonOf(yield* Effect.flip(left.write("still too late"))), "ConnectionClosed")
    })
  )

  it.effect("an end of the transport without close_notify is UncleanClose", () =>
    Effect.gen(function* () {
      const { right, left } = yield* connected()
      yield* left.write("half of the")
      yield* left.write(new Socket.CloseEvent(1011))
      const { text, end } = yield* drain(right.pull)
      assert.strictEqual(text, "half of the")
      assert.strictEqual(end.reason._tag, "SocketReadError")
      assert.strictEqual(reasonOf(end), "UncleanClose")
      assert.strictEqual(reasonOf(yield* Effect.flip(right.write("anyone?"))), "UncleanClose")
    })
  )

  it.effect("a record that was changed on the way is BadRecordMac, and the sender is told", () =>
    Effect.gen(function* () {
      let broken = false
      const alter = (chunk: Uint8Array) => (broken ? chunk.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) : chunk)
      const { left, right } = yield* connected({ link: { leftToRight: { alter } } })
      yield* left.write("right")
      broken = true
      yield* left.write("wrong")
      const { text, end } = yield* drain(right.pull)
      assert.strictEqual(text, "right")
      assert.strictEqual(reasonOf(end), "BadRecordMac")
      assert.strictEqual(TlsError.find(end)?.alertSent, "bad_record_mac")
      const told = TlsError.find((yield* drain(left.pull)).end)
      assert.strictEqual(told?.reason._tag, "AlertReceived")
      assert.strictEqual(told?.alertReceived, "bad_record_mac")
    })
  )

  it.effect("a pull that waits fails when its scope is closed", () =>
    Effect.gen(function* () {
      const { client } = yield* TlsTest.handshake()
      const scope = yield* Scope.make()
      const { pull } = yield* Scope.provide(client.socket.reader, scope)
      const fiber = yield* Effect.forkChild(Effect.flip(pull))
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(closeCode(yield* Fiber.join(fiber)), 1006)
    })
  )

  it.effect("keying material is not made of wiped secrets", () =>
    Effect.gen(function* () {
      const { client, left } = yield* connected()
      yield* left.write(new Socket.CloseEvent(1000))
      const error = yield* Effect.flip(client.exportKeyingMaterial("EXPORTER-test", undefined, 32))
      assert.strictEqual(error.reason._tag, "ConnectionClosed")
    })
  )
})

layer(world)("a transport that breaks while nobody reads", (it) => {
  /** As a TCP socket of Node after a reset: a write never returns, and only a pull tells. */
  const reset = new Socket.SocketError({ reason: new Socket.SocketReadError({ cause: new Error("ECONNRESET") }) })
  /** As after a FIN, when nobody says whether the other direction is open still. */
  const hangup = new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: 1000 }) })
  const breakable = (socket: Socket.Socket, end: Socket.SocketError) => {
    let state: "whole" | "broken" = "whole"
    const ifWhole = <A, E>(then: Effect.Effect<A, E>, otherwise: Effect.Effect<A, E>) =>
      Effect.suspend(() => (state === "whole" ? then : otherwise))
    return {
      breakNow: Effect.sync(() => {
        state = "broken"
      }),
      socket: Socket.make({
        reader: Effect.map(socket.reader, (reader) => ({ ...reader, pull: ifWhole(reader.pull, Effect.fail(end)) })),
        writer: Effect.map(socket.writer, ({ write, writeAll }) => ({
          write: (chunk) => ifWhole(write(chunk), Effect.never),
          writeAll: (chunks) => ifWhole(writeAll(chunks), Effect.never)
        }))
      })
    }
  }
  const startWith = Effect.fnUntraced(function* (end: Socket.SocketError) {
    const { left, right } = Pair.make()
    const { socket, breakNow } = breakable(left, end)
    const [client, server] = yield* Effect.all(
      [TlsClient.connect(socket, { serverName: "localhost" }), TlsServer.accept(right)],
      { concurrency: 2 }
    )
    return { breakNow, left: yield* open(client.socket), right: yield* open(server.socket), server }
  })
  const start = startWith(reset)

  it.effect("is found out by a write that makes no progress", () =>
    Effect.gen(function* () {
      const { left, breakNow } = yield* start
      yield* left.write("still there")
      yield* breakNow
      const write = yield* Effect.forkChild(Effect.flip(left.write("anyone?")))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(write.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(reasonOf(yield* Fiber.join(write)), "TransportFailed")
      assert.strictEqual(reasonOf((yield* drain(left.pull)).end), "TransportFailed")
    })
  )

  it.effect("also when the last who read was interrupted", () =>
    Effect.gen(function* () {
      const { left, breakNow } = yield* start
      const pull = yield* Effect.forkChild(left.pull, { startImmediately: true })
      yield* Fiber.interrupt(pull)
      yield* breakNow
      const write = yield* Effect.forkChild(Effect.flip(left.write("anyone?")))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(reasonOf(yield* Fiber.join(write)), "TransportFailed")
    })
  )

  it.effect("also after the peer's close_notify", () =>
    Effect.gen(function* () {
      const { left, server, breakNow } = yield* start
      yield* server.close
      assert.strictEqual(closeCode((yield* drain(left.pull)).end), 1000)
      yield* breakNow
      const write = yield* Effect.forkChild(Effect.flip(left.write("anyone?")))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(reasonOf(yield* Fiber.join(write)), "TransportFailed")
    })
  )

  it.effect("a peer that closed and hung up is given up in the end, since it may be reading still", () =>
    Effect.gen(function* () {
      const { left, server, breakNow } = yield* startWith(hangup)
      yield* server.close
      assert.strictEqual(closeCode((yield* drain(left.pull)).end), 1000)
      yield* breakNow
      const write = yield* Effect.forkChild(Effect.flip(left.write("anyone?")))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(write.pollUnsafe(), undefined)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(reasonOf(yield* Fiber.join(write)), "TransportFailed")
    })
  )

  it.effect("a slow peer is no broken one, and what it says meanwhile is kept for the reader", () =>
    Effect.gen(function* () {
      const { left, right } = yield* start
      const data = bytes(4 * maxPiece)
      const write = yield* Effect.forkChild(left.write(data))
      yield* right.write("be patient")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(write.pollUnsafe(), undefined)
      assert.isTrue(Buffer.from(data).equals(yield* read(right.pull, data.length)))
      yield* Fiber.join(write)
      assert.strictEqual(text(yield* read(left.pull, 10)), "be patient")
      yield* right.write("thanks")
      assert.strictEqual(text(yield* read(left.pull, 6)), "thanks")
    })
  )

  it.effect("a reader takes over from the watch", () =>
    Effect.gen(function* () {
      const { left, right } = yield* start
      const write = yield* Effect.forkChild(left.write(bytes(4 * maxPiece)))
      yield* TestClock.adjust("6 seconds")
      const pulled = yield* Effect.forkChild(read(left.pull, 5))
      yield* Effect.yieldNow
      yield* right.write("hello")
      assert.strictEqual(text(yield* Fiber.join(pulled)), "hello")
      yield* read(right.pull, 4 * maxPiece)
      yield* Fiber.join(write)
    })
  )

  it.effect("a reader that learns of it frees the writers", () =>
    Effect.gen(function* () {
      const { left, breakNow } = yield* start
      yield* breakNow
      const write = yield* Effect.forkChild(Effect.flip(left.write("anyone?")))
      yield* Effect.yieldNow
      assert.strictEqual(reasonOf((yield* drain(left.pull)).end), "TransportFailed")
      assert.strictEqual(reasonOf(yield* Fiber.join(write)), "TransportFailed")
    })
  )
})

layer(world)("deadline and interruption", (it) => {
  it.effect("a silent peer: HandshakeTimeout, and a word of goodbye", () =>
    Effect.gen(function* () {
      const { left, right } = Pair.make()
      const fiber = yield* Effect.forkChild(Effect.flip(TlsServer.accept(right, { peer: "192.0.2.7:1234" })))
      const { pull } = yield* left.reader
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "HandshakeTimeout")
      assert.strictEqual(error.alertSent, "user_canceled")
      assert.strictEqual(error.peer, "192.0.2.7:1234")
      const said = yield* pull
      assert.deepStrictEqual([...Buffer.concat(said as ReadonlyArray<Uint8Array>)].slice(0, 7), [21, 3, 3, 0, 2, 1, 90])
      const end = yield* Effect.flip(pull)
      assert.strictEqual(closeCode(end), 1000)
    })
  )

  it.effect("bytes do not extend it", () =>
    Effect.gen(function* () {
      const { left, right } = Pair.make()
      const fiber = yield* Effect.forkChild(Effect.flip(TlsServer.accept(right, { handshakeTimeout: "5 seconds" })))
      const { write } = yield* left.writer
      yield* write(Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252))
      for (let second = 0; second < 5; second++) {
        assert.strictEqual(fiber.pollUnsafe(), undefined)
        yield* TestClock.adjust("1 second")
        yield* write(Uint8Array.of(0))
      }
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "HandshakeTimeout")
    })
  )

  it.effect("interruption during the handshake closes the transport and wipes", () =>
    Effect.gen(function* () {
      const { left, right } = Pair.make()
      const crypto = yield* CryptoProvider
      const { verify, schemes } = yield* ServerVerifier
      const credentials = yield* Credentials
      const config = Configuration.client({ serverName: "localhost" }, crypto, schemes)
      if (config._tag === "Failure") return assert.fail(config.failure.detail)
      const connection = Core.client(config.success)
      let disposed = 0
      const dispose = connection.dispose.bind(connection)
      connection.dispose = () => {
        disposed++
        dispose()
      }
      const fiber = yield* Effect.forkChild(
        Effect.scoped(
          establish(left, {
            role: "client",
            connection,
            answer: answering(answers({ crypto, credentials, verify })),
            admit: (work) => work,
            services: yield* Effect.context<never>(),
            handshakeTimeout: Duration.fromInputUnsafe(handshakeTimeout),
            keyLog: undefined,
            observer: undefined,
            peer: undefined
          })
        )
      )
      const { pull } = yield* right.reader
      yield* pull
      assert.strictEqual(disposed, 0)
      yield* Fiber.interrupt(fiber)
      assert.isAbove(disposed, 0)
      const rest = yield* drain(pull as Effect.Effect<ReadonlyArray<Uint8Array>, Socket.SocketError>)
      assert.strictEqual(closeCode(rest.end), 1000)
    })
  )

  it.effect("a peer that hangs up during the handshake", () =>
    Effect.gen(function* () {
      const { left, right } = Pair.make({ leftToRight: { cut: 100 } })
      const fiber = yield* Effect.forkChild(Effect.result(TlsClient.connect(left, { serverName: "localhost" })))
      const error = yield* Effect.flip(TlsServer.accept(right))
      assert.strictEqual(error.reason._tag, "ClosedDuringHandshake")
      assert.strictEqual(error.phase, "START")
      yield* Fiber.join(fiber)
    })
  )

  it.effect("a peer that does not speak TLS", () =>
    Effect.gen(function* () {
      const { left, right } = Pair.make()
      yield* Effect.flatMap(left.writer, ({ write }) => write("GET / HTTP/1.1\r\n\r\n"))
      const error = yield* Effect.flip(TlsServer.accept(right))
      assert.strictEqual(error.reason._tag, "UnexpectedRecord")
      assert.include(error.message, "HTTP")
      assert.include(error.message, "Hint:")
    })
  )
})

layer(world)("secrets", (it) => {
  it.effect("are not in what a connection shows, nor in its errors", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const { client, server } = yield* TlsTest.handshake().pipe(Effect.provide(KeyLog.layerArray(lines)))
      const secrets = [...new Set(lines.map((line) => line.split(" ")[2] ?? ""))]
      assert.isAbove(secrets.length, 4)
      const error = yield* Effect.flip(client.exportKeyingMaterial("", undefined, 2 ** 24))
      for (const shown of [client, server, error, client.socket, yield* client.socket.reader]) {
        const all =
          inspect(shown, { depth: 20, showHidden: true, maxArrayLength: null }) + (JSON.stringify(shown) ?? "")
        const plain = all.replaceAll(/[^0-9a-f]/g, "")
        for (const secret of secrets) {
          assert.notInclude(plain, secret)
          assert.notInclude(all, [...Buffer.from(secret, "hex")].slice(0, 8).join(", "))
        }
      }
    })
  )
})
