import { connect as connectTcp, createServer, type Socket as NetSocket, type Server } from "node:net"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Socket from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import { release as giveBack } from "../../src/crypto/node/bytes.ts"
import * as NodeTcp from "../../src/layers/node/NodeTcp.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsError from "../../src/layers/TlsError.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import { release, type SoleOwner } from "../../src/layers/transport.ts"
import { bytes, open, read, text, world } from "./support.ts"

/** A plain server of Node on a free port, and its first client. */
const plainServer = Effect.fnUntraced(function* (attend: (socket: NetSocket) => void) {
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer({ allowHalfOpen: true }, attend).listen(0, "127.0.0.1", () =>
        resume(Effect.succeed(server))
      )
    }),
    (server) => Effect.sync(() => server.close())
  )
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
})

const dial = Effect.fnUntraced(function* (port: number) {
  const socket = yield* NodeTcp.makeNet({ host: "127.0.0.1", port, allowHalfOpen: true })
  const reader = yield* socket.reader
  const writer = yield* socket.writer
  return { socket, pull: reader.pull, ...writer }
})

const reasonOf = ({ reason }: Socket.SocketError) =>
  reason._tag === "SocketCloseError" ? `closed ${reason.code}` : reason._tag

describe("a TCP socket", () => {
  it.live("carries bytes both ways, in one write or in several, and ends behind the last", () =>
    Effect.gen(function* () {
      const port = yield* plainServer((socket) => socket.pipe(socket))
      const scoped = Effect.scoped(
        Effect.gen(function* () {
          const tcp = yield* dial(port)
          yield* tcp.write("a")
          yield* tcp.writeAll(["b", Uint8Array.of(0x63), "d"])
          assert.strictEqual(text(yield* read(tcp.pull, 4)), "abcd")
          return tcp
        })
      )
      const tcp = yield* scoped
      assert.strictEqual(reasonOf(yield* Effect.flip(tcp.pull)), "closed 1006")
      assert.strictEqual(reasonOf(yield* Effect.flip(tcp.write("e"))), "SocketWriteError")
    })
  )

  it.live("gives what came before an end, and nothing before a reset", () =>
    Effect.gen(function* () {
      const ended = yield* plainServer((socket) => socket.end("all"))
      const fin = yield* dial(ended)
      assert.strictEqual(text(yield* read(fin.pull, 3)), "all")
      assert.strictEqual(reasonOf(yield* Effect.flip(fin.pull)), "closed 1000")
      const cut = yield* dial(yield* plainServer((socket) => socket.once("data", () => socket.resetAndDestroy())))
      yield* cut.write("?")
      assert.strictEqual(reasonOf(yield* Effect.flip(cut.pull)), "SocketReadError")
    })
  )

  it.live("fails to open where nobody listens", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(plainServer(() => undefined))
      assert.strictEqual(reasonOf(yield* Effect.flip(dial(port))), "SocketOpenError")
    })
  )

  it.live("loses nothing to a pull that is interrupted, and stops a peer that nobody hears", () =>
    Effect.gen(function* () {
      const all = bytes(2 ** 24)
      const heard = yield* Deferred.make<NetSocket>()
      const port = yield* plainServer((socket) => {
        Deferred.doneUnsafe(heard, Effect.succeed(socket))
      })
      const tcp = yield* dial(port)
      const pulling = yield* Effect.forkChild(tcp.pull, { startImmediately: true })
      yield* Fiber.interrupt(pulling)
      const peer = yield* Deferred.await(heard)
      peer.end(all)
      yield* Effect.sleep("200 millis")
      assert.isAbove(peer.writableLength, 2 ** 20)
      assert.isTrue((yield* read(tcp.pull, all.length)).equals(all))
    })
  )

  it.live("has written when the kernel has it all", () =>
    Effect.gen(function* () {
      const heard = yield* Deferred.make<NetSocket>()
      const port = yield* plainServer((socket) => {
        socket.pause()
        Deferred.doneUnsafe(heard, Effect.succeed(socket))
      })
      const tcp = yield* dial(port)
      const writing = yield* Effect.forkChild(tcp.write(bytes(2 ** 25)), { startImmediately: true })
      const peer = yield* Deferred.await(heard)
      yield* Effect.sleep("100 millis")
      assert.isUndefined(writing.pollUnsafe())
      peer.resume()
      yield* Fiber.join(writing)
    })
  )
})

/** A socket that says it is the sole owner, and what it was told to release, by the size it had. */
const owned = (socket: Socket.Socket, released: Array<number>): SoleOwner => ({
  [Socket.TypeId]: Socket.TypeId,
  reader: socket.reader,
  writer: socket.writer,
  [release]: (array) => {
    released.push(array.length)
    giveBack(array)
  }
})

/** The same socket, and every array that came out of it or went into it. */
const kept = (socket: Socket.Socket, arrays: Array<Uint8Array>): Socket.Socket => {
  const keep = (chunk: unknown) => chunk instanceof Uint8Array && arrays.push(chunk)
  return Socket.make({
    reader: Effect.map(socket.reader, (reader) => ({
      ...reader,
      pull: Effect.tap(reader.pull, (chunks) => Effect.sync(() => chunks.forEach(keep)))
    })),
    writer: Effect.map(socket.writer, (writer) => ({
      write: (chunk) => Effect.suspend(() => (keep(chunk), writer.write(chunk))),
      writeAll: (chunks) => Effect.suspend(() => (chunks.forEach(keep), writer.writeAll(chunks)))
    }))
  })
}

