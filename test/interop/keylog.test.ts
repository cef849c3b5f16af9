/** Our key log beside that of node:tls: the two ends of a connection have the same lines (RFC 9850). */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as KeyLog from "../../src/layers/KeyLog.ts"
import { suites } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Ours from "./support/ours.ts"

const short = Buffer.from("There and back again")
const sorted = (lines: ReadonlyArray<string>) => lines.map((line) => line.trim()).sort()

describe("the lines of node:tls", () => {
  for (const suite of suites) {
    it.live(`are those of our client: ${suite}`, () =>
      Effect.gen(function* () {
        const [ours, theirs]: [Array<string>, Array<string>] = [[], []]
        const { port } = yield* Node.serve({ ciphers: suite, onKeyLog: (line) => void theirs.push(line) })
        const connection = yield* Effect.provide(Ours.connect(port), KeyLog.layerArray(ours))
        assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
        assert.isAtLeast(ours.length, 5)
        assert.deepStrictEqual(sorted(ours), sorted(theirs))
      })
    )

    it.live(`are those of our server: ${suite}`, () =>
      Effect.gen(function* () {
        const [ours, theirs]: [Array<string>, Array<string>] = [[], []]
        const { port, served } = yield* Effect.provide(Ours.serve(), KeyLog.layerArray(ours))
        const socket = yield* Node.connect(port, { ciphers: suite }, (socket) => {
          socket.on("keylog", (line) => theirs.push(String(line)))
        })
        assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
        yield* Queue.take(served)
        assert.isAtLeast(ours.length, 5)
        assert.deepStrictEqual(sorted(ours), sorted(theirs))
      })
    )
  }
})
