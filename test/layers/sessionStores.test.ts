import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { inspect, promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { unsafeBytes } from "../../src/crypto/secret.ts"
import * as AntiReplay from "../../src/layers/AntiReplay.ts"
import * as ClientSessionKeyValueStore from "../../src/layers/ClientSessionKeyValueStore.ts"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as SessionFile from "../../src/layers/node/SessionFile.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import {
  antiReplayContract,
  clientSessionStoreContract,
  hour,
  serverSessionStoreContract,
  sessionOf,
  start,
  ticketOf
} from "./contract/sessions.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-tls-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const all = () => true

serverSessionStoreContract("memory", ServerSessionStore.layerMemory())
clientSessionStoreContract("memory", ClientSessionStore.layerMemory())
clientSessionStoreContract(
  "KeyValueStore",
  ClientSessionKeyValueStore.layer().pipe(Layer.provide(KeyValueStore.layerMemory))
)
clientSessionStoreContract(
  "file",
  Layer.unwrap(Effect.map(folder, (path) => SessionFile.layer(join(path, "sessions.json"))))
)
antiReplayContract("memory", AntiReplay.layerMemory())

/** The service of a layer, which lives as long as the scope. */
const clientStore = <E>(layer: Layer.Layer<never, E>) =>
  Effect.flatMap(Layer.build(layer), (context) => Effect.provide(ClientSessionStore.ClientSessionStore, context))
const serverStore = (options?: ServerSessionStore.Options) =>
  Effect.flatMap(Layer.build(ServerSessionStore.layerMemory(options)), (context) =>
    Effect.provide(
      Effect.map(ServerSessionStore.ServerSessionStore, (store) => store ?? assert.fail("no store")),
      context
    )
  )
const register = (options?: AntiReplay.Options) =>
  Effect.flatMap(Layer.build(AntiReplay.layerMemory(options)), (context) =>
    Effect.provide(AntiReplay.AntiReplay, context)
  )

describe("by default", () => {
  it.effect("nothing is kept, and all early data is a replay", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* ServerSessionStore.ServerSessionStore)
      for (const provided of [Layer.empty, ClientSessionStore.layerNone]) {
        const store = yield* clientStore(provided)
        const ticket = ticketOf(1, { expires: hour })
        yield* store.put("a", ticket)
        yield* store.rememberGroup("a", "x25519")
        assert.isTrue(ticket.session.secret.wiped)
        assert.isUndefined(yield* store.take("a", all))
        assert.isUndefined(yield* store.group("a"))
      }
      const judged = Effect.flatMap(AntiReplay.AntiReplay, ({ judge }) => judge(new Uint8Array(32), 1000))
      assert.strictEqual(yield* judged, "replayed")
      assert.strictEqual(yield* Effect.provide(judged, AntiReplay.layerReject), "replayed")
      assert.strictEqual(yield* Effect.provide(judged, Mocks.antiReplay()), "fresh")
    })
  )
})

