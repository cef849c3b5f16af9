/** Readers that stop: little is kept for them, the transport is read no further, and all of it arrives in the end. */
import { createHash } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Socket from "effect/socket/Socket"
import { bytes, world } from "../layers/support.ts"
import { connect, heap, quiet, type Seen, serve, unseen } from "./support.ts"

quiet()

const mebi = 2 ** 20
const size = 64 * mebi
const data = bytes(size)
const digest = createHash("sha256").update(data).digest("hex")

/** What kernels keep for both ends of a connection over the loopback, and Node: some MiB, whatever we do. */
const kernel = 16 * mebi

/** Pulls everything, and says what it was. */
const digestOf = Effect.fnUntraced(function* (
  pull: Effect.Effect<ReadonlyArray<Uint8Array | string>, Socket.SocketError>,
  size: number
) {
  const hash = createHash("sha256")
  for (let length = 0; length < size; ) {
    for (const chunk of yield* pull) {
      hash.update(chunk)
      length += chunk.length
    }
  }
  return hash.digest("hex")
})

/** Waits until nothing moves any more. */
const stalled = Effect.fnUntraced(function* (seen: Seen) {
  for (let last = -1; last !== seen.offered; ) {
    last = seen.offered
    yield* Effect.sleep("150 millis")
  }
})

/** Bytes outside the heap that somebody still holds. */
const outside = Effect.map(heap, () => process.memoryUsage().arrayBuffers)

const writes = {
  "one write": [data],
  "writes of 1 MiB": Array.from({ length: 64 }, (_, i) => data.subarray(i * mebi, (i + 1) * mebi))
}

layer(world, { excludeTestServices: true })("a reader that stops", (it) => {
  for (const [name, parts] of Object.entries(writes)) {
    it.effect(`a client that does not pull stops a server that writes 64 MiB in ${name}`, () =>
      Effect.gen(function* () {
        const written = Latch.makeUnsafe(false)
        const server = yield* serve({}, (socket) =>
          Effect.scoped(
            Effect.gen(function* () {
              yield* socket.reader
              const { write } = yield* socket.writer
              for (const part of parts) yield* write(part)
              yield* written.open
              return yield* Effect.never
            })
          )
        )
        const before = yield* outside
        const mine = unseen()
        const client = yield* connect(server.port, mine)
        const [theirs] = server.connections
        assert.isDefined(theirs)
        yield* stalled(theirs)
        assert.isBelow(theirs.offered, kernel)
        assert.isAtMost(theirs.offered - theirs.taken, 2 * mebi, "sealed, and not taken")
        assert.isBelow(mine.pulled, 2 ** 17, "read for somebody who does not pull")
        assert.isBelow((yield* outside) - before, 2 * mebi, "memory outside the heap")
        assert.isFalse(yield* isOpen(written))
        assert.strictEqual(yield* digestOf(client.pull, size), digest)
        yield* written.await
      })
    )
  }

  it.effect("a handler that does not pull stops a client, and nothing is read for it", () =>
    Effect.gen(function* () {
      const gate = Latch.makeUnsafe(false)
      let heard: string | undefined
      const done = Latch.makeUnsafe(false)
      const server = yield* serve({}, (socket) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { pull } = yield* socket.reader
            yield* gate.await
            heard = yield* digestOf(pull, size)
            yield* done.open
          })
        )
      )
      const before = yield* outside
      const mine = unseen()
      const client = yield* connect(server.port, mine)
      const writing = yield* Effect.forkScoped(client.write(data))
      yield* stalled(mine)
      const [theirs] = server.connections
      assert.isDefined(theirs)
      assert.strictEqual(writing.pollUnsafe(), undefined)
      assert.isBelow(theirs.pulled, 2 ** 17, "read for somebody who does not pull")
      assert.isBelow(mine.offered, kernel)
      assert.isBelow((yield* outside) - before, 2 * mebi, "memory outside the heap")
      yield* gate.open
      yield* Fiber.join(writing)
      yield* done.await
      assert.strictEqual(heard, digest)
    })
  )

  it.effect("both write, and nobody pulls: neither grows, and both get everything", () =>
    Effect.gen(function* () {
      const half = data.subarray(0, size / 4)
      const expected = createHash("sha256").update(half).digest("hex")
      const gate = Latch.makeUnsafe(false)
      const both = (
        write: (data: Uint8Array) => Effect.Effect<void, Socket.SocketError>,
        pull: Socket.Reader["pull"]
      ) => Effect.all([write(half), Effect.andThen(gate.await, digestOf(pull, half.length))], { concurrency: 2 })
      const heard: Array<string> = []
      const server = yield* serve({}, (socket) =>
        Effect.scoped(
          Effect.gen(function* () {
            const [{ pull }, { write }] = [yield* socket.reader, yield* socket.writer]
            heard.push((yield* both(write, pull))[1])
            return yield* Effect.never
          })
        )
      )
      const mine = unseen()
      const client = yield* connect(server.port, mine)
      const fiber = yield* Effect.forkScoped(both(client.write, client.pull))
      yield* stalled(mine)
      for (const seen of [mine, ...server.connections]) {
        assert.isBelow(seen.offered, kernel)
        assert.isBelow(seen.pulled, 2 ** 17)
      }
      yield* gate.open
      heard.push((yield* Fiber.join(fiber))[1])
      while (heard.length < 2) yield* Effect.sleep("5 millis")
      assert.deepStrictEqual(heard, [expected, expected])
    })
  )
})

const isOpen = (latch: Latch.Latch) =>
  Effect.map(Effect.timeoutOption(latch.await, "1 millis"), ({ _tag }) => _tag === "Some")
