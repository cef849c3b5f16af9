/** RFC 5280 section 6.3.3: what a revocation list says about a certificate. */

import * as Result from "effect/Result"
import { hex, same } from "../../codec/bytes.ts"
import { encodeDer } from "../../codec/der/der.ts"
import type { CertificateList } from "../../codec/x509/crl.ts"
import { crlExtensionOids, type IssuingDistributionPoint } from "../../codec/x509/crlExtension.ts"
import type { ExtensionValue } from "../../codec/x509/extension.ts"
import { GeneralName } from "../../codec/x509/generalName.ts"
import { type Name, RDNSequence } from "../../codec/x509/name.ts"
import { escape } from "../failure.ts"
import { bytesKey } from "./build.ts"
import { nameText } from "./refusal.ts"
import { allReasons, date, freshness, type Link, owe, type Statement } from "./revocation.ts"

type DistributionPoint = ExtensionValue<"cRLDistributionPoints">[number]
type PointName = DistributionPoint["distributionPoint"]
type Reasons = Extract<Statement, { readonly _tag: "Good" }>["reasons"]

/** A list for people: whose, its number where it has one, and from when. */
export const listText = ({ issuer, known, thisUpdate }: CertificateList): string => {
  const number = known.cRLNumber === undefined ? "" : ` number 0x${hex(known.cRLNumber.subarray(0, 20))}`
  return `the CRL${number} of ${nameText(issuer)} from ${date(thisUpdate)}`
}

/** A general name as a key: equal keys, equal names. */
const nameKey = (name: GeneralName): ReadonlyArray<string> =>
  Result.match(encodeDer(GeneralName, name), { onSuccess: (der) => [bytesKey(der)], onFailure: () => [] })

/** The names of a distribution point; one relative to its issuer is put together (section 4.2.1.13). */
const pointNames = (point: PointName, issuer: Name): ReadonlyArray<string> => {
  if (point === undefined) return []
  if (point._tag === "fullName") return point.value.flatMap(nameKey)
  const value = [...issuer.value, point.value]
  const whole = encodeDer(RDNSequence, value)
  return Result.isSuccess(whole) ? nameKey({ _tag: "directoryName", value: { value, der: whole.success } }) : []
}

/** The point that section 6.3.3 has us assume when the certificate names none, or those it names say too little. */
const assumed = ({ issuer }: Link): DistributionPoint => ({
  distributionPoint: { _tag: "fullName", value: [{ _tag: "directoryName", value: issuer.name }] },
  reasons: undefined,
  cRLIssuer: undefined
})

/** Every distribution point of the certificate, and the assumed one. */
export const pointsOf = (link: Link): ReadonlyArray<DistributionPoint> => [
  ...(link.certificate.known.cRLDistributionPoints ?? []),
  assumed(link)
]

/** Extensions of a list that may be critical: the others that are known must not be (sections 5.2.1, 5.2.3, 5.2.6). */
const understood: ReadonlyArray<string> = [crlExtensionOids.issuingDistributionPoint]

/** Why a list is of no use for any certificate of its issuer (sections 5.2, 5.2.4, 5.3). */
const obstacle = ({ known, extensions, entries }: CertificateList): string | undefined => {
  const { issuingDistributionPoint: scope, deltaCRLIndicator } = known
  if (deltaCRLIndicator !== undefined) return "is a delta CRL, which is not supported (RFC 5280 5.2.4)"
  if (scope?.indirectCRL === true) return "is an indirect CRL, which is not supported (RFC 5280 5.2.5)"
  const unknown = extensions.find(({ extnID, critical }) => critical && !understood.includes(extnID))
  if (unknown !== undefined)
    return `has a critical extension that is not understood, or must not be critical (${unknown.extnID})`
  return entries.obstacle === undefined
    ? undefined
    : `has an entry with an extension that is not understood (${entries.obstacle}; RFC 5280 5.3)`
}

/** Step (b)(2): why the list is about other certificates than this one. */
const outOfScope = (scope: IssuingDistributionPoint, { certificate }: Link): string | undefined => {
  const isCa = certificate.known.basicConstraints?.cA === true
  if (scope.onlyContainsUserCerts && isCa) return "is about end-entity certificates only (RFC 5280 5.2.5)"
  if (scope.onlyContainsCACerts && !isCa) return "is about CA certificates only (RFC 5280 5.2.5)"
  return scope.onlyContainsAttributeCerts ? "is about attribute certificates only (RFC 5280 5.2.5)" : undefined
}

/** Step (b)(1) and (b)(2)(i): whether a list is the one of this distribution point. */
const isFor = (point: DistributionPoint, scope: IssuingDistributionPoint | undefined, { issuer }: Link): boolean => {
  // A point with a cRLIssuer wants an indirect list
  if (point.cRLIssuer !== undefined) return false
  if (scope?.distributionPoint === undefined) return true
  const names = pointNames(point.distributionPoint, issuer.name)
  return pointNames(scope.distributionPoint, issuer.name).some((name) => names.includes(name))
}

