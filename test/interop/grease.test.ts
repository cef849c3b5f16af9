/** Hellos with GREASE and shuffled extensions, and what OpenSSL makes of them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { isGrease } from "../../src/codec/registry/grease.ts"
import { HandshakeObserver } from "../../src/layers/events.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

const short = Buffer.from("olleh\n")
const times = 100
/** The types of the extensions of every ClientHello or CertificateRequest that we say. */
const watching = <A, E, R>(use: (said: ReadonlyArray<ReadonlyArray<string | number>>) => Effect.Effect<A, E, R>) => {
  const said: Array<ReadonlyArray<string | number>> = []
  return use(said).pipe(
    Effect.provideService(HandshakeObserver, {
      onMessage: (_, { _tag, direction, message }) => {
        if (_tag === "Message12") return
        const asks = message._tag === "ClientHello" || message._tag === "CertificateRequest"
        if (direction === "said" && asks) said.push(message.body.extensions.map(({ type }) => type))
      }
    }),
    Effect.scoped
  )
}
/** Without GREASE, as text. */
const orders = (said: ReadonlyArray<ReadonlyArray<string | number>>) =>
  said.map((types) => types.filter((type) => typeof type === "string").join())
const greaseOf = (types: ReadonlyArray<string | number> | undefined) =>
  (types ?? []).filter((type) => typeof type === "number" && isGrease(type)).length

const greased = { alpnProtocols: ["h2", "http/1.1"] } as const

describe("node:tls as server", () => {
  it.live(`takes ${times} hellos, each in an order of its own`, () =>
    watching(
      Effect.fnUntraced(function* (said) {
        const server = yield* Node.serve({ ALPNProtocols: ["h2"] })
        for (let n = 0; n < times; n++) {
          const connection = yield* Ours.connect(server.port, greased)
          assert.deepStrictEqual([connection.info.kind, connection.info.alpnProtocol], ["full", "h2"])
          assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
        }
        assert.strictEqual(server.attended.length, times)
        assert.deepStrictEqual(server.errors, [])
        assert.isAbove(new Set(orders(said)).size, times * 0.9)
        for (const types of said) assert.strictEqual(greaseOf(types), 2)
      })
    )
  )

  it.live("takes them again after it has asked for another group", () =>
    watching(
      Effect.fnUntraced(function* (said) {
        const server = yield* Node.serve({ ecdhCurve: "P-384" })
        for (let n = 0; n < times / 5; n++) {
          const connection = yield* Ours.connect(server.port, greased)
          assert.deepStrictEqual([connection.info.kind, connection.info.group], ["retried", "secp384r1"])
          yield* connection.close
          assert.deepStrictEqual(said.at(-1), said.at(-2))
        }
        assert.deepStrictEqual(server.errors, [])
        assert.strictEqual(said.length, (times / 5) * 2)
      })
    )
  )

  it.live("takes them without GREASE, and in a fixed order, too", () =>
    watching(
      Effect.fnUntraced(function* (said) {
        const server = yield* Node.serve({})
        yield* Ours.connect(server.port, { ...greased, grease: "off" })
        yield* Ours.connect(server.port, { ...greased, extensionOrder: "fixed" })
        yield* Ours.connect(server.port, { ...greased, grease: "off", extensionOrder: "fixed" })
        assert.deepStrictEqual(server.errors, [])
        assert.deepStrictEqual(said.map(greaseOf), [0, 2, 0])
        assert.strictEqual(orders(said)[1], orders(said)[2])
      })
    )
  )
})

describe("node:tls as client", () => {
  it.live("answers a CertificateRequest with GREASE", () =>
    watching(
      Effect.fnUntraced(function* (said) {
        const { port, served } = yield* Ours.serve({ clientAuthentication: "required" })
        const { issued } = fixtures.client.p256
        for (let n = 0; n < times / 5; n++) {
          const socket = yield* Node.connect(port, { cert: issued.chainPem, key: issued.privateKeyPem })
          assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
          assert.strictEqual((yield* Queue.take(served)).ended, "closed")
        }
        assert.deepStrictEqual(
          said.map(greaseOf),
          Array.from({ length: times / 5 }, () => 2)
        )
      })
    )
  )
})

describe.skipIf(!hasOpenssl)(`openssl (${openssl})`, () => {
  it.live(`s_server takes ${times} hellos`, () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(fixtures.server.p256, "-alpn", "h2", "-rev")
      const once = Effect.gen(function* () {
        const connection = yield* Ours.connect(port, greased)
        assert.deepStrictEqual([connection.info.kind, connection.info.alpnProtocol], ["full", "h2"])
        assert.strictEqual((yield* Ours.exchange(connection, short)).toString(), "hello\n")
      })
      for (let n = 0; n < times; n++) yield* Effect.scoped(once) // it serves one client at a time
    }).pipe(Effect.scoped)
  )

  it.live("s_client answers a CertificateRequest with GREASE", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ clientAuthentication: "required" })
      const { cert, key } = fixtures.client.p256
      const program = yield* Openssl.client(port, "-cert", cert, "-key", key)
      yield* Openssl.says(program, /Verification: OK/)
      program.write("Q\n")
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
    }).pipe(Effect.scoped)
  )
})
