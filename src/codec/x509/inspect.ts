/** A certificate for people to read. Everything that its maker wrote is escaped. */
import * as Result from "effect/Result"
import { decode } from "../presentation/wire.ts"
import type { Certificate } from "./certificate.ts"
import {
  type Extension,
  type ExtensionName,
  type ExtensionValue,
  extensionName,
  type KnownExtensions
} from "./extension.ts"
import { type GeneralName, showGeneralName } from "./generalName.ts"
import { showName } from "./name.ts"
import { SignedCertificateTimestamp, timestampsIn } from "./sct.ts"

/** `01:AB:…`. */
export const showBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(":")

/** `2026-01-31 12:00:00 UTC`. */
export const showTime = (milliseconds: number): string =>
  `${new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ")} UTC`

const keyNames: { readonly [kind: string]: string } = {
  p256: "ECDSA P-256",
  p384: "ECDSA P-384",
  p521: "ECDSA P-521",
  ed25519: "Ed25519",
  rsa: "RSA",
  "rsa-pss": "RSASSA-PSS"
}

const showKey = ({ kind, bits, algorithm }: Certificate["publicKey"]): string =>
  kind === "unsupported" ? `unsupported, ${algorithm}` : `${keyNames[kind] ?? kind}, ${bits} bits`

const hashNames: { readonly [hash: string]: string } = {
  sha1: "SHA-1",
  sha256: "SHA-256",
  sha384: "SHA-384",
  sha512: "SHA-512"
}

/** The algorithm as people call it: those of certificates have other names in TLS. */
const showAlgorithm = ({ signatureAlgorithm, signatureOid }: Certificate): string => {
  const [, family = "", hash = ""] =
    /^(ecdsa|rsa_pkcs1|rsa_pss)(?:_\w+)?_(sha\d+)$/.exec(signatureAlgorithm ?? "") ?? []
  const names = new Map([
    ["ecdsa", "ECDSA"],
    ["rsa_pkcs1", "RSA PKCS#1"],
    ["rsa_pss", "RSASSA-PSS"]
  ])
  const name = names.get(family)
  if (name !== undefined) return `${name} with ${hashNames[hash] ?? hash}`
  return signatureAlgorithm === "ed25519" ? "Ed25519" : (signatureAlgorithm ?? `unsupported, ${signatureOid}`)
}

const showNames = (names: ReadonlyArray<GeneralName>): string => names.map(showGeneralName).join(", ")

const showConstraints = (value: ExtensionValue<"nameConstraints">): string => {
  const list = (what: string, trees: typeof value.permittedSubtrees) =>
    trees === undefined ? [] : [`${what} ${showNames(trees.map(({ base }) => base))}`]
  return [...list("permitted", value.permittedSubtrees), ...list("excluded", value.excludedSubtrees)].join("\n")
}

/** RFC 5280 section 4.2.1.4, and what the CA/Browser Forum calls its own. */
const policyNames = new Map([
  ["2.5.29.32.0", "any policy"],
  ["2.23.140.1.1", "extended validation"],
  ["2.23.140.1.2.1", "domain validated"],
  ["2.23.140.1.2.2", "organization validated"],
  ["2.23.140.1.2.3", "individual validated"]
])

const showPolicy = ({ policyIdentifier: oid }: ExtensionValue<"certificatePolicies">[number]): string =>
  policyNames.has(oid) ? `${oid} (${policyNames.get(oid)})` : oid

/** One line for each timestamp: when, and by which log, whose identifier is the SHA-256 of its key. */
const showTimestamps = (list: Uint8Array): string => {
  const all = Result.getOrElse(timestampsIn(list), () => [])
  const lines = all.map((bytes) =>
    Result.match(decode(SignedCertificateTimestamp.wire, bytes), {
      onFailure: () => "a timestamp that cannot be read",
      onSuccess: ({ content }) =>
        content instanceof Uint8Array || !("log_id" in content)
          ? "a timestamp of a version that is not known"
          : `${showTime(Number(content.timestamp))} by log ${showBytes(content.log_id)}`
    })
  )
  return lines.length === 0 ? `cannot be read, ${list.length} bytes` : lines.join("\n")
}

const shownBytes = 32

/** What nobody here understands: the DER itself, cut where it is long. */
const showUnknown = (value: Uint8Array): string => {
  const more = value.length > shownBytes ? `… (${value.length} bytes)` : ""
  return `DER:${showBytes(value.subarray(0, shownBytes))}${more}`
}

const showPoint = ({ distributionPoint: point }: ExtensionValue<"cRLDistributionPoints">[number]): string =>
  point?._tag === "fullName" ? showNames(point.value) : "a relative name or an issuer"

