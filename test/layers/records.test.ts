/** The shape of records, and keys that are used up, through the public API over sockets in memory. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Socket from "effect/socket/Socket"
import { lengthAt, typeAt } from "../../src/codec/record/record.ts"
import { HandshakeObserver } from "../../src/layers/events.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import { maxPiece } from "../../src/layers/outbox.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as KeyLimits from "../../src/layers/testing/keyLimits.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import * as Padding from "../../src/state/record/padding.ts"
import { records } from "../support/pair.ts"
import { bytes, open, read, world } from "./support.ts"

/** What goes over the link, each way, as it is written. */
const watched = () => {
  const seen = { toServer: [] as Array<Uint8Array>, toClient: [] as Array<Uint8Array> }
  const alter = (into: Array<Uint8Array>) => (chunk: Uint8Array) => (into.push(chunk.slice()), chunk)
  const link: Pair.PairOptions = {
    leftToRight: { alter: alter(seen.toServer) },
    rightToLeft: { alter: alter(seen.toClient) }
  }
  /** Bytes of content, type and padding of the protected records. */
  const inner = (direction: keyof typeof seen) =>
    records(Buffer.concat(seen[direction]))
      .filter((record) => typeAt(record, 0) === 23)
      .map((record) => lengthAt(record, 0) - 16)
  return { link, inner }
}

const size = 300_000

/** So much each way, whole; and how it went over the link. */
const carried = Effect.fnUntraced(function* (options: Omit<TlsTest.Options, "link">) {
  const { link, inner } = watched()
  const { client, server } = yield* TlsTest.handshake({ ...options, link })
  const [left, right] = [yield* open(client.socket), yield* open(server.socket)]
  const [up, down] = [bytes(size, 1), bytes(size, 2)]
  yield* Effect.forkChild(left.write(up))
  yield* Effect.forkChild(right.write(down))
  const [atServer, atClient] = yield* Effect.all([read(right.pull, size), read(left.pull, size)], { concurrency: 2 })
  assert.isTrue(atServer.equals(up))
  assert.isTrue(atClient.equals(down))
  return { toServer: inner("toServer"), toClient: inner("toClient") }
})

const longest = ({ toServer, toClient }: { toServer: Array<number>; toClient: Array<number> }) => [
  Math.max(...toServer),
  Math.max(...toClient)
]

/** A client with records of 512 bytes; every call of its transport's writer is noted, and waits while the gate is shut. */
const counted = Effect.gen(function* () {
  const calls: Array<{ readonly arrays: number; readonly records: number }> = []
  const gate = yield* Latch.make(true)
  const note = (chunks: ReadonlyArray<Uint8Array | string>) => {
    calls.push({
      arrays: chunks.length,
      records: chunks.reduce((sum, chunk) => sum + records(Buffer.from(chunk)).length, 0)
    })
    return gate.await
  }
  const pair = Pair.make({ leftToRight: { capacity: 2 ** 22 } })
  const watched = Socket.make({
    reader: pair.left.reader,
    writer: Effect.map(pair.left.writer, (writer) => ({
      write: (chunk) =>
        Socket.isCloseEvent(chunk) ? writer.write(chunk) : Effect.andThen(note([chunk]), writer.write(chunk)),
      writeAll: (chunks) => Effect.andThen(note(chunks), writer.writeAll(chunks))
    }))
  })
  const [client, server] = yield* Effect.all(
    [TlsClient.connect(watched, { serverName: "localhost", maxFragmentSize: 512 }), TlsServer.accept(pair.right)],
    { concurrency: 2 }
  )
  const [left, right] = [yield* open(client.socket), yield* open(server.socket)]
  calls.length = 0
  return { calls, gate, left, right }
})

