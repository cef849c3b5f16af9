/** What a server resumes: as the one it was, once, and only for whoever has the session's key. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Certificates from "../../src/layers/testing/certificates.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import type { Session, Ticket } from "../../src/state/session.ts"
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
