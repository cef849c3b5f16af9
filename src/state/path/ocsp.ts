/** RFC 6960 sections 3.2 and 4.2.2: what an OCSP response says about a certificate, and who may say it. */

import * as Result from "effect/Result"
import { same } from "../../codec/bytes.ts"
import { decodeDer } from "../../codec/der/der.ts"
import { describe } from "../../codec/presentation/wire.ts"
import { type Certificate, parseCertificate } from "../../codec/x509/certificate.ts"
import { extensionName } from "../../codec/x509/extension.ts"
import {
  type BasicResponse,
  type CertIdHash,
  hashOfCertId,
  ocspNoCheck,
  parseOcspResponse,
  type SingleResponse
} from "../../codec/x509/ocsp.ts"
import { SubjectPublicKeyInfo } from "../../codec/x509/publicKey.ts"
import { escape } from "../failure.ts"
import { keyProblem } from "./key.ts"
import { nameText, subjectText } from "./refusal.ts"
import { allReasons, date, freshness, type Link, type OwedSignature, owe, type Statement } from "./revocation.ts"

/** SHA-1 is here to look things up with, not to prove anything: what it finds is checked by signature. */
export type CertIdDigest = (hash: CertIdHash, bytes: Uint8Array) => Uint8Array

/** The contents of the BIT STRING of a key: what key hashes are made of. */
const keyBits = (spki: Uint8Array): Uint8Array =>
  Result.match(decodeDer(SubjectPublicKeyInfo, spki), {
    onSuccess: ({ subjectPublicKey }) => subjectPublicKey,
    onFailure: () => new Uint8Array(0)
  })

/** Section 3.2 (1): whether a response is about this certificate. */
const isAbout = ({ certID }: SingleResponse, { certificate, issuer }: Link, digest: CertIdDigest): boolean => {
  const hash = hashOfCertId(certID)
  return (
    hash !== undefined &&
    same(certID.serialNumber, certificate.serialNumber) &&
    same(certID.issuerNameHash, digest(hash, certificate.issuer.der)) &&
    same(certID.issuerKeyHash, digest(hash, keyBits(issuer.publicKey.spki)))
  )
}

/** Section 4.2.2.3: whether a name and a key are those of the responder. */
const isResponder = (
  { responderID: id }: BasicResponse,
  name: Uint8Array,
  spki: Uint8Array,
  digest: CertIdDigest
): boolean => (id._tag === "byName" ? same(id.value.der, name) : same(id.value, digest("sha1", keyBits(spki))))

/** Certificates that are looked at in a response. */
const mostCertificates = 8

/** The extensions that a responder's certificate may have critical. */
const understood: ReadonlyArray<string | undefined> = [
  "keyUsage",
  "extKeyUsage",
  "basicConstraints",
  "subjectAltName",
  "cRLDistributionPoints",
  "certificatePolicies"
]

/** Section 4.2.2.2: why a certificate is not one of a responder of this issuer. */
const notDelegated = (responder: Certificate, { issuer }: Link, now: number): string | undefined => {
  const who = `is by the responder ${subjectText(responder)}`
  const { keyUsage, extKeyUsage } = responder.known
  if (!same(responder.issuer.der, issuer.name.der)) {
    return `${who}, whom ${nameText(responder.issuer)} appointed and not the issuer (RFC 6960 4.2.2.2)`
  }
  if (!extKeyUsage?.includes("OCSPSigning")) return `${who}, who is not one: no OCSPSigning (RFC 6960 4.2.2.2)`
  if (keyUsage !== undefined && !keyUsage.includes("digitalSignature")) {
    return `${who}, whose key is only for ${keyUsage.join(", ")}`
  }
  const problem = keyProblem(responder.publicKey)
  if (problem !== undefined) return `${who}, who has ${problem}`
  const unknown = responder.extensions.find(
    ({ extnID, critical }) => critical && extnID !== ocspNoCheck && !understood.includes(extensionName(extnID))
  )
  if (unknown !== undefined) return `${who}, whose certificate has a critical extension ${unknown.extnID}`
  const { notBefore, notAfter } = responder.validity
  const isValid = now >= notBefore && Math.floor(now / 1000) * 1000 <= notAfter
  return isValid ? undefined : `${who}, whose certificate is valid from ${date(notBefore)} to ${date(notAfter)}`
}

/** The signatures owed when the responder is this one. */
type Proof = Result.Result<ReadonlyArray<OwedSignature>, string>

