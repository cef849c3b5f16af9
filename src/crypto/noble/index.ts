/** Everything in JavaScript, on any platform. Randomness and RSA private operations are the platform's WebCrypto. */
import type { Primitives, RandomBytes } from "../primitives.ts"
import { inJavaScript } from "../verifyCost.ts"
import { aeads } from "./aead.ts"
import { groups } from "./group.ts"
import { hashes } from "./hash.ts"
import { generatePrivateKey, privateKey, publicKey } from "./signature.ts"

/** `getRandomValues` gives at most 65,536 bytes at a time. */
const webRandom: RandomBytes = (size) => {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 65_536) globalThis.crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

/** The primitives with a randomness of the caller's choice: a test's, or a platform's without WebCrypto. */
export const make = (random: RandomBytes): Primitives => ({
  name: "noble",
  hashes,
  aeads,
  groups,
  aeadPreference: ["CHACHA20-POLY1305", "AES-128-GCM", "AES-256-GCM"],
  random,
  publicKey,
  verifyCost: inJavaScript,
  privateKey: privateKey(random),
  generatePrivateKey
})

/** The primitives with the randomness of WebCrypto. */
export const primitives: Primitives = make(webRandom)
