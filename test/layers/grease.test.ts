/** GREASE and the order of extensions as users have them: on unless switched off, and the same in every run of a test. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isGrease } from "../../src/codec/registry/grease.ts"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import { HandshakeObserver } from "../../src/layers/events.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { world } from "./support.ts"

type Message = "ClientHello" | "CertificateRequest"

/** The types of the extensions of such a message, and its bytes, when a handshake is done. */
const said = Effect.fnUntraced(function* (name: Message, options: TlsTest.Options = {}) {
  const seen: Array<{ readonly types: ReadonlyArray<string | number>; readonly raw: string }> = []
  yield* TlsTest.outcome(options).pipe(
    Effect.provideService(HandshakeObserver, {
      onMessage: (_, { direction, message, raw }) => {
        if (direction === "said" && message._tag === name && "extensions" in message.body) {
          const types = message.body.extensions.map(({ type }) => type)
          seen.push({ types, raw: Buffer.from(raw).toString("hex") })
        }
      }
    })
  )
  return seen[0] ?? assert.fail(`no ${name}`)
})
const greaseOf = (types: ReadonlyArray<string | number>) =>
  types.filter((type) => typeof type === "number" && isGrease(type)).length
const order = (types: ReadonlyArray<string | number>) => types.filter((type) => typeof type === "string").join()

layer(world)("by default", (it) => {
  it.effect("a client has both", () =>
    Effect.gen(function* () {
      const hellos = yield* Effect.all(Array.from({ length: 12 }, () => said("ClientHello")))
      for (const { types } of hellos) assert.strictEqual(greaseOf(types), 2)
      assert.isAbove(new Set(hellos.map(({ types }) => order(types))).size, 6)
    })
  )
  it.effect("a server has GREASE", () =>
    Effect.gen(function* () {
      const asked = { clientAuthentication: "optional" } as const
      assert.strictEqual(greaseOf((yield* said("CertificateRequest", { server: asked })).types), 2)
      const without = yield* said("CertificateRequest", { server: { ...asked, grease: "off" } })
      assert.strictEqual(greaseOf(without.types), 0)
    }).pipe(Effect.provide(ClientVerifier.dangerouslyAcceptAny))
  )
  it.effect("each has a switch", () =>
    Effect.gen(function* () {
      const plain = yield* said("ClientHello", { client: { grease: "off", extensionOrder: "fixed" } })
      assert.strictEqual(greaseOf(plain.types), 0)
      const ordered = yield* said("ClientHello", { client: { extensionOrder: "fixed" } })
      assert.strictEqual(greaseOf(ordered.types), 2)
      assert.strictEqual(order(ordered.types), order(plain.types))
      const without = yield* Effect.all(
        Array.from({ length: 12 }, () => said("ClientHello", { client: { grease: "off" } }))
      )
      for (const { types } of without) assert.strictEqual(greaseOf(types), 0)
      assert.isAbove(new Set(without.map(({ types }) => order(types))).size, 6)
    })
  )
})

describe("with deterministic cryptography", () => {
  it.effect("the same bytes are said in every run", () =>
    Effect.gen(function* () {
      const run = Effect.provide(Effect.scoped(said("ClientHello")), Layer.fresh(TlsTest.layer))
      const [one, two] = [yield* run, yield* run]
      assert.strictEqual(greaseOf(one.types), 2)
      assert.strictEqual(one.raw, two.raw)
    })
  )
})
