/** Trust on first use. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as TestClock from "effect/testing/TestClock"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import { layerDer } from "../../src/layers/TrustAnchors.ts"
import * as TrustOnFirstUse from "../../src/layers/TrustOnFirstUse.ts"
import { issue, makeCa, makeSelfSigned } from "../../src/layers/testing/certificates.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as Verifier from "../../src/layers/Verifier.ts"
import { alertOf } from "../../src/state/failure.ts"
import { world } from "./support.ts"
import { day, inOctober, now, requestOf, verdictOf } from "./verifierSupport.ts"

const store = KeyValueStore.KeyValueStore

/** A verifier and its store. */
const tofu = (options?: TrustOnFirstUse.Options) =>
  Layer.provideMerge(ServerVerifier.layerTofu(options), KeyValueStore.layerMemory)

const verifier = ServerVerifier.ServerVerifier

describe("layerTofu", () => {
  it.effect("believes what it sees first, and then nothing else under that name", () =>
    inOctober(
      Effect.gen(function* () {
        const { verify } = yield* verifier
        const [one, other] = [yield* makeSelfSigned(), yield* makeSelfSigned()]
        const first = yield* verify(yield* requestOf(one))
        assert.match(first.description, /by its key, seen for the first time$/)
        yield* TestClock.setTime(now + 3 * day)
        const again = yield* verify(yield* requestOf(one))
        assert.match(again.description, /by its key, known since 2026-10-01 00:00 UTC$/)
        const refusal = yield* Effect.flip(verify(yield* requestOf(other)))
        assert.strictEqual(refusal.reason, "CertificateKeyChanged")
        assert.strictEqual(alertOf(refusal), "certificate_unknown")
        assert.match(
          refusal.detail,
          /^example\.org shows the key sha256:[0-9a-f]{64}, and sha256:[0-9a-f]{64} is known since 2026-10-01 00:00 UTC$/
        )
        assert.strictEqual(yield* verdictOf(verify(yield* requestOf(other, { name: "other.example" }))), "accepted")
        assert.strictEqual(
          yield* verdictOf(verify(yield* requestOf(one, { name: "other.example" }))),
          "CertificateKeyChanged"
        )
      }).pipe(Effect.provide(tofu()))
    )
  )

  it.effect("a name is one name, however it is written", () =>
    inOctober(
      Effect.gen(function* () {
        const { verify } = yield* verifier
        const [one, other] = [yield* makeSelfSigned(), yield* makeSelfSigned()]
        yield* verify(yield* requestOf(one, { name: "Example.ORG." }))
        assert.strictEqual(yield* verdictOf(verify(yield* requestOf(other))), "CertificateKeyChanged")
        yield* verify(yield* requestOf(one, { name: "2001:db8:0:0:0:0:0:1" }))
        const shorter = yield* requestOf(other, { name: "2001:db8::1" })
        assert.strictEqual(yield* verdictOf(verify(shorter)), "CertificateKeyChanged")
      }).pipe(Effect.provide(tofu()))
    )
  )

  it.effect("one of two keys that come at once is stored, and the other refused", () =>
    inOctober(
      Effect.gen(function* () {
        const kept = yield* store
        // A store over a network: what is read may be old by the time it is written.
        const slow = { ...kept, get: (key: string) => Effect.tap(kept.get(key), () => Effect.yieldNow) }
        const layer = Layer.provide(ServerVerifier.layerTofu(), Layer.succeed(store, slow))
        const verifiers = yield* Effect.forEach([1, 2], () =>
          Effect.map(Layer.build(Layer.fresh(layer)), (context) => context)
        )
        const keys = yield* Effect.forEach(Array.from({ length: 8 }), () => makeSelfSigned())
        const verdicts = yield* Effect.forEach(
          keys,
          (issued, i) =>
            Effect.flatMap(requestOf(issued), (request) =>
              verifier
                .use(({ verify }) => verdictOf(verify(request)))
                .pipe(Effect.provide(verifiers[i % 2] ?? assert.fail()))
            ),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(verdicts.toSorted(), [...Array(7).fill("CertificateKeyChanged"), "accepted"])
      }).pipe(Effect.scoped, Effect.provide(KeyValueStore.layerMemory))
    )
  )

  it.effect("stores nothing for who has not the key", () =>
    inOctober(
      Effect.gen(function* () {
        const { verify } = yield* verifier
        const [one, other] = [yield* makeSelfSigned(), yield* makeSelfSigned()]
        assert.strictEqual(yield* verdictOf(verify(yield* requestOf(one, { chain: other.chain }))), "SignatureMismatch")
        assert.strictEqual(yield* verdictOf(verify(yield* requestOf(one, { name: "client" }))), "CertificateRejected")
        assert.strictEqual(yield* store.useSync((all) => all).pipe(Effect.flatMap(({ size }) => size)), 0)
        assert.isUndefined(yield* TrustOnFirstUse.known(yield* store, "example.org"))
      }).pipe(Effect.provide(tofu()))
    )
  )

  it.effect("forgets when told to", () =>
    inOctober(
      Effect.gen(function* () {
        const { verify } = yield* verifier
        const [one, other] = [yield* makeSelfSigned(), yield* makeSelfSigned()]
        yield* verify(yield* requestOf(one))
        assert.strictEqual((yield* TrustOnFirstUse.known(yield* store, "EXAMPLE.org"))?.since, now)
        yield* TrustOnFirstUse.forget(yield* store, "EXAMPLE.org")
        assert.strictEqual(yield* verdictOf(verify(yield* requestOf(other))), "accepted")
        assert.strictEqual(
          (yield* Effect.flip(TrustOnFirstUse.forget(yield* store, "a b"))).reason._tag,
          "InvalidConfiguration"
        )
      }).pipe(Effect.provide(tofu()))
    )
  )

  it.effect("a store that fails, or holds something else, lets nobody in", () =>
    inOctober(
      Effect.gen(function* () {
        const { verify } = yield* verifier
        const request = yield* requestOf(yield* makeSelfSigned())
        for (const text of ["", "{}", "yes", '{"pin":"00","since":0}']) {
          yield* (yield* store).set("effect-tls/known/example.org", text)
          assert.strictEqual(yield* verdictOf(verify(request)), "AnswerFailed")
        }
        const error = new KeyValueStore.KeyValueStoreError({ message: "no", key: "k", method: "m" })
        const failing = { ...(yield* store), set: () => Effect.fail(error) }
        const layer = Layer.provide(ServerVerifier.layerTofu(), Layer.succeed(store, failing))
        const other = yield* requestOf(yield* makeSelfSigned(), { name: "new.example" })
        const verdict = verifier.use(({ verify }) => verdictOf(verify(other))).pipe(Effect.provide(layer))
        assert.strictEqual(yield* verdict, "AnswerFailed")
      }).pipe(Effect.provide(tofu()))
    )
  )

  it.effect("raw public keys, when asked for", () =>
    inOctober(
      Effect.gen(function* () {
        const { verify, certificateTypes } = yield* verifier
        assert.deepStrictEqual(certificateTypes, ["RawPublicKey", "X509"])
        const [one, other] = [yield* makeSelfSigned(), yield* makeSelfSigned()]
        const raw = (issued: typeof one) =>
          requestOf(issued, {
            chain: [issued.key.publicKey.spki],
            alter: (request) => ({ ...request, certificateType: "RawPublicKey" })
          })
        assert.strictEqual(yield* verdictOf(verify(yield* raw(one))), "accepted")
        assert.strictEqual(yield* verdictOf(verify(yield* requestOf(one))), "accepted", "the same key in a certificate")
        assert.strictEqual(yield* verdictOf(verify(yield* raw(other))), "CertificateKeyChanged")
        const plain = yield* Effect.provide(verifier, Layer.fresh(tofu()))
        assert.strictEqual(yield* verdictOf(plain.verify(yield* raw(one))), "CertificateRejected")
      }).pipe(Effect.provide(tofu({ certificateTypes: ["RawPublicKey", "X509"] })))
    )
  )

  it.effect("behind the check of the chain", () =>
    inOctober(
      Effect.gen(function* () {
        const ca = yield* makeCa()
        const [one, two] = [yield* issue(ca, { names: ["example.org"] }), yield* issue(ca, { names: ["example.org"] })]
        const webPki = Layer.provide(ServerVerifier.layerWebPki, layerDer([ca.certificate]))
        const both = ServerVerifier.zipWith(webPki, ServerVerifier.layerTofu(), Verifier.and)
        yield* Effect.gen(function* () {
          const { verify, fingerprint } = yield* verifier
          assert.isUndefined(fingerprint)
          const stranger = yield* makeSelfSigned({ names: ["example.org"] })
          assert.strictEqual(yield* verdictOf(verify(yield* requestOf(stranger))), "CertificateRootUntrusted")
          assert.strictEqual(yield* verdictOf(verify(yield* requestOf(one))), "accepted")
          assert.strictEqual(yield* verdictOf(verify(yield* requestOf(two))), "CertificateKeyChanged")
        }).pipe(Effect.provide(Layer.provide(both, KeyValueStore.layerMemory)))
      })
    )
  )
})

it.effect("layerTofu in a handshake: the second server under a name is refused, with a hint", () =>
  Effect.gen(function* () {
    const connect = Effect.gen(function* () {
      const { left, right } = Pair.make()
      yield* Effect.forkChild(Effect.result(TlsServer.accept(right)))
      return yield* TlsClient.connect(left, { serverName: "localhost" })
    })
    yield* Effect.gen(function* () {
      yield* connect
      yield* connect
      const kept = yield* store
      yield* kept.set("effect-tls/known/localhost", JSON.stringify({ pin: "0".repeat(64), since: 0 }))
      const error = yield* Effect.flip(connect)
      assert.strictEqual(error.reason._tag, "CertificateKeyChanged")
      assert.strictEqual(error.alertSent, "certificate_unknown")
      assert.match(error.message, /known since 1970-01-01 00:00 UTC.*TrustOnFirstUse\.forget/)
    }).pipe(Effect.provide(tofu()))
  }).pipe(Effect.scoped, Effect.provide(world))
)
