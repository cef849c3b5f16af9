/** SubjectPublicKeyInfo (RFC 5280 section 4.1) of the keys that TLS signs with, read strictly. */
import * as Result from "effect/Result"
import { encode, sequence, tags, unsigned, wholeBits } from "./der.ts"
import { refuse } from "./failure.ts"
import { type CurveKind, keyAlgorithm } from "./keyAlgorithm.ts"
import type { CryptoFailure, HashName } from "./primitives.ts"

/** A public key taken apart. */
export type Spki =
  /** `point` is uncompressed: 0x04, x, y (RFC 8422 section 5.4.1). That it is on the curve is not checked here. */
  | { readonly kind: CurveKind; readonly bits: number; readonly point: Uint8Array }
  | { readonly kind: "ed25519"; readonly bits: number; readonly point: Uint8Array }
  | RsaSpki

export interface RsaSpki {
  readonly kind: "rsa" | "rsa-pss"
  readonly bits: number
  /** Big-endian, no leading zeros. */
  readonly modulus: Uint8Array
  readonly exponent: Uint8Array
  /** The hash that parameters of id-RSASSA-PSS restrict the key to, if they do. */
  readonly hash: HashName | undefined
}

/** Reads a SubjectPublicKeyInfo in DER; what is not understood is refused. */
export const parse = (bytes: Uint8Array): Result.Result<Spki, CryptoFailure> => {
  const [identifier, key, ...rest] = sequence(bytes) ?? []
  const content = wholeBits(key)
  if (content === undefined || rest.length > 0) return refuse("InvalidKey", "malformed SubjectPublicKeyInfo")
  return Result.flatMap(keyAlgorithm(identifier), (algorithm): Result.Result<Spki, CryptoFailure> => {
    switch (algorithm.kind) {
      case "rsa":
      case "rsa-pss":
        return rsaKey(algorithm, content)
      case "ed25519":
        return content.length === 32
          ? Result.succeed({ ...algorithm, point: content })
          : refuse("InvalidKey", "an Ed25519 key has 32 bytes (RFC 8032 section 5.1.5)")
      default:
        return content[0] === 4 && content.length === 1 + 2 * Math.ceil(algorithm.bits / 8)
          ? Result.succeed({ ...algorithm, point: content })
          : refuse("InvalidKey", "the point is not uncompressed, or has a wrong length")
    }
  })
}

/**
 * RSAPublicKey (RFC 8017 appendix A.1.1): 2048 to 8192 bits, an odd exponent from 3 to below 2^33. So what a peer's
 * key can cost a verifier is bounded.
 */
const rsaKey = (
  algorithm: { readonly kind: "rsa" | "rsa-pss"; readonly hash: HashName | undefined },
  content: Uint8Array
): Result.Result<RsaSpki, CryptoFailure> => {
  const numbers = sequence(content)
  const modulus = unsigned(numbers?.[0])
  const exponent = unsigned(numbers?.[1])
  if (modulus === undefined || exponent === undefined || numbers?.length !== 2) {
    return refuse("InvalidKey", "malformed RSAPublicKey")
  }
  const bits = modulus.length * 8 - (Math.clz32(modulus[0] ?? 0) - 24)
  if (bits < 2048 || bits > 8192)
    return refuse("InvalidKey", `an RSA modulus of ${bits} bits; 2048 to 8192 are allowed`)
  if ((modulus.at(-1) ?? 0) % 2 === 0) return refuse("InvalidKey", "the RSA modulus is even")
  const e = exponent.length > 5 ? Number.POSITIVE_INFINITY : exponent.reduce((sum, byte) => sum * 256 + byte, 0)
  return e % 2 === 1 && e >= 3 && e < 2 ** 33
    ? Result.succeed({ ...algorithm, bits, modulus, exponent })
    : refuse("InvalidKey", "an RSA exponent is odd, at least 3 and below 2^33")
}

/** A SubjectPublicKeyInfo of an AlgorithmIdentifier and the key's own bytes. */
export const encodeSpki = (identifier: Uint8Array, key: Uint8Array): Uint8Array =>
  encode(tags.sequence, identifier, encode(tags.bitString, Uint8Array.of(0), key))