describe("what is in memory", () => {
  const id = (n: number) => Uint8Array.of(n >>> 16, n >>> 8, n)

  it.effect("100 000 sessions of a server: the newest 1000 are left", () =>
    Effect.gen(function* () {
      const store = yield* serverStore({ capacity: 1000 })
      for (let n = 0; n < 100_000; n++) yield* store.put(id(n), id(n), hour)
      let found = 0
      for (let n = 0; n < 100_000; n++) if ((yield* store.take(id(n))) !== undefined) found++
      assert.strictEqual(found, 1000)
    })
  )

  it.effect("sessions of a server by their bytes, and one that is too large not at all", () =>
    Effect.gen(function* () {
      const store = yield* serverStore({ bytes: 1000 })
      for (let n = 0; n < 20; n++) yield* store.put(id(n), new Uint8Array(100).fill(1), hour)
      yield* store.put(id(99), new Uint8Array(1001), hour)
      yield* store.put(id(19), new Uint8Array(200).fill(2), hour)
      const found: Array<number> = []
      for (let n = 0; n < 100; n++) if ((yield* store.take(id(n))) !== undefined) found.push(n)
      assert.deepStrictEqual(found, [11, 12, 13, 14, 15, 16, 17, 18, 19])
      for (let n = 0; n < 10; n++) yield* store.put(id(n), new Uint8Array(100), hour)
      assert.isDefined(yield* store.take(id(0)), "what is taken does not count any more")
    })
  )

  it.effect("a session of a server is gone with the layer", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(serverStore(), scope)
      yield* store.put(id(1), id(1), hour)
      yield* Scope.close(scope, Exit.void)
      assert.isUndefined(yield* store.take(id(1)))
    })
  )

  it.effect(
    "a client's secrets are wiped when they are dropped: too many, too old, at the end, and not when taken",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const store = yield* Scope.provide(
          clientStore(ClientSessionStore.layerMemory({ servers: 2, ticketsPerServer: 2 })),
          scope
        )
        const tickets = Array.from({ length: 8 }, (_, n) => ticketOf(n, { expires: n === 3 ? 1000 : hour }))
        const wiped = () => tickets.flatMap(({ session }, n) => (session.secret.wiped ? [n] : []))
        const put = (server: string, n: number) => store.put(server, tickets[n] ?? assert.fail())
        for (const n of [0, 1, 2]) yield* put("a", n)
        assert.deepStrictEqual(wiped(), [0])
        yield* put("b", 3)
        yield* put("c", 4)
        assert.deepStrictEqual(wiped(), [0, 1, 2])
        yield* TestClock.adjust("1 seconds")
        assert.isUndefined(yield* store.take("b", all))
        assert.deepStrictEqual(wiped(), [0, 1, 2, 3])
        yield* put("c", 5)
        const taken = yield* store.take("c", all)
        assert.strictEqual(taken?.ticket[1], 5)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(wiped(), [0, 1, 2, 3, 4])
      })
  )

  it.effect("a client's tickets for ever new identities drive out those of servers not asked for the longest", () =>
    Effect.gen(function* () {
      const store = yield* clientStore(ClientSessionStore.layerMemory({ servers: 4, ticketsPerServer: 2 }))
      const as = (n: number) => ({ expires: hour, policy: Uint8Array.of(n) })
      const old = ticketOf(1, as(0))
      yield* store.put("old", old)
      for (let n = 0; n < 7; n++) yield* store.put("busy", ticketOf(n, as(n)))
      assert.isFalse(old.session.secret.wiped)
      yield* store.put("busy", ticketOf(7, as(7)))
      assert.isTrue(old.session.secret.wiped)
      for (let n = 8; n < 100; n++) yield* store.put("busy", ticketOf(n, as(n)))
      let held = 0
      while ((yield* store.take("busy", all)) !== undefined) held++
      assert.strictEqual(held, 8)
    })
  )

  it.effect("a ticket does not hold the buffer that it came in", () =>
    Effect.gen(function* () {
      const store = yield* clientStore(ClientSessionStore.layerMemory())
      const buffer = new Uint8Array(64 * 1024).fill(7)
      const peer = { chain: [buffer.subarray(10, 20)], description: "x", certificateType: "X509" } as const
      yield* store.put("a", { session: sessionOf({ peer, expires: hour }), ticket: buffer.subarray(0, 10) })
      buffer.fill(0)
      const found = yield* store.take("a", all)
      assert.deepStrictEqual(found?.ticket, new Uint8Array(10).fill(7))
      assert.deepStrictEqual(found?.session.peer?.chain, [new Uint8Array(10).fill(7)])
      assert.strictEqual(found?.ticket.buffer.byteLength, 10)
    })
  )

  it.effect("nothing of it is shown", () =>
    Effect.gen(function* () {
      const store = yield* clientStore(ClientSessionStore.layerMemory())
      yield* store.put("a", ticketOf(1, { expires: hour }))
      const found = yield* store.take("a", all)
      for (const text of [store, found].flatMap((each) => [inspect(each, { depth: 10 }), JSON.stringify(each)])) {
        assert.notMatch(text, /197, 197|c5c5|197,197|xcXF/)
      }
    })
  )
})

describe("AntiReplay in memory", () => {
  const binder = (n: number) => new Uint8Array(32).fill(n)

  it.effect("refuses all for two windows after the start, and remembers it", () =>
    Effect.gen(function* () {
      const { judge, window } = yield* register()
      assert.strictEqual(Duration.toSeconds(window), 10)
      assert.strictEqual(yield* judge(binder(1), 40_000), "replayed")
      yield* TestClock.adjust("19999 millis")
      assert.strictEqual(yield* judge(binder(2), 40_000), "replayed")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* judge(binder(3), 40_000), "fresh")
      for (const n of [1, 2, 3]) assert.strictEqual(yield* judge(binder(n), 40_000), "replayed")
    })
  )

  it.effect("refuses all when it is full, until something has expired", () =>
    Effect.gen(function* () {
      const { judge } = yield* register({ capacity: 3, warmUp: 0 })
      const verdicts = []
      for (let n = 0; n < 10; n++) verdicts.push(yield* judge(binder(n), 5000))
      assert.deepStrictEqual(verdicts, [...Array(3).fill("fresh"), ...Array(7).fill("replayed")])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* judge(binder(20), 20_000), "replayed")
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* judge(binder(20), 20_000), "fresh")
    })
  )
})