/** What an extension says, one function for each that we know. */
const meaning: { readonly [N in ExtensionName]: (value: ExtensionValue<N>) => string } = {
  subjectKeyIdentifier: showBytes,
  keyUsage: (value) => value.join(", "),
  // they may be many, and stand above
  subjectAltName: () => "the names above",
  basicConstraints: ({ cA, pathLenConstraint }) =>
    `${cA === true ? "CA" : "not a CA"}${pathLenConstraint === undefined ? "" : `, path length ${pathLenConstraint}`}`,
  nameConstraints: showConstraints,
  cRLDistributionPoints: (value) => value.map(showPoint).join(", "),
  certificatePolicies: (value) => value.map(showPolicy).join(", "),
  policyMappings: (value) =>
    value
      .map(({ issuerDomainPolicy, subjectDomainPolicy }) => `${issuerDomainPolicy} is ${subjectDomainPolicy}`)
      .join(", "),
  authorityKeyIdentifier: ({ keyIdentifier }) => (keyIdentifier === undefined ? "by issuer" : showBytes(keyIdentifier)),
  policyConstraints: ({ requireExplicitPolicy, inhibitPolicyMapping }) =>
    `explicit policy after ${requireExplicitPolicy ?? "-"}, no mapping after ${inhibitPolicyMapping ?? "-"}`,
  extKeyUsage: (value) => value.join(", "),
  inhibitAnyPolicy: (value) => `after ${value}`,
  authorityInfoAccess: (value) =>
    value.map(({ accessMethod, accessLocation }) => `${accessMethod} ${showGeneralName(accessLocation)}`).join(", "),
  tlsFeature: (value) =>
    value.map((feature) => (feature === 5 ? "status_request (must-staple)" : String(feature))).join(", "),
  signedCertificateTimestamps: showTimestamps
}

const explain = <N extends ExtensionName>(name: N, known: KnownExtensions): string => {
  const value = known[name]
  return value === undefined ? "" : meaning[name](value)
}

const showExtension =
  (known: KnownExtensions) =>
  (extension: Extension): readonly [string, string] => {
    const name = extensionName(extension.extnID)
    const text = name === undefined ? showUnknown(extension.extnValue) : explain(name, known)
    return [`  ${name ?? extension.extnID}`, `${extension.critical ? "critical: " : ""}${text}`]
  }

/** `, which is past`: what a date means now, where somebody says when that is. */
const passed = (moment: number, now: number | undefined, kind: "start" | "end"): string => {
  if (now === undefined) return ""
  if (kind === "start") return now < moment ? " (not yet)" : ""
  return now > moment + 999 ? " (expired)" : ""
}

/**
 * A certificate as lines of label and text, for `cert inspect`. `fingerprint` is the SHA-256 digest of `der` and
 * `keyFingerprint` that of the SubjectPublicKeyInfo, by which keys are pinned; the codec cannot make them itself. With
 * `now`, milliseconds since 1970, the text says what is past.
 */
export const inspectCertificate = (
  certificate: Certificate,
  fingerprint: Uint8Array | undefined,
  keyFingerprint?: Uint8Array | undefined,
  now?: number | undefined
): string => {
  const { known } = certificate
  const isSelfIssued = showBytes(certificate.subject.der) === showBytes(certificate.issuer.der)
  const { notBefore, notAfter } = certificate.validity
  const lines: ReadonlyArray<readonly [string, string]> = [
    ["Subject", showName(certificate.subject) || "(empty)"],
    ["Issuer", isSelfIssued ? "(itself)" : showName(certificate.issuer) || "(empty)"],
    ["Serial number", showBytes(certificate.serialNumber)],
    ["Version", certificate.version],
    ["Valid from", `${showTime(notBefore)}${passed(notBefore, now, "start")}`],
    ["Valid until", `${showTime(notAfter)}${passed(notAfter, now, "end")}`],
    ["Names", known.subjectAltName === undefined ? "(none)" : showNames(known.subjectAltName)],
    ["Public key", showKey(certificate.publicKey)],
    ["Signature", showAlgorithm(certificate)],
    ...(fingerprint === undefined ? [] : [["SHA-256", showBytes(fingerprint)] as const]),
    ...(keyFingerprint === undefined ? [] : [["Key SHA-256", showBytes(keyFingerprint)] as const]),
    ["Extensions", certificate.extensions.length === 0 ? "(none)" : ""],
    ...certificate.extensions.map(showExtension(known))
  ]
  const width = lines.reduce((most, [label]) => Math.max(most, label.length), 0) + 2
  const next = `\n${" ".repeat(width)}`
  return lines.map(([label, text]) => `${label.padEnd(width)}${text.replaceAll("\n", next)}`.trimEnd()).join("\n")
}
