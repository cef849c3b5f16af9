/** Sessions and early data through the layers, in memory. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import { TestClock } from "effect/testing"
import { find } from "../../src/codec/extension/extension.ts"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import type { CryptoProvider } from "../../src/layers/CryptoProvider.ts"
import { layerObserver } from "../../src/layers/events.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import type { TlsConnection } from "../../src/layers/TlsConnection.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as TrustAnchors from "../../src/layers/TrustAnchors.ts"
import * as Certificates from "../../src/layers/testing/certificates.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"

const stateful = Layer.mergeAll(
  ClientSessionStore.layerMemory(),
  Layer.orDie(Tickets.layerStateful().pipe(Layer.provide(ServerSessionStore.layerMemory())))
).pipe(Layer.provideMerge(TlsTest.layer))

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** One exchange, so that the client has read the tickets behind the handshake. */
const exchange = Effect.fnUntraced(function* (client: TlsConnection, server: TlsConnection) {
  const toClient = yield* server.socket.writer
  yield* toClient.write("pong")
  const pull = yield* Socket.readerBytes(client.socket)
  const [first] = yield* pull
  assert.strictEqual(text(first), "pong")
})

const connect = Effect.fnUntraced(function* (options: TlsTest.Options = {}) {
  const ends = yield* TlsTest.handshake(options)
  yield* exchange(ends.client, ends.server)
  return ends
})

const kinds = ({ client, server }: { readonly client: TlsConnection; readonly server: TlsConnection }) => [
  client.info.kind,
  server.info.kind
]

