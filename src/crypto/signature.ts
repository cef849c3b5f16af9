/** What each signature algorithm is, and which key may use it (RFC 9846 section 4.3.3). */
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { HashName, KeyKind, SignatureAlgorithm } from "./primitives.ts"

/** How one algorithm works. */
export type SignatureRule =
  | { readonly _tag: "Ecdsa"; readonly hash: HashName; readonly kinds: ReadonlyArray<KeyKind> }
  | { readonly _tag: "Ed25519"; readonly kinds: ReadonlyArray<KeyKind> }
  /** The mask generation function uses the same hash, the salt is as long as its digest. */
  | { readonly _tag: "RsaPss"; readonly hash: HashName; readonly kinds: ReadonlyArray<KeyKind> }
  | { readonly _tag: "RsaPkcs1"; readonly hash: HashName; readonly kinds: ReadonlyArray<KeyKind> }

const curves: ReadonlyArray<KeyKind> = ["p256", "p384", "p521"]

/** SHA-1 and ed448 have no rule: they are never made and never accepted. */
const rules: { readonly [A in SignatureAlgorithm]: SignatureRule | undefined } = {
  ecdsa_secp256r1_sha256: { _tag: "Ecdsa", hash: "sha256", kinds: ["p256"] },
  ecdsa_secp384r1_sha384: { _tag: "Ecdsa", hash: "sha384", kinds: ["p384"] },
  ecdsa_secp521r1_sha512: { _tag: "Ecdsa", hash: "sha512", kinds: ["p521"] },
  ed25519: { _tag: "Ed25519", kinds: ["ed25519"] },
  rsa_pss_rsae_sha256: { _tag: "RsaPss", hash: "sha256", kinds: ["rsa"] },
  rsa_pss_rsae_sha384: { _tag: "RsaPss", hash: "sha384", kinds: ["rsa"] },
  rsa_pss_rsae_sha512: { _tag: "RsaPss", hash: "sha512", kinds: ["rsa"] },
  rsa_pss_pss_sha256: { _tag: "RsaPss", hash: "sha256", kinds: ["rsa-pss"] },
  rsa_pss_pss_sha384: { _tag: "RsaPss", hash: "sha384", kinds: ["rsa-pss"] },
  rsa_pss_pss_sha512: { _tag: "RsaPss", hash: "sha512", kinds: ["rsa-pss"] },
  rsa_pkcs1_sha256: { _tag: "RsaPkcs1", hash: "sha256", kinds: ["rsa"] },
  rsa_pkcs1_sha384: { _tag: "RsaPkcs1", hash: "sha384", kinds: ["rsa"] },
  rsa_pkcs1_sha512: { _tag: "RsaPkcs1", hash: "sha512", kinds: ["rsa"] },
  ecdsa_sha256: { _tag: "Ecdsa", hash: "sha256", kinds: curves },
  ecdsa_sha384: { _tag: "Ecdsa", hash: "sha384", kinds: curves },
  ecdsa_sha512: { _tag: "Ecdsa", hash: "sha512", kinds: curves },
  rsa_pkcs1_sha1: undefined,
  ecdsa_sha1: undefined,
  ed448: undefined
}

/** The rule of an algorithm that a key of this kind may use, if it may. */
export const ruleFor = (kind: KeyKind, algorithm: SignatureAlgorithm): SignatureRule | undefined => {
  const rule = rules[algorithm]
  return rule?.kinds.includes(kind) ? rule : undefined
}

/** Whether a key of this kind may verify (or make) a signature of this algorithm. */
export const mayVerify = (kind: KeyKind, algorithm: SignatureAlgorithm): boolean =>
  ruleFor(kind, algorithm) !== undefined

/**
 * The schemes allowed in CertificateVerify, in order of preference: no PKCS#1 v1.5, no SHA-1 (RFC 9846 section 4.3.3).
 */
export const tls13Schemes = [
  "ecdsa_secp256r1_sha256",
  "ed25519",
  "ecdsa_secp384r1_sha384",
  "ecdsa_secp521r1_sha512",
  "rsa_pss_rsae_sha256",
  "rsa_pss_rsae_sha384",
  "rsa_pss_rsae_sha512",
  "rsa_pss_pss_sha256",
  "rsa_pss_pss_sha384",
  "rsa_pss_pss_sha512"
] as const satisfies ReadonlyArray<SignatureScheme>

/** The schemes allowed in certificates: those of CertificateVerify and PKCS#1 v1.5 with SHA-2. */
export const certificateSchemes = [
  ...tls13Schemes,
  "rsa_pkcs1_sha256",
  "rsa_pkcs1_sha384",
  "rsa_pkcs1_sha512"
] as const satisfies ReadonlyArray<SignatureScheme>

