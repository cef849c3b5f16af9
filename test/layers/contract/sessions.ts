/** What every layer of the services of sessions must do. */
import { assert, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Secret, unsafeBytes } from "../../../src/crypto/secret.ts"
import { AntiReplay } from "../../../src/layers/AntiReplay.ts"
import { ClientSessionStore } from "../../../src/layers/ClientSessionStore.ts"
import { ServerSessionStore } from "../../../src/layers/ServerSessionStore.ts"
import { Tickets } from "../../../src/layers/Tickets.ts"
import type { Session13, Ticket } from "../../../src/state/session.ts"

export const hour = 3_600_000
export const start = Date.UTC(2026, 9, 1, 1)

/** The byte that secrets of tests are made of: 0xc5, "c5c5…", "xcXF…". */
export const mark = 0xc5

export const sessionOf = (changes: Partial<Session13> = {}): Session13 => ({
  version: "TLSv1.3",
  suite: "TLS_AES_128_GCM_SHA256",
  secret: new Secret("session", new Uint8Array(32).fill(mark)),
  created: start,
  expires: start + 12 * hour,
  authenticated: start,
  ageAdd: 0xdeadbeef,
  maxEarlyData: 0,
  group: "x25519",
  serverName: "example.org",
  protocol: "h2",
  policy: new Uint8Array(32).fill(1),
  peer: undefined,
  ...changes
})

export const ticketOf = (n: number, changes: Partial<Session13> = {}): Ticket => ({
  session: sessionOf(changes),
  ticket: Uint8Array.of(n >>> 8, n)
})

const numberOf = ({ ticket }: Ticket): number => ((ticket[0] ?? 0) << 8) | (ticket[1] ?? 0)

const atStart = TestClock.setTime(start)

/** The tickets that there are. */
export const theTickets = Effect.map(Tickets, (tickets) => tickets ?? assert.fail("no tickets"))

const all = () => true

export const ticketsContract = <E>(name: string, provided: Layer.Layer<never, E>, use: "once" | "again"): void => {
  layer(provided)(`Tickets: ${name}`, (it) => {
    it.effect("a ticket is its session, secret and all", () =>
      Effect.gen(function* () {
        yield* atStart
        const { issue, redeem } = yield* theTickets
        const peer = {
          chain: [Uint8Array.of(1, 2), Uint8Array.of(3)],
          description: "who",
          validUntil: start + hour,
          certificateType: "X509"
        } as const
        const session = sessionOf({ peer, expires: start + hour, serverName: "__proto__", protocol: undefined })
        const ticket = (yield* issue(session)) ?? assert.fail("no ticket")
        const found = (yield* redeem(ticket)) ?? assert.fail("no session")
        assert.deepStrictEqual({ ...found, secret: 0 }, { ...session, secret: 0 })
        assert.deepStrictEqual(unsafeBytes(found.secret), new Uint8Array(32).fill(mark))
        assert.deepStrictEqual(unsafeBytes(session.secret), new Uint8Array(32).fill(mark))
      })
    )

    it.effect(`a ticket is good ${use}`, () =>
      Effect.gen(function* () {
        yield* atStart
        const { issue, redeem, take = () => Effect.succeed(true) } = yield* theTickets
        const ticket = (yield* issue(sessionOf())) ?? assert.fail("no ticket")
        const at100 = <A>(effect: Effect.Effect<A>) =>
          Effect.all(
            Array.from({ length: 100 }, () => effect),
            { concurrency: "unbounded" }
          )
        assert.isTrue(
          (yield* at100(redeem(ticket))).every((session) => session !== undefined),
          "found and left there"
        )
        assert.lengthOf(
          (yield* at100(take(ticket))).filter((taken) => taken),
          use === "once" ? 1 : 100
        )
        assert.strictEqual((yield* redeem(ticket)) === undefined, use === "once")
      })
    )

    it.effect("two tickets of one session have nothing in common but the name of a key", () =>
      Effect.gen(function* () {
        yield* atStart
        const { issue } = yield* theTickets
        const [a, b] = [(yield* issue(sessionOf())) ?? [], (yield* issue(sessionOf())) ?? []]
        const from = use === "once" ? 0 : 16
        assert.isAbove([...a].filter((byte, i) => i >= from && byte !== b[i]).length, 20)
      })
    )

    it.effect("an expired one is none, to the millisecond", () =>
      Effect.gen(function* () {
        yield* atStart
        const { issue, redeem } = yield* theTickets
        const [a, b] = [yield* issue(sessionOf()), yield* issue(sessionOf())]
        yield* TestClock.adjust(Duration.millis(12 * hour - 1))
        assert.isDefined(yield* redeem(a ?? assert.fail()))
        yield* TestClock.adjust("1 millis")
        assert.isUndefined(yield* redeem(b ?? assert.fail()))
      })
    )

    it.effect("a ticket with any byte changed, cut short or made longer is none, and no failure", () =>
      Effect.gen(function* () {
        yield* atStart
        const { issue, redeem } = yield* theTickets
        const ticket = (yield* issue(sessionOf())) ?? assert.fail("no ticket")
        for (const at of ticket.keys()) {
          assert.isUndefined(yield* redeem(ticket.map((byte, i) => (i === at ? byte ^ 1 : byte))), `byte ${at}`)
          assert.isUndefined(yield* redeem(ticket.subarray(0, at)), `${at} bytes`)
        }
        assert.isUndefined(yield* redeem(Uint8Array.of(...ticket, 0)))
        assert.isUndefined(yield* redeem(new Uint8Array(2 ** 16 - 1)))
        assert.isDefined(yield* redeem(ticket))
      })
    )
  })
}

