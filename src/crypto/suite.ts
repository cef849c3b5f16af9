/** The cipher suites of TLS 1.3 as values: a name, a hash and an AEAD (RFC 9846 section 9.1, appendix B.4). */
import type { Aead, AeadName, Hash, HashName, Primitives } from "./primitives.ts"

export type CipherSuite13Name = "TLS_AES_128_GCM_SHA256" | "TLS_AES_256_GCM_SHA384" | "TLS_CHACHA20_POLY1305_SHA256"

/** Everything symmetric that a TLS 1.3 connection needs, chosen by one name. */
export interface CipherSuite13 {
  readonly name: CipherSuite13Name
  /** Of the transcript, HKDF and Finished. */
  readonly hash: Hash
  /** Of the records. */
  readonly aead: Aead
}

/** What each AEAD is called in TLS 1.3, and the hash it comes with. */
const registry13: { readonly [A in AeadName]: { readonly name: CipherSuite13Name; readonly hash: HashName } } = {
  "AES-128-GCM": { name: "TLS_AES_128_GCM_SHA256", hash: "sha256" },
  "AES-256-GCM": { name: "TLS_AES_256_GCM_SHA384", hash: "sha384" },
  "CHACHA20-POLY1305": { name: "TLS_CHACHA20_POLY1305_SHA256", hash: "sha256" }
}

/** The hash of a suite, whether it is in use or not. */
export const hashOf13 = (name: CipherSuite13Name): HashName | undefined =>
  Object.values(registry13).find((suite) => suite.name === name)?.hash

/** The suites of TLS 1.3 in the provider's order of preference. */
export const suites13 = (primitives: Primitives): ReadonlyArray<CipherSuite13> =>
  primitives.aeadPreference.map((aead) => ({
    name: registry13[aead].name,
    hash: primitives.hashes[registry13[aead].hash],
    aead: primitives.aeads[aead]
  }))

// The suites of TLS 1.2 (ECDHE with AES-GCM or ChaCha20-Poly1305) belong below: they add a PRF hash, a kind of
// authentication and the form of the nonce.
