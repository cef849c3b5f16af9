/** The AlgorithmIdentifier of a key (RFC 5280 section 4.1.1.2), read strictly, and those that are written. */
import * as Result from "effect/Result"
import { type Element, elements, hex, oid, tags, unsigned } from "./der.ts"
import { refuse } from "./failure.ts"
import type { CryptoFailure, HashName } from "./primitives.ts"

export type CurveKind = "p256" | "p384" | "p521"

export type KeyAlgorithm =
  | { readonly kind: CurveKind; readonly bits: number }
  | { readonly kind: "ed25519"; readonly bits: number }
  | { readonly kind: "rsa"; readonly hash: undefined }
  /** `hash` is the one that the parameters restrict the key to, if they do (RFC 4055 section 3.1). */
  | { readonly kind: "rsa-pss"; readonly hash: HashName | undefined }

const oids = {
  ecPublicKey: "2a8648ce3d0201",
  ed25519: "2b6570",
  rsaEncryption: "2a864886f70d010101",
  rsassaPss: "2a864886f70d01010a",
  mgf1: "2a864886f70d010108"
} as const

const curves = new Map<string | undefined, { readonly kind: CurveKind; readonly bits: number }>([
  ["2a8648ce3d030107", { kind: "p256", bits: 256 }],
  ["2b81040022", { kind: "p384", bits: 384 }],
  ["2b81040023", { kind: "p521", bits: 521 }]
])

const hashes = new Map<string | undefined, { readonly name: HashName; readonly size: number }>([
  ["608648016503040201", { name: "sha256", size: 32 }],
  ["608648016503040202", { name: "sha384", size: 48 }],
  ["608648016503040203", { name: "sha512", size: 64 }]
])

/** Reads the AlgorithmIdentifier of a public or private key; what is not understood is refused. */
export const keyAlgorithm = (element: Element | undefined): Result.Result<KeyAlgorithm, CryptoFailure> => {
  const [id, parameters, ...rest] = (element?.tag === tags.sequence && elements(element.content)) || []
  if (id === undefined || rest.length > 0) return refuse("InvalidKey", "malformed AlgorithmIdentifier")
  switch (oid(id)) {
    case oids.ecPublicKey: {
      const curve = curves.get(oid(parameters))
      return curve === undefined
        ? refuse("UnsupportedAlgorithm", "only the named curves P-256, P-384 and P-521")
        : Result.succeed(curve)
    }
    case oids.ed25519:
      return parameters === undefined
        ? Result.succeed({ kind: "ed25519", bits: 255 })
        : refuse("InvalidKey", "Ed25519 has no parameters (RFC 8410 section 3)")
    case oids.rsaEncryption:
      return parameters?.tag === tags.null && parameters.content.length === 0
        ? Result.succeed({ kind: "rsa", hash: undefined })
        : refuse("InvalidKey", "the parameters of rsaEncryption are NULL (RFC 3279 section 2.3.1)")
    case oids.rsassaPss:
      return Result.map(pssHash(parameters), (hash) => ({ kind: "rsa-pss", hash }))
    default:
      return refuse("UnsupportedAlgorithm", "a kind of key that TLS signatures here do not use")
  }
}

/**
 * RSASSA-PSS-params of a key: absent, or one hash of SHA-2 for the signature and for MGF1, a least salt length that
 * the length of the hash satisfies, and trailer 1 (RFC 4055 sections 3.1 and 3.3; RFC 9846 section 4.3.3).
 */
const pssHash = (parameters: Element | undefined): Result.Result<HashName | undefined, CryptoFailure> => {
  if (parameters === undefined) return Result.succeed(undefined)
  const fields = (parameters.tag === tags.sequence && elements(parameters.content)) || []
  const field = (number: number) => {
    const inner = elements(fields.find(({ tag }) => tag === 0xa0 + number)?.content ?? new Uint8Array(0))
    return inner?.length === 1 ? inner[0] : undefined
  }
  const ordered = fields.every(({ tag }, i) => tag >= 0xa0 && tag <= 0xa3 && tag > (fields[i - 1]?.tag ?? 0))
  const has = (number: number) => fields.some(({ tag }) => tag === 0xa0 + number)
  const hash = hashOf(field(0))
  const mask = field(1)
  const [mgf, mgfHash, ...rest] = (mask?.tag === tags.sequence && elements(mask.content)) || []
  const salt = has(2) ? unsigned(field(2)) : Uint8Array.of(20)
  const trailer = has(3) ? unsigned(field(3)) : Uint8Array.of(1)
  const understood =
    ordered &&
    hash !== undefined &&
    oid(mgf) === oids.mgf1 &&
    rest.length === 0 &&
    hashOf(mgfHash) === hash &&
    salt !== undefined &&
    salt.length <= 1 &&
    (salt[0] ?? 0) <= hash.size &&
    trailer?.join() === "1"
  return understood ? Result.succeed(hash.name) : refuse("UnsupportedAlgorithm", "the parameters of id-RSASSA-PSS")
}

/** An AlgorithmIdentifier of a hash; its parameters are NULL or absent (RFC 4055 section 2.1). */
const hashOf = (identifier: Element | undefined) => {
  const [id, parameters, ...rest] = (identifier?.tag === tags.sequence && elements(identifier.content)) || []
  if (rest.length > 0 || (parameters !== undefined && parameters.tag !== tags.null)) return undefined
  return hashes.get(oid(id))
}

/** The AlgorithmIdentifier of each kind of key, DER. */
export const identifiers: { readonly [K in CurveKind | "ed25519" | "rsa"]: Uint8Array } = {
  p256: hex("301306072a8648ce3d020106082a8648ce3d030107"),
  p384: hex("301006072a8648ce3d020106052b81040022"),
  p521: hex("301006072a8648ce3d020106052b81040023"),
  ed25519: hex("300506032b6570"),
  rsa: hex("300d06092a864886f70d0101010500")
}
