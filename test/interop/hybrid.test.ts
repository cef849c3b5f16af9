/**
 * Hybrid groups, and P-521, with node:tls as the other end: two ends of ours agree with each other whatever the order of
 * the parts is, so that it takes another's end to show that it is RFC 10024's. Needs a Node with OpenSSL 3.5.
 */
import { randomBytes } from "node:crypto"
import { createSecureContext } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Node from "./support/node.ts"
import * as Ours from "./support/ours.ts"

const data = randomBytes(40_000)

/** Whether the Node that runs this knows a group. */
const knows = (group: string): boolean => {
  try {
    createSecureContext({ ecdhCurve: group })
    return true
  } catch {
    return false
  }
}

const groups = [
  ["X25519MLKEM768", "X25519MLKEM768"],
  ["SecP256r1MLKEM768", "SecP256r1MLKEM768"],
  ["SecP384r1MLKEM1024", "SecP384r1MLKEM1024"],
  ["secp521r1", "P-521"]
] as const

describe.each(groups)("%s", (group, ecdhCurve) => {
  const available = knows(ecdhCurve)

  for (const provider of ["node, all groups", "noble, all groups"] as const) {
    it.live.skipIf(!available)(`our client on ${provider}, a server that has nothing else`, () =>
      Effect.gen(function* () {
        const { port, errors } = yield* Node.serve({ ecdhCurve })
        const connection = yield* Ours.connect(port, { groups: [group], provider })
        assert.deepStrictEqual([connection.info.group, connection.info.kind], [group, "full"])
        assert.deepStrictEqual(yield* Ours.exchange(connection, data), data)
        assert.deepStrictEqual(errors, [])
      })
    )

    it.live.skipIf(!available)(`our server on ${provider}, a client that has nothing else`, () =>
      Effect.gen(function* () {
        const { port, served } = yield* Ours.serve({ groups: [group], provider })
        const socket = yield* Node.connect(port, { ecdhCurve })
        assert.deepStrictEqual(yield* Node.exchange(socket, data), data)
        const { connection, ended } = yield* Queue.take(served)
        assert.deepStrictEqual([connection.info.group, connection.info.kind, ended], [group, "full", "closed"])
      })
    )
  }

  it.live.skipIf(!available)("after a HelloRetryRequest of node:tls", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port } = yield* Node.serve({ ecdhCurve })
      const options = {
        groups: ["secp256r1", group],
        shares: ["secp256r1"],
        provider: "node, all groups",
        seen
      } as const
      const connection = yield* Ours.connect(port, options)
      assert.deepStrictEqual([connection.info.group, connection.info.kind], [group, "retried"])
      assert.strictEqual(seen[1], "heard HelloRetryRequest")
      assert.deepStrictEqual(yield* Ours.exchange(connection, data), data)
    })
  )

  it.live.skipIf(!available)("after a HelloRetryRequest of ours", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port, served } = yield* Ours.serve({ groups: [group], provider: "node, all groups", seen })
      const socket = yield* Node.connect(port, { ecdhCurve: `P-256:${ecdhCurve}` })
      assert.deepStrictEqual(yield* Node.exchange(socket, data), data)
      const { info } = (yield* Queue.take(served)).connection
      assert.deepStrictEqual([info.group, info.kind], [group, "retried"])
      assert.strictEqual(seen[1], "said HelloRetryRequest")
    })
  )
})

describe("as we come", () => {
  const available = knows("X25519MLKEM768")

  it.live.skipIf(!available)("our client and Node's server take X25519MLKEM768 at once", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({})
      const connection = yield* Ours.connect(port)
      assert.deepStrictEqual([connection.info.group, connection.info.kind], ["X25519MLKEM768", "full"])
    })
  )

  it.live("our client needs no second round trip with a server that has X25519 alone", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({ ecdhCurve: "X25519" })
      const connection = yield* Ours.connect(port)
      assert.deepStrictEqual([connection.info.group, connection.info.kind], ["x25519", "full"])
    })
  )

  it.live.skipIf(!available)("our server asks a client that lists X25519MLKEM768 last, without a share, for one", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve()
      const socket = yield* Node.connect(port, { ecdhCurve: "X25519:P-256:X25519MLKEM768" })
      assert.deepStrictEqual(yield* Node.exchange(socket, data), data)
      const { info } = (yield* Queue.take(served)).connection
      assert.deepStrictEqual([info.group, info.kind], ["X25519MLKEM768", "retried"])
    })
  )

  it.live("our server takes X25519 from a client that has nothing better", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve()
      const socket = yield* Node.connect(port, { ecdhCurve: "X25519:P-256" })
      assert.deepStrictEqual(yield* Node.exchange(socket, data), data)
      const { info } = (yield* Queue.take(served)).connection
      assert.deepStrictEqual([info.group, info.kind], ["x25519", "full"])
    })
  )
})
