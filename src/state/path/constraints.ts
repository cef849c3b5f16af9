/** RFC 5280 section 4.2.1.10: name constraints, which apply to every name of every certificate below. */
import * as Result from "effect/Result"
import { decodeDer } from "../../codec/der/der.ts"
import { utf8String } from "../../codec/der/string.ts"
import type { Certificate } from "../../codec/x509/certificate.ts"
import type { GeneralName } from "../../codec/x509/generalName.ts"
import { parseIpAddress } from "../../codec/x509/ipAddress.ts"
import { attributeText, type Name } from "../../codec/x509/name.ts"
import type { NameConstraints } from "../../codec/x509/nameConstraints.ts"
import type { Failure } from "../failure.ts"
import type { Path } from "./build.ts"
import { dnsName } from "./host.ts"
import { once } from "./once.ts"
import { generalNameText, nameText, refuse } from "./refusal.ts"

/** Whether a name is within a subtree. `malformed`: nobody can say, so no constraint on its type is satisfied. */
type Verdict = "inside" | "outside" | "malformed"

/** One constraint, ready to be applied to names of its type; other names are none of its business. */
interface Subtree {
  readonly type: GeneralName["_tag"]
  readonly base: GeneralName
  /** `side` matters for wildcards: to exclude, what a name could stand for counts; to permit, all that it could. */
  readonly judge: (name: GeneralName, side: "permitted" | "excluded") => Verdict
}

/** The constraints that one certificate adds. */
export interface Constraints {
  /** Whose constraints they are, for people. */
  readonly issuer: string
  readonly permitted: ReadonlyArray<Subtree>
  readonly excluded: ReadonlyArray<Subtree>
}

type Judge = Subtree["judge"]

const verdict = (isInside: boolean): Verdict => (isInside ? "inside" : "outside")

type Named<Tag extends GeneralName["_tag"]> = Extract<GeneralName, { readonly _tag: Tag }>

/** A presented name without its wildcard, and whether it has one. */
const presented = once(({ value }: Named<"dNSName">) => {
  const parent = value.startsWith("*.") ? dnsName(value.slice(2)) : undefined
  return { name: parent ?? dnsName(value), parent }
})

/** The name itself and all below it; the empty name is the root of them all. */
const dnsJudge = (base: string): Judge | undefined => {
  const domain = base === "" ? "" : dnsName(base)
  if (domain === undefined) return undefined
  const below = `.${domain}`
  const above = domain.slice(domain.indexOf(".") + 1)
  return (general, side) => {
    if (general._tag !== "dNSName") return "outside"
    const { name, parent } = presented(general)
    if (name === undefined) return "malformed"
    // *.example.com can stand for bar.example.com, which may be what is excluded
    const canBe = side === "excluded" && above === parent
    return verdict(domain === "" || name === domain || name.endsWith(below) || canBe)
  }
}

/** A host, or with a dot in front all hosts below a domain; the empty text is every host. */
const hostJudge = (base: string): ((host: string) => Verdict) | undefined => {
  const isDomain = base.startsWith(".")
  const domain = base === "" ? "" : dnsName(isDomain ? base.slice(1) : base)
  if (domain === undefined) return undefined
  const below = `.${domain}`
  return (host) => verdict(domain === "" || (isDomain ? host.endsWith(below) : host === domain))
}

/** RFC 5321 section 4.5.3.1: 64 octets, and a domain of 255. */
const longestMailbox = 64 + 1 + 255

/** `local@host`. Quoted local parts are legal mail addresses; no certificate that we must accept has one. */
const mailbox = (text: string): { readonly local: string; readonly host: string } | undefined => {
  const [local = "", domain, ...rest] = text.length > longestMailbox ? [] : text.split("@")
  const host = domain === undefined ? undefined : dnsName(domain)
  const isLocal = /^[\x21\x23-\x7e]{1,64}$/.test(local)
  return host !== undefined && isLocal && rest.length === 0 ? { local, host } : undefined
}

const mailboxOf = once(({ value }: Named<"rfc822Name">) => mailbox(value))

