import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as CryptoProvider from "../../src/layers/CryptoProvider.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import { deterministicRandom, layerDeterministic } from "../../src/layers/testing/deterministic.ts"
import { layerNullForTests } from "../../src/layers/testing/nullCrypto.ts"
import { cryptoProviderContract } from "./contract/cryptoProvider.ts"

cryptoProviderContract("CryptoProvider on node", NodeCryptoProvider.layer, "protected")
cryptoProviderContract("CryptoProvider on noble", CryptoProvider.layerNoble, "protected")
cryptoProviderContract("CryptoProvider, deterministic", layerDeterministic("contract"), "protected")
cryptoProviderContract("CryptoProvider, null", layerNullForTests(), "open")

describe("narrowing by names", () => {
  const provider = CryptoProvider.CryptoProvider

  it.effect("takes what is named, in the order of the names, once", () =>
    Effect.gen(function* () {
      const crypto = yield* provider
      assert.deepEqual([...crypto.groups], ["secp521r1", "x25519"])
      assert.deepEqual(
        crypto.suites.map(({ name }) => name),
        ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]
      )
      yield* crypto.makeKeyShare("secp521r1")
    }).pipe(
      Effect.provide(
        NodeCryptoProvider.layerWith({
          groups: ["secp521r1", "x25519", "secp521r1"],
          suites: ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]
        })
      )
    )
  )

  it.effect("leaves alone what is not mentioned", () =>
    Effect.gen(function* () {
      const crypto = yield* provider
      assert.deepEqual([...crypto.groups], ["secp256r1"])
      assert.strictEqual(crypto.suites.length, 3)
    }).pipe(Effect.provide(CryptoProvider.layerNobleWith({ groups: ["secp256r1"] })))
  )

  it.effect("an unknown name and an empty list are typed failures that name what there is", () =>
    Effect.gen(function* () {
      for (const [options, says] of [
        [
          { groups: ["x25519", "X448"] },
          "x25519, secp256r1, secp384r1, secp521r1, SecP256r1MLKEM768, SecP384r1MLKEM1024"
        ],
        [{ suites: ["TLS_AES_128_CCM_SHA256"] }, "TLS_AES_256_GCM_SHA384"],
        [{ groups: ["__proto__"] }, '"__proto__"'],
        [{ groups: [] }, "at least one group"],
        [{ suites: [] }, "at least one cipher suite"]
      ] as const) {
        for (const layer of [NodeCryptoProvider.layerWith(options), CryptoProvider.layerNobleWith(options)]) {
          const failure = yield* Effect.flip(provider.pipe(Effect.provide(layer)))
          assert.strictEqual(failure.reason._tag, "InvalidConfiguration")
          assert.include(failure.reason.detail, says)
        }
      }
    })
  )
})

describe("the deterministic provider", () => {
  const shares = (seed: string) =>
    Effect.gen(function* () {
      const crypto = yield* CryptoProvider.CryptoProvider
      const out: Array<Uint8Array> = [yield* crypto.randomBytes(32)]
      for (const group of crypto.groups) out.push((yield* crypto.makeKeyShare(group)).share)
      const key = yield* crypto.privateKey(yield* crypto.generatePrivateKey("p256"))
      out.push(yield* crypto.sign(key, "ecdsa_secp256r1_sha256", Uint8Array.of(1)))
      return out
    }).pipe(Effect.provide(layerDeterministic(seed)))

  it.effect("says the same for the same seed, something else for another", () =>
    Effect.gen(function* () {
      const first = yield* shares("a")
      assert.deepEqual(yield* shares("a"), first)
      for (const [i, other] of (yield* shares("b")).entries()) assert.notDeepEqual(other, first[i])
    })
  )

  it("is one stream, never the same bytes twice", () => {
    const random = deterministicRandom("seed")
    const seen = new Set(Array.from({ length: 1000 }, () => Buffer.from(random(32)).toString("hex")))
    assert.strictEqual(seen.size, 1000)
    assert.strictEqual(random(0).length, 0)
    assert.strictEqual(random(33).length, 33)
  })
})