describe.each([
  ["sealed tickets", TlsTest.layerSessions],
  ["tickets of a store", stateful]
] as const)("with %s", (_, layer) => {
  it.effect("a second connection is resumed, and says who the server is", () =>
    Effect.gen(function* () {
      const first = yield* connect()
      assert.deepStrictEqual(kinds(first), ["full", "full"])
      const second = yield* connect()
      assert.deepStrictEqual(kinds(second), ["resumed", "resumed"])
      assert.strictEqual(second.client.info.peer, first.client.info.peer)
      assert.isUndefined(second.client.info.signatureScheme)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("a ticket is used once, and each handshake leaves two more", () =>
    Effect.gen(function* () {
      yield* connect()
      for (let i = 0; i < 4; i++) assert.deepStrictEqual(kinds(yield* connect()), ["resumed", "resumed"])
      const none = { client: { tickets: { fresh: 0, resumed: 0 } } }
      const seen = yield* Effect.forEach(Array.from({ length: 8 }), () => connect(none))
      assert.strictEqual(seen.at(-1)?.client.info.kind, "full")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("nothing is resumed when a side does not want to, or when time is over", () =>
    Effect.gen(function* () {
      yield* connect()
      assert.deepStrictEqual(kinds(yield* connect({ client: { resumption: "off" } })), ["full", "full"])
      assert.deepStrictEqual(kinds(yield* connect({ server: { resumption: "off" } })), ["full", "full"])
      assert.deepStrictEqual(kinds(yield* connect()), ["resumed", "resumed"])
      yield* TestClock.adjust("13 hours")
      assert.deepStrictEqual(kinds(yield* connect()), ["full", "full"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("a session is not carried to another name or another protocol", () =>
    Effect.gen(function* () {
      const server = { alpnProtocols: ["h2", "http/1.1"] }
      yield* connect({ client: { alpnProtocols: ["h2"] }, server })
      const other = yield* connect({ client: { alpnProtocols: ["http/1.1"] }, server })
      assert.deepStrictEqual(kinds(other), ["full", "full"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})

describe("early data", () => {
  const early = { client: { earlyData: bytes("ping") }, server: { maxEarlyData: 100 } }

  it.effect("is said with a session, heard on a stream of its own, and answered before the handshake is done", () =>
    Effect.gen(function* () {
      const first = yield* connect(early)
      assert.strictEqual(first.client.info.earlyData, "none")
      const { client, server } = yield* TlsTest.handshake(early)
      assert.deepStrictEqual([client.info.earlyData, server.info.earlyData], ["accepted", "accepted"])
      assert.strictEqual(text(yield* Stream.runFold(server.earlyData, () => new Uint8Array(0), concat)), "ping")
      yield* server.confirmed
      yield* exchange(client, server)
      const label = "EXPORTER-early"
      assert.deepStrictEqual(
        yield* client.exportEarlyKeyingMaterial(label, undefined, 32),
        yield* server.exportEarlyKeyingMaterial(label, undefined, 32)
      )
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )

  it.effect("that is refused is lost, and the client knows", () =>
    Effect.gen(function* () {
      yield* connect(early)
      const { client, server } = yield* TlsTest.handshake({ ...early, server: {} })
      assert.deepStrictEqual([client.info.kind, client.info.earlyData], ["resumed", "rejected"])
      assert.strictEqual(yield* Stream.runCount(server.earlyData), 0)
      yield* exchange(client, server)
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )

  it.effect("is not said when it is more than the session allows", () =>
    Effect.gen(function* () {
      yield* connect(early)
      const { client } = yield* connect({ ...early, client: { earlyData: new Uint8Array(101) } })
      assert.deepStrictEqual([client.info.kind, client.info.earlyData], ["resumed", "none"])
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )

  it.effect("needs tickets and a register, or the server is not built", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(TlsServer.configure({ maxEarlyData: 1 }))
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
      assert.include(error.message, "AntiReplay")
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layer))
  )
})

describe("who a client is", () => {
  it.effect("is not carried from one of its sessions to another: not as somebody, nor as nobody", () =>
    Effect.gen(function* () {
      const { ca } = yield* TlsTest.TestCertificates
      const clients = ClientVerifier.layerWebPki.pipe(Layer.provide(TrustAnchors.layerPem(ca.certificatePem)))
      const services = yield* Effect.context<Credentials.Credentials>()
      const identity = Effect.fnUntraced(function* (commonName: string) {
        const { chainPem, privateKeyPem } = yield* Certificates.issue(ca, { purpose: "client", commonName })
        return yield* Credentials.fromPem({ chain: chainPem, key: privateKeyPem })
      })
      const meet = Effect.fnUntraced(function* (shape: Credentials.Shape | undefined) {
        const { left, right } = Pair.make()
        const accept = TlsServer.accept(right, { clientAuthentication: "optional", tickets: 1 }).pipe(
          Effect.provide(clients),
          Effect.provideContext(services)
        )
        const connect = TlsClient.connect(left, { serverName: "localhost" })
        const connecting =
          shape === undefined
            ? withoutCredentials(connect)
            : Effect.provideService(connect, Credentials.Credentials, shape)
        const [server, client] = yield* Effect.all([accept, connecting], { concurrency: 2 })
        yield* TlsTest.readTickets({ server, client })
        return `${server.info.kind} ${server.peer?.description.split(",")[0] ?? "nobody"}`
      })
      const [alice, bob] = [yield* identity("alice"), yield* identity("bob")]
      const { fingerprint: _, ...unnamed } = yield* identity("carol")
      const seen = yield* Effect.forEach([alice, bob, undefined, unnamed, { ...unnamed }, alice, unnamed], meet)
      assert.deepStrictEqual(seen, [
        'full "CN=alice"',
        'full "CN=bob"',
        "full nobody",
        'full "CN=carol"',
        'full "CN=carol"',
        'resumed "CN=alice"',
        'resumed "CN=carol"'
      ])
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )
})

describe("users of many connections", () => {
  it.effect("a socket whose reader is acquired again is resumed, with early data where it has some", () =>
    Effect.gen(function* () {
      const services = yield* Effect.context<Scope.Scope | CryptoProvider | Credentials.Credentials>()
      const accept = (socket: Socket.Socket) =>
        Effect.gen(function* () {
          const connection = yield* TlsServer.accept(socket, { maxEarlyData: 100 })
          const writer = yield* connection.socket.writer
          yield* Stream.runForEach(connection.earlyData, writer.write)
          yield* writer.write("pong")
        })
      let { left, right } = Pair.make()
      const inner: Socket.Socket = {
        ...left,
        reader: Effect.suspend(() => {
          ;({ left, right } = Pair.make())
          const served = Effect.provideContext(Effect.forkScoped(accept(right)), services)
          return Effect.andThen(served, left.reader)
        }),
        writer: Effect.suspend(() => left.writer)
      }
      const socket = yield* TlsClient.makeSocket(inner, { serverName: "localhost", earlyData: bytes("ping") })
      const once = Effect.scoped(
        Effect.gen(function* () {
          const { connection, pull } = yield* socket.reader
          let heard = ""
          while (!heard.endsWith("pong")) for (const chunk of yield* pull) heard += text(chunk)
          return [connection.info.kind, connection.info.earlyData, heard]
        })
      )
      assert.deepStrictEqual(yield* once, ["full", "none", "pong"])
      assert.deepStrictEqual(yield* once, ["resumed", "accepted", "pingpong"])
      assert.deepStrictEqual(yield* once, ["resumed", "accepted", "pingpong"])
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )

  it.effect("61, 64: of 100 connections at once no two use one ticket", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const watch = layerObserver((role, { direction, message }) => {
        if (role !== "client" || direction !== "said" || message._tag !== "ClientHello") return
        const offered = find(message.body.extensions, "pre_shared_key")?.identities ?? []
        seen.push(...offered.map(({ identity }) => Hex.encode(identity)))
      })
      yield* connect({ client: { tickets: { fresh: 8, resumed: 1 } }, server: { tickets: 8 } })
      const ends = yield* Effect.forEach(Array.from({ length: 100 }), () => TlsTest.handshake(), {
        concurrency: "unbounded"
      }).pipe(Effect.provide(watch))
      assert.lengthOf(seen, 8)
      assert.lengthOf([...new Set(seen)], 8)
      assert.lengthOf(
        ends.filter(({ client, server }) => client.info.kind === "resumed" && server.info.kind === "resumed"),
        8
      )
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )
})

const withoutCredentials = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateContext(work, (context: Context.Context<R>) =>
    Context.makeUnsafe<R>(Context.omit(Credentials.Credentials)(context).mapUnsafe)
  )

const concat = (all: Uint8Array, chunk: Uint8Array): Uint8Array => Uint8Array.of(...all, ...chunk)
