/** Services that misbehave in a server: the client hears one alert, nobody else notices, and the program lives. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as References from "effect/References"
import { Credentials } from "../../src/layers/Credentials.ts"
import * as KeyLog from "../../src/layers/KeyLog.ts"
import type * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import { make as failure } from "../../src/state/failure.ts"
import { world } from "../layers/support.ts"
import { byHand, hungUp } from "./raw.ts"
import { eventually, quiet, serve, served } from "./support.ts"

quiet()

const boom = (): never => {
  throw new Error("the password is swordfish")
}

/** Ways to go wrong, of any hook that may fail; what the client hears, and what the operator counts. */
const faults = {
  fails: [Effect.fail(failure("AnswerFailed", "the HSM is on fire")), "internal_error", "AnswerFailed"],
  dies: [Effect.die(new Error("the password is swordfish")), "internal_error", "InternalError"],
  throws: [Effect.suspend(boom), "internal_error", "InternalError"],
  "is not even an effect": [undefined, "internal_error", "InternalError"],
  "interrupts itself": [Effect.interrupt, "internal_error", "InternalError"],
  "rejects a promise": [
    Effect.promise(() => Promise.reject(new Error("swordfish"))),
    "internal_error",
    "InternalError"
  ],
  "never returns": [Effect.never, "user_canceled", "HandshakeTimeout"]
} as const

type Members = Credentials["Service"]

layer(world, { excludeTestServices: true })("hooks of a server", (it) => {
  /** The first client meets the fault, and later ones do not. */
  const meet = Effect.fnUntraced(function* (
    hooks: Layer.Layer<Credentials>,
    alert: string,
    reason: string,
    options: TlsServer.LayerOptions = {}
  ) {
    const server = yield* serve({ handshakeTimeout: "400 millis", maxHandshakes: 1, ...options }).pipe(
      Effect.provide(hooks)
    )
    const client = yield* byHand(server.port)
    client.flush()
    const end = yield* hungUp(client)
    const { failure } = client.end
    if (alert === "internal_error")
      assert.deepStrictEqual([failure?.reason, failure?.received], ["AlertReceived", alert])
    else {
      // user_canceled, which is a warning, and close_notify.
      assert.strictEqual(failure?.reason, "ClosedDuringHandshake")
      assert.isAbove(end, 350)
    }
    yield* eventually(
      () => server.connections[0]?.open,
      (open) => open === 0
    )
    assert.deepStrictEqual(yield* server.failures, { [reason]: 1 })
    assert.isBelow(yield* Effect.scoped(served(server.port)), 1000)
  })

  for (const hook of ["choose", "sign"] as const) {
    for (const [fault, [effect, alert, reason]] of Object.entries(faults)) {
      it.effect(`Credentials.${hook} that ${fault}: ${reason}, and the next client is served`, () =>
        Effect.gen(function* () {
          const real = yield* Credentials
          let calls = 0
          const once = <A>(rest: () => A): A => (calls++ === 0 ? (effect as A) : rest())
          const members: Members = {
            choose: (request) => (hook === "choose" ? once(() => real.choose(request)) : real.choose(request)),
            sign: (...request) => (hook === "sign" ? once(() => real.sign(...request)) : real.sign(...request))
          }
          yield* meet(Mocks.credentials(members), alert, reason)
        })
      )
    }

    it.effect(`Credentials.${hook} that throws when it is called`, () =>
      Effect.gen(function* () {
        const real = yield* Credentials
        let calls = 0
        const members: Members = {
          ...real,
          [hook]: (...request: Parameters<Members["sign"]>) => {
            const method: (...request: Parameters<Members["sign"]>) => unknown = real[hook] as Members["sign"]
            return calls++ === 0 ? boom() : method(...request)
          }
        }
        yield* meet(Mocks.credentials(members), "internal_error", "InternalError")
      })
    )
  }

  it.effect("a signer that is late answers nobody: what it returns behind the deadline is dropped", () =>
    Effect.gen(function* () {
      const real = yield* Credentials
      let [calls, returned] = [0, 0]
      const late: Members["sign"] = (...request) =>
        Effect.uninterruptible(Effect.andThen(Effect.sleep("700 millis"), real.sign(...request))).pipe(
          Effect.ensuring(Effect.sync(() => void returned++))
        )
      const hooks = Mocks.credentials({
        ...real,
        sign: (...request) => (calls++ === 0 ? late(...request) : real.sign(...request))
      })
      const server = yield* serve({ handshakeTimeout: "300 millis" }).pipe(Effect.provide(hooks))
      const client = yield* byHand(server.port)
      client.flush()
      yield* hungUp(client)
      yield* eventually(
        () => returned,
        (count) => count === 1
      )
      assert.strictEqual(client.end.failure?.reason, "ClosedDuringHandshake")
      assert.isFalse(client.end.messages.includes("heard CertificateVerify"))
      assert.isBelow(yield* Effect.scoped(served(server.port)), 1000)
    })
  )
})

layer(world, { excludeTestServices: true })("a key log of a server", (it) => {
  const faulty = { dies: Effect.die(new Error("disk full")), throws: Effect.sync(boom), "never returns": Effect.never }
  for (const [fault, effect] of Object.entries(faulty)) {
    it.effect(`that ${fault} harms the connection that it logs, and no other`, () =>
      Effect.gen(function* () {
        let calls = 0
        const log = KeyLog.layer(() => (calls++ === 0 ? effect : Effect.void))
        const server = yield* serve({ handshakeTimeout: "400 millis" }).pipe(Effect.provide(log))
        const client = yield* byHand(server.port)
        client.flush()
        yield* hungUp(client)
        // The deadline is no error of TLS: it says user_canceled and close_notify.
        const { reason, received } = client.end.failure ?? {}
        if (fault === "never returns") assert.strictEqual(reason, "ClosedDuringHandshake")
        else assert.deepStrictEqual([reason, received], ["AlertReceived", "internal_error"])
        yield* eventually(
          () => server.connections[0]?.open,
          (open) => open === 0
        )
        assert.isBelow(yield* Effect.scoped(served(server.port)), 1000)
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
    )
  }
})
