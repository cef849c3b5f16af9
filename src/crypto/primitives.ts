/**
 * The interfaces of cryptography as the core sees it: functions as values, no I/O, no Effect runtime.
 *
 * Everything symmetric is synchronous and pure, so that transcript, key schedule, Finished and record protection are
 * plain functions. What touches a private key, entropy or a peer's point is asked for through `CryptoProvider`, which is
 * built on the same interfaces.
 *
 * Nothing here throws: a primitive that refuses its input returns a `Result`, whatever the library below it does.
 */
import type * as Result from "effect/Result"
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"

/** Why a primitive refused. `detail` is for people and never holds key material or peer bytes. */
export interface CryptoFailure {
  readonly _tag: "CryptoFailure"
  readonly reason:
    | "InvalidPoint" // a peer share that is malformed, not on the curve, or yields an all-zero secret
    | "InvalidKey" // a key that does not parse, or does not fit the algorithm
    | "UnsupportedAlgorithm" // this provider cannot do it
    | "OperationFailed" // the primitive itself failed: a bug or a broken device
  readonly detail: string
}

/** A running hash that is never changed in place: an older value still digests to the older transcript. */
export interface HashState {
  /** A new state that has also absorbed `bytes`; this one stays as it was. */
  readonly append: (bytes: Uint8Array) => HashState
  /** The digest of all absorbed so far. May be called any number of times. */
  readonly digest: () => Uint8Array
}

/** The hashes of the cipher suites, and SHA-512 for certificates. */
export type HashName = "sha256" | "sha384" | "sha512"

/** A hash function with its HMAC (RFC 2104). */
export interface Hash {
  readonly name: HashName
  /** Bytes of a digest: 32, 48 or 64. */
  readonly size: number
  /** The one-shot digest. */
  readonly digest: (bytes: Uint8Array) => Uint8Array
  /** An empty running hash. */
  readonly start: HashState
  /** HMAC with a key set up once; the key bytes are not kept. */
  readonly hmac: (key: Uint8Array) => Mac
}

/** `HMAC(key, ·)`. */
export type Mac = (data: Uint8Array) => Uint8Array

/** The AEADs of the cipher suites. */
export type AeadName = "AES-128-GCM" | "AES-256-GCM" | "CHACHA20-POLY1305"

/** An AEAD of RFC 5116 with a 12-byte nonce and a 16-byte tag. */
export interface Aead {
  readonly name: AeadName
  /** Bytes of the key: 16 or 32. */
  readonly keySize: number
  /** Sets a key up. The bytes may be wiped afterwards. */
  readonly key: (key: Uint8Array) => AeadKey
  /** Where this provider wants other limits than RFC 9846 section 5.5 sets: lower ones, or for tests. */
  readonly limits?: KeyLimits | undefined
}

/** How many records one key may protect (section 5.5). */
export interface KeyLimits {
  /** Records after which the sender should update its keys; at least 1. */
  readonly updateAfter: number
  /** Records after which the sender refuses to use the key: more, since the KeyUpdate is one, and an alert. */
  readonly stopAfter: number
}

/** Bytes of the nonce, of every AEAD here. */
export const nonceSize = 12
/** Bytes of the tag, of every AEAD here. */
export const tagSize = 16

/** A key in use: one direction of one epoch. One owner, synchronous. */
export interface AeadKey {
  /**
   * Encrypts `head` then `tail` as one plaintext and writes ciphertext and tag into `out` from `offset` on:
   * `head.length + tail.length + 16` bytes, which `out` must have room for. Two parts, because a record is the
   * application's bytes followed by a content type and padding, and joining them would be a copy.
   * `out` never overlaps the inputs.
   */
  readonly seal: (
    nonce: Uint8Array,
    additional: Uint8Array,
    head: Uint8Array,
    tail: Uint8Array,
    out: Uint8Array,
    offset: number
  ) => void
  /**
   * The plaintext of `sealed` (ciphertext, then a 16-byte tag), or `undefined` when the tag is wrong: nothing of
   * the plaintext is ever seen then. The array returned is the caller's own and does not alias `sealed`.
   */
  readonly open: (nonce: Uint8Array, additional: Uint8Array, sealed: Uint8Array) => Uint8Array | undefined
}

/** An ephemeral key pair: the share that goes on the wire, and a handle on the rest. */
export interface KeyPair {
  readonly group: NamedGroup
  /** The `key_exchange` bytes of RFC 9846 section 4.3.8. */
  readonly share: Uint8Array
  /** The secret for a peer's share. Fails with `InvalidPoint` for a share that the RFC forbids (7.4.2). */
  readonly agree: (peerShare: Uint8Array) => Result.Result<Uint8Array, CryptoFailure>
}

