/** Peers that flood: they are ended at the cap, with one alert, and little of what they send is read. */
import { randomBytes } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { AlertDescription } from "../../src/codec/registry/alert.ts"
import { Secret } from "../../src/crypto/secret.ts"
import {
  maxChangeCipherSpecs,
  maxEmptyRecords,
  maxPostHandshakeMessages,
  maxWarnings
} from "../../src/state/record/limits.ts"
import { Sealer } from "../../src/state/record/protection13.ts"
import { world } from "../layers/support.ts"
import { concat, fromHex, okay } from "../support/answers.ts"
import { records } from "../support/pair.ts"
import { type ByHand, byHand, clientHello, dial, heardMore, hungUp, shakeHands } from "./raw.ts"
import { descriptors, eventually, quiet, serve, served } from "./support.ts"

quiet()

/** Several times what one pull of a Node socket yields. */
const floodSize = 2 ** 19
/** What it may have read when it stops: the pull in which the cap was passed, and one that was under way. */
const maxPulled = 3 * 2 ** 16

const repeated = (make: () => Uint8Array): Uint8Array => {
  const parts: Array<Uint8Array> = []
  for (let size = 0; size < floodSize; size += parts[0]?.length ?? 1) parts.push(make())
  return Buffer.concat(parts)
}

/** Seals what no client of ours says, under the client's present key. */
const sealer = ({ end }: ByHand): ((type: number, content: Uint8Array) => Uint8Array) => {
  const lines = end.events.flatMap((event) => (event._tag === "LogKey" ? [event.line] : []))
  const secret =
    lines.find((line) => line.startsWith("CLIENT_TRAFFIC_SECRET_0"))?.split(" ")[2] ?? assert.fail("no key")
  const { established } = end.connection
  if (established?.version !== "TLSv1.3") assert.fail("not established")
  const { suite } = established
  const sealer = new Sealer(suite, new Secret("client_application_traffic_secret", fromHex(secret)))
  return (type, content) => {
    const out = new Uint8Array(5 + content.length + 17)
    okay(sealer.seal(type, content, out, 0))
    return out
  }
}

interface Flood {
  readonly make: (client: ByHand) => Uint8Array
  readonly alert: keyof typeof AlertDescription.registry
}

const sealed =
  (type: number, ...content: ReadonlyArray<number>) =>
  (client: ByHand) => {
    const seal = sealer(client)
    return repeated(() => seal(type, Uint8Array.from(content)))
  }

const floods: Readonly<Record<string, Flood>> = {
  [`KeyUpdates, over ${maxPostHandshakeMessages}`]: {
    make: ({ end }) => repeated(() => end.updateKeys("update_requested").flush()),
    alert: "unexpected_message"
  },
  [`empty records, over ${maxEmptyRecords}`]: {
    make: sealed(23),
    alert: "unexpected_message"
  },
  [`user_canceled, over ${maxWarnings}`]: {
    make: sealed(21, 1, 90),
    alert: "unexpected_message"
  },
  "change_cipher_spec behind the handshake": {
    make: () => repeated(() => Uint8Array.of(20, 3, 3, 0, 1, 1)),
    alert: "unexpected_message"
  },
  "records that nobody sealed": {
    make: () => repeated(() => concat(Uint8Array.of(23, 3, 3, 1, 0), randomBytes(256))),
    alert: "bad_record_mac"
  },
  "records that claim too much": {
    make: () => repeated(() => Uint8Array.of(23, 3, 3, 255, 255, 0, 0, 0)),
    alert: "record_overflow"
  }
}

layer(world, { excludeTestServices: true })("floods", (it) => {
  for (const [name, flood] of Object.entries(floods)) {
    it.effect(`of ${name}: one alert, and the rest is not read`, () =>
      Effect.gen(function* () {
        const server = yield* serve()
        const client = yield* shakeHands(server.port)
        while (client.end.data.length === 0) yield* heardMore(client)
        const [seen] = server.connections
        assert.isDefined(seen)
        const [pulled, heard] = [seen.pulled, Buffer.concat(client.heard).length]
        const bytes = flood.make(client)
        const before = process.cpuUsage()
        client.socket.write(bytes)
        yield* hungUp(client)
        yield* eventually(
          () => seen.open,
          (open) => open === 0
        )
        const { user } = process.cpuUsage(before)
        assert.isBelow(user, 500_000, "µs of CPU")
        assert.isBelow(seen.pulled - pulled, maxPulled)
        const said = records(Buffer.concat(client.heard).subarray(heard))
        assert.strictEqual(client.end.failure?.reason, "AlertReceived", client.end.failure?.detail)
        assert.strictEqual(client.end.failure?.received, flood.alert)
        assert.isAtMost(said.length, 2, "an answer to KeyUpdates, and an alert")
        assert.isBelow(yield* Effect.scoped(served(server.port)), 1000)
      })
    )
  }

  it.effect(`of change_cipher_spec in the handshake, over ${maxChangeCipherSpecs}`, () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const client = yield* byHand(server.port)
      client.socket.write(
        concat(
          clientHello(),
          repeated(() => Uint8Array.of(20, 3, 3, 0, 1, 1))
        )
      )
      yield* hungUp(client)
      assert.deepStrictEqual(yield* server.failures, { TooManyChangeCipherSpecs: 1 })
      assert.isBelow(server.connections[0]?.pulled ?? Number.NaN, maxPulled)
      assert.isBelow(yield* Effect.scoped(served(server.port)), 1000)
    })
  )

  it.effect("of noise, on 200 connections: each hears one alert at most, and the server goes on", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const files = descriptors()
      const before = process.cpuUsage()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const clients = yield* Effect.forEach(Array.from({ length: 200 }), () => dial(server.port), {
            concurrency: 50
          })
          const hello = clientHello()
          clients.forEach(({ socket }, i) => void socket.write(noise(i, hello)))
          assert.isBelow(yield* Effect.scoped(served(server.port)), 2000)
          yield* Effect.forEach(clients, hungUp, { concurrency: "unbounded" })
          for (const { heard } of clients) {
            const alerts = records(Buffer.concat(heard)).filter(([type]) => type === 21)
            assert.isAtMost(alerts.length, 1)
            for (const alert of alerts) assert.deepStrictEqual([alert.length, alert[5]], [7, 2])
          }
        })
      )
      assert.isBelow(process.cpuUsage(before).user, 5_000_000, "µs of CPU")
      const failures = yield* server.failures
      const failed = Object.values(failures).reduce((sum, count) => sum + count, 0)
      assert.strictEqual(failed, 200, JSON.stringify(failures))
      assert.isUndefined(failures.InternalError)
      yield* eventually(descriptors, (now) => now === files)
    })
  )
})

/** Random bytes, random records, random handshake messages, and a ClientHello of which a few bytes are others. */
const noise = (i: number, hello: Uint8Array): Uint8Array => {
  const random = randomBytes(2 ** 12)
  if (i % 4 === 0) return random.fill(0xff, 0, 5)
  // a message longer than any: one of a length that may be would be waited for until the deadline, which has two alerts
  if (i % 4 === 1) return concat(Uint8Array.of(22, 3, 1, 16, 0), random.fill(0xff, 1, 2))
  if (i % 4 === 2) return concat(Uint8Array.of(22, 3, 1, 16, 0, 1, 0, 15, 252), random.subarray(4))
  const changed = hello.slice()
  for (const at of [5, 6, 7, 8]) changed[at] = (random[at] ?? 0) | 0x80
  return concat(changed, random)
}
