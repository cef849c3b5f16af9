/** Which credentials suit a peer, by what it says of signatures, authorities and extensions (RFC 9846 4.5.1.2). */

import * as Result from "effect/Result"
import { same } from "../codec/bytes.ts"
import { type Der, decodeDer } from "../codec/der/der.ts"
import { objectIdentifier } from "../codec/der/objectIdentifier.ts"
import { sequenceOf } from "../codec/der/structure.ts"
import type { OIDFilter } from "../codec/extension/certificateAuthorities.ts"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import { oids } from "../codec/x509/algorithm.ts"
import { type Certificate, parseCertificate } from "../codec/x509/certificate.ts"
import { extensionOids, KeyPurpose, KeyUsage } from "../codec/x509/extension.ts"
import { foreignCurve, signable12 } from "../crypto/signature.ts"
import type { ChooseCredential, Credential, ResolveHello } from "../state/command.ts"
import type { CertificateKind } from "../state/config.ts"

type Request = ResolveHello | ChooseCredential

const typeOf = (credential: Credential): CertificateKind => credential.certificateType ?? "X509"
const typesOf = (request: Request): ReadonlyArray<CertificateKind> => request.certificateTypes ?? ["X509"]

const known = new WeakMap<Credential, ReadonlyArray<Certificate>>()

/** The certificates of a chain that can be read, once for each credential; a raw public key has none. */
const certificatesOf = (credential: Credential): ReadonlyArray<Certificate> => {
  const found = known.get(credential)
  if (found !== undefined) return found
  const read = (der: Uint8Array) => Result.match(parseCertificate(der), { onSuccess: (c) => [c], onFailure: () => [] })
  const certificates = typeOf(credential) === "X509" ? credential.chain.flatMap(read) : []
  known.set(credential, certificates)
  return certificates
}

/** Whether a certificate of the chain was issued by one of these names (section 4.3.4). */
const issuedBy = (credential: Credential, authorities: ReadonlyArray<Uint8Array>): boolean =>
  certificatesOf(credential).some(({ issuer }) => authorities.some((name) => same(name, issuer.der)))

/** As TLS names the algorithms of certificates, where ECDSA goes by its hash and RSASSA-PSS by either key. */
const schemesOf = ({ signatureAlgorithm }: Certificate): ReadonlyArray<SignatureScheme> => {
  switch (signatureAlgorithm) {
    case undefined:
      return []
    case "ecdsa_sha256":
      return ["ecdsa_secp256r1_sha256"]
    case "ecdsa_sha384":
      return ["ecdsa_secp384r1_sha384"]
    case "ecdsa_sha512":
      return ["ecdsa_secp521r1_sha512"]
    case "rsa_pss_rsae_sha256":
      return [signatureAlgorithm, "rsa_pss_pss_sha256"]
    case "rsa_pss_rsae_sha384":
      return [signatureAlgorithm, "rsa_pss_pss_sha384"]
    case "rsa_pss_rsae_sha512":
      return [signatureAlgorithm, "rsa_pss_pss_sha512"]
    default:
      return [signatureAlgorithm]
  }
}

/** The signatures that a peer looks at: not those of certificates that begin a path (section 4.3.3). */
const signed = (credential: Credential): ReadonlyArray<Certificate> =>
  certificatesOf(credential).filter(({ subject, issuer }) => !same(subject.der, issuer.der))

const accepts = (certificate: Certificate, { certificateSchemes }: Request): boolean =>
  schemesOf(certificate).some((scheme) => certificateSchemes.includes(scheme))

const md5 = "1.2.840.113549.1.1.4"

/** SHA-1 and MD5, also as the hash that RSASSA-PSS has when it names none that we know. */
const isObsolete = ({ signatureAlgorithm: name, signatureOid: oid }: Certificate): boolean =>
  name === "rsa_pkcs1_sha1" ||
  name === "ecdsa_sha1" ||
  oid === md5 ||
  (name === undefined && oid === oids["id-RSASSA-PSS"])

/** A chain may fall back on signatures that the peer did not name, but not on those of SHA-1. */
const mayFallBack = (credential: Credential, request: Request): boolean =>
  signed(credential).every((certificate) => accepts(certificate, request) || !isObsolete(certificate))

/** Whether what an extension holds is what is wanted; nothing wanted is that it is there. */
const holds = <A>(type: Der<ReadonlyArray<A>>, wanted: Uint8Array, present: ReadonlyArray<A> | undefined): boolean => {
  if (present === undefined || wanted.length === 0) return present !== undefined
  const values = Result.getOrUndefined(decodeDer(type, wanted))
  return values?.every((value) => present.includes(value)) ?? false
}

/** Section 4.3.5 has rules for two extensions; others are not recognized, and skipped. */
const passes =
  ({ known }: Certificate) =>
  ({ certificate_extension_oid, certificate_extension_values: values }: OIDFilter): boolean => {
    switch (Result.getOrUndefined(decodeDer(objectIdentifier, certificate_extension_oid))) {
      case extensionOids.keyUsage:
        return holds(KeyUsage, values, known.keyUsage)
      case extensionOids.extKeyUsage:
        return holds(sequenceOf(KeyPurpose), values, known.extKeyUsage)
      default:
        return true
    }
  }

/** What a client asked by a server keeps to: whoever names authorities does not want others. */
const answersTo = (credential: Credential, { authorities, filters = [] }: ChooseCredential): boolean => {
  const [leaf] = certificatesOf(credential)
  return (
    (authorities.length === 0 || issuedBy(credential, authorities)) &&
    (leaf === undefined || filters.every(passes(leaf)))
  )
}

/** Whether the key signs as the peer accepts; in TLS 1.2 its curve must be one that a client lists (RFC 8422 5.3). */
const signs = ({ schemes }: Credential, request: Request): boolean => {
  const accepted = (scheme: SignatureScheme) => request.schemes.includes(scheme)
  if (request.version !== "TLSv1.2") return schemes.some(accepted)
  const groups = request._tag === "ResolveHello" ? request.groups : undefined
  return signable12(schemes).some(accepted) && foreignCurve(schemes, groups) === undefined
}

/** The credentials that may be shown to this peer at all. */
export const usable = <C extends Credential>(credentials: ReadonlyArray<C>, request: Request): ReadonlyArray<C> =>
  credentials.filter((credential) => {
    if (!signs(credential, request)) return false
    if (!typesOf(request).includes(typeOf(credential))) return false
    if (typeOf(credential) === "RawPublicKey") return true
    return mayFallBack(credential, request) && (request._tag === "ResolveHello" || answersTo(credential, request))
  })

/** Of the usable ones the best: of the type the peer prefers, signed as it accepts, under an authority it knows. */
export const preferred = <C extends Credential>(usable: ReadonlyArray<C>, request: Request): C | undefined => {
  const [type] = typesOf(request)
  const wishes: ReadonlyArray<(credential: C) => boolean> = [
    (credential) => typeOf(credential) === type,
    (credential) => signed(credential).every((certificate) => accepts(certificate, request)),
    (credential) => issuedBy(credential, request.authorities)
  ]
  const [best] = wishes.reduce((left, wish) => {
    const better = left.length < 2 ? [] : left.filter(wish)
    return better.length > 0 ? better : left
  }, usable)
  return best
}
