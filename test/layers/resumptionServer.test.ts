/** What a server resumes: as the one it was, once, and only for whoever has the session's key. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as SessionsById from "../../src/layers/sessionsById.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Certificates from "../../src/layers/testing/certificates.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { encodeSession, type Session, type Ticket } from "../../src/state/session.ts"
import { sessionOf } from "./contract/sessions.ts"

const stateful = Layer.orDie(Tickets.layerStateful().pipe(Layer.provide(ServerSessionStore.layerMemory()))).pipe(
  Layer.provideMerge(TlsTest.layer)
)

const pem = ({ chainPem, privateKeyPem }: Certificates.Issued) => ({ chain: chainPem, key: privateKeyPem })

describe.each(["TLSv1.3", "TLSv1.2"] as const)("a server of %s that chooses", (version) => {
  it.effect(
    "resumes only as whom it was called, by whatever it chooses; a renewed certificate is called the same",
    () =>
      Effect.gen(function* () {
        const { ca } = yield* TlsTest.TestCertificates
        const serving = Effect.fnUntraced(function* (...names: ReadonlyArray<string>) {
          return yield* TlsServer.configureWith(Credentials.layerPem(pem(yield* Certificates.issue(ca, { names }))))
        })
        const [one, renewed] = [yield* serving("localhost", "One.example"), yield* serving("one.example", "localhost")]
        const other = yield* serving("localhost", "other.example")
        const kinds: Array<string> = []
        for (const chosen of [one, one, renewed, other, other]) {
          const ends = yield* TlsTest.handshake({
            client: { versions: [version] },
            server: { choose: () => Effect.succeed(chosen) }
          })
          yield* TlsTest.readTickets(ends)
          kinds.push(ends.server.info.kind)
        }
        assert.deepStrictEqual(kinds, ["full", "resumed", "resumed", "full", "resumed"])
      }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )
})

/** A client's store that keeps what is put, and hands out what it is told to. */
const handing = (hand: (kept: ReadonlyArray<Ticket>) => Ticket | undefined) => {
  const kept: Array<Ticket> = []
  return ClientSessionStore.layer({
    take: () => Effect.sync(() => hand(kept)),
    put: (_, { session, ticket }) => Effect.sync(() => void kept.push({ session, ticket: ticket.slice() })),
    group: () => Effect.undefined,
    rememberGroup: () => Effect.void
  })
}

/** The same ticket with a secret of its own. */
const again = ({ session, ticket }: Ticket, spoil = 0): Ticket => ({
  session: {
    ...session,
    secret: new Secret(
      "session",
      unsafeBytes(session.secret).map((byte) => byte ^ spoil)
    )
  },
  ticket
})

describe("a ticket that is good once", () => {
  it.effect("is not used up by whoever saw it and has not its key", () => {
    let spoil = 0
    const store = handing(([first]) => first && again(first, spoil))
    return Effect.gen(function* () {
      yield* Effect.flatMap(TlsTest.handshake({ server: { tickets: 1 } }), TlsTest.readTickets)
      spoil = 1
      const { server } = yield* TlsTest.outcome()
      assert.strictEqual(Result.isFailure(server) && server.failure.reason._tag, "BinderMismatch")
      spoil = 0
      assert.strictEqual((yield* TlsTest.handshake()).server.info.kind, "resumed")
      assert.strictEqual((yield* TlsTest.handshake()).server.info.kind, "full", "and once it is")
    }).pipe(Effect.scoped, Effect.provide([store, stateful]))
  })

  it.effect("is used by one of many at once; the others do a full handshake", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(TlsTest.handshake({ server: { tickets: 1 } }), TlsTest.readTickets)
      const ends = yield* Effect.all(
        Array.from({ length: 20 }, () => TlsTest.handshake()),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(ends.map(({ server }) => server.info.kind).sort(), [...Array(19).fill("full"), "resumed"])
    }).pipe(Effect.scoped, Effect.provide([handing(([first]) => first && again(first)), stateful]))
  )

  it.effect("is not used up where its session is not resumed", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(TlsTest.handshake({ server: { tickets: 1 } }), TlsTest.readTickets)
      const certificate = yield* Certificates.makeSelfSigned({ names: ["stranger.example"] })
      const stranger = yield* TlsServer.configureWith(Credentials.layerPem(pem(certificate)))
      yield* TlsTest.outcome({ server: { choose: () => Effect.succeed(stranger) } })
      assert.strictEqual((yield* TlsTest.handshake()).server.info.kind, "resumed")
    }).pipe(Effect.scoped, Effect.provide([handing(([first]) => first && again(first)), stateful]))
  )
})