const signedBy = (response: BasicResponse, key: Certificate["publicKey"]): Result.Result<OwedSignature, string> =>
  owe(key, response, { message: response.tbs, signature: response.signature, bearer: response })

/** Everybody who may have signed the response: the issuer itself, and those it appointed. */
const responders = (response: BasicResponse, link: Link, now: number, digest: CertIdDigest): ReadonlyArray<Proof> => {
  const { name, publicKey } = link.issuer
  const proofs: Array<Proof> = []
  if (isResponder(response, name.der, publicKey.spki, digest)) {
    proofs.push(Result.map(signedBy(response, publicKey), (owed) => [owed]))
  }
  for (const der of response.certificates.slice(0, mostCertificates)) {
    const parsed = parseCertificate(der)
    if (Result.isFailure(parsed)) continue
    const responder = parsed.success
    if (!isResponder(response, responder.subject.der, responder.publicKey.spki, digest)) continue
    const why = notDelegated(responder, link, now)
    const { tbs: message, signature } = responder
    proofs.push(
      why === undefined
        ? Result.all([
            owe(publicKey, responder, { message, signature, bearer: responder }),
            signedBy(response, responder.publicKey)
          ])
        : Result.fail(why)
    )
  }
  return proofs
}

const responderText = ({ responderID: id, producedAt }: BasicResponse): string => {
  const who = id._tag === "byName" ? nameText(id.value) : "a responder known by its key"
  return `the OCSP response of ${who} from ${date(producedAt)}`
}

/** Section 4.2.2.1 and 4.2.1: the status, once it is believed. */
const statementOf = (
  single: SingleResponse,
  source: string,
  owed: ReadonlyArray<OwedSignature>,
  now: number
): Statement => {
  const unusable = (why: string): Statement => ({ _tag: "Unusable", source, why })
  const { certStatus: status, thisUpdate, nextUpdate } = single
  if (status._tag === "revoked") {
    const { revocationTime, revocationReason } = status.value
    const when = `was revoked on ${date(revocationTime)} (${revocationReason ?? "no reason given"})`
    return { _tag: "Revoked", source: `${when}: so says ${source} (RFC 6960 2.2)`, owed }
  }
  if (status._tag === "unknown") return unusable("says that it does not know the certificate")
  return Result.match(freshness(thisUpdate, nextUpdate, now), {
    onFailure: unusable,
    onSuccess: (until) => ({ _tag: "Good", reasons: allReasons, until, source, owed })
  })
}

const readBasic = (
  response: BasicResponse,
  link: Link,
  now: number,
  digest: CertIdDigest
): ReadonlyArray<Statement> => {
  const source = responderText(response)
  const unusable = (why: string): ReadonlyArray<Statement> => [{ _tag: "Unusable", source, why }]
  const singles = response.responses.filter((single) => isAbout(single, link, digest))
  if (singles.length === 0) return unusable("is about another certificate (CertID, RFC 6960 3.2)")
  const critical = [...response.extensions, ...singles.flatMap(({ singleExtensions = [] }) => singleExtensions)].find(
    (extension) => extension.critical
  )
  if (critical !== undefined) return unusable(`has a critical extension that is not understood (${critical.extnID})`)
  const proofs = responders(response, link, now, digest)
  if (proofs.length === 0) return unusable("is by nobody whom the issuer appointed (RFC 6960 4.2.2.2)")
  return proofs.flatMap((proof) =>
    Result.isFailure(proof)
      ? unusable(proof.failure)
      : singles.map((single) => statementOf(single, source, proof.success, now))
  )
}

/** What a stapled OCSPResponse, DER, says about a certificate: one statement for everybody who may have signed it. */
export const readStaple = (
  der: Uint8Array,
  link: Link,
  now: number,
  digest: CertIdDigest
): ReadonlyArray<Statement> => {
  const unusable = (why: string): ReadonlyArray<Statement> => [{ _tag: "Unusable", source: "the OCSP response", why }]
  const parsed = parseOcspResponse(der)
  if (Result.isFailure(parsed)) return unusable(`cannot be read: ${escape(describe(parsed.failure))}`)
  switch (parsed.success._tag) {
    case "Refused":
      return unusable(`says only ${parsed.success.status}`)
    case "UnknownType":
      return unusable(`is of a type that is not known (${parsed.success.responseType})`)
    case "Basic":
      return readBasic(parsed.success.response, link, now, digest)
  }
}
