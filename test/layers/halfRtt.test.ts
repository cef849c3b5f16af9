/** Early data taken, and a client that does not go on: what a server keeps, how long, and what its application hears. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { EarlyDataQueue } from "../../src/layers/earlyData.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"

const ping = new TextEncoder().encode("ping")
const early = { maxEarlyData: 100, handshakeTimeout: "10 seconds" } as const

/** A server that took early data, so many seconds after it began, of a client who hears nothing more. */
const unfinished = Effect.fnUntraced(function* (seconds: number, scope: Scope.Scope) {
  yield* TlsTest.readTickets(yield* TlsTest.handshake({ server: early }))
  const { left, right } = Pair.make({ rightToLeft: { alter: () => new Uint8Array(0) } })
  const accepting = yield* Effect.forkScoped(Scope.provide(TlsServer.accept(right, early), scope), {
    startImmediately: true
  })
  yield* TestClock.adjust(`${seconds} seconds`)
  yield* Effect.forkScoped(Effect.ignore(TlsClient.connect(left, { serverName: "localhost", earlyData: ping })))
  return yield* Fiber.join(accepting)
})

describe("a client that says early data and nothing more", () => {
  it.effect("has one deadline for all of the handshake", () =>
    Effect.gen(function* () {
      const server = yield* unfinished(6, yield* Effect.scope)
      assert.strictEqual(server.info.earlyData, "accepted")
      const confirmed = yield* Effect.forkScoped(Effect.flip(server.confirmed))
      const heard = yield* Effect.forkScoped(Effect.result(Stream.runCollect(server.earlyData)))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* Fiber.join(confirmed)).reason._tag, "HandshakeTimeout")
      const outcome = yield* Fiber.join(heard)
      assert.strictEqual(Result.isFailure(outcome) && outcome.failure.reason._tag, "HandshakeTimeout")
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )

  it.effect("whose connection is closed has not said all", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* unfinished(1, scope)
      const confirmed = yield* Effect.forkScoped(Effect.flip(server.confirmed))
      const heard = yield* Effect.forkScoped(Effect.flip(Stream.runCollect(server.earlyData)))
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
      const reasons = [yield* Fiber.join(confirmed), yield* Fiber.join(heard)].map((error) => error.reason._tag)
      assert.deepStrictEqual(reasons, ["ConnectionClosed", "ConnectionClosed"])
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )
})

describe("early data that nobody reads", () => {
  it.effect("takes its own room, and not that of the padding around it", () =>
    Effect.gen(function* () {
      const queue = new EarlyDataQueue()
      for (let i = 0; i < 1000; i++) queue.push(new Uint8Array(2 ** 14).fill(i).subarray(0, 1))
      queue.end()
      const chunks = yield* Stream.runCollect(queue.stream)
      const room = chunks.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)
      assert.isAtMost(room, 4096)
      assert.deepStrictEqual(
        chunks.flatMap((chunk) => [...chunk]),
        Array.from({ length: 1000 }, (_, i) => i & 255)
      )
    })
  )
})
