/** Cryptography for tests whose every byte is known beforehand: noble, with a random generator that is not random. */
import * as Layer from "effect/Layer"
import { hashes } from "../../crypto/noble/hash.ts"
import { make } from "../../crypto/noble/index.ts"
import type { Primitives, RandomBytes } from "../../crypto/primitives.ts"
import { CryptoProvider, make as makeProvider } from "../CryptoProvider.ts"

/** A stream of bytes that depends on `seed` alone: SHA-256 of the seed and a counter. Never for keys that matter. */
export const deterministicRandom = (seed: string | Uint8Array): RandomBytes => {
  const start = hashes.sha256.start.append(typeof seed === "string" ? new TextEncoder().encode(seed) : seed)
  let counter = 0
  return (size) => {
    const bytes = new Uint8Array(size)
    for (let at = 0; at < size; at += 32) {
      const count = new Uint8Array(4)
      new DataView(count.buffer).setUint32(0, counter++)
      bytes.set(
        start
          .append(count)
          .digest()
          .subarray(0, size - at),
        at
      )
    }
    return bytes
  }
}

/** Noble's primitives over {@link deterministicRandom}. RSA signatures keep WebCrypto's own randomness. */
export const deterministicPrimitives = (seed: string | Uint8Array): Primitives => ({
  ...make(deterministicRandom(seed)),
  name: "deterministic (tests only)"
})

/**
 * A `CryptoProvider` that does the same in every run, and again each time it is built. Both ends of a test should have
 * seeds of their own.
 */
export const layerDeterministic = (seed: string | Uint8Array): Layer.Layer<CryptoProvider> =>
  Layer.sync(CryptoProvider, () => makeProvider(deterministicPrimitives(seed)))
