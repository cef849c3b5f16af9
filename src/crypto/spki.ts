/** SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) as a provider needs it: the numbers, within bounds. */
import * as Result from "effect/Result"
import { type Der, decodeDer } from "../codec/der/der.ts"
import { magnitude } from "../codec/der/primitive.ts"
import { oids, signatureAlgorithmOf } from "../codec/x509/algorithm.ts"
import { parsePublicKey, RSAPublicKey, SubjectPublicKeyInfo } from "../codec/x509/publicKey.ts"
import { refuse } from "./failure.ts"
import type { CryptoFailure, HashName } from "./primitives.ts"
import { ruleFor } from "./signature.ts"

export type CurveKind = "p256" | "p384" | "p521"

/** A public key taken apart. */
export type Spki =
  /** On a curve: uncompressed, 0x04, x, y; for Ed25519 its 32 bytes. That it is a point is not checked here. */
  { readonly kind: CurveKind | "ed25519"; readonly bits: number; readonly point: Uint8Array } | RsaSpki

export interface RsaSpki {
  readonly kind: "rsa" | "rsa-pss"
  readonly bits: number
  /** Big-endian, no leading zeros. */
  readonly modulus: Uint8Array
  readonly exponent: Uint8Array
  /** The hash that parameters of id-RSASSA-PSS restrict the key to, if they do. */
  readonly hash: HashName | undefined
}

const decode = <A>(type: Der<A>, bytes: Uint8Array): Result.Result<A, CryptoFailure> => {
  const decoded = decodeDer(type, bytes)
  return Result.isSuccess(decoded)
    ? Result.succeed(decoded.success)
    : refuse("InvalidKey", `malformed ${type.name} of a public key`)
}

/** Reads a SubjectPublicKeyInfo in DER; what is not understood is refused. */
export const parse = (bytes: Uint8Array): Result.Result<Spki, CryptoFailure> => {
  const sort = parsePublicKey(bytes)
  if (Result.isFailure(sort)) {
    return refuse("InvalidKey", `a malformed public key: ${sort.failure.expected} was expected`)
  }
  const { kind, bits } = sort.success
  if (kind === "unsupported") return refuse("UnsupportedAlgorithm", "a kind of public key that TLS does not sign with")
  return Result.flatMap(decode(SubjectPublicKeyInfo, bytes), ({ algorithm, subjectPublicKey }) =>
    kind === "rsa" || kind === "rsa-pss"
      ? Result.flatMap(restriction(kind, algorithm.parameters), (hash) => rsaKey(kind, bits, subjectPublicKey, hash))
      : Result.succeed<Spki>({ kind, bits, point: subjectPublicKey })
  )
}

/**
 * 2048 to 8192 bits, an odd exponent from 3 to below 2^33: what a peer's key can cost a verifier is bounded
 * (RFC 8017 section 3.1).
 */
const rsaKey = (
  kind: "rsa" | "rsa-pss",
  bits: number,
  key: Uint8Array,
  hash: HashName | undefined
): Result.Result<Spki, CryptoFailure> =>
  Result.flatMap(decode(RSAPublicKey, key), (numbers) => {
    const modulus = magnitude(numbers.modulus)
    const exponent = magnitude(numbers.publicExponent)
    if (modulus === undefined || exponent === undefined) return refuse("InvalidKey", "a negative number in an RSA key")
    if (bits < 2048 || bits > 8192) {
      return refuse("InvalidKey", `an RSA modulus of ${bits} bits; 2048 to 8192 are allowed`)
    }
    if ((modulus.at(-1) ?? 0) % 2 === 0) return refuse("InvalidKey", "the RSA modulus is even")
    const e = exponent.length > 5 ? Number.POSITIVE_INFINITY : exponent.reduce((sum, byte) => sum * 256 + byte, 0)
    return e % 2 === 1 && e >= 3 && e < 2 ** 33
      ? Result.succeed({ kind, bits, modulus, exponent, hash })
      : refuse("InvalidKey", "an RSA exponent is odd, at least 3 and below 2^33")
  })

/**
 * The parameters of id-RSASSA-PSS in a key, when there are any, must be those of every signature by it (RFC 4055
 * section 3.3, RFC 9846 section 4.3.3); so they must be parameters that TLS has.
 */
export const restriction = (
  kind: "rsa" | "rsa-pss",
  parameters: Uint8Array | undefined
): Result.Result<HashName | undefined, CryptoFailure> => {
  if (kind === "rsa" || parameters === undefined) return Result.succeed(undefined)
  const algorithm = signatureAlgorithmOf({ algorithm: oids["id-RSASSA-PSS"], parameters })
  const rule = algorithm && ruleFor("rsa", algorithm)
  return rule?._tag === "RsaPss"
    ? Result.succeed(rule.hash)
    : refuse("UnsupportedAlgorithm", "an id-RSASSA-PSS key with parameters that TLS does not have")
}
