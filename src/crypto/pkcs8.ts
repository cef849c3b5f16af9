/** PKCS#8 PrivateKeyInfo (RFC 5958) of the keys that TLS signs with, for providers without a parser of their own. */
import * as Result from "effect/Result"
import { type Der, decodeDer, encodeDer } from "../codec/der/der.ts"
import { objectIdentifier } from "../codec/der/objectIdentifier.ts"
import { octetString } from "../codec/der/primitive.ts"
import { type AlgorithmIdentifier, algorithmIdentifierOf, oids } from "../codec/x509/algorithm.ts"
import { ECPrivateKey, PrivateKeyInfo, RSAPrivateKey } from "../codec/x509/privateKey.ts"
import { curves, RSAPublicKey, SubjectPublicKeyInfo } from "../codec/x509/publicKey.ts"
import { refuse } from "./failure.ts"
import type { CryptoFailure, HashName } from "./primitives.ts"
import { type CurveKind, restriction } from "./spki.ts"

/** A private key taken apart. Its bytes are views of the input. */
export type Pkcs8 =
  /** `secret`: the scalar, as long as the field; for Ed25519 the seed of 32 bytes. */
  | { readonly kind: CurveKind | "ed25519"; readonly algorithm: AlgorithmIdentifier; readonly secret: Uint8Array }
  | RsaPkcs8

export interface RsaPkcs8 {
  readonly kind: "rsa" | "rsa-pss"
  readonly algorithm: AlgorithmIdentifier
  readonly hash: HashName | undefined
  /** RSAPublicKey and RSAPrivateKey (RFC 8017 appendix A.1), DER. */
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

const malformed = refuse("InvalidKey", "malformed PKCS#8 private key")

/** What the codec says of a private key is dropped: it could say where, and we want to say nothing. */
const decode = <A>(type: Der<A>, bytes: Uint8Array): Result.Result<A, CryptoFailure> => {
  const decoded = decodeDer(type, bytes)
  return Result.isSuccess(decoded) ? Result.succeed(decoded.success) : malformed
}

const encode = <A>(type: Der<A>, value: A): Result.Result<Uint8Array, CryptoFailure> => {
  const encoded = encodeDer(type, value)
  return Result.isSuccess(encoded)
    ? Result.succeed(encoded.success)
    : refuse("OperationFailed", `a ${type.name} that does not encode`)
}

/** Reads a PrivateKeyInfo in DER. Attributes and a public key in it are skipped. */
export const parse = (bytes: Uint8Array): Result.Result<Pkcs8, CryptoFailure> =>
  Result.flatMap(
    decode(PrivateKeyInfo, bytes),
    ({ privateKeyAlgorithm: algorithm, privateKey }): Result.Result<Pkcs8, CryptoFailure> => {
      switch (algorithm.algorithm) {
        case oids["id-ecPublicKey"]:
          return curveKey(algorithm, privateKey)
        case oids["id-Ed25519"]:
          return Result.flatMap(decode(octetString, privateKey), (secret) =>
            secret.length === 32 ? Result.succeed<Pkcs8>({ kind: "ed25519", algorithm, secret }) : malformed
          )
        case oids.rsaEncryption:
          return rsaKey("rsa", algorithm, privateKey)
        case oids["id-RSASSA-PSS"]:
          return rsaKey("rsa-pss", algorithm, privateKey)
        default:
          return refuse("UnsupportedAlgorithm", "a kind of private key that TLS does not sign with")
      }
    }
  )

const curveKey = (algorithm: AlgorithmIdentifier, privateKey: Uint8Array): Result.Result<Pkcs8, CryptoFailure> => {
  const parameters = algorithm.parameters && Result.getOrUndefined(decodeDer(objectIdentifier, algorithm.parameters))
  const curve = curves.find(({ oid }) => oid === parameters)
  if (curve === undefined) return refuse("UnsupportedAlgorithm", "only the named curves P-256, P-384 and P-521")
  return Result.flatMap(decode(ECPrivateKey, privateKey), ({ privateKey: secret }) =>
    secret.length === Math.ceil(curve.bits / 8) ? Result.succeed({ kind: curve.kind, algorithm, secret }) : malformed
  )
}

const rsaKey = (
  kind: "rsa" | "rsa-pss",
  algorithm: AlgorithmIdentifier,
  privateKey: Uint8Array
): Result.Result<Pkcs8, CryptoFailure> =>
  Result.flatMap(restriction(kind, algorithm.parameters), (hash) =>
    Result.flatMap(decode(RSAPrivateKey, privateKey), ({ modulus, publicExponent }) =>
      Result.map(encode(RSAPublicKey, { modulus, publicExponent }), (publicKey) => ({
        kind,
        algorithm,
        hash,
        publicKey,
        privateKey
      }))
    )
  )

/** The SubjectPublicKeyInfo of a public key under the identifier of its private half. */
export const encodeSpki = (
  algorithm: AlgorithmIdentifier,
  subjectPublicKey: Uint8Array
): Result.Result<Uint8Array, CryptoFailure> => encode(SubjectPublicKeyInfo, { algorithm, subjectPublicKey })

const encodePkcs8 = (
  privateKeyAlgorithm: AlgorithmIdentifier,
  privateKey: Uint8Array
): Result.Result<Uint8Array, CryptoFailure> =>
  encode(PrivateKeyInfo, {
    version: "v1",
    privateKeyAlgorithm,
    privateKey,
    attributes: undefined,
    publicKey: undefined
  })

/** A key on a curve as PKCS#8. */
export const encodeCurveKey = (kind: CurveKind, secret: Uint8Array): Result.Result<Uint8Array, CryptoFailure> => {
  const curve = curves.find((candidate) => candidate.kind === kind)
  if (curve === undefined) return malformed
  const key = { version: 1, privateKey: secret, parameters: undefined, publicKey: undefined }
  return Result.flatMap(encode(objectIdentifier, curve.oid), (oid) =>
    Result.flatMap(encode(ECPrivateKey, key), (inner) =>
      encodePkcs8(algorithmIdentifierOf("id-ecPublicKey", oid), inner)
    )
  )
}

/** An Ed25519 key as PKCS#8 (RFC 8410 section 7). */
export const encodeEd25519Key = (secret: Uint8Array): Result.Result<Uint8Array, CryptoFailure> =>
  Result.flatMap(encode(octetString, secret), (inner) =>
    encodePkcs8(algorithmIdentifierOf("id-Ed25519", undefined), inner)
  )

/** An RSAPrivateKey as PKCS#8 of rsaEncryption, whatever its own identifier is. */
export const encodeRsaKey = (privateKey: Uint8Array): Result.Result<Uint8Array, CryptoFailure> =>
  encodePkcs8(algorithmIdentifierOf("rsaEncryption", "NULL"), privateKey)

/** An RSA key, PKCS#8, as one of id-RSASSA-PSS without parameters (RFC 4055 section 1.2). */
export const asPssKey = (pkcs8: Uint8Array): Result.Result<Uint8Array, CryptoFailure> =>
  Result.flatMap(decode(PrivateKeyInfo, pkcs8), ({ privateKey }) =>
    encodePkcs8(algorithmIdentifierOf("id-RSASSA-PSS", undefined), privateKey)
  )