export const serverSessionStoreContract = (name: string, provided: Layer.Layer<never>): void => {
  layer(provided)(`ServerSessionStore: ${name}`, (it) => {
    const theStore = Effect.map(ServerSessionStore, (store) => store ?? assert.fail("no store"))
    const id = (n: number) => Uint8Array.of(n >>> 16, n >>> 8, n)

    it.effect("keeps a copy, and gives it to one of many", () =>
      Effect.gen(function* () {
        yield* atStart
        const { put, get, take } = yield* theStore
        const session = Uint8Array.of(1, 2, 3)
        yield* put(id(1), session, start + hour)
        session.fill(0)
        for (let n = 0; n < 2; n++) (yield* get(id(1)))?.fill(0)
        assert.deepStrictEqual(yield* get(id(1)), Uint8Array.of(1, 2, 3))
        const found = yield* Effect.all(
          Array.from({ length: 100 }, () => take(id(1))),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          found.filter((each) => each !== undefined),
          [Uint8Array.of(1, 2, 3)]
        )
      })
    )

    it.effect("knows nothing else, and nothing that has expired", () =>
      Effect.gen(function* () {
        yield* atStart
        const { put, get, take } = yield* theStore
        assert.isUndefined(yield* take(id(2)))
        assert.isUndefined(yield* get(id(2)))
        yield* put(id(3), Uint8Array.of(1), start + hour)
        yield* put(id(4), Uint8Array.of(1), start + hour)
        yield* put(id(5), Uint8Array.of(1), start)
        assert.isUndefined(yield* take(id(5)))
        yield* TestClock.adjust(Duration.millis(hour - 1))
        assert.isDefined(yield* take(id(3)))
        yield* TestClock.adjust("1 millis")
        assert.isUndefined(yield* get(id(4)))
        assert.isUndefined(yield* take(id(4)))
      })
    )

    it.effect("under the same id there is the last", () =>
      Effect.gen(function* () {
        yield* atStart
        const { put, take } = yield* theStore
        yield* put(id(6), Uint8Array.of(1), start + hour)
        yield* put(id(6), Uint8Array.of(2), start + hour)
        assert.deepStrictEqual(yield* take(id(6)), Uint8Array.of(2))
        assert.isUndefined(yield* take(id(6)))
      })
    )
  })
}