describe("a KeyValueStore that fails", () => {
  it.effect("means no session, and a ticket whose removal cannot be written is not used", () =>
    Effect.gen(function* () {
      const kept = new Map<string, string>()
      let broken = false
      const error = Effect.fail(new KeyValueStore.KeyValueStoreError({ message: "full", method: "set" }))
      const store = KeyValueStore.makeStringOnly({
        get: (key) => Effect.sync(() => kept.get(key)),
        set: (key, value) => (broken ? error : Effect.sync(() => void kept.set(key, value))),
        remove: () => Effect.void,
        clear: Effect.void,
        size: Effect.succeed(0),
        keys: Effect.succeed([])
      })
      const sessions = yield* clientStore(
        ClientSessionKeyValueStore.layer().pipe(Layer.provide(Layer.succeed(KeyValueStore.KeyValueStore, store)))
      )
      yield* sessions.put("a", ticketOf(1, { expires: hour }))
      broken = true
      assert.isUndefined(yield* sessions.take("a", all))
      yield* sessions.put("a", ticketOf(2, { expires: hour }))
      broken = false
      assert.strictEqual((yield* sessions.take("a", all))?.ticket[1], 1)
      assert.isUndefined(yield* sessions.take("a", all))
      kept.set("effect-tls/sessions", "nonsense")
      assert.isUndefined(yield* sessions.take("a", all))
    })
  )
})

describe("a session file", () => {
  it.live("is the owner's, survives the program, and two programs at once use no ticket twice", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const path = join(directory, "sessions.json")
      const expires = Date.now() + hour
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* clientStore(SessionFile.layer(path))
          assert.deepStrictEqual(readdirSync(directory), [])
          yield* store.put("a", ticketOf(1, { expires }))
          yield* store.put("a", ticketOf(2, { expires }))
          yield* store.rememberGroup("a", "x25519")
        })
      )
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      const stores = [yield* clientStore(SessionFile.layer(path)), yield* clientStore(SessionFile.layer(path))]
      const found = yield* Effect.forEach(
        stores.flatMap((store) => [store, store, store]),
        (store) => store.take("a", all),
        { concurrency: "unbounded" }
      )
      const taken = found.filter((ticket) => ticket !== undefined)
      assert.deepStrictEqual(taken.map(({ ticket }) => ticket[1]).sort(), [1, 2])
      for (const { session } of taken) assert.strictEqual(unsafeBytes(session.secret)[0], 0xc5)
      assert.deepStrictEqual(readdirSync(directory), ["sessions.json"])
      assert.strictEqual(JSON.parse(readFileSync(path, "utf8")).servers[0].group, "x25519")
    }).pipe(Effect.scoped)
  )

  it.live("is shared by processes, and no ticket is used twice by them", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "sessions.json")
      const store = yield* clientStore(SessionFile.layer(path))
      const servers = ["a", "b", "c", "d"]
      for (const server of servers) {
        for (let n = 0; n < 8; n++) yield* store.put(server, ticketOf(n, { expires: Date.now() + hour }))
      }
      const taker = fileURLToPath(new URL("sessionFileTaker.ts", import.meta.url))
      const run = Effect.promise(() => promisify(execFile)(process.execPath, [taker, path, ...servers]))
      const outputs = yield* Effect.all([run, run], { concurrency: 2 })
      const taken = outputs.flatMap(({ stdout }) => stdout.split("\n").filter((line) => line !== ""))
      assert.strictEqual(new Set(taken).size, taken.length)
      assert.lengthOf(taken, 32)
    }).pipe(Effect.scoped)
  )

  it.live("that is something else is left alone", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const path = join(directory, "key.pem")
      for (const text of ["-----BEGIN PRIVATE KEY-----", "{}", "[]", '{"effectTlsSessions":2,"servers":[]}']) {
        writeFileSync(path, text)
        const error = yield* Effect.flip(clientStore(SessionFile.layer(path)))
        assert.strictEqual(error.reason._tag, "InvalidConfiguration")
        assert.match(error.message, /key\.pem: this is not a document of TLS sessions/)
        assert.strictEqual(readFileSync(path, "utf8"), text)
      }
      const missing = yield* Effect.flip(clientStore(SessionFile.layer(join(directory, "no", "file"))))
      assert.match(missing.message, /ENOENT/)
    }).pipe(Effect.scoped)
  )

  it.live("is not used while somebody else holds its lock, unless he has been dead for long", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const path = join(directory, "sessions.json")
      const store = yield* clientStore(SessionFile.layer(path))
      yield* store.put("a", ticketOf(1, { expires: Date.now() + hour }))
      writeFileSync(`${path}.lock`, "1")
      assert.isUndefined(yield* store.take("a", all))
      assert.include(readdirSync(directory), "sessions.json.lock")
      utimesSync(`${path}.lock`, start / 1000 - 86_400 * 365, start / 1000 - 86_400 * 365)
      assert.isDefined(yield* store.take("a", all))
      assert.deepStrictEqual(readdirSync(directory), ["sessions.json"])
    }).pipe(Effect.scoped)
  )
})
