/**
 * Revocation (RFC 5280 section 6.3, RFC 6960, RFC 7633): what lists and responses say about a certificate, and what
 * follows from it. As in validate.ts no cryptography is done: a statement comes with the signatures it still owes, and
 * only statements whose signatures were found right may be concluded from.
 */

import * as Result from "effect/Result"
import { same } from "../../codec/bytes.ts"
import { algorithmForKey, type SignatureAlgorithm } from "../../codec/x509/algorithm.ts"
import type { Certificate } from "../../codec/x509/certificate.ts"
import { extensionName, type ReasonFlags } from "../../codec/x509/extension.ts"
import type { Name } from "../../codec/x509/name.ts"
import type { PublicKeyInfo } from "../../codec/x509/publicKey.ts"
import { mayVerify } from "../../crypto/signature.ts"
import type { Failure } from "../failure.ts"
import type { Path } from "./build.ts"
import { refuse } from "./refusal.ts"

/** `require`: no answer refuses. `prefer`: only a revoked certificate is refused. `off`: nobody is asked. */
export type RevocationPolicy = "require" | "prefer" | "off"

/** Which certificates of a path are looked at: the end-entity, or all but the anchor. */
export type RevocationDepth = "leaf" | "chain"

/** Who issued a certificate, as its path has it. */
export interface Issuer {
  readonly name: Name
  readonly publicKey: PublicKeyInfo
  /** Absent for anchors that are a name and a key only. */
  readonly certificate: Certificate | undefined
}

/** A certificate of a path, and who issued it. */
export interface Link {
  readonly certificate: Certificate
  readonly issuer: Issuer
}

/** The certificates to look at, the end-entity first. */
export const linksOf = ({ certificates, anchor }: Path, depth: RevocationDepth): ReadonlyArray<Link> => {
  const issuers: ReadonlyArray<Issuer> = [
    ...certificates.slice(1).map((certificate) => ({
      name: certificate.subject,
      publicKey: certificate.publicKey,
      certificate
    })),
    { name: anchor.subject, publicKey: anchor.publicKey, certificate: anchor.certificate }
  ]
  const links = certificates.flatMap((certificate, i) => {
    const issuer = issuers[i]
    // a certificate that is its own anchor is believed by name; nobody above it could take that back
    const isOwnAnchor = anchor.certificate !== undefined && same(certificate.der, anchor.certificate.der)
    return issuer === undefined || isOwnAnchor ? [] : [{ certificate, issuer }]
  })
  return depth === "leaf" ? links.slice(0, 1) : links
}

/** A signature that must be right for a statement to be believed. */
export interface OwedSignature {
  readonly key: PublicKeyInfo
  readonly algorithm: SignatureAlgorithm
  readonly message: Uint8Array
  readonly signature: Uint8Array
  /** What bears it: the same object for the same bytes, so that a verdict on it can be kept. */
  readonly bearer: object
}

type Reason = (typeof ReasonFlags.schema)["Type"][number]

/** All there are (section 4.2.1.13), without the one that is not used. */
export const allReasons: ReadonlyArray<Reason> = [
  "keyCompromise",
  "cACompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "certificateHold",
  "privilegeWithdrawn",
  "aACompromise"
]

/** What one list or response says about one certificate. */
export type Statement =
  | {
      readonly _tag: "Good"
      /** The reasons for which the certificate would be found there, were it revoked. */
      readonly reasons: ReadonlyArray<Reason>
      /** Milliseconds since 1970. */
      readonly until: number
      readonly source: string
      readonly owed: ReadonlyArray<OwedSignature>
    }
  | {
      readonly _tag: "Revoked"
      /** When, why, and who says so. */
      readonly source: string
      readonly owed: ReadonlyArray<OwedSignature>
    }
  /** It says nothing that may be used, and why. */
  | { readonly _tag: "Unusable"; readonly source: string; readonly why: string }

/** What follows from the statements that are believed. */
export type Conclusion =
  | { readonly _tag: "Good"; readonly until: number; readonly sources: ReadonlyArray<string> }
  | { readonly _tag: "Revoked"; readonly source: string }
  | { readonly _tag: "Unknown"; readonly why: ReadonlyArray<string> }

/** Clocks differ: so far into the future may lie what somebody said just now. */
const skew = 300_000

export const date = (time: number): string => new Date(time).toISOString().replace(".000Z", "Z")

/** The period in which a statement may be used, or why it may not. */
export const freshness = (
  thisUpdate: number,
  nextUpdate: number | undefined,
  now: number
): Result.Result<number, string> => {
  if (thisUpdate > now + skew) return Result.fail(`is from ${date(thisUpdate)}, which is in the future`)
  if (nextUpdate === undefined) return Result.fail("does not say until when it holds (nextUpdate)")
  return now > nextUpdate ? Result.fail(`held until ${date(nextUpdate)}`) : Result.succeed(nextUpdate)
}