const mailJudge = (base: string): Judge | undefined => {
  const exact = base.includes("@") ? mailbox(base) : undefined
  const hosts = base.includes("@") ? undefined : hostJudge(base)
  if (exact === undefined && hosts === undefined) return undefined
  return (name) => {
    const address = name._tag === "rfc822Name" ? mailboxOf(name) : undefined
    if (address === undefined) return "malformed"
    // the local part is compared as it is: it is the receiver's business what it means
    return hosts?.(address.host) ?? verdict(address.local === exact?.local && address.host === exact.host)
  }
}

/** The host of a URI, when it has one by name: constraints say nothing about addresses and nothing about `urn:`. */
const uriHost = (text: string): string | undefined => {
  const [, authority] = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(text) ?? []
  const host = authority?.slice(authority.lastIndexOf("@") + 1).replace(/:\d*$/, "")
  return host === undefined || parseIpAddress(host) !== undefined ? undefined : dnsName(host)
}

const uriHostOf = once(({ value }: Named<"uniformResourceIdentifier">) => uriHost(value))

const uriJudge = (base: string): Judge | undefined => {
  const hosts = hostJudge(base)
  if (hosts === undefined) return undefined
  return (name) => {
    const host = name._tag === "uniformResourceIdentifier" ? uriHostOf(name) : undefined
    return host === undefined ? "malformed" : hosts(host)
  }
}

/** A mask of ones and then zeros. */
const isMask = (mask: Uint8Array): boolean =>
  /^1*0*$/.test(Array.from(mask, (byte) => byte.toString(2).padStart(8, "0")).join(""))

const ipJudge = (base: Uint8Array): Judge | undefined => {
  const size = base.length / 2
  const [network, mask] = [base.subarray(0, size), base.subarray(size)]
  if ((size !== 4 && size !== 16) || !isMask(mask)) return undefined
  return (name) => {
    if (name._tag !== "iPAddress") return "malformed"
    const { value } = name
    if (value.length !== 4 && value.length !== 16) return "malformed"
    return verdict(
      value.length === size && value.every((byte, i) => ((byte ^ (network[i] ?? 0)) & (mask[i] ?? 0)) === 0)
    )
  }
}

/**
 * A text as section 7.1 compares it, by the string preparation of RFC 4518: what is not seen goes, every space is one
 * space, case is folded (twice, as ß has no lower case of its own), and compatible characters are the same.
 */
const prepared = (text: string): string =>
  text
    .replace(/[\t\n\v\f\r\x85\p{Z}]/gu, " ")
    .replace(/[\p{Cc}\p{Cf}\p{Variation_Selector}\ufffc]|\u034f/gu, "")
    .toUpperCase()
    .toLowerCase()
    .normalize("NFKC")
    .replace(/ +/g, " ")
    .trim()

/** The parts of a name as texts that are the same when the parts are: of whatever string type, in whatever order. */
const partsOf = once(
  (name: Name): ReadonlyArray<string> =>
    name.value.map((rdn) =>
      rdn
        .map((attribute) => {
          const text = attributeText(attribute)
          const value = text === undefined ? `#${attribute.value.join()}` : `=${prepared(text)}`
          return `${attribute.type}${value}`
        })
        .sort()
        .join("\0")
    )
)

const directoryJudge = (base: Name): Judge => {
  const prefix = partsOf(base)
  return (name) => {
    if (name._tag !== "directoryName") return "malformed"
    const all = partsOf(name.value)
    return verdict(prefix.every((part, i) => part === all[i]))
  }
}

const judgeOf = (base: GeneralName): Judge | undefined => {
  switch (base._tag) {
    case "dNSName":
      return dnsJudge(base.value)
    case "rfc822Name":
      return mailJudge(base.value)
    case "uniformResourceIdentifier":
      return uriJudge(base.value)
    case "iPAddress":
      return ipJudge(base.value)
    case "directoryName":
      return directoryJudge(base.value)
    default:
      return undefined
  }
}

/**
 * Reads what a CA, or an anchor, says about the names below it. A constraint of a type that we do not know, or that
 * is not well formed, refuses the path: it was meant to forbid something.
 */