/** A group of the key exchange: Diffie-Hellman, or a KEM, told apart by nobody above this line. */
export interface Group {
  readonly name: NamedGroup
  /** A fresh pair. `random` is used by providers that have no randomness of their own. */
  readonly generate: (random: RandomBytes) => KeyPair
  /** The answer to a peer's share: our share and the secret. For Diffie-Hellman a fresh pair and its `agree`. */
  readonly encapsulate: (
    peerShare: Uint8Array,
    random: RandomBytes
  ) => Result.Result<{ readonly share: Uint8Array; readonly secret: Uint8Array }, CryptoFailure>
}

/** `size` bytes of a cryptographic random generator. */
export type RandomBytes = (size: number) => Uint8Array

/** What kind of key a signature is made with. `rsa-pss` is a key whose SPKI says id-RSASSA-PSS. */
export type KeyKind = "p256" | "p384" | "p521" | "ed25519" | "rsa" | "rsa-pss"

/**
 * How a signature is made: a TLS `SignatureScheme`, or one of those that occur only in certificates, where RFC 5280
 * lets hash and curve be combined freely.
 */
export type SignatureAlgorithm = Extract<SignatureScheme, string> | "ecdsa_sha256" | "ecdsa_sha384" | "ecdsa_sha512"

/** A public key, imported once and used many times. */
export interface PublicKey {
  readonly kind: KeyKind
  /** Bits of the modulus, or of the field. */
  readonly bits: number
  /** The SubjectPublicKeyInfo it came from, DER (RFC 5280 section 4.1). */
  readonly spki: Uint8Array
  /**
   * Whether `signature` over `message` is right. Never fails: a malformed signature, an algorithm that does not
   * belong to this kind of key or a hash that does not fit is `false`.
   */
  readonly verify: (algorithm: SignatureAlgorithm, message: Uint8Array, signature: Uint8Array) => boolean
}

/** A private key, opaque: it prints nothing and gives nothing but signatures and its public half. */
export interface PrivateKey {
  readonly kind: KeyKind
  readonly publicKey: PublicKey
  /** The TLS 1.3 schemes this key can sign, in order of preference. */
  readonly schemes: ReadonlyArray<SignatureScheme>
  /**
   * A signature in the form that TLS and X.509 carry (ECDSA as DER). A promise where the platform has only an
   * asynchronous way (WebCrypto).
   */
  readonly sign: (
    algorithm: SignatureAlgorithm,
    message: Uint8Array
  ) => Result.Result<Uint8Array, CryptoFailure> | Promise<Result.Result<Uint8Array, CryptoFailure>>
}

/** Everything a provider has, as values. `crypto/node` and `crypto/noble` each export one. */
export interface Primitives {
  readonly name: string
  readonly hashes: { readonly [H in HashName]: Hash }
  readonly aeads: { readonly [A in AeadName]: Aead }
  /** The groups this provider can do, in its order of preference. */
  readonly groups: ReadonlyArray<Group>
  /** The AEADs in order of preference: AES-GCM first where the machine has instructions for it. */
  readonly aeadPreference: ReadonlyArray<AeadName>
  readonly random: RandomBytes
  /** From a SubjectPublicKeyInfo in DER. RSA outside 2048 to 8192 bits, or with a bad exponent, is `InvalidKey`. */
  readonly publicKey: (spki: Uint8Array) => Result.Result<PublicKey, CryptoFailure>
  /**
   * Microseconds that a signature with such a key takes to check, roughly, on a slow machine: what bounds the work that
   * a chain can cause. Absent: what it takes in JavaScript.
   */
  readonly verifyCost?: ((key: { readonly kind: KeyKind; readonly bits: number }) => number) | undefined
  /** From a PKCS#8 PrivateKeyInfo in DER (SEC1 and PKCS#1 are converted by the codec before). */
  readonly privateKey: (pkcs8: Uint8Array) => Result.Result<PrivateKey, CryptoFailure>
  /**
   * A new signing key, for tests and `cert make`; as PKCS#8 so that every provider can load it. `rsa-pss` is an
   * id-RSASSA-PSS key of 2048 bits, without parameters.
   */
  readonly generatePrivateKey: (
    kind: "p256" | "p384" | "p521" | "ed25519" | "rsa2048" | "rsa3072" | "rsa-pss",
    random: RandomBytes
  ) => Result.Result<Uint8Array, CryptoFailure> | Promise<Result.Result<Uint8Array, CryptoFailure>>
}
