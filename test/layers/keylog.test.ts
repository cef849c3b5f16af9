import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PubSub from "effect/PubSub"
import * as KeyLog from "../../src/layers/KeyLog.ts"
import * as KeyLogFile from "../../src/layers/node/KeyLogFile.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { connected } from "../support/pair.ts"
import { world } from "./support.ts"

const tags = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)

const labels = [
  "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
  "CLIENT_TRAFFIC_SECRET_0",
  "EXPORTER_SECRET",
  "SERVER_HANDSHAKE_TRAFFIC_SECRET",
  "SERVER_TRAFFIC_SECRET_0"
]

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-tls-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

layer(world, { excludeTestServices: true })("KeyLog", (it) => {
  it.effect("is silent without a layer, and the connection does not even tell", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* KeyLog.KeyLog, undefined)
      const lines: Array<string> = []
      yield* TlsTest.handshake().pipe(Effect.provide(KeyLog.layerArray(lines)))
      assert.isNotEmpty(lines)
      lines.length = 0
      yield* TlsTest.handshake()
      assert.deepStrictEqual(lines, [])
      const { client, server } = connected()
      for (const { events } of [client, server]) {
        assert.includeMembers(tags(events), ["Message", "Established"])
        assert.notInclude(tags(events), "LogKey")
      }
      const told = connected({}, { keyLog: "on" })
      for (const { events } of [told.client, told.server]) assert.include(tags(events), "LogKey")
    })
  )

  it.effect("is not turned on by the environment alone", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "keys.log")
      const before = process.env.SSLKEYLOGFILE
      process.env.SSLKEYLOGFILE = path
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (before === undefined) delete process.env.SSLKEYLOGFILE
          else process.env.SSLKEYLOGFILE = before
        })
      )
      yield* TlsTest.handshake().pipe(Effect.scoped)
      assert.isFalse(existsSync(path))
      yield* TlsTest.handshake().pipe(Effect.scoped, Effect.provide(KeyLogFile.layerFromEnv))
      assert.isTrue(existsSync(path))
    })
  )

  it.effect("warns of a file that others may read, and leaves its mode alone", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "keys.log")
      const warnings: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void warnings.push(String(message)))])
      const log = TlsTest.handshake().pipe(
        Effect.scoped,
        Effect.provide(Layer.provideMerge(KeyLogFile.layerFile(path), logger))
      )
      yield* log
      yield* log
      assert.deepStrictEqual(warnings, [])
      chmodSync(path, 0o644)
      yield* log
      assert.deepStrictEqual(warnings, [`key log file ${path}: others may read it (mode 644), chmod it to 600`])
      assert.strictEqual(statSync(path).mode & 0o777, 0o644)
    })
  )

  it.effect("has the lines of both ends, which agree", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      yield* TlsTest.handshake().pipe(Effect.provide(Mocks.keyLog((line) => lines.push(line))))
      for (const line of lines) assert.match(line, /^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64}$/)
      const distinct = [...new Set(lines)].sort()
      assert.deepStrictEqual(
        distinct.map((line) => line.split(" ")[0]),
        labels
      )
      assert.lengthOf(lines, 2 * labels.length)
    })
  )

  it.effect("goes to subscribers", () =>
    Effect.gen(function* () {
      const lines = yield* PubSub.unbounded<string>()
      const subscription = yield* PubSub.subscribe(lines)
      yield* TlsTest.handshake().pipe(Effect.provide(KeyLog.layerPubSub(lines)))
      assert.match(yield* PubSub.take(subscription), /^[A-Z_]+ [0-9a-f]{64} /)
    })
  )

  it.effect("goes to a file that only its owner reads, after what was there", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "keys.log")
      for (let i = 0; i < 2; i++) {
        yield* TlsTest.handshake().pipe(Effect.scoped, Effect.provide(KeyLogFile.layerFile(path)))
      }
      const lines = readFileSync(path, "utf8").split("\n")
      assert.strictEqual(lines.pop(), "")
      assert.lengthOf(lines, 4 * labels.length)
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
    })
  )

  it.effect("goes where the environment says, if the layer is provided", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "keys.log")
      const environment = ConfigProvider.layer(ConfigProvider.fromUnknown({ SSLKEYLOGFILE: path }))
      yield* TlsTest.handshake().pipe(
        Effect.scoped,
        Effect.provide(Layer.provide(KeyLogFile.layerFromEnv, environment))
      )
      assert.lengthOf(readFileSync(path, "utf8").trim().split("\n"), 2 * labels.length)
      for (const unset of [{}, { SSLKEYLOGFILE: "" }]) {
        const nothing = ConfigProvider.layer(ConfigProvider.fromUnknown(unset))
        yield* TlsTest.handshake().pipe(Effect.scoped, Effect.provide(Layer.provide(KeyLogFile.layerFromEnv, nothing)))
      }
      assert.lengthOf(readFileSync(path, "utf8").trim().split("\n"), 2 * labels.length)
    })
  )

  it.effect("a file that cannot be opened is a mistake", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        TlsTest.handshake().pipe(Effect.provide(KeyLogFile.layerFile("/nowhere/at/all/keys.log")))
      )
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
      assert.include(error.message, "/nowhere/at/all/keys.log")
    })
  )
})
