/** Peers that reset the connection at every boundary of the handshake, and behind it: nothing is left of them. */
import * as net from "node:net"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsError from "../../src/layers/TlsError.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import { open, world } from "../layers/support.ts"
import { serverEnd } from "../support/pair.ts"
import { byHand, dial, heardMore, reset, shakeHands } from "./raw.ts"
import { descriptors, eventually, handles, heap, quiet, type Seen, serve, served, unseen, watch } from "./support.ts"

quiet()

const rounds = 40
const mebi = 2 ** 20

/** What a client does with a server before it resets. */
const boundaries: Readonly<Record<string, (port: number) => Effect.Effect<unknown, unknown, Scope.Scope>>> = {
  "at once": (port) => Effect.map(dial(port), reset),
  "after half a ClientHello": (port) =>
    Effect.map(byHand(port), (client) => {
      client.socket.write(client.end.flush().subarray(0, 100), () => reset(client))
    }),
  "after its ClientHello": (port) =>
    Effect.map(byHand(port), (client) => {
      client.socket.write(client.end.flush(), () => reset(client))
    }),
  "after the server's first flight": (port) =>
    Effect.gen(function* () {
      const client = yield* byHand(port)
      client.flush()
      yield* heardMore(client)
      reset(client)
    }),
  "after its Finished": (port) => Effect.map(shakeHands(port), reset),
  "after the first data": (port) =>
    Effect.gen(function* () {
      const client = yield* shakeHands(port)
      while (client.end.data.length === 0) yield* heardMore(client)
      reset(client)
    }),
  "while data is echoed to it": (port) =>
    Effect.gen(function* () {
      const client = yield* shakeHands(port)
      client.socket.pause()
      client.end.send(new Uint8Array(2 ** 18))
      client.flush()
      yield* Effect.sleep("5 millis")
      reset(client)
    })
}

/** Runs it often, and again; the second time nothing grows. */
const often = Effect.fnUntraced(function* <E, R>(once: Effect.Effect<unknown, E, R>, seen: () => ReadonlyArray<Seen>) {
  const many = Effect.forEach(Array.from({ length: rounds }), () => once, { concurrency: 4, discard: true })
  const settled = () => seen().filter(({ open, pending }) => open + pending > 0).length
  yield* many
  yield* eventually(settled, (left) => left === 0)
  yield* Effect.sleep("20 millis")
  const [files, sockets, before] = [descriptors(), handles(), yield* heap]
  yield* many
  yield* eventually(settled, (left) => left === 0)
  yield* eventually(descriptors, (now) => now === files)
  yield* eventually(handles, (now) => now === sockets)
  const grown = (yield* heap) - before
  assert.isBelow(grown, 1.5 * mebi, "bytes that the heap has grown by")
})

layer(world, { excludeTestServices: true })("a server whose clients reset", (it) => {
  for (const [name, before] of Object.entries(boundaries)) {
    it.effect(`${name}: all is given back, and it goes on`, () =>
      Effect.gen(function* () {
        let [handed, finished] = [0, 0]
        const server = yield* serve({}, (socket) =>
          Effect.scoped(
            Effect.gen(function* () {
              handed++
              yield* Effect.addFinalizer(() => Effect.sync(() => void finished++))
              const [{ pull }, writer] = [yield* socket.reader, yield* socket.writer]
              yield* writer.write("hello over TLSv1.3\n")
              while (true) yield* writer.writeAll(yield* pull)
            })
          )
        )
        yield* often(Effect.scoped(before(server.port)), () => server.connections)
        assert.lengthOf(server.connections, 2 * rounds)
        yield* eventually(
          () => handed - finished,
          (left) => left === 0
        )
        if (name.startsWith("after its Finished") || name.includes("data")) assert.isAbove(handed, 0)
        assert.isBelow(yield* Effect.scoped(served(server.port)), 1000)
      })
    )
  }
})

/** A server by hand that resets after so many bytes of what it has to say; `undefined` means before it hears. */
const resetting = (after: number | undefined) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly server: net.Server }>((resume) => {
      const server = net.createServer((socket) => {
        socket.on("error", () => undefined)
        if (after === undefined) return void socket.resetAndDestroy()
        const end = serverEnd().start()
        let left = after
        socket.on("data", (chunk) => {
          const out = end.receive(chunk).flush()
          const part = out.subarray(0, left)
          left -= part.length
          const done = left <= 0 || end.connection.established !== undefined
          socket.write(part, () => void (done && socket.resetAndDestroy()))
        })
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ port: portOf(server), server })))
    }),
    ({ server }) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  )

const portOf = (server: net.Server): number => {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

layer(world, { excludeTestServices: true })("a client whose server resets", (it) => {
  const moments = {
    "before it listens": undefined,
    "after it listened": 0,
    "inside of its flight": 200,
    "after its flight": 10_000
  }
  for (const [name, after] of Object.entries(moments)) {
    it.effect(`${name}: a typed error, and all is given back`, () =>
      Effect.gen(function* () {
        const { port } = yield* resetting(after)
        const all: Array<Seen> = []
        const reasons = new Set<string | undefined>()
        const once = Effect.gen(function* () {
          const seen = unseen()
          all.push(seen)
          const tcp = yield* NodeSocket.makeNet({ host: "127.0.0.1", port })
          const connection = yield* TlsClient.connect(watch(tcp, seen), { serverName: "localhost" })
          const { pull } = yield* open(connection.socket)
          yield* pull
        }).pipe(Effect.scoped, Effect.flip, Effect.provide(Mocks.serverVerifier()))
        const noted = Effect.map(once, (error) => void reasons.add(TlsError.find(error)?.reason._tag))
        yield* often(noted, () => all)
        const expected = ["TransportFailed", "ClosedDuringHandshake", "UncleanClose"]
        for (const reason of reasons) assert.include(expected, reason)
      })
    )
  }
})
