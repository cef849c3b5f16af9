import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { CryptoProvider } from "../../../src/layers/CryptoProvider.ts"

/** What every layer of `CryptoProvider` must do. `records` says whether they are encrypted. */
export const cryptoProviderContract = (
  name: string,
  provided: Layer.Layer<CryptoProvider>,
  records: "protected" | "open"
): void => {
  layer(provided)(name, (it) => {
    it.effect("offers the three suites and the four groups", () =>
      Effect.gen(function* () {
        const crypto = yield* CryptoProvider
        assert.isAbove(crypto.name.length, 0)
        assert.sameMembers(
          crypto.suites.map(({ name }) => name),
          ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
        )
        assert.deepEqual([...crypto.groups], ["X25519MLKEM768", "x25519", "secp256r1", "secp384r1"])
      })
    )

    it.effect("client and server agree in every group, by agree and encapsulate", () =>
      Effect.gen(function* () {
        const crypto = yield* CryptoProvider
        for (const group of crypto.groups) {
          const client = yield* crypto.makeKeyShare(group)
          assert.strictEqual(client.group, group)
          const server = yield* crypto.encapsulate(group, client.share)
          assert.deepEqual(yield* crypto.agree(client, server.share), server.secret)
        }
      })
    )

    it.effect("a bad share is InvalidPoint, a group it does not have is UnsupportedAlgorithm", () =>
      Effect.gen(function* () {
        const crypto = yield* CryptoProvider
        for (const group of crypto.groups) {
          const pair = yield* crypto.makeKeyShare(group)
          const bad = new Uint8Array(pair.share.length)
          assert.strictEqual((yield* Effect.flip(crypto.agree(pair, bad))).reason, "InvalidPoint")
          assert.strictEqual((yield* Effect.flip(crypto.encapsulate(group, bad))).reason, "InvalidPoint")
        }
        for (const group of ["x448", 0x4242] as const) {
          const failure = yield* Effect.flip(crypto.makeKeyShare(group))
          assert.strictEqual(failure.reason, "UnsupportedAlgorithm")
          assert.strictEqual(
            (yield* Effect.flip(crypto.encapsulate(group, new Uint8Array(32)))).reason,
            "UnsupportedAlgorithm"
          )
        }
      })
    )

    it.effect("makes keys, loads them, signs and verifies", () =>
      Effect.gen(function* () {
        const crypto = yield* CryptoProvider
        const content = Uint8Array.of(1, 2, 3)
        for (const kind of ["p256", "p384", "ed25519", "rsa2048"] as const) {
          const key = yield* crypto.privateKey(yield* crypto.generatePrivateKey(kind))
          const scheme = key.schemes.find((scheme) => typeof scheme === "string") ?? assert.fail()
          const signature = yield* crypto.sign(key, scheme, content)
          const publicKey = yield* crypto.publicKey(key.publicKey.spki)
          assert.isTrue(publicKey.verify(scheme, content, signature), kind)
          assert.isFalse(publicKey.verify(scheme, Uint8Array.of(1, 2, 4), signature), kind)
          const failure = yield* Effect.flip(crypto.sign(key, "ed448", content))
          assert.strictEqual(failure.reason, "UnsupportedAlgorithm")
        }
      })
    )

    it.effect("keys that do not parse are InvalidKey", () =>
      Effect.gen(function* () {
        const crypto = yield* CryptoProvider
        const nonsense = new Uint8Array(20)
        assert.strictEqual((yield* Effect.flip(crypto.publicKey(nonsense))).reason, "InvalidKey")
        assert.strictEqual((yield* Effect.flip(crypto.privateKey(nonsense))).reason, "InvalidKey")
      })
    )

    it.effect("random bytes differ", () =>
      Effect.gen(function* () {
        const crypto = yield* CryptoProvider
        const [a, b] = [yield* crypto.randomBytes(32), yield* crypto.randomBytes(32)]
        assert.strictEqual(a.length, 32)
        assert.notDeepEqual(a, b)
      })
    )

    it.effect(`records are ${records}`, () =>
      Effect.gen(function* () {
        const crypto = yield* CryptoProvider
        for (const { aead } of crypto.suites) {
          const key = aead.key(new Uint8Array(aead.keySize))
          const nonce = new Uint8Array(12)
          const head = Uint8Array.of(1, 2, 3, 4)
          const out = new Uint8Array(21)
          key.seal(nonce, new Uint8Array(0), head, Uint8Array.of(23), out, 0)
          assert.deepEqual(key.open(nonce, new Uint8Array(0), out), Uint8Array.of(1, 2, 3, 4, 23))
          const forged = out.map((byte, i) => (i === 20 ? byte ^ 1 : byte))
          const opened = key.open(nonce, new Uint8Array(0), forged)
          assert.strictEqual(opened === undefined ? "protected" : "open", records)
          assert.isUndefined(key.open(nonce, new Uint8Array(0), out.subarray(0, 15)))
        }
      })
    )
  })
}