/** The schemes allowed in the handshake of TLS 1.2: PKCS#1 v1.5 too, SHA-1 never (RFC 9155). */
export const tls12Schemes = certificateSchemes

/** The algorithm that a scheme of TLS 1.2 names: there the hash of ECDSA goes with any curve (RFC 8422 section 5.4). */
export const algorithm12 = (scheme: SignatureScheme): SignatureAlgorithm | undefined => {
  switch (scheme) {
    case "ecdsa_secp256r1_sha256":
      return "ecdsa_sha256"
    case "ecdsa_secp384r1_sha384":
      return "ecdsa_sha384"
    case "ecdsa_secp521r1_sha512":
      return "ecdsa_sha512"
    default:
      return tls12Schemes.find((known) => known === scheme)
  }
}

/** Which suites of TLS 1.2 a scheme belongs to; none for one that TLS 1.2 does not allow here. */
export const authentication12 = (scheme: SignatureScheme): "ECDSA" | "RSA" | undefined => {
  const algorithm = algorithm12(scheme)
  if (algorithm === undefined) return undefined
  return rules[algorithm]?._tag === "Ecdsa" || algorithm === "ed25519" ? "ECDSA" : "RSA"
}

const pkcs1 = [
  ["rsa_pss_rsae_sha256", "rsa_pkcs1_sha256"],
  ["rsa_pss_rsae_sha384", "rsa_pkcs1_sha384"],
  ["rsa_pss_rsae_sha512", "rsa_pkcs1_sha512"]
] as const

/**
 * What whoever takes these schemes in TLS 1.3 takes in TLS 1.2, in the same order: of RSA keys PKCS#1 v1.5 too, at the
 * end. An id-RSASSA-PSS key has no other form.
 */
export const acceptable12 = (schemes: ReadonlyArray<SignatureScheme>): ReadonlyArray<SignatureScheme> => [
  ...schemes,
  ...pkcs1.flatMap(([pss, older]) => (schemes.includes(pss) && !schemes.includes(older) ? [older] : []))
]

/** The curve that a scheme of TLS 1.3 is bound to, and with it the key that signs it (RFC 9846 section 4.3.3). */
const curveOf: { readonly [scheme: string]: NamedGroup } = {
  ecdsa_secp256r1_sha256: "secp256r1",
  ecdsa_secp384r1_sha384: "secp384r1",
  ecdsa_secp521r1_sha512: "secp521r1"
}

/** In TLS 1.2 these name a hash alone; longer ones first. */
const ecdsa12 = ["ecdsa_secp521r1_sha512", "ecdsa_secp384r1_sha384", "ecdsa_secp256r1_sha256"] as const

/**
 * What a key that signs these schemes of TLS 1.3 can sign in TLS 1.2, its own first: ECDSA with every hash, since there
 * a scheme says nothing of the curve (RFC 5246 section 7.4.1.4.1), and with an RSA key PKCS#1 v1.5.
 */
export const signable12 = (schemes: ReadonlyArray<SignatureScheme>): ReadonlyArray<SignatureScheme> => {
  const own = acceptable12(schemes)
  const onCurve = own.some((scheme) => curveOf[scheme] !== undefined)
  return onCurve ? [...own, ...ecdsa12.filter((scheme) => !own.includes(scheme))] : own
}

/**
 * The curve of a key that signs these schemes, where a client that lists these groups does not take it (RFC 8422
 * section 5.3). Whoever lists none takes every curve, and Ed25519 is none of them (section 5.1.1).
 */
export const foreignCurve = (
  schemes: ReadonlyArray<SignatureScheme>,
  groups: ReadonlyArray<NamedGroup> | undefined
): NamedGroup | undefined => {
  const curves = schemes.flatMap((scheme) => curveOf[scheme] ?? [])
  return groups === undefined || curves.some((curve) => groups.includes(curve)) ? undefined : curves[0]
}

/**
 * The TLS 1.3 schemes that a key of this kind can sign, in order of preference; `hash` narrows them to the one that
 * an id-RSASSA-PSS key is restricted to.
 */
export const schemesFor = (kind: KeyKind, hash?: HashName): ReadonlyArray<(typeof tls13Schemes)[number]> =>
  tls13Schemes.filter((scheme) => {
    const rule = ruleFor(kind, scheme)
    return rule !== undefined && (hash === undefined || (rule._tag === "RsaPss" && rule.hash === hash))
  })
