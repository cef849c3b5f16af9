/** More clients at once than there are places for handshakes. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { Credentials } from "../../src/layers/Credentials.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import { world } from "../layers/support.ts"
import { byHand, dial, heardMore, hungUp } from "./raw.ts"
import { descriptors, eventually, quiet, serve, served } from "./support.ts"

quiet()

const [atOnce, waiting, count] = [4, 6, 100]

layer(world, { excludeTestServices: true })("a storm of handshakes", (it) => {
  it.effect(`of ${count} clients ${atOnce} shake hands, ${waiting} wait, and the others cost no key exchange`, () =>
    Effect.gen(function* () {
      let exchanges = 0
      const gate = Latch.makeUnsafe(false)
      const real = yield* Credentials
      const slow = Layer.merge(
        Mocks.credentials({
          ...real,
          sign: (...request) => Effect.andThen(gate.await, real.sign(...request))
        }),
        Mocks.cryptoProviderWith(({ encapsulate }) => ({
          encapsulate: (...request) => {
            exchanges++
            return encapsulate(...request)
          }
        }))
      )
      const before = descriptors()
      const server = yield* serve({ maxHandshakes: atOnce, maxWaiting: waiting }).pipe(Effect.provide(slow))
      const listening = descriptors()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const clients = yield* Effect.forEach(Array.from({ length: count }), () => byHand(server.port), {
            concurrency: "unbounded"
          })
          for (const client of clients) client.flush()
          const turnedAway = () => clients.filter(({ ended }) => ended() !== undefined)
          yield* eventually(
            () => turnedAway().length,
            (n) => n === count - atOnce - waiting
          )
          yield* Effect.sleep("100 millis")
          assert.lengthOf(turnedAway(), count - atOnce - waiting)
          assert.strictEqual(exchanges, atOnce)
          for (const { heard } of turnedAway()) assert.lengthOf(heard, 0)

          yield* gate.open
          const rest = clients.filter((client) => !turnedAway().includes(client))
          yield* Effect.forEach(
            rest,
            Effect.fnUntraced(function* (client) {
              while (client.end.connection.established === undefined) yield* heardMore(client)
              client.flush()
              while (client.end.data.length === 0) yield* heardMore(client)
            }),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(exchanges, atOnce + waiting)
          assert.deepStrictEqual(yield* server.succeeded, { full: atOnce + waiting })
        })
      )
      assert.isBelow(yield* Effect.scoped(served(server.port)), 1000)
      yield* eventually(descriptors, (now) => now === listening)
      assert.notStrictEqual(before, listening)
    })
  )

  it.effect("places are given back by clients that hang up while they wait", () =>
    Effect.gen(function* () {
      const server = yield* serve({ maxHandshakes: 1, maxWaiting: 3, handshakeTimeout: "5 seconds" })
      for (let round = 0; round < 10; round++) {
        yield* Effect.scoped(Effect.forEach([1, 2, 3, 4], () => dial(server.port), { concurrency: 4 }))
      }
      yield* eventually(
        () => server.connections.length,
        (n) => n === 40
      )
      yield* eventually(
        () => server.connections.filter(({ open }) => open > 0).length,
        (n) => n === 0,
        500
      )
      assert.isBelow(yield* Effect.scoped(served(server.port)), 1000)
    })
  )

  it.effect("who has no place is ended though it says nothing and hangs up never", () =>
    Effect.gen(function* () {
      const server = yield* serve({ maxHandshakes: 1, maxWaiting: 0, handshakeTimeout: "1 second" })
      yield* dial(server.port)
      yield* eventually(
        () => server.connections.length,
        (n) => n === 1
      )
      const excess = yield* Effect.forEach(Array.from({ length: 50 }), () => dial(server.port), { concurrency: 50 })
      for (const end of yield* Effect.forEach(excess, hungUp, { concurrency: 50 })) assert.isBelow(end, 900)
    })
  )
})
