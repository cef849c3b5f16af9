/** AlgorithmIdentifier (RFC 5280 section 4.1.1.2), and the names we have for signature algorithms. */
import * as Result from "effect/Result"
import { decodeDer, encodeDer } from "../der/der.ts"
import { objectIdentifier } from "../der/objectIdentifier.ts"
import { any, integerBetween, nothing } from "../der/primitive.ts"
import { explicit, optional, sequence, withDefault } from "../der/structure.ts"
import type { SignatureScheme } from "../registry/signatureScheme.ts"

/** `parameters` is one element, whole. */
export const AlgorithmIdentifier = sequence({ algorithm: objectIdentifier, parameters: optional(any) })
export interface AlgorithmIdentifier {
  readonly algorithm: string
  readonly parameters: Uint8Array | undefined
}

/** How a certificate is signed: as TLS names it, except that in certificates ECDSA has no curve of its own. */
export type SignatureAlgorithm = Extract<SignatureScheme, string> | "ecdsa_sha256" | "ecdsa_sha384" | "ecdsa_sha512"

export const oids = {
  rsaEncryption: "1.2.840.113549.1.1.1",
  "id-mgf1": "1.2.840.113549.1.1.8",
  "id-RSASSA-PSS": "1.2.840.113549.1.1.10",
  "id-ecPublicKey": "1.2.840.10045.2.1",
  "id-Ed25519": "1.3.101.112",
  "id-Ed448": "1.3.101.113",
  "id-sha256": "2.16.840.1.101.3.4.2.1",
  "id-sha384": "2.16.840.1.101.3.4.2.2",
  "id-sha512": "2.16.840.1.101.3.4.2.3"
} as const

/** RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3. `NULL?`: the parameters are NULL or absent. */
const simple: ReadonlyArray<readonly [SignatureAlgorithm, oid: string, parameters: "NULL?" | "absent"]> = [
  ["rsa_pkcs1_sha1", "1.2.840.113549.1.1.5", "NULL?"],
  ["rsa_pkcs1_sha256", "1.2.840.113549.1.1.11", "NULL?"],
  ["rsa_pkcs1_sha384", "1.2.840.113549.1.1.12", "NULL?"],
  ["rsa_pkcs1_sha512", "1.2.840.113549.1.1.13", "NULL?"],
  ["ecdsa_sha1", "1.2.840.10045.4.1", "absent"],
  ["ecdsa_sha256", "1.2.840.10045.4.3.2", "absent"],
  ["ecdsa_sha384", "1.2.840.10045.4.3.3", "absent"],
  ["ecdsa_sha512", "1.2.840.10045.4.3.4", "absent"],
  ["ed25519", oids["id-Ed25519"], "absent"],
  ["ed448", oids["id-Ed448"], "absent"]
]

const hashes = [
  { oid: oids["id-sha256"], size: 32, rsae: "rsa_pss_rsae_sha256", pss: "rsa_pss_pss_sha256" },
  { oid: oids["id-sha384"], size: 48, rsae: "rsa_pss_rsae_sha384", pss: "rsa_pss_pss_sha384" },
  { oid: oids["id-sha512"], size: 64, rsae: "rsa_pss_rsae_sha512", pss: "rsa_pss_pss_sha512" }
] as const

/** RFC 4055 section 3.1. What is left out means SHA-1, which we never want. */
export const PssParameters = sequence({
  hashAlgorithm: optional(explicit(0, AlgorithmIdentifier)),
  maskGenAlgorithm: optional(explicit(1, AlgorithmIdentifier)),
  saltLength: withDefault(explicit(2, integerBetween(0, 0xffff)), 20),
  trailerField: withDefault(explicit(3, integerBetween(1, 0xffff)), 1)
})

const NULL = Uint8Array.of(0x05, 0x00)

/** Whether parameters are the element NULL. */
export const isNull = (parameters: Uint8Array | undefined): boolean =>
  parameters !== undefined && Result.isSuccess(decodeDer(nothing, parameters))