const everyKind = [
  ["sealed in tickets", Layer.orDie(Tickets.layerSealed())],
  [
    "in a store, behind tickets",
    Layer.orDie(Tickets.layerStateful().pipe(Layer.provide(ServerSessionStore.layerMemory())))
  ]
] as const
const versions = [
  ["TLSv1.2", "TLSv1.3", { version: "TLSv1.3", suite: "TLS_AES_128_GCM_SHA256" }],
  ["TLSv1.3", "TLSv1.2", { version: "TLSv1.2", suite: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" }]
] as const

describe.each(everyKind)("a session %s", (_, tickets) => {
  for (const [began, spoken, claimed] of versions) {
    it.effect(`that began in ${began} is none in ${spoken}, whatever the client takes it for`, () => {
      let lie: typeof claimed | undefined
      const hand = ([first]: ReadonlyArray<Ticket>): Ticket | undefined => {
        if (first === undefined) return undefined
        const { session, ticket } = again(first)
        return { session: { ...session, ...lie }, ticket }
      }
      const kind = (version: typeof began | typeof spoken) =>
        Effect.map(
          Effect.tap(TlsTest.handshake({ client: { versions: [version] } }), TlsTest.readTickets),
          ({ server }) => server.info.kind
        )
      return Effect.gen(function* () {
        assert.strictEqual(yield* kind(began), "full")
        lie = claimed
        assert.strictEqual(yield* kind(spoken), "full")
        lie = undefined
        assert.strictEqual(yield* kind(began), "resumed", "and it is still there")
      }).pipe(Effect.scoped, Effect.provide([handing(hand), tickets.pipe(Layer.provideMerge(TlsTest.layer))]))
    })
  }
})

describe("a session by its ID", () => {
  it.effect("is one of TLS 1.2: a ticket of TLS 1.3 that is said as an ID stays in the store", () =>
    Effect.gen(function* () {
      const store = (yield* ServerSessionStore.ServerSessionStore) ?? assert.fail("no store")
      const { find } = SessionsById.make(store, Duration.hours(1))
      const ticket = new Uint8Array(32).fill(7)
      const expires = (yield* Clock.currentTimeMillis) + 3_600_000
      yield* store.put(ticket, Result.getOrThrow(encodeSession(sessionOf({ expires }))), expires)
      assert.isUndefined(yield* find(ticket))
      assert.isDefined(yield* store.get(ticket))
    }).pipe(Effect.provide(ServerSessionStore.layerMemory()))
  )
})

describe("a session that was found is wiped", () => {
  const never = Mocks.cryptoProviderWith(() => ({ randomBytes: () => Effect.never }))
  const nobody = { left: Pair.make().left, right: Pair.make().right }

  it.effect("when a client is interrupted before it is offered", () => {
    const session: Session = sessionOf({ serverName: "localhost" })
    const ticket = { session, ticket: Uint8Array.of(1) }
    return Effect.gen(function* () {
      const connecting = yield* Effect.forkChild(TlsClient.connect(nobody.left, { serverName: "localhost" }))
      yield* Effect.yieldNow
      assert.isFalse(session.secret.wiped)
      yield* Fiber.interrupt(connecting)
      assert.isTrue(session.secret.wiped)
    }).pipe(Effect.scoped, Effect.provide([handing(() => ticket), never.pipe(Layer.provideMerge(TlsTest.layer))]))
  })

  it.effect("when a server is interrupted before it is resumed", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(TlsTest.handshake(), TlsTest.readTickets)
      const found: Array<Session> = []
      const real = (yield* Tickets.Tickets) ?? assert.fail("no tickets")
      const watched = Tickets.layer({
        ...real,
        redeem: (ticket) =>
          Effect.tap(real.redeem(ticket), (session) => Effect.sync(() => session && found.push(session)))
      })
      const { left, right } = Pair.make()
      yield* Effect.forkChild(TlsClient.connect(left, { serverName: "localhost" }))
      const accepting = yield* Effect.forkChild(TlsServer.accept(right).pipe(Effect.provide([watched, never])))
      while (found.length === 0) yield* Effect.yieldNow
      assert.deepStrictEqual(
        found.map(({ secret }) => secret.wiped),
        [false]
      )
      yield* Fiber.interrupt(accepting)
      assert.deepStrictEqual(
        found.map(({ secret }) => secret.wiped),
        [true]
      )
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )
})
