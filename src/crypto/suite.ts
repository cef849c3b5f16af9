/** The cipher suites as values: a name, a hash and an AEAD (RFC 9846 appendix B.4, RFC 5289 and RFC 7905). */
import type { Aead, AeadName, Hash, HashName, Primitives } from "./primitives.ts"

/** The cipher suites of TLS 1.3, by the names of RFC 9846 appendix B.4. */
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

/** The cipher suites of TLS 1.2, by the names of RFC 5289 and RFC 7905. */
export type CipherSuite12Name =
  | "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
  | "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
  | "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
  | "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
  | "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
  | "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"

/** The kinds of key that sign the key exchange of TLS 1.2; Ed25519 counts as ECDSA (RFC 8422 section 5.10). */
export type Authentication12 = "ECDSA" | "RSA"

/**
 * Everything symmetric that a TLS 1.2 connection needs. There are no other suites: CBC, RC4, 3DES, RSA key transport,
 * static Diffie-Hellman and finite fields are broken, or without forward secrecy, or hard to use safely.
 */
export interface CipherSuite12 {
  readonly name: CipherSuite12Name
  /** Of the PRF and Finished. */
  readonly hash: Hash
  /** Of the records. The nonce is explicit for AES-GCM and implicit for ChaCha20-Poly1305. */
  readonly aead: Aead
  /** What the server's key must be. */
  readonly authentication: Authentication12
}

const registry12: {
  readonly [A in AeadName]: { readonly [K in Authentication12]: CipherSuite12Name } & { readonly hash: HashName }
} = {
  "AES-128-GCM": {
    ECDSA: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    RSA: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    hash: "sha256"
  },
  "AES-256-GCM": {
    ECDSA: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    RSA: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    hash: "sha384"
  },
  "CHACHA20-POLY1305": {
    ECDSA: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    RSA: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    hash: "sha256"
  }
}

/** Names of all suites of TLS 1.2. */
export const suiteNames12: ReadonlyArray<CipherSuite12Name> = Object.values(registry12).flatMap(({ ECDSA, RSA }) => [
  ECDSA,
  RSA
])

/** The suites of TLS 1.2 in the provider's order of preference, of each AEAD the one with ECDSA first. */
export const suites12 = (primitives: Primitives): ReadonlyArray<CipherSuite12> =>
  primitives.aeadPreference.flatMap((aead) =>
    (["ECDSA", "RSA"] as const).map((authentication) => ({
      name: registry12[aead][authentication],
      hash: primitives.hashes[registry12[aead].hash],
      aead: primitives.aeads[aead],
      authentication
    }))
  )

/** A suite of either version. */
export type AnyCipherSuite = CipherSuite13 | CipherSuite12
