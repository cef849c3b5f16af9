/**
 * EncryptedPrivateKeyInfo (RFC 5958 section 3) with PBES2 (RFC 8018 section 6.2): what it takes to open one.
 *
 * The numbers decide what opening costs, and a file's author chose them: they are bounded here.
 */
import * as Result from "effect/Result"
import { type Der, decodeDer } from "../der/der.ts"
import { integerBetween, octetString } from "../der/primitive.ts"
import { optional, sequence } from "../der/structure.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { type Returns, resultFn } from "../resultFn.ts"
import { AlgorithmIdentifier, isNull } from "./algorithm.ts"

/** HMACs of PBKDF2, by the hash. */
export type Prf = "sha1" | "sha256" | "sha384" | "sha512"

/** How a password becomes a key. */
export type KeyDerivation =
  | { readonly _tag: "Pbkdf2"; readonly prf: Prf; readonly salt: Uint8Array; readonly iterations: number }
  | {
      readonly _tag: "Scrypt"
      readonly salt: Uint8Array
      /** `N` of RFC 7914, a power of two; `r`; `p`. */
      readonly cost: number
      readonly blockSize: number
      readonly parallelization: number
    }

/** An encrypted private key, taken apart. */
export interface EncryptedPrivateKey {
  readonly derivation: KeyDerivation
  /** Bytes of the AES key, whose mode is CBC: 16, 24 or 32. */
  readonly keyLength: number
  readonly iv: Uint8Array
  /** PrivateKeyInfo, padded to whole blocks of 16 bytes. */
  readonly ciphertext: Uint8Array
}

/** Iterations of PBKDF2 that are done at most; OpenSSL writes 2048, and others up to a million. */
export const maxIterations = 10_000_000

/** Bytes that scrypt uses at most, 128 * N * r, and what it does with them, `p` times. OpenSSL writes 16 MiB and 1. */
export const maxScryptMemory = 2 ** 28
const maxParallelization = 16

const EncryptedPrivateKeyInfo = sequence({ encryptionAlgorithm: AlgorithmIdentifier, encryptedData: octetString })

const Pbes2Parameters = sequence({ keyDerivationFunc: AlgorithmIdentifier, encryptionScheme: AlgorithmIdentifier })

/** RFC 8018 appendix A.2; a salt from elsewhere is not known to anybody. */
const Pbkdf2Parameters = sequence({
  salt: octetString,
  iterationCount: integerBetween(1, maxIterations),
  keyLength: optional(integerBetween(1, 64)),
  prf: optional(AlgorithmIdentifier)
})

/** RFC 7914 section 7.1. */
const ScryptParameters = sequence({
  salt: octetString,
  costParameter: integerBetween(2, maxScryptMemory / 128),
  blockSize: integerBetween(1, maxScryptMemory / 256),
  parallelizationParameter: integerBetween(1, maxParallelization),
  keyLength: optional(integerBetween(1, 64))
})

const oids = {
  pbes2: "1.2.840.113549.1.5.13",
  pbkdf2: "1.2.840.113549.1.5.12",
  scrypt: "1.3.6.1.4.1.11591.4.11"
} as const

const prfs = new Map<string, Prf>([
  ["1.2.840.113549.2.7", "sha1"],
  ["1.2.840.113549.2.9", "sha256"],
  ["1.2.840.113549.2.10", "sha384"],
  ["1.2.840.113549.2.11", "sha512"]
])

const keyLengths = new Map<string, number>([
  ["2.16.840.1.101.3.4.1.2", 16],
  ["2.16.840.1.101.3.4.1.22", 24],
  ["2.16.840.1.101.3.4.1.42", 32]
])

const convert = "encrypt it anew with: openssl pkcs8 -topk8 -in KEY -out NEW -v2 aes-256-cbc"

const fail = (expected: string): Result.Result<never, CodecFailure> =>
  Result.fail({ alert: "decode_error", offset: 0, expected, path: [] })

const parameters = <A>(type: Der<A>, { parameters }: AlgorithmIdentifier): Result.Result<A, CodecFailure> =>
  decodeDer(type, parameters ?? new Uint8Array(0))

type Derived = { readonly derivation: KeyDerivation; readonly keyLength: number | undefined }

const pbkdf2 = (identifier: AlgorithmIdentifier): Result.Result<Derived, CodecFailure> =>
  Result.flatMap(parameters(Pbkdf2Parameters, identifier), ({ salt, iterationCount, keyLength, prf }) => {
    const hash = prf === undefined ? "sha1" : prfs.get(prf.algorithm)
    return hash === undefined || (prf?.parameters !== undefined && !isNull(prf.parameters))
      ? fail(`PBKDF2 with HMAC of SHA-1, SHA-256, SHA-384 or SHA-512 (${convert})`)
      : Result.succeed({ derivation: { _tag: "Pbkdf2", prf: hash, salt, iterations: iterationCount }, keyLength })
  })

const scrypt = (identifier: AlgorithmIdentifier): Result.Result<Derived, CodecFailure> =>
  Result.flatMap(parameters(ScryptParameters, identifier), (found) => {
    const { salt, costParameter: cost, blockSize, parallelizationParameter: parallelization, keyLength } = found
    if (!Number.isInteger(Math.log2(cost))) return fail("a cost of scrypt that is a power of two")
    if (128 * cost * blockSize > maxScryptMemory) return fail(`scrypt with at most ${maxScryptMemory} bytes of memory`)
    return Result.succeed({ derivation: { _tag: "Scrypt", salt, cost, blockSize, parallelization }, keyLength })
  })

const derived = (identifier: AlgorithmIdentifier): Result.Result<Derived, CodecFailure> => {
  if (identifier.algorithm === oids.pbkdf2) return pbkdf2(identifier)
  return identifier.algorithm === oids.scrypt ? scrypt(identifier) : fail(`PBKDF2 or scrypt (${convert})`)
}

/**
 * Reads an EncryptedPrivateKeyInfo in DER: PBES2 with PBKDF2 or scrypt, and AES in CBC mode. Fails for any other, and
 * for one that asks for more work than {@link maxIterations} or {@link maxScryptMemory} allow.
 */
export const parseEncryptedPrivateKey = resultFn(function* (
  der: Uint8Array
): Returns<EncryptedPrivateKey, CodecFailure> {
  const { encryptionAlgorithm, encryptedData } = yield* decodeDer(EncryptedPrivateKeyInfo, der)
  if (encryptionAlgorithm.algorithm !== oids.pbes2) return yield* fail(`a key encrypted by PBES2 (${convert})`)
  const { keyDerivationFunc, encryptionScheme } = yield* parameters(Pbes2Parameters, encryptionAlgorithm)
  const { derivation, keyLength: stated } = yield* derived(keyDerivationFunc)
  const keyLength = keyLengths.get(encryptionScheme.algorithm)
  if (keyLength === undefined) return yield* fail(`AES in CBC mode (${convert})`)
  if (stated !== undefined && stated !== keyLength) return yield* fail(`a key of ${keyLength} bytes`)
  const iv = yield* parameters(octetString, encryptionScheme)
  if (iv.length !== 16) return yield* fail("an initialization vector of 16 bytes")
  const blocks = encryptedData.length / 16
  if (!Number.isInteger(blocks) || blocks === 0) return yield* fail("whole blocks of 16 bytes")
  return { derivation, keyLength, iv, ciphertext: encryptedData }
})
