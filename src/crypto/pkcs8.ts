/** PKCS#8 PrivateKeyInfo (RFC 5958) of the keys that TLS signs with, for providers without a parser of their own. */
import * as Result from "effect/Result"
import { elementAt, encode, only, sequence, tags, unsigned } from "./der.ts"
import { refuse } from "./failure.ts"
import { type CurveKind, identifiers, keyAlgorithm } from "./keyAlgorithm.ts"
import type { CryptoFailure, HashName } from "./primitives.ts"

/** A private key taken apart. Its bytes are views of the input. */
export type Pkcs8 =
  | { readonly kind: CurveKind; readonly secret: Uint8Array }
  | { readonly kind: "ed25519"; readonly secret: Uint8Array }
  | {
      readonly kind: "rsa" | "rsa-pss"
      readonly hash: HashName | undefined
      /** RSAPublicKey and RSAPrivateKey (RFC 8017 appendix A.1), DER. */
      readonly publicKey: Uint8Array
      readonly privateKey: Uint8Array
      /** The AlgorithmIdentifier, DER. */
      readonly identifier: Uint8Array
    }

const malformed = refuse("InvalidKey", "malformed PKCS#8 private key")

/** Reads a PrivateKeyInfo in DER. Attributes and a public key behind it are skipped. */
export const parse = (bytes: Uint8Array): Result.Result<Pkcs8, CryptoFailure> => {
  const [version, identifier, key] = sequence(bytes) ?? []
  if (unsigned(version) === undefined || identifier === undefined || key?.tag !== tags.octetString) return malformed
  return Result.flatMap(keyAlgorithm(identifier), (algorithm): Result.Result<Pkcs8, CryptoFailure> => {
    switch (algorithm.kind) {
      case "rsa":
      case "rsa-pss":
        return rsa({ ...algorithm, identifier: encode(tags.sequence, identifier.content) }, key.content)
      case "ed25519": {
        const secret = only(key.content, tags.octetString)
        return secret?.length === 32 ? Result.succeed({ kind: "ed25519", secret }) : malformed
      }
      default: {
        // ECPrivateKey (RFC 5915): the curve was named above; parameters and public key may follow.
        const [one, secret] = sequence(key.content) ?? []
        return unsigned(one)?.join() === "1" &&
          secret?.tag === tags.octetString &&
          secret.content.length === Math.ceil(algorithm.bits / 8)
          ? Result.succeed({ kind: algorithm.kind, secret: secret.content })
          : malformed
      }
    }
  })
}

const rsa = (
  algorithm: { readonly kind: "rsa" | "rsa-pss"; readonly hash: HashName | undefined; readonly identifier: Uint8Array },
  privateKey: Uint8Array
): Result.Result<Pkcs8, CryptoFailure> => {
  const content = only(privateKey, tags.sequence)
  const version = content && elementAt(content, 0)
  const modulus = content && version && elementAt(content, version.end)
  const exponent = content && modulus && elementAt(content, modulus.end)
  if (!content || !exponent || unsigned(modulus) === undefined || unsigned(exponent) === undefined) return malformed
  const publicKey = encode(tags.sequence, content.subarray(version.end, exponent.end))
  return Result.succeed({ ...algorithm, publicKey, privateKey })
}

/** A PrivateKeyInfo of an AlgorithmIdentifier and the key's own structure. */
export const encodePkcs8 = (identifier: Uint8Array, privateKey: Uint8Array): Uint8Array =>
  encode(tags.sequence, Uint8Array.of(2, 1, 0), identifier, encode(tags.octetString, privateKey))

/** A new key on a curve as PKCS#8, with its public point as RFC 5915 recommends. */
export const encodeCurveKey = (kind: CurveKind, secret: Uint8Array, point: Uint8Array): Uint8Array =>
  encodePkcs8(
    identifiers[kind],
    encode(
      tags.sequence,
      Uint8Array.of(2, 1, 1),
      encode(tags.octetString, secret),
      encode(0xa1, encode(tags.bitString, Uint8Array.of(0), point))
    )
  )

/** A new Ed25519 key as PKCS#8 (RFC 8410 section 7). */
export const encodeEd25519Key = (secret: Uint8Array): Uint8Array =>
  encodePkcs8(identifiers.ed25519, encode(tags.octetString, secret))