/** Both ends of a connection, the client's transport as it is given. */
const connected = Effect.fnUntraced(function* (client: (socket: Socket.Socket) => Socket.Socket) {
  // A copy on the way, as a network makes one.
  const link = { alter: (chunk: Uint8Array) => chunk.slice(), capacity: 2 ** 16 }
  const pair = Pair.make({ leftToRight: link, rightToLeft: link })
  const [left, right] = yield* Effect.all(
    [TlsClient.connect(client(pair.left), { serverName: "localhost" }), TlsServer.accept(pair.right)],
    { concurrency: 2 }
  )
  return { left: yield* open(left.socket), right: yield* open(right.socket) }
})

const record = 2 ** 14
const sealed = record + 22

layer(world)("memory", (it) => {
  it.effect("is given back when it was read, and when the transport has taken it, not before", () =>
    Effect.gen(function* () {
      const released: Array<number> = []
      const { left, right } = yield* connected((socket) => owned(socket, released))
      released.length = 0
      yield* right.write(bytes(record))
      const data = yield* left.pull
      assert.deepStrictEqual(released, [sealed])
      assert.isTrue(Buffer.concat(data).equals(bytes(record)), "what was decrypted is the reader's")
      // Four pieces of 64 KiB: the link takes one, holds the second back, and the others are not sealed yet.
      const writing = yield* Effect.forkChild(left.write(bytes(2 ** 18)), { startImmediately: true })
      assert.isAtMost(released.length, 2)
      assert.isTrue((yield* read(right.pull, 2 ** 18)).equals(bytes(2 ** 18)))
      yield* Fiber.join(writing)
      assert.deepStrictEqual(released, [sealed, ...new Array<number>(4).fill(4 * sealed)])
    })
  )

  it.effect("of a socket that does not say so is left alone", () =>
    Effect.gen(function* () {
      const arrays: Array<Uint8Array> = []
      const { left, right } = yield* connected((socket) => kept(socket, arrays))
      yield* Effect.all([right.write(bytes(record)), left.write(bytes(record))])
      yield* Effect.all([read(left.pull, record), read(right.pull, record)])
      assert.isAbove(arrays.filter(({ length }) => length === sealed).length, 1)
      for (const array of arrays) assert.isAbove(array.length, 0)
    })
  )
})

const echo = (socket: Socket.Socket) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { pull } = yield* socket.reader
      const writer = yield* socket.writer
      while (true) yield* writer.writeAll(yield* pull)
    })
  ).pipe(Effect.ignore)

const start = Effect.fnUntraced(function* () {
  const context = yield* Layer.build(
    TlsServer.layer().pipe(
      Layer.provide(NodeTcp.layer),
      Layer.provide(NodeSocketServer.layer({ port: 0, host: "127.0.0.1", noDelay: true }))
    )
  )
  return yield* Effect.gen(function* () {
    const server = yield* SocketServer
    yield* Effect.forkScoped(server.run(echo))
    return "port" in server.address ? server.address.port : 0
  }).pipe(Effect.provide(context))
})

layer(world, { excludeTestServices: true })("connections over such sockets", (it) => {
  it.effect("carry 16 MiB there and back at once, and what was read stays what it was", () =>
    Effect.gen(function* () {
      const all = bytes(2 ** 24)
      const tcp = yield* NodeTcp.makeNet({ host: "127.0.0.1", port: yield* start(), noDelay: true })
      const { socket } = yield* TlsClient.connect(tcp, { serverName: "localhost" })
      const { pull, write } = yield* open(socket)
      const writing = yield* Effect.forkChild(
        Effect.forEach([0, 1, 2, 3], (i) => write(all.subarray(i * 2 ** 22, (i + 1) * 2 ** 22)), { discard: true }),
        { startImmediately: true }
      )
      assert.isTrue((yield* read(pull, all.length)).equals(all))
      yield* Fiber.join(writing)
    })
  )

  it.effect("a client that is gone before it is heard does not stop a server, nor does one that resets", () =>
    Effect.gen(function* () {
      const port = yield* start()
      const leave = (how: (socket: NetSocket) => void) =>
        Effect.callback<void>((resume) => {
          const socket = connectTcp(port, "127.0.0.1", () => how(socket))
          socket.on("error", () => undefined).on("close", () => resume(Effect.void))
        })
      yield* leave((socket) => socket.destroy())
      yield* leave((socket) => socket.resetAndDestroy())
      const tcp = yield* NodeTcp.makeNet({ host: "127.0.0.1", port })
      const { pull, write } = yield* open((yield* TlsClient.connect(tcp, { serverName: "localhost" })).socket)
      yield* write("still there")
      assert.strictEqual(text(yield* read(pull, 11)), "still there")
    })
  )

  it.effect("say what is wrong with the transport", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(plainServer(() => undefined))
      const nobody = yield* NodeTcp.makeNet({ host: "127.0.0.1", port })
      const error = yield* Effect.flip(TlsClient.connect(nobody, { serverName: "localhost" }))
      assert.strictEqual(error.reason._tag, "TransportFailed")
      assert.include(error.message, "ECONNREFUSED")
      const cut = yield* NodeTcp.makeNet({
        host: "127.0.0.1",
        port: yield* plainServer((socket) => socket.once("data", () => socket.destroy()))
      })
      const unclean = yield* Effect.flip(TlsClient.connect(cut, { serverName: "localhost" }))
      assert.strictEqual(TlsError.find(unclean)?.reason._tag, "ClosedDuringHandshake")
    })
  )
})
