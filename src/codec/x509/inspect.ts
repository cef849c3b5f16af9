/** A certificate for people to read. Everything that its maker wrote is escaped. */
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

const showNames = (names: ReadonlyArray<GeneralName>): string => names.map(showGeneralName).join(", ")

const showConstraints = (value: ExtensionValue<"nameConstraints">): string => {
  const list = (what: string, trees: typeof value.permittedSubtrees) =>
    trees === undefined ? [] : [`${what} ${showNames(trees.map(({ base }) => base))}`]
  return [...list("permitted", value.permittedSubtrees), ...list("excluded", value.excludedSubtrees)].join("; ")
}

const showPoint = ({ distributionPoint: point }: ExtensionValue<"cRLDistributionPoints">[number]): string =>
  point?._tag === "fullName" ? showNames(point.value) : "a relative name or an issuer"

/** What an extension says, one function for each that we know. */
const meaning: { readonly [N in ExtensionName]: (value: ExtensionValue<N>) => string } = {
  subjectKeyIdentifier: showBytes,
  keyUsage: (value) => value.join(", "),
  subjectAltName: showNames,
  basicConstraints: ({ cA, pathLenConstraint }) =>
    `${cA === true ? "CA" : "not a CA"}${pathLenConstraint === undefined ? "" : `, path length ${pathLenConstraint}`}`,
  nameConstraints: showConstraints,
  cRLDistributionPoints: (value) => value.map(showPoint).join(", "),
  certificatePolicies: (value) => value.map(({ policyIdentifier }) => policyIdentifier).join(", "),
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
  tlsFeature: (value) => value.map((feature) => (feature === 5 ? "status_request" : String(feature))).join(", "),
  signedCertificateTimestamps: (value) => `${value.length} bytes`
}

const explain = <N extends ExtensionName>(name: N, known: KnownExtensions): string => {
  const value = known[name]
  return value === undefined ? "" : meaning[name](value)
}

const showExtension =
  (known: KnownExtensions) =>
  (extension: Extension): readonly [string, string] => {
    const name = extensionName(extension.extnID)
    const text = name === undefined ? `${extension.extnValue.length} bytes` : explain(name, known)
    return [`  ${name ?? extension.extnID}`, `${extension.critical ? "critical: " : ""}${text}`]
  }

/**
 * A certificate as lines of label and text, for `cert inspect`. `fingerprint` is the SHA-256 digest of `der` and
 * `keyFingerprint` that of the SubjectPublicKeyInfo, by which keys are pinned; the codec cannot make them itself.
 */
export const inspectCertificate = (
  certificate: Certificate,
  fingerprint: Uint8Array | undefined,
  keyFingerprint?: Uint8Array | undefined
): string => {
  const { known } = certificate
  const lines: ReadonlyArray<readonly [string, string]> = [
    ["Subject", showName(certificate.subject) || "(empty)"],
    ["Issuer", showName(certificate.issuer) || "(empty)"],
    ["Serial number", showBytes(certificate.serialNumber)],
    ["Version", certificate.version],
    ["Valid from", showTime(certificate.validity.notBefore)],
    ["Valid until", showTime(certificate.validity.notAfter)],
    ["Names", known.subjectAltName === undefined ? "(none)" : showNames(known.subjectAltName)],
    ["Public key", showKey(certificate.publicKey)],
    ["Signature", certificate.signatureAlgorithm ?? certificate.signatureOid],
    ...(fingerprint === undefined ? [] : [["SHA-256", showBytes(fingerprint)] as const]),
    ...(keyFingerprint === undefined ? [] : [["Key SHA-256", showBytes(keyFingerprint)] as const]),
    ["Extensions", certificate.extensions.length === 0 ? "(none)" : ""],
    ...certificate.extensions.map(showExtension(known))
  ]
  const width = lines.reduce((most, [label]) => Math.max(most, label.length), 0) + 2
  return lines.map(([label, text]) => `${label.padEnd(width)}${text}`.trimEnd()).join("\n")
}