const isNullOrAbsent = (parameters: Uint8Array | undefined) => parameters === undefined || isNull(parameters)

/** RSASSA-PSS with one hash for both purposes and a salt as long as the hash (RFC 9846 section 4.3.3). */
const pssAlgorithm = (parameters: Uint8Array | undefined): SignatureAlgorithm | undefined => {
  const pss = parameters === undefined ? undefined : Result.getOrUndefined(decodeDer(PssParameters, parameters))
  const mask = pss?.maskGenAlgorithm
  const inner =
    mask?.parameters === undefined ? undefined : Result.getOrUndefined(decodeDer(AlgorithmIdentifier, mask.parameters))
  const hash = hashes.find(({ oid }) => oid === pss?.hashAlgorithm?.algorithm)
  const isOurs =
    hash !== undefined &&
    isNullOrAbsent(pss?.hashAlgorithm?.parameters) &&
    mask?.algorithm === oids["id-mgf1"] &&
    inner?.algorithm === hash.oid &&
    isNullOrAbsent(inner.parameters) &&
    pss?.saltLength === hash.size &&
    pss.trailerField === 1
  return isOurs ? hash.rsae : undefined
}

/**
 * The name of a signature algorithm; `undefined` when we have none, or its parameters are not those it must have.
 *
 * RSASSA-PSS is always named `rsa_pss_rsae_…`; see `algorithmForKey`.
 */
export const signatureAlgorithmOf = ({
  algorithm,
  parameters
}: AlgorithmIdentifier): SignatureAlgorithm | undefined => {
  if (algorithm === oids["id-RSASSA-PSS"]) return pssAlgorithm(parameters)
  const [name, , rule] = simple.find(([, oid]) => oid === algorithm) ?? []
  const isRight = rule === "NULL?" ? isNullOrAbsent(parameters) : parameters === undefined
  return isRight ? name : undefined
}

/** The name that TLS has for the same algorithm when the key's own SPKI says id-RSASSA-PSS. */
export const algorithmForKey = (algorithm: SignatureAlgorithm, kind: string): SignatureAlgorithm =>
  (kind === "rsa-pss" ? hashes.find(({ rsae }) => rsae === algorithm)?.pss : undefined) ?? algorithm

/** These constants encode: the other case is for the types. */
const orNull = <E>(encoded: Result.Result<Uint8Array, E>) => Result.getOrElse(encoded, () => NULL)

const pssIdentifier = ({ oid, size }: (typeof hashes)[number]): AlgorithmIdentifier => {
  const hash: AlgorithmIdentifier = { algorithm: oid, parameters: NULL }
  const parameters = encodeDer(PssParameters, {
    hashAlgorithm: hash,
    maskGenAlgorithm: { algorithm: oids["id-mgf1"], parameters: orNull(encodeDer(AlgorithmIdentifier, hash)) },
    saltLength: size,
    trailerField: 1
  })
  return { algorithm: oids["id-RSASSA-PSS"], parameters: orNull(parameters) }
}

/** The AlgorithmIdentifier to put into a certificate; `undefined` for what cannot stand in one. */
export const algorithmIdentifier = (name: SignatureAlgorithm): AlgorithmIdentifier | undefined => {
  const hash = hashes.find(({ rsae, pss }) => rsae === name || pss === name)
  if (hash !== undefined) return pssIdentifier(hash)
  const [, algorithm, rule] = simple.find(([candidate]) => candidate === name) ?? []
  return algorithm === undefined ? undefined : { algorithm, parameters: rule === "NULL?" ? NULL : undefined }
}

/** An AlgorithmIdentifier of a key, with NULL or one element as its parameters, or none. */
export const algorithmIdentifierOf = (
  name: keyof typeof oids,
  parameters: Uint8Array | "NULL" | undefined
): AlgorithmIdentifier => ({ algorithm: oids[name], parameters: parameters === "NULL" ? NULL : parameters })
