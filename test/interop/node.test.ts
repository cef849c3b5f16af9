import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { fixtures, groups, keyTypes, opensslGroup, schemeOf, suites } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Ours from "./support/ours.ts"

/** More than one record. */
const data = randomBytes(40_000)

const combinations = suites.flatMap((suite) =>
  groups.flatMap((group) => keyTypes.map((keyType) => ({ suite, group, keyType })))
)

describe("our client, node:tls as server", () => {
  for (const { suite, group, keyType } of combinations) {
    it.live(`${suite}, ${group}, ${keyType}`, () =>
      Effect.gen(function* () {
        const server = yield* Node.serve({ pair: fixtures.server[keyType] })
        const connection = yield* Ours.connect(server.port, { suites: [suite], groups: [group] })
        const { version, kind, signatureScheme } = connection.info
        const { certificate } = fixtures.server[keyType].issued
        assert.deepStrictEqual(
          [version, connection.info.suite, connection.info.group, signatureScheme, kind],
          ["TLSv1.3", suite, group, schemeOf[keyType], "full"]
        )
        assert.deepStrictEqual(Buffer.from(connection.peerCertificates[0] ?? []), Buffer.from(certificate))
        const back = yield* Ours.exchange(connection, data)
        assert.strictEqual(Node.digest(back), Node.digest(data))
        assert.strictEqual(server.attended[0]?.suite, suite)
        assert.isTrue(server.attended[0]?.socket.readableEnded, "Node has seen our close_notify")
        assert.deepStrictEqual(server.errors, [])
      })
    )
  }
})

describe("our server, node:tls as client", () => {
  for (const { suite, group, keyType } of combinations) {
    it.live(`${suite}, ${group}, ${keyType}`, () =>
      Effect.gen(function* () {
        const { port, served } = yield* Ours.serve({ pairs: [fixtures.server[keyType]] })
        const socket = yield* Node.connect(port, { ciphers: suite, ecdhCurve: opensslGroup[group] })
        assert.deepStrictEqual([socket.getProtocol(), socket.getCipher().name], ["TLSv1.3", suite])
        assert.isTrue(socket.authorized)
        const back = yield* Node.exchange(socket, data)
        assert.strictEqual(Node.digest(back), Node.digest(data))
        const { connection, ended } = yield* Queue.take(served)
        assert.strictEqual(ended, "closed")
        const { version, kind, signatureScheme, serverName } = connection.info
        assert.deepStrictEqual(
          [version, connection.info.suite, connection.info.group, signatureScheme, kind, serverName],
          ["TLSv1.3", suite, group, schemeOf[keyType], "full", "localhost"]
        )
      })
    )
  }
})

describe("on noble", () => {
  const few = keyTypes.map((keyType, i) => ({
    keyType,
    suite: suites[i % 3] ?? suites[0],
    group: groups[i % 3] ?? groups[0]
  }))
  for (const { suite, group, keyType } of few) {
    it.live(`our client, node:tls as server: ${suite}, ${group}, ${keyType}`, () =>
      Effect.gen(function* () {
        const server = yield* Node.serve({ pair: fixtures.server[keyType] })
        const connection = yield* Ours.connect(server.port, { suites: [suite], groups: [group], provider: "noble" })
        assert.deepStrictEqual([connection.info.suite, connection.info.group], [suite, group])
        assert.strictEqual(Node.digest(yield* Ours.exchange(connection, data)), Node.digest(data))
        assert.deepStrictEqual(server.errors, [])
      })
    )
    it.live(`our server, node:tls as client: ${suite}, ${group}, ${keyType}`, () =>
      Effect.gen(function* () {
        const { port, served } = yield* Ours.serve({ pairs: [fixtures.server[keyType]], provider: "noble" })
        const socket = yield* Node.connect(port, { ciphers: suite, ecdhCurve: opensslGroup[group] })
        assert.strictEqual(Node.digest(yield* Node.exchange(socket, data)), Node.digest(data))
        const { connection, ended } = yield* Queue.take(served)
        assert.strictEqual(ended, "closed")
        assert.deepStrictEqual([connection.info.suite, connection.info.group], [suite, group])
      })
    )
  }
})