/** A signature as owed, or why no such signature is accepted. */
export const owe = (
  key: PublicKeyInfo,
  { signatureAlgorithm, signatureOid }: Pick<Certificate, "signatureAlgorithm" | "signatureOid">,
  { message, signature, bearer }: Pick<OwedSignature, "message" | "signature" | "bearer">
): Result.Result<OwedSignature, string> => {
  if (signatureAlgorithm === undefined) return Result.fail(`is signed with ${signatureOid}, which is not supported`)
  const algorithm = algorithmForKey(signatureAlgorithm, key.kind)
  return key.kind !== "unsupported" && mayVerify(key.kind, algorithm)
    ? Result.succeed({ key, algorithm, message, signature, bearer })
    : Result.fail(`is signed with ${algorithm}, which is too weak or not of the issuer's key (${key.kind})`)
}

/** From statements whose signatures are right: one that says revoked decides, and good is said for every reason. */
export const conclude = (statements: ReadonlyArray<Statement>): Conclusion => {
  const revoked = statements.find((statement) => statement._tag === "Revoked")
  if (revoked !== undefined) return { _tag: "Revoked", source: revoked.source }
  const good = statements.filter((statement) => statement._tag === "Good")
  const missing = allReasons.filter((reason) => !good.some(({ reasons }) => reasons.includes(reason)))
  if (missing.length === 0) {
    const until = Math.min(...good.map((statement) => statement.until))
    return { _tag: "Good", until, sources: good.map(({ source }) => source) }
  }
  const why = statements.flatMap((statement) =>
    statement._tag === "Unusable" ? [`${statement.source} ${statement.why}`] : []
  )
  const partly = good.length === 0 ? [] : [`no list speaks of ${missing.join(", ")}`]
  return { _tag: "Unknown", why: [...partly, ...why] }
}

/** RFC 7633 section 4.2.3.1: the number of status_request, which makes a certificate one that must be stapled. */
export const mustStaple = ({ extensions, known }: Certificate): boolean =>
  extensions.some(({ extnID }) => extensionName(extnID) === "tlsFeature") && (known.tlsFeature?.includes(5) ?? false)

/** The same, critical: whoever asks for no staple, nor looks at one, could not process it (RFC 5280 section 4.2). */
export const insistsOnStaple = (certificate: Certificate): boolean =>
  mustStaple(certificate) &&
  certificate.extensions.some(({ extnID, critical }) => critical && extensionName(extnID) === "tlsFeature")

/** So many explanations are given at most. */
const mostWhys = 4

const because = (why: ReadonlyArray<string>): string => {
  const told = [...new Set(why)]
  const more = told.length > mostWhys ? [`${told.length - mostWhys} more`] : []
  return told.length === 0 ? "nobody was asked who could know" : [...told.slice(0, mostWhys), ...more].join("; ")
}

/** What is known about one certificate: from its staple, where it has one and it is looked at, and from lists. */
export interface Findings {
  readonly certificate: Certificate
  readonly policy: Exclude<RevocationPolicy, "off">
  /** `unasked`: staples are not looked at, or nobody could have sent one. */
  readonly staple: Conclusion | "absent" | "unasked"
  readonly lists: Conclusion
}

/**
 * The end: until when the certificate is known to be good, if it is known.
 *
 * `CertificateRevoked` whatever the policy; `CertificateStatusResponseInvalid` when a staple is owed and there is no
 * good one, or when one was sent and an answer is required; else `CertificateStatusUnknown` when one is required.
 */
export const judge = ({ certificate, policy, staple, lists }: Findings): Result.Result<number | undefined, Failure> => {
  const stapled = typeof staple === "string" ? undefined : staple
  for (const conclusion of [stapled, lists]) {
    if (conclusion?._tag === "Revoked") return refuse("CertificateRevoked", certificate, conclusion.source)
  }
  const unsatisfactory = stapled?._tag === "Unknown" ? because(stapled.why) : "the peer sent no OCSP response"
  if (staple !== "unasked" && stapled?._tag !== "Good" && mustStaple(certificate)) {
    const detail = `says that a good OCSP response comes with it (RFC 7633), and none does: ${unsatisfactory}`
    return refuse("CertificateStatusResponseInvalid", certificate, detail)
  }
  const until = [stapled, lists].flatMap((conclusion) => (conclusion?._tag === "Good" ? [conclusion.until] : []))
  if (until.length > 0) return Result.succeed(Math.max(...until))
  if (policy === "prefer") return Result.succeed(undefined)
  const why = lists._tag === "Unknown" ? lists.why : []
  return stapled?._tag === "Unknown"
    ? refuse(
        "CertificateStatusResponseInvalid",
        certificate,
        `came with an OCSP response that does not do: ${because([...stapled.why, ...why])}`
      )
    : refuse(
        "CertificateStatusUnknown",
        certificate,
        `may be revoked, for all we know: ${because([...(staple === "absent" ? [unsatisfactory] : []), ...why])}`
      )
}
