/** Cryptography for tests whose every byte is known beforehand: noble, with a random generator that is not random. */
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { hashes } from "../../crypto/noble/hash.ts"
import { make } from "../../crypto/noble/index.ts"
import { generatePrivateKey as noblePrivateKey } from "../../crypto/noble/signature.ts"
import { asPssKey } from "../../crypto/pkcs8.ts"
import type { Primitives, RandomBytes } from "../../crypto/primitives.ts"
import { CryptoProvider, make as makeProvider } from "../CryptoProvider.ts"
import { generateRsa } from "./rsaKey.ts"
import { withSaltsOf } from "./rsaPss.ts"

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

/** RSA keys of the generator, in BigInt: a second or two each. */
const generatePrivateKey: Primitives["generatePrivateKey"] = (kind, random) => {
  switch (kind) {
    case "rsa2048":
      return generateRsa(2048, random)
    case "rsa3072":
      return generateRsa(3072, random)
    case "rsa-pss":
      return Result.flatMap(generateRsa(2048, random), asPssKey)
    default:
      return noblePrivateKey(kind, random)
  }
}

/** Noble's primitives over {@link deterministicRandom}, RSA keys and the salts of their signatures included. */
export const deterministicPrimitives = (seed: string | Uint8Array): Primitives => {
  const random = deterministicRandom(seed)
  const primitives = make(random)
  return {
    ...primitives,
    name: "deterministic (tests only)",
    privateKey: (pkcs8) => Result.flatMap(primitives.privateKey(pkcs8), (key) => withSaltsOf(random, pkcs8, key)),
    generatePrivateKey
  }
}

/**
 * A `CryptoProvider` that does the same in every run, and again each time it is built. Both ends of a test should have
 * seeds of their own.
 */
export const layerDeterministic = (seed: string | Uint8Array): Layer.Layer<CryptoProvider> =>
  Layer.sync(CryptoProvider, () => makeProvider(deterministicPrimitives(seed)))
