/** A connection that is interrupted anywhere says a last word, lets go of its socket, and wipes its secrets. */
import { afterAll, assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import type { Credentials } from "../../src/layers/Credentials.ts"
import type { CryptoProvider } from "../../src/layers/CryptoProvider.ts"
import type { ServerVerifier } from "../../src/layers/ServerVerifier.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import type { TlsConnection } from "../../src/layers/TlsConnection.ts"
import * as TlsError from "../../src/layers/TlsError.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import type { Connection } from "../../src/state/connection.ts"
import { bytes, open, world } from "../layers/support.ts"
import { clientEnd, records } from "../support/pair.ts"
import { byHand, dial, hungUp, shakeHands } from "./raw.ts"
import { descriptors, eventually, handles, quiet, type Seen, serve, unseen, watch } from "./support.ts"

quiet()

type Role = "client" | "server"

/** Connections of either role whose secrets were wiped: seen at the prototype, since nobody hands them out. */
const disposed: Array<Connection> = []
const prototype: Connection = Object.getPrototypeOf(clientEnd().connection)
const dispose = prototype.dispose
prototype.dispose = function (this: Connection) {
  dispose.call(this)
  disposed.push(this)
}
afterAll(() => {
  prototype.dispose = dispose
})

type Services = Scope.Scope | CryptoProvider | Credentials | ServerVerifier

const establish = (role: Role, socket: Socket.Socket): Effect.Effect<TlsConnection, TlsError.TlsError, Services> =>
  role === "client" ? TlsClient.connect(socket, { serverName: "localhost" }) : TlsServer.accept(socket)

/** A handshake, and something said by both. */
const talk = Effect.fnUntraced(function* (socket: Socket.Socket) {
  const { pull, write } = yield* open(socket as Parameters<typeof open>[0])
  yield* write(bytes(20_000))
  for (let size = 0; size < 20_000; ) for (const chunk of yield* pull) size += chunk.length
})

/** When to interrupt: at a step of the inner socket, or after so many turns of the scheduler. */
type When = { readonly step: number } | { readonly turn: number }

interface Interrupted {
  /** Calls of the socket. */
  readonly steps: number
  readonly seen: Seen
  readonly disposed: number
  readonly outcome: "done" | "interrupted"
  /** Whether the other end was told, or how its connection ended. */
  readonly other: string
  readonly last: Uint8Array | undefined
}

/** One conversation in memory, in which the end in this role is interrupted. */
const interruptedAt = (role: Role, when: When) =>
  Effect.gen(function* () {
    const said: Array<Uint8Array> = []
    const alter = (chunk: Uint8Array) => {
      said.push(chunk.slice())
      return chunk
    }
    const pair = Pair.make(role === "client" ? { leftToRight: { alter } } : { rightToLeft: { alter } })
    const [mine, theirs] = role === "client" ? [pair.left, pair.right] : [pair.right, pair.left]
    const seen = unseen()
    const before = disposed.length
    let steps = 0
    let due = false
    seen.onStep = Effect.suspend(() => {
      due ||= "step" in when && steps === when.step
      steps++
      return due ? Effect.yieldNow : Effect.void
    })
    const other = yield* Effect.forkChild(
      Effect.gen(function* () {
        const end = yield* establish(role === "client" ? "server" : "client", theirs)
        yield* talk(end.socket)
        const { pull } = yield* end.socket.reader
        return yield* Effect.forever(pull)
      }).pipe(Effect.scoped, Effect.flip)
    )
    const fiber = yield* establish(role, watch(mine, seen)).pipe(
      Effect.flatMap(({ socket }) => talk(socket)),
      Effect.scoped,
      Effect.exit,
      Effect.provideService(References.MaxOpsBeforeYield, "turn" in when ? 8 : 2048),
      Effect.forkChild({ startImmediately: true })
    )
    // The clock stands still: whoever waits for it waits for ever.
    for (let turn = 0; turn < 2000 && fiber.pollUnsafe() === undefined; turn++) {
      if (due || ("turn" in when && when.turn === turn)) fiber.interruptUnsafe()
      yield* Effect.yieldNow
    }
    const exit = fiber.pollUnsafe()
    if (exit === undefined) return assert.fail(`it hangs after ${JSON.stringify(when)}`)
    // It may have been interrupted before it has opened its socket.
    yield* Effect.ignore(Effect.scoped(mine.reader))
    for (let turn = 0; turn < 2000 && other.pollUnsafe() === undefined; turn++) yield* Effect.yieldNow
    if (other.pollUnsafe() === undefined) return assert.fail(`the other end was not told after ${JSON.stringify(when)}`)
    const error = yield* Fiber.join(other)
    for (let turn = 0; turn < 100 && seen.pending > 0; turn++) yield* Effect.yieldNow
    const result: Interrupted = {
      steps,
      seen,
      // The other end is one of them.
      disposed: new Set(disposed.slice(before)).size,
      outcome: exit._tag === "Success" && exit.value._tag === "Success" ? "done" : "interrupted",
      other: TlsError.find(error)?.reason._tag ?? String(error),
      last: records(Buffer.concat(said)).at(-1)
    }
    return result
  })

const check = (when: When, { steps, seen, disposed, last, other }: Interrupted): void => {
  const where = JSON.stringify(when)
  assert.deepStrictEqual([seen.open, seen.pending], [0, 0], `open and pending, ${where}`)
  if (steps === 0) return
  assert.strictEqual(disposed, 2, `disposed of, ${where}`)
  // An alert in the clear, or one under keys: 2 bytes and their type.
  assert.include([7, 5 + 2 + 1 + 16], last?.length, `an alert is the last that it says, ${where}`)
  assert.notInclude(["UncleanClose", "TransportFailed", "InternalError"], other, where)
}

for (const role of ["client", "server"] as const) {
  layer(world)(`a ${role} that is interrupted`, (it) => {
    it.effect("at every call of its socket, before and behind", () =>
      Effect.gen(function* () {
        let interrupted = 0
        for (let step = 0; ; step++) {
          const result = yield* interruptedAt(role, { step })
          check({ step }, result)
          if (result.outcome === "done") break
          interrupted++
        }
        assert.isAbove(interrupted, 8)
      })
    )

    it.effect("after any number of turns of the scheduler", () =>
      Effect.gen(function* () {
        let interrupted = 0
        for (let turn = 0; turn < 400; turn++) {
          const result = yield* interruptedAt(role, { turn })
          check({ turn }, result)
          if (result.outcome === "done") break
          interrupted++
        }
        assert.isAbove(interrupted, 20)
      })
    )
  })
}

layer(world, { excludeTestServices: true })("a server that is interrupted over TCP", (it) => {
  it.effect("ends clients in every state, within the time that a goodbye may take, and nothing is left", () =>
    Effect.gen(function* () {
      const [files, sockets] = [descriptors(), handles()]
      yield* Effect.scoped(
        Effect.gen(function* () {
          let finished = 0
          const server = yield* serve({}, (socket) =>
            Effect.scoped(
              Effect.gen(function* () {
                yield* Effect.addFinalizer(() => Effect.sync(() => void finished++))
                yield* socket.reader
                const { write } = yield* socket.writer
                return yield* Effect.forever(write(bytes(2 ** 16)))
              })
            )
          )
          const silent = yield* Effect.forEach([1, 2, 3], () => dial(server.port))
          const begun = yield* Effect.forEach([1, 2, 3], () => byHand(server.port))
          for (const client of begun) client.flush()
          // A server ends its connections one after the other, and one that is stuck takes its time.
          const stuck = [yield* shakeHands(server.port)]
          for (const { socket } of stuck) socket.pause()
          yield* Effect.sleep("300 millis")
          const begin = performance.now()
          yield* Fiber.interrupt(server.fiber)
          assert.isBelow(performance.now() - begin, 3000)
          assert.strictEqual(finished, stuck.length)
          assert.deepStrictEqual(
            server.connections.map(({ open, pending }) => open + pending),
            server.connections.map(() => 0)
          )
          for (const { socket } of stuck) socket.resume()
          yield* Effect.forEach([...silent, ...begun, ...stuck], hungUp, { concurrency: "unbounded" })
        })
      )
      yield* eventually(descriptors, (now) => now === files)
      yield* eventually(handles, (now) => now === sockets)
    })
  )
})
