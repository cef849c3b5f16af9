/** Clients that are slow, or silent: the deadline of the handshake is absolute, and others are served meanwhile. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { world } from "../layers/support.ts"
import { records } from "../support/pair.ts"
import { clientHello, dial, hungUp, type Raw } from "./raw.ts"
import { descriptors, eventually, quiet, serve, served } from "./support.ts"

quiet()

const deadline = 1500
const handshakeTimeout = `${deadline} millis` as const
const count = 300

const silences: ReadonlyArray<readonly [name: string, said: () => Uint8Array]> = [
  ["nothing", () => new Uint8Array(0)],
  ["4 of the 5 bytes of a record header", () => clientHello().subarray(0, 4)],
  ["half a ClientHello", () => clientHello().subarray(0, 100)],
  ["a ClientHello, and never a Finished", clientHello]
]

layer(world, { excludeTestServices: true })("half-open connections", (it) => {
  for (const [name, said] of silences) {
    it.effect(`${count} clients say ${name}: all are ended at the deadline, and a new one is served meanwhile`, () =>
      Effect.gen(function* () {
        // Who waits for his client takes nobody's place to be worked for.
        const server = yield* serve({ handshakeTimeout, maxHandshakes: 4, maxWaiting: count })
        // The first handshake opens what stays open.
        yield* Effect.scoped(served(server.port))
        const before = descriptors()
        const bytes = said()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const clients = yield* Effect.forEach(Array.from({ length: count }), () => dial(server.port), {
              concurrency: 50
            })
            for (const { socket } of clients) if (bytes.length > 0) socket.write(bytes)
            yield* eventually(
              () => server.connections.length,
              (n) => n === count + 1
            )
            const millis = yield* Effect.scoped(served(server.port))
            assert.isBelow(millis, 1000, "a new client")
            assert.strictEqual(clients.filter(({ ended }) => ended() !== undefined).length, 0, "ended early")
            const ends = yield* Effect.forEach(clients, hungUp, { concurrency: "unbounded" })
            for (const end of ends) {
              assert.isAbove(end, deadline - 50)
              // A second is for those who are not busy; on a machine that is, the work of others comes in between.
              assert.isBelow(end, deadline + 2500)
            }
            assert.deepStrictEqual(yield* server.failures, { HandshakeTimeout: count })
            for (const { heard } of clients) assertGoodbye(heard)
          })
        )
        yield* eventually(
          () => server.connections.filter(({ open, pending }) => open + pending > 0).length,
          (n) => n === 0
        )
        yield* eventually(descriptors, (now) => (now ?? 0) <= (before ?? 0))
      })
    )
  }

  it.effect("a ClientHello of one byte every 50 ms is cut at the deadline: bytes do not extend it", () =>
    Effect.gen(function* () {
      const server = yield* serve({ handshakeTimeout })
      const clients = yield* Effect.forEach(Array.from({ length: 50 }), () => dial(server.port), { concurrency: 50 })
      const hello = clientHello()
      assert.isAbove(hello.length * 50, 5 * deadline, "long enough")
      yield* Effect.forkScoped(Effect.forEach(clients, (client) => drip(client, hello), { concurrency: "unbounded" }))
      for (const end of yield* Effect.forEach(clients, hungUp, { concurrency: "unbounded" })) {
        assert.isAbove(end, deadline - 50)
        assert.isBelow(end, deadline + 1000)
      }
      assert.deepStrictEqual(yield* server.failures, { HandshakeTimeout: clients.length })
      for (const { pulled } of server.connections) assert.isBelow(pulled, 2 * (deadline / 50))
    })
  )
})

/** The last that they hear is user_canceled and close_notify (RFC 9846 section 6.1), in the clear or under keys. */
const assertGoodbye = (heard: ReadonlyArray<Buffer>): void => {
  const [first = [], second = []] = records(Buffer.concat(heard)).slice(-2)
  if (first[0] === 21) {
    assert.deepStrictEqual([...first, ...second], [21, 3, 3, 0, 2, 1, 90, 21, 3, 3, 0, 2, 1, 0])
  } else for (const record of [first, second]) assert.deepStrictEqual([record[0], record.length], [23, 5 + 2 + 1 + 16])
}

const drip = Effect.fnUntraced(function* ({ socket, ended }: Raw, bytes: Uint8Array) {
  for (let i = 0; i < bytes.length && ended() === undefined; i++) {
    socket.write(bytes.subarray(i, i + 1))
    yield* Effect.sleep("50 millis")
  }
})
