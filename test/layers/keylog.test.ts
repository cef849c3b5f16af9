import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as KeyLog from "../../src/layers/KeyLog.ts"
import * as KeyLogFile from "../../src/layers/node/KeyLogFile.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { world } from "./support.ts"

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
      yield* TlsTest.handshake()
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
      const nothing = ConfigProvider.layer(ConfigProvider.fromUnknown({}))
      yield* TlsTest.handshake().pipe(Effect.scoped, Effect.provide(Layer.provide(KeyLogFile.layerFromEnv, nothing)))
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