export const readConstraints = (
  certificate: Certificate,
  { permittedSubtrees = [], excludedSubtrees = [] }: NameConstraints
): Result.Result<Constraints, Failure> => {
  const read = (
    list: ReadonlyArray<{ readonly base: GeneralName }>
  ): Result.Result<ReadonlyArray<Subtree>, Failure> => {
    const subtrees: Array<Subtree> = []
    for (const { base } of list) {
      const judge = judgeOf(base)
      if (judge === undefined) {
        const detail = `has a name constraint nobody can apply: ${generalNameText(base)}`
        return refuse("CertificateNameConstrained", certificate, detail)
      }
      subtrees.push({ type: base._tag, base, judge })
    }
    return Result.succeed(subtrees)
  }
  return Result.flatMap(read(permittedSubtrees), (permitted) =>
    Result.map(read(excludedSubtrees), (excluded) => ({ issuer: nameText(certificate.subject), permitted, excluded }))
  )
}

/** SmtpUTF8Mailbox (RFC 9598): an address to which constraints on rfc822Name apply. */
const smtpUtf8Mailbox = "1.3.6.1.5.5.7.8.9"

/** What cannot be read stays an address, and is inside nothing. */
const mail = (value: string | undefined): GeneralName => ({ _tag: "rfc822Name", value: value ?? "" })

/** The names that constraints are about: the subject, all alternative names and, without any, e-mail in the subject. */
const namesOf = ({ subject, known }: Certificate): ReadonlyArray<GeneralName> => {
  const whole: ReadonlyArray<GeneralName> =
    subject.value.length === 0 ? [] : [{ _tag: "directoryName", value: subject }]
  const others = known.subjectAltName?.map((name) =>
    name._tag === "otherName" && name.value.typeId === smtpUtf8Mailbox
      ? mail(Result.getOrUndefined(decodeDer(utf8String, name.value.value)))
      : name
  )
  const addresses = () => subject.value.flat().filter(({ type }) => type === "emailAddress")
  return [...whole, ...(others ?? addresses().map((attribute) => mail(attributeText(attribute))))]
}

/** Why a name is not allowed, if it is not. */
const objection = (name: GeneralName, { issuer, permitted, excluded }: Constraints): string | undefined => {
  for (const { type, base, judge } of excluded) {
    if (type === name._tag && judge(name, "excluded") !== "outside") {
      return `is for ${generalNameText(name)}, and a name constraint of ${issuer} excludes ${generalNameText(base)}`
    }
  }
  const allowed = permitted.filter(({ type }) => type === name._tag)
  const [first] = allowed
  if (first === undefined || allowed.some(({ judge }) => judge(name, "permitted") === "inside")) return undefined
  const more = allowed.length > 1 ? ", …" : ""
  return `is for ${generalNameText(name)}, and a name constraint of ${issuer} permits only ${generalNameText(first.base)}${more}`
}

/** RFC 5280 section 6.1.3 (b) and (c): every name within the permitted subtrees and outside the excluded ones. */
export const checkNames = (
  certificate: Certificate,
  constraints: ReadonlyArray<Constraints>
): Result.Result<void, Failure> => {
  if (constraints.length === 0) return Result.void
  for (const name of namesOf(certificate)) {
    for (const one of constraints) {
      const reason = objection(name, one)
      if (reason !== undefined) return refuse("CertificateNameConstrained", certificate, reason)
    }
  }
  return Result.void
}

const sizeOf = (constraints: NameConstraints | undefined): number =>
  (constraints?.permittedSubtrees?.length ?? 0) + (constraints?.excludedSubtrees?.length ?? 0)

/** How many names a certificate can have, by any way of counting: one attribute may be an address. */
const namesIn = ({ known, subject }: Certificate): number =>
  (known.subjectAltName?.length ?? 0) + subject.value.reduce((sum, rdn) => sum + rdn.length, 0)

/**
 * How many constraints are read on a path, and how many names meet how many of them: what the checks cost, known before
 * they are made.
 */
export const comparisons = ({ certificates, anchor }: Path): number => {
  let subtrees = sizeOf(anchor.nameConstraints)
  let total = subtrees
  for (const certificate of certificates.toReversed()) {
    const added = sizeOf(certificate.known.nameConstraints)
    total += (subtrees === 0 ? 0 : subtrees * namesIn(certificate)) + added
    subtrees += added
  }
  return total
}
