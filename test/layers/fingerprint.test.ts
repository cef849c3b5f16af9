/** The names of trust policies: the same for the same policy, and another for another. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import { layerNoble } from "../../src/layers/CryptoProvider.ts"
import { layer as node } from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import * as TrustAnchors from "../../src/layers/TrustAnchors.ts"
import { type CaOptions, issue, makeCa, makeIntermediate } from "../../src/layers/testing/certificates.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import type { TrustAnchor } from "../../src/state/path/anchor.ts"
import { day, inOctober, now, requestOf, verify } from "./verifierSupport.ts"

const serverPolicy = <E>(layer: Layer.Layer<ServerVerifier.ServerVerifier, E>) =>
  Effect.scoped(
    Effect.map(Layer.build(layer), (context) => Context.get(context, ServerVerifier.ServerVerifier).fingerprint?.join())
  )
const clientPolicy = <E>(layer: Layer.Layer<ClientVerifier.ClientVerifier, E>) =>
  Effect.scoped(
    Effect.map(Layer.build(layer), (context) => Context.get(context, ClientVerifier.ClientVerifier).fingerprint?.join())
  )

const trusting = (anchors: ReadonlyArray<TrustAnchor>) =>
  ServerVerifier.layerWebPki.pipe(Layer.provide([TrustAnchors.layer(anchors), node]))
const pinned = (pins: ReadonlyArray<Uint8Array>) => ServerVerifier.layerPinned(pins).pipe(Layer.provide(node))

const known = (keys: ReadonlyArray<Uint8Array>) => ServerVerifier.layerRawPublicKey(keys).pipe(Layer.provide(node))

const anchorsOf = (list: ReadonlyArray<{ readonly certificate: Uint8Array }>) =>
  Effect.fromResult(TrustAnchors.fromDer(list.map(({ certificate }) => certificate)))

describe("fingerprints of verifiers", () => {
  it.effect("are those of the policy, whatever the order of its parts and the provider", () =>
    Effect.gen(function* () {
      const anchors = yield* anchorsOf([yield* makeCa(), yield* makeCa()])
      const policy = yield* serverPolicy(trusting(anchors))
      assert.lengthOf(policy?.split(",") ?? [], 32)
      for (const same of [anchors.toReversed(), [...anchors, ...anchors]]) {
        assert.strictEqual(yield* serverPolicy(trusting(same)), policy)
      }
      const noble = ServerVerifier.layerWebPki.pipe(Layer.provide([TrustAnchors.layer(anchors), layerNoble]))
      assert.strictEqual(yield* serverPolicy(noble), policy)
      const pins = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
      assert.strictEqual(yield* serverPolicy(pinned(pins)), yield* serverPolicy(pinned(pins.toReversed())))
      assert.strictEqual(yield* serverPolicy(known(pins)), yield* serverPolicy(known(pins.toReversed())))
    }).pipe(inOctober)
  )

  it.effect("differ with roots, their constraints and keys, limits, purpose and kind", () =>
    Effect.gen(function* () {
      const ca = yield* makeCa()
      const anchors = yield* anchorsOf([ca])
      const [anchor] = anchors
      if (anchor === undefined) return yield* Effect.die("no anchor")
      const others = yield* anchorsOf([yield* makeCa()])
      const renewed = (options: CaOptions) =>
        Effect.flatMap(makeCa({ privateKey: ca.privateKey, ...options }), (again) => anchorsOf([again]))
      const subtree = { base: { _tag: "dNSName", value: "example.org" }, minimum: 0 } as const
      const nameConstraints = { permittedSubtrees: [subtree], excludedSubtrees: undefined }
      const nameless = { permittedSubtrees: undefined, excludedSubtrees: [subtree] }
      const ofClients = ClientVerifier.layerWebPki.pipe(Layer.provide([TrustAnchors.layer(anchors), node]))
      const policies = [
        yield* serverPolicy(trusting(anchors)),
        yield* serverPolicy(trusting([])),
        yield* serverPolicy(trusting(others)),
        yield* serverPolicy(trusting([...anchors, ...others])),
        yield* serverPolicy(trusting(yield* renewed({ notAfter: now + day }))),
        yield* serverPolicy(trusting(yield* renewed({ pathLength: 0 }))),
        yield* serverPolicy(trusting([{ ...anchor, certificate: undefined }])),
        yield* serverPolicy(trusting([{ ...anchor, nameConstraints }])),
        yield* serverPolicy(trusting([{ ...anchor, nameConstraints: nameless }])),
        yield* serverPolicy(
          ServerVerifier.layerWebPkiWith({ maxIntermediates: 1 }).pipe(
            Layer.provide([TrustAnchors.layer(anchors), node])
          )
        ),
        yield* clientPolicy(ofClients),
        yield* serverPolicy(pinned([new Uint8Array(32).fill(1)])),
        yield* serverPolicy(pinned([new Uint8Array(32).fill(2)])),
        yield* serverPolicy(known([new Uint8Array(32).fill(1)])),
        yield* serverPolicy(known([new Uint8Array(32).fill(2)])),
        yield* serverPolicy(ServerVerifier.dangerouslyAcceptAny.pipe(Layer.provide(node))),
        yield* serverPolicy(Mocks.serverVerifier())
      ]
      assert.notInclude(policies, undefined)
      assert.lengthOf(new Set(policies), policies.length)
      const unspeakable = { permittedSubtrees: [], excludedSubtrees: undefined }
      assert.isUndefined(yield* serverPolicy(trusting([{ ...anchor, nameConstraints: unspeakable }])))
    }).pipe(inOctober)
  )
})

describe("how long a peer is believed", () => {
  it.effect("until the first certificate of its path ends, that of the anchor among them", () =>
    Effect.gen(function* () {
      const ca = yield* makeCa()
      const intermediate = yield* makeIntermediate(ca, { notAfter: now + 3 * day })
      const long = yield* issue(intermediate, { names: ["example.org"], notAfter: now + 5 * day })
      const short = yield* issue(intermediate, { names: ["example.org"], notAfter: now + 2 * day })
      assert.strictEqual((yield* verify([ca], yield* requestOf(long))).validUntil, now + 3 * day)
      assert.strictEqual((yield* verify([ca], yield* requestOf(short))).validUntil, now + 2 * day)
      const ending = yield* makeCa({ privateKey: ca.privateKey, notAfter: now + day })
      assert.strictEqual((yield* verify([ending], yield* requestOf(long))).validUntil, now + day)
    }).pipe(inOctober)
  )
})