/** Step (d): the reasons for which the list and the points that lead to it stand together. */
const reasonsOf = (link: Link, scope: IssuingDistributionPoint | undefined): Reasons => {
  const points = pointsOf(link).filter((point) => isFor(point, scope, link))
  return allReasons.filter(
    (reason) =>
      (scope?.onlySomeReasons?.includes(reason) ?? true) &&
      points.some(({ reasons }) => reasons?.includes(reason) ?? true)
  )
}

/** Step (f): the issuer's own word on whether it may sign lists, and on which key it is. */
const notByIssuer = ({ known }: CertificateList, { issuer }: Link): string | undefined => {
  const { keyUsage, subjectKeyIdentifier } = issuer.certificate?.known ?? {}
  if (keyUsage !== undefined && !keyUsage.includes("cRLSign")) {
    return `is signed by a CA that may not sign lists: no cRLSign, only ${keyUsage.join(", ")} (RFC 5280 6.3.3 (f))`
  }
  const wanted = known.authorityKeyIdentifier?.keyIdentifier
  return wanted !== undefined && subjectKeyIdentifier !== undefined && !same(wanted, subjectKeyIdentifier)
    ? "is signed with another key of that name (authorityKeyIdentifier)"
    : undefined
}

/** Whether the list could be about the certificate at all: step (b)(1). */
export const isBy = (list: CertificateList, { certificate }: Link): boolean =>
  same(list.issuer.der, certificate.issuer.der)

/**
 * What a list says about a certificate; `undefined` for a list of somebody else. An entry counts even in a list that
 * is too old: revoked is for ever, and who is not on an old list may be on the new one.
 */
export const readList = (list: CertificateList, link: Link, now: number): Statement | undefined => {
  if (!isBy(list, link)) return undefined
  const source = listText(list)
  const unusable = (why: string): Statement => ({ _tag: "Unusable", source, why })
  const scope = list.known.issuingDistributionPoint
  const reasons = reasonsOf(link, scope)
  const why =
    obstacle(list) ??
    (scope === undefined ? undefined : outOfScope(scope, link)) ??
    notByIssuer(list, link) ??
    (reasons.length === 0 ? "is of no distribution point that the certificate names (RFC 5280 6.3.3 (b))" : undefined)
  if (why !== undefined) return unusable(why)
  const { tbs: message, signature } = list
  const owed = owe(link.issuer.publicKey, list, { message, signature, bearer: list })
  if (Result.isFailure(owed)) return unusable(owed.failure)
  const entry = list.entries.find(link.certificate.serialNumber)
  if (entry !== undefined && entry.reason !== "removeFromCRL") {
    const when = `was revoked on ${date(entry.revocationDate)} (${entry.reason ?? "no reason given"})`
    return { _tag: "Revoked", source: `${when}: so says ${source} (RFC 5280 6.3.3)`, owed: [owed.success] }
  }
  if (list.known.cRLNumber === undefined) return unusable("has no CRL number (RFC 5280 5.2.3)")
  return Result.match(freshness(list.thisUpdate, list.nextUpdate, now), {
    onFailure: unusable,
    onSuccess: (until) => ({ _tag: "Good", reasons, until, source, owed: [owed.success] })
  })
}

/** Why there is no statement when no list is by the issuer of the certificate. */
export const noList = ({ certificate, issuer }: Link): string => {
  const points = certificate.known.cRLDistributionPoints ?? []
  const isIndirect = points.length > 0 && points.every(({ cRLIssuer }) => cRLIssuer !== undefined)
  const where = urlsOf(certificate.known.cRLDistributionPoints)
  if (isIndirect) return "its distribution points name indirect CRLs, which are not supported (RFC 5280 4.2.1.13)"
  const [first] = where
  const hint = first === undefined ? "" : ` (it names ${escape(first)})`
  return `there is no CRL of ${nameText(issuer.name)}${hint}`
}

/** The places of lists that can be fetched without TLS and without another protocol: `http:` alone. */
export const urlsOf = (points: ReadonlyArray<DistributionPoint> | undefined): ReadonlyArray<string> => {
  const names = (points ?? []).flatMap(({ distributionPoint: point, cRLIssuer }) =>
    point?._tag === "fullName" && cRLIssuer === undefined ? point.value : []
  )
  const urls = names.flatMap((name) => (name._tag === "uniformResourceIdentifier" ? [name.value] : []))
  return [...new Set(urls.filter((url) => /^http:\/\/[\x21-\x7e]+$/i.test(url) && url.length <= 2048))]
}
