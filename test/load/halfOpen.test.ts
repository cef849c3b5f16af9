/** Clients that are slow, or silent: the deadline of the handshake is absolute, and others are served meanwhile. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { world } from "../layers/support.ts"
import { records } from "../support/pair.ts"
import { clientHello, dial, hungUp } from "./raw.ts"
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

/** Waits for what sockets do, by the time of the machine: that of the handshakes stands still meanwhile. */
const soon = <A>(what: () => A, wanted: (value: A) => boolean) => TestClock.withLive(eventually(what, wanted, 20_000))

layer(world)("half-open connections", (it) => {
  for (const [name, said] of silences) {
    it.effect(`${count} clients say ${name}: all are ended at the deadline, and a new one is served meanwhile`, () =>
      Effect.gen(function* () {
        // Who waits for his client takes nobody's place to be worked for.
        const server = yield* serve({ handshakeTimeout, maxHandshakes: 4, maxWaiting: count })
        const waiting = () => server.connections.filter(({ pending }) => pending > 0).length
        // The first handshake opens what stays open.
        yield* Effect.scoped(served(server.port))
        yield* soon(waiting, (n) => n === 0)
        const before = descriptors()
        const bytes = said()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const clients = yield* Effect.forEach(Array.from({ length: count }), () => dial(server.port), {
              concurrency: 50
            })
            for (const { socket } of clients) if (bytes.length > 0) socket.write(bytes)
            const pulled = () => server.connections.reduce((sum, { pulled }) => sum + pulled, 0)
            const [first] = server.connections
            yield* soon(pulled, (n) => n === (first?.pulled ?? 0) + count * bytes.length)
            yield* soon(waiting, (n) => n === count)
            yield* Effect.scoped(served(server.port))
            yield* TestClock.adjust(deadline - 1)
            assert.deepStrictEqual(yield* server.failures, {}, "ended early")
            yield* TestClock.adjust(1)
            yield* TestClock.withLive(Effect.forEach(clients, hungUp, { concurrency: "unbounded" }))
            assert.deepStrictEqual(yield* server.failures, { HandshakeTimeout: count })
            for (const { heard } of clients) assertGoodbye(heard)
          })
        )
        yield* soon(
          () => server.connections.filter(({ open, pending }) => open + pending > 0).length,
          (n) => n === 0
        )
        yield* soon(descriptors, (now) => (now ?? 0) <= (before ?? 0))
      })
    )
  }

  it.effect("a ClientHello of one byte every 50 ms is cut at the deadline: bytes do not extend it", () =>
    Effect.gen(function* () {
      const server = yield* serve({ handshakeTimeout })
      const clients = yield* Effect.forEach(Array.from({ length: 50 }), () => dial(server.port), { concurrency: 50 })
      const hello = clientHello()
      const steps = deadline / 50
      assert.isAbove(hello.length, 5 * steps, "long enough")
      for (let step = 0; step < steps; step++) {
        for (const { socket } of clients) socket.write(hello.subarray(step, step + 1))
        yield* soon(
          () => server.connections.filter(({ pulled, pending }) => pulled === step + 1 && pending > 0).length,
          (n) => n === clients.length
        )
        assert.deepStrictEqual(yield* server.failures, {})
        yield* TestClock.adjust(50)
      }
      yield* TestClock.withLive(Effect.forEach(clients, hungUp, { concurrency: "unbounded" }))
      assert.deepStrictEqual(yield* server.failures, { HandshakeTimeout: clients.length })
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