layer(world)("records", (it) => {
  it.effect("are as long as the protocol allows, unless somebody wants otherwise", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(longest(yield* carried({})), [16_385, 16_385])
    })
  )

  it.effect("have at most maxFragmentSize bytes of content, each side by its own", () =>
    Effect.gen(function* () {
      const sizes = yield* carried({ client: { maxFragmentSize: 512 }, server: { maxFragmentSize: 1438 } })
      assert.deepStrictEqual(longest(sizes), [513, 1439])
    })
  )

  it.effect("respect recordSizeLimit of the client when the server was told nothing, and then not the reverse", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(longest(yield* carried({ client: { recordSizeLimit: 64 } })), [16_385, 64])
      assert.deepStrictEqual(longest(yield* carried({ server: { recordSizeLimit: 64 } })), [16_385, 16_385])
      const both = { client: { recordSizeLimit: 700 }, server: { recordSizeLimit: 300 } }
      assert.deepStrictEqual(longest(yield* carried(both)), [300, 700])
    })
  )

  it.effect("are padded as the policy says, and within both limits", () =>
    Effect.gen(function* () {
      const sizes = yield* carried({
        client: { padding: Padding.toFull, maxFragmentSize: 1000 },
        server: { padding: Padding.toMultipleOf(4096) }
      })
      assert.deepStrictEqual(new Set(sizes.toServer), new Set([1001]))
      assert.isTrue(sizes.toClient.every((length) => length % 4096 === 1))
      const bounded = yield* carried({
        client: { padding: Padding.toFull },
        server: { recordSizeLimit: 2000, padding: () => 10 ** 9 }
      })
      // The server learns no limit unless the client offers one.
      assert.deepStrictEqual(longest(bounded), [16_385, 16_385])
    })
  )

  it.effect("of one large write leave in one call of the transport's writer, a piece of 64 KiB at a time", () =>
    Effect.gen(function* () {
      const { calls, left, right } = yield* counted
      yield* left.write(bytes(maxPiece))
      assert.deepStrictEqual(calls, [{ arrays: 1, records: 128 }])
      calls.length = 0
      yield* left.writeAll(["one", "two", "three", bytes(5000), "four"])
      assert.strictEqual(calls.length, 1)
      calls.length = 0
      yield* left.write(bytes(3 * maxPiece))
      assert.deepStrictEqual(
        calls.map(({ records }) => records),
        [128, 128, 128]
      )
      yield* read(right.pull, 4 * maxPiece + 5015)
    })
  )

  it.effect("of many writes that had to wait leave in one vectored write", () =>
    Effect.gen(function* () {
      const { calls, left, right, gate } = yield* counted
      yield* gate.close
      const first = yield* Effect.forkChild(left.write("first"))
      while (calls.length === 0) yield* Effect.yieldNow
      const waiting = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 20 }), (_, i) => left.write(bytes(600, i)), { concurrency: 20 })
      )
      for (let i = 0; i < 50; i++) yield* Effect.yieldNow
      yield* gate.open
      yield* Fiber.join(first)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(calls, [
        { arrays: 1, records: 1 },
        { arrays: 20, records: 40 }
      ])
      yield* read(right.pull, 5 + 20 * 600)
    })
  )
})

describe("sizes that cannot be", () => {
  it.effect.each([
    { maxFragmentSize: 511 },
    { maxFragmentSize: 16_385 },
    { maxFragmentSize: 1000.5 },
    { recordSizeLimit: 63 },
    { recordSizeLimit: 16_386 },
    { recordSizeLimit: Number.NaN }
  ])("%j are refused before a byte is sent", (options) =>
    Effect.gen(function* () {
      const pair = Pair.make()
      const client = yield* Effect.flip(TlsClient.connect(pair.left, { serverName: "localhost", ...options }))
      const server = yield* Effect.flip(TlsServer.accept(pair.right, options))
      for (const { reason } of [client, server]) assert.strictEqual(reason._tag, "InvalidConfiguration")
      assert.match(client.reason.detail, /is a whole number of bytes from \d+ to \d+, not/)
      assert.deepStrictEqual(pair.sent(), { leftToRight: 0, rightToLeft: 0 })
    }).pipe(Effect.scoped, Effect.provide(world))
  )
})

/** Both ends' KeyUpdates. */
const seen: Array<string> = []
const counting = Layer.succeed(HandshakeObserver, {
  onMessage: (role, { direction, message }) => {
    if (message._tag === "KeyUpdate") seen.push(`${role} ${direction}`)
  }
})
const few = TlsTest.layerCertificates.pipe(
  Layer.provideMerge(KeyLimits.layer(4).pipe(Layer.provide(NodeCryptoProvider.layer))),
  Layer.merge(counting)
)

layer(few)("a provider whose keys are good for 4 records", (it) => {
  it.effect("carries everything, both ways at once", () =>
    Effect.gen(function* () {
      seen.length = 0
      yield* carried({ client: { maxFragmentSize: 512 } })
      const said = (role: string) => seen.filter((one) => one === `${role} said`).length
      assert.isAtLeast(said("client"), Math.floor(size / 512 / 4) - 1)
      assert.isAtLeast(said("server"), Math.floor(size / 16_384 / 4) - 1)
    })
  )
})

layer(Layer.merge(world, counting))("a thousand updates", (it) => {
  it.effect("from both sides at once leave the data of both directions whole", () =>
    Effect.gen(function* () {
      seen.length = 0
      const { client, server } = yield* TlsTest.handshake()
      const [left, right] = [yield* open(client.socket), yield* open(server.socket)]
      const turns = 1000
      const piece = 50
      const [up, down] = [bytes(turns * piece, 1), bytes(turns * piece, 2)]
      const talk = Effect.fnUntraced(function* (
        connection: typeof client,
        write: (chunk: Uint8Array) => Effect.Effect<void, Socket.SocketError>,
        data: Uint8Array
      ) {
        for (let i = 0; i < turns; i++) {
          yield* connection.updateKeys({ requestPeer: i % 3 === 0 })
          yield* write(data.subarray(i * piece, (i + 1) * piece))
          if (i % 10 === 0) yield* Effect.yieldNow
        }
      })
      const talking = yield* Effect.forkChild(
        Effect.all([talk(client, left.write, up), talk(server, right.write, down)], { concurrency: 2 })
      )
      const [atServer, atClient] = yield* Effect.all([read(right.pull, up.length), read(left.pull, down.length)], {
        concurrency: 2
      })
      yield* Fiber.join(talking)
      assert.isTrue(atServer.equals(up))
      assert.isTrue(atClient.equals(down))
      for (const role of ["client", "server"]) {
        assert.isAtLeast(seen.filter((one) => one === `${role} said`).length, turns)
      }
    })
  )
})