export const clientSessionStoreContract = <E>(name: string, provided: Layer.Layer<never, E>): void => {
  layer(provided)(`ClientSessionStore: ${name}`, (it) => {
    it.effect("gives the newest first, each once, with its session", () =>
      Effect.gen(function* () {
        yield* atStart
        const { put, take } = yield* ClientSessionStore
        for (const n of [1, 2, 3]) yield* put("order", ticketOf(n))
        const found = [yield* take("order", all), yield* take("order", all), yield* take("order", all)]
        assert.deepStrictEqual(
          found.map((ticket) => ticket && numberOf(ticket)),
          [3, 2, 1]
        )
        for (const ticket of found) {
          const { session } = ticket ?? assert.fail("no ticket")
          assert.deepStrictEqual({ ...session, secret: 0 }, { ...sessionOf(), secret: 0 })
          assert.deepStrictEqual(unsafeBytes(session.secret), new Uint8Array(32).fill(mark))
        }
        assert.isUndefined(yield* take("order", all))
      })
    )

    it.effect("no ticket goes to two of a hundred at once", () =>
      Effect.gen(function* () {
        yield* atStart
        const { put, take } = yield* ClientSessionStore
        yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (n) => put("crowd", ticketOf(n)), { concurrency: "unbounded" })
        const found = yield* Effect.all(
          Array.from({ length: 100 }, () => take("crowd", all)),
          { concurrency: "unbounded" }
        )
        const numbers = found.flatMap((ticket) => (ticket === undefined ? [] : [numberOf(ticket)]))
        assert.deepStrictEqual(numbers.toSorted(), [1, 2, 3, 4, 5, 6, 7, 8])
      })
    )

    it.effect("keeps what is not accepted, and says the time", () =>
      Effect.gen(function* () {
        yield* atStart
        const { put, take } = yield* ClientSessionStore
        for (const n of [1, 2, 3]) yield* put("choosy", ticketOf(n, { protocol: n === 2 ? "h3" : "h2" }))
        const h3 = yield* take("choosy", ({ session }, now) => session.protocol === "h3" && now === start)
        assert.strictEqual(h3 && numberOf(h3), 2)
        assert.isUndefined(yield* take("choosy", () => false))
        const left = [yield* take("choosy", all), yield* take("choosy", all), yield* take("choosy", all)]
        assert.deepStrictEqual(
          left.map((ticket) => ticket && numberOf(ticket)),
          [3, 1, undefined]
        )
      })
    )

    it.effect("no server sees the ticket of another, whatever it is called", () =>
      Effect.gen(function* () {
        yield* atStart
        const { put, take, group, rememberGroup } = yield* ClientSessionStore
        const names = ["__proto__", "constructor", "toString", "a.example", "b.example"]
        for (const name of names) {
          assert.isUndefined(yield* take(name, all))
          assert.isUndefined(yield* group(name))
        }
        for (const [n, name] of names.entries()) {
          yield* put(name, ticketOf(n))
          yield* rememberGroup(name, n)
        }
        for (const [n, name] of names.entries()) {
          const ticket = yield* take(name, all)
          assert.strictEqual(ticket && numberOf(ticket), n)
          assert.strictEqual(yield* group(name), n)
        }
      })
    )

    it.effect("forgets what has expired", () =>
      Effect.gen(function* () {
        yield* atStart
        const { put, take } = yield* ClientSessionStore
        yield* put("late", ticketOf(1, { expires: start + 2 * hour }))
        yield* put("late", ticketOf(2, { expires: start + hour }))
        yield* put("late", ticketOf(3, { expires: start }))
        yield* TestClock.adjust(Duration.millis(hour))
        const [first, second] = [yield* take("late", all), yield* take("late", all)]
        assert.strictEqual(first && numberOf(first), 1)
        assert.isUndefined(second)
      })
    )

    it.effect("remembers the last group", () =>
      Effect.gen(function* () {
        const { group, rememberGroup } = yield* ClientSessionStore
        assert.isUndefined(yield* group("grouped"))
        yield* rememberGroup("grouped", "secp256r1")
        yield* rememberGroup("grouped", "x25519")
        assert.strictEqual(yield* group("grouped"), "x25519")
      })
    )

    it.effect("keeps 8 tickets of a server for each policy", () =>
      Effect.gen(function* () {
        yield* atStart
        const { put, take } = yield* ClientSessionStore
        const policy = (n: number) => new Uint8Array(32).fill(n)
        const heldBy = (server: string, n: number) =>
          Effect.gen(function* () {
            let held = 0
            while ((yield* take(server, ({ session }) => session.policy[0] === n)) !== undefined) held++
            return held
          })
        yield* put("shared", ticketOf(0, { policy: policy(1) }))
        for (let n = 0; n < 20; n++) yield* put("shared", ticketOf(n, { policy: policy(2) }))
        assert.deepStrictEqual([yield* heldBy("shared", 1), yield* heldBy("shared", 2)], [1, 8])
      })
    )

    it.effect("keeps 8 tickets of a server and 256 servers", () =>
      Effect.gen(function* () {
        yield* atStart
        const { put, take, group, rememberGroup } = yield* ClientSessionStore
        for (let n = 0; n < 20; n++) yield* put("many", ticketOf(n))
        for (let n = 19; n >= 12; n--) {
          const ticket = yield* take("many", all)
          assert.strictEqual(ticket && numberOf(ticket), n)
        }
        assert.isUndefined(yield* take("many", all))
        yield* rememberGroup("first", "x25519")
        for (let n = 0; n < 255; n++) yield* rememberGroup(`server ${n}`, "x25519")
        assert.strictEqual(yield* group("first"), "x25519")
        yield* rememberGroup("one more", "x25519")
        yield* rememberGroup("and one", "x25519")
        assert.strictEqual(yield* group("server 255"), undefined)
        assert.strictEqual(yield* group("server 0"), undefined)
        assert.strictEqual(yield* group("server 254"), "x25519")
      })
    )
  })
}

export const antiReplayContract = (name: string, provided: Layer.Layer<never>): void => {
  layer(provided)(`AntiReplay: ${name}`, (it) => {
    it.effect("once warm, a binder is fresh once, whoever asks at once, until its time has passed", () =>
      Effect.gen(function* () {
        const { judge } = yield* AntiReplay
        yield* TestClock.adjust("1 hours")
        const now = hour
        const binder = (n: number) => new Uint8Array(32).fill(n)
        const found = yield* Effect.all(
          Array.from({ length: 1000 }, () => judge(binder(1), now + 20_000)),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(
          found.filter((verdict) => verdict === "fresh"),
          1
        )
        assert.strictEqual(yield* judge(binder(2), now + 20_000), "fresh")
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(yield* judge(binder(1), now + 20_000), "replayed")
        assert.strictEqual(yield* judge(binder(3), now + 19_999), "replayed")
      })
    )
  })
}
