/** SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): what kind of key it is and how large. */
import * as Result from "effect/Result"
import { type Der, decodeDer } from "../der/der.ts"
import { objectIdentifier } from "../der/objectIdentifier.ts"
import { bitOctets, integer, magnitude } from "../der/primitive.ts"
import { sequence } from "../der/structure.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { AlgorithmIdentifier, isNull, oids } from "./algorithm.ts"

export const SubjectPublicKeyInfo = sequence({ algorithm: AlgorithmIdentifier, subjectPublicKey: bitOctets })
export type SubjectPublicKeyInfo = Der.Type<typeof SubjectPublicKeyInfo>

/** RFC 8017 appendix A.1.1. */
export const RSAPublicKey = sequence({ modulus: integer, publicExponent: integer })

/** The kinds of key that can sign here; `unsupported` is any other, well formed or not: nobody asks it anything. */
export type KeyKind = "p256" | "p384" | "p521" | "ed25519" | "rsa" | "rsa-pss" | "unsupported"

/** A public key as a certificate has it. */
export interface PublicKeyInfo {
  readonly kind: KeyKind
  /** Bits of the modulus or of the field; 0 when unsupported. */
  readonly bits: number
  /** The public exponent of an RSA key; infinite when it is longer than 5 bytes. */
  readonly exponent?: number | undefined
  /** The algorithm's object identifier. */
  readonly algorithm: string
  /** The SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
}

/** RFC 5480 section 2.1.1.1. */
export const curves = [
  { kind: "p256", oid: "1.2.840.10045.3.1.7", bits: 256 },
  { kind: "p384", oid: "1.3.132.0.34", bits: 384 },
  { kind: "p521", oid: "1.3.132.0.35", bits: 521 }
] as const

const bitLength = (bytes: Uint8Array): number => bytes.length * 8 - Math.clz32(bytes[0] ?? 0) + 24

const fail = (expected: string): Result.Result<never, CodecFailure> =>
  Result.fail({ alert: "decode_error", offset: 0, expected, path: ["subjectPublicKey"] })

type Sort = Pick<PublicKeyInfo, "kind" | "bits" | "exponent">

const rsa = (kind: "rsa" | "rsa-pss", key: Uint8Array): Result.Result<Sort, CodecFailure> =>
  Result.flatMap(decodeDer(RSAPublicKey, key), ({ modulus, publicExponent }) => {
    const n = magnitude(modulus)
    const e = magnitude(publicExponent)
    if (n === undefined || e === undefined) return fail("a positive modulus and exponent")
    const exponent = e.length > 5 ? Number.POSITIVE_INFINITY : e.reduce((sum, byte) => sum * 256 + byte, 0)
    return Result.succeed({ kind, bits: bitLength(n), exponent })
  })

/** RFC 5480 section 2.2: an uncompressed point, the only form that TLS 1.3 has. */
const ec = (parameters: Uint8Array | undefined, point: Uint8Array): Result.Result<Sort, CodecFailure> => {
  const oid = parameters === undefined ? undefined : Result.getOrUndefined(decodeDer(objectIdentifier, parameters))
  const curve = curves.find((candidate) => candidate.oid === oid)
  if (curve === undefined) return Result.succeed({ kind: "unsupported", bits: 0 })
  const { kind, bits } = curve
  const isPoint = point[0] === 4 && point.length === 1 + 2 * Math.ceil(bits / 8)
  return isPoint ? Result.succeed({ kind, bits }) : fail(`an uncompressed point of ${kind}`)
}

const sort = ({ algorithm, subjectPublicKey }: SubjectPublicKeyInfo): Result.Result<Sort, CodecFailure> => {
  const { parameters } = algorithm
  switch (algorithm.algorithm) {
    case oids.rsaEncryption:
      return isNull(parameters) ? rsa("rsa", subjectPublicKey) : fail("NULL as the parameters of rsaEncryption")
    case oids["id-RSASSA-PSS"]:
      return rsa("rsa-pss", subjectPublicKey)
    case oids["id-ecPublicKey"]:
      return ec(parameters, subjectPublicKey)
    case oids["id-Ed25519"]:
      return parameters === undefined && subjectPublicKey.length === 32
        ? Result.succeed({ kind: "ed25519", bits: 256 })
        : fail("32 bytes of Ed25519 without parameters")
    default:
      return Result.succeed({ kind: "unsupported", bits: 0 })
  }
}

/** What the key of a SubjectPublicKeyInfo in DER is. Whether a point is on its curve is for cryptography to say. */
export const parsePublicKey = (spki: Uint8Array): Result.Result<PublicKeyInfo, CodecFailure> =>
  Result.flatMap(decodeDer(SubjectPublicKeyInfo, spki), (info) =>
    Result.map(sort(info), (found) => ({ ...found, algorithm: info.algorithm.algorithm, spki }))
  )
