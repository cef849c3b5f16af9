import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as CryptoProvider from "../../src/layers/CryptoProvider.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import { hour, mark, sessionOf, start, theTickets, ticketsContract } from "./contract/sessions.ts"

const node = NodeCryptoProvider.layer
const secret = Redacted.make(Uint8Array.from({ length: 32 }, (_, i) => i))
const sealed = (options?: Tickets.SealedOptions) => Tickets.layerSealed(options).pipe(Layer.provide(node))
const stateful = Tickets.layerStateful().pipe(Layer.provide([ServerSessionStore.layerMemory(), node]))

ticketsContract("sealed with random keys", sealed(), "again")
ticketsContract("sealed by noble", Tickets.layerSealed().pipe(Layer.provide(CryptoProvider.layerNoble)), "again")
ticketsContract("sealed with shared keys", sealed({ secret }), "again")
ticketsContract("stateful", stateful, "once")

/** The service of a layer in a scope of its own. */
const built = <E>(layer: Layer.Layer<never, E>) =>
  Effect.flatMap(Layer.build(layer), (context) => Effect.provide(theTickets, context))

const issued = (tickets: Tickets.Shape, changes: Parameters<typeof sessionOf>[0] = {}) =>
  Effect.map(tickets.issue(sessionOf(changes)), (ticket) => ticket ?? assert.fail("no ticket"))

const nameOf = (ticket: Uint8Array) => ticket.slice(0, 16).join()

describe("Tickets", () => {
  it.effect("there are none unless a layer is provided, and none with layerNone", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* Tickets.Tickets)
      assert.isUndefined(yield* Effect.provide(Tickets.Tickets, Tickets.layerNone))
    })
  )

  for (const [kind, options] of [
    ["random", {}],
    ["shared", { secret }]
  ] as const) {
    it.effect(`${kind} keys rotate after 6 hours, open until the lifetime has passed, and are gone then`, () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(start)
        const tickets = yield* built(sealed(options))
        // a session that lives on does not help: the key is gone
        const old = yield* issued(tickets, { expires: start + 100 * hour })
        const same = yield* issued(tickets)
        assert.strictEqual(nameOf(old), nameOf(same))
        yield* TestClock.adjust("6 hours")
        const next = yield* issued(tickets)
        assert.notStrictEqual(nameOf(next), nameOf(old))
        const sealedBy = tickets.sealedBy ?? assert.fail("sealed tickets have keys")
        assert.strictEqual(yield* sealedBy(old), "older key")
        assert.strictEqual(yield* sealedBy(next), "current key")
        assert.isDefined(yield* tickets.redeem(old))
        yield* TestClock.adjust("6 hours")
        assert.notStrictEqual(nameOf(yield* issued(tickets)), nameOf(next))
        assert.isDefined(yield* tickets.redeem(old))
        assert.isUndefined(yield* tickets.redeem(same), "expired with the lifetime")
        yield* TestClock.adjust("6 hours")
        assert.isUndefined(yield* tickets.redeem(old), "no key is kept longer than a lifetime and one turn")
      })
    )
  }

  it.effect("keys may be asked for by tickets of 7 days", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      const tickets = yield* built(sealed({ lifetime: "7 days" }))
      assert.strictEqual(Duration.toDays(tickets.lifetime), 7)
      const ticket = yield* issued(tickets, { expires: start + 168 * hour })
      for (let n = 0; n < 27; n++) {
        yield* TestClock.adjust("6 hours")
        assert.isDefined(yield* tickets.redeem(ticket))
      }
      yield* TestClock.adjust("6 hours")
      assert.isUndefined(yield* tickets.redeem(ticket))
    })
  )

  it.effect("a fleet with one secret opens each other's tickets, started whenever, with clocks that differ", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start + 5 * hour)
      const one = yield* built(sealed({ secret }))
      const other = yield* built(sealed({ secret }))
      const stranger = yield* built(sealed({ secret: Redacted.make(Redacted.value(secret).map((byte) => byte ^ 1)) }))
      const alone = yield* built(sealed())
      const ticket = yield* issued(one)
      for (const tickets of [one, other]) assert.isDefined(yield* tickets.redeem(ticket))
      for (const tickets of [stranger, alone]) assert.isUndefined(yield* tickets.redeem(ticket))
      yield* TestClock.setTime(start + hour / 2)
      assert.isDefined(yield* other.redeem(ticket), "a clock that is hours behind")
      yield* TestClock.setTime(start + 11 * hour)
      assert.isDefined(yield* (yield* built(sealed({ secret }))).redeem(ticket), "one that was started later")
    })
  )

  it.effect("refuses a secret that is none, and lifetimes that are not allowed", () =>
    Effect.gen(function* () {
      const refused = Effect.fnUntraced(function* (options: Tickets.SealedOptions) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(sealed(options))))
        assert.strictEqual(error.reason._tag, "InvalidConfiguration")
        return error.message
      })
      for (const bytes of [new Uint8Array(0), new Uint8Array(31).map((_, i) => i)]) {
        assert.match(yield* refused({ secret: Redacted.make(bytes) }), /it needs 32/)
      }
      for (const byte of [0, 0xff]) {
        assert.match(yield* refused({ secret: Redacted.make(new Uint8Array(32).fill(byte)) }), /needs to be random/)
      }
      for (const lifetime of ["0 seconds", "169 hours", Duration.infinity] as const) {
        assert.match(yield* refused({ lifetime }), /7 days at most/)
      }
      const noStore = Tickets.layerStateful().pipe(Layer.provide(node))
      assert.match((yield* Effect.flip(Effect.scoped(Layer.build(noStore)))).message, /need a ServerSessionStore/)
    })
  )

  it.effect("a session too large for a ticket gets none; a store takes it", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      const chain = Array.from({ length: 20 }, () => new Uint8Array(4000))
      const session = sessionOf({ peer: { chain, description: "a long chain", certificateType: "X509" } })
      assert.isUndefined(yield* (yield* built(sealed())).issue(session))
      const tickets = yield* built(stateful)
      const ticket = (yield* tickets.issue(session)) ?? assert.fail("no ticket")
      assert.lengthOf((yield* tickets.redeem(ticket))?.peer?.chain ?? [], 20)
    })
  )

  it.effect("keys die with the layer", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      for (const options of [{}, { secret }]) {
        const scope = yield* Scope.make()
        const tickets = yield* Scope.provide(built(sealed(options)), scope)
        const ticket = yield* issued(tickets)
        yield* Scope.close(scope, Exit.void)
        assert.isUndefined(yield* tickets.redeem(ticket))
        assert.isUndefined(yield* tickets.issue(sessionOf()))
        yield* TestClock.adjust("6 hours")
        assert.isUndefined(yield* tickets.issue(sessionOf()))
      }
    })
  )

  it.effect("shows neither keys nor secrets, and a ticket holds no secret in the clear", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      const tickets = yield* built(sealed({ secret }))
      const ticket = yield* issued(tickets)
      assert.notInclude(ticket.join(), Array(8).fill(mark).join())
      const session = yield* tickets.redeem(ticket)
      const shown = [tickets, session].flatMap((each) => [inspect(each, { depth: 10 }), JSON.stringify(each)])
      for (const text of shown) assert.notMatch(text, /197, 197|c5c5|197,197|xcXF|4, 5, 6, 7|04050607/)
    })
  )
})
