/** RFC 5280 section 4.2: the extensions of certificates, framed and, where we know them, read. */
import * as Result from "effect/Result"
import { type Der, encodeDer } from "../der/der.ts"
import { namedOid, type OidRegistry, objectIdentifier } from "../der/objectIdentifier.ts"
import { boolean, integer, integerBetween, namedBits, octetString } from "../der/primitive.ts"
import { choice, explicit, implicit, optional, refine, sequence, sequenceOf, withDefault } from "../der/structure.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { extensionReader } from "./extensionReader.ts"
import { GeneralName, GeneralNames } from "./generalName.ts"
import { RelativeDistinguishedName } from "./name.ts"
import { NameConstraints } from "./nameConstraints.ts"
import { CertificatePolicies, PolicyConstraints, PolicyMappings, SkipCerts } from "./policies.ts"

export const Extension = sequence({
  extnID: objectIdentifier,
  critical: withDefault(boolean, false),
  extnValue: octetString
})
/** `extnValue` is the DER of the extension's own type. */
export type Extension = Der.Type<typeof Extension>

/** `pathLenConstraint` is there only for a CA (RFC 5280 section 4.2.1.9). An explicit FALSE is found in the wild. */
export const BasicConstraints = sequence({
  cA: optional(boolean),
  pathLenConstraint: optional(SkipCerts)
})

/** In the order of their bits. */
export const keyUsages = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly"
] as const

export const KeyUsage = refine(namedBits(keyUsages), (usages) => usages.length > 0, "at least one usage")
export type KeyUsage = Der.Type<typeof KeyUsage>[number]

/** Names for the purposes that have one, dotted text for the rest. */
export const KeyPurpose = namedOid({
  anyExtendedKeyUsage: "2.5.29.37.0",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  codeSigning: "1.3.6.1.5.5.7.3.3",
  emailProtection: "1.3.6.1.5.5.7.3.4",
  timeStamping: "1.3.6.1.5.5.7.3.8",
  OCSPSigning: "1.3.6.1.5.5.7.3.9"
})

/**
 * Section 4.2.1.6: "exactly four octets" for IPv4 and "exactly sixteen octets" for IPv6, and no "empty GeneralName
 * fields", for which `" "` is the DNS's own word.
 */
const isName = (name: GeneralName): boolean => {
  switch (name._tag) {
    case "iPAddress":
      return name.value.length === 4 || name.value.length === 16
    case "dNSName":
      return name.value !== "" && name.value !== " "
    case "rfc822Name":
    case "uniformResourceIdentifier":
      return name.value !== ""
    case "directoryName":
      return name.value.value.length > 0
    default:
      return true
  }
}

export const SubjectAltName = refine(
  GeneralNames,
  (all) => all.every(isName),
  "names that are not empty, IP addresses of 4 or 16 bytes"
)

export const AuthorityKeyIdentifier = refine(
  sequence({
    keyIdentifier: optional(implicit(0, octetString)),
    authorityCertIssuer: optional(implicit(1, GeneralNames)),
    authorityCertSerialNumber: optional(implicit(2, integer))
  }),
  (id) => (id.authorityCertIssuer === undefined) === (id.authorityCertSerialNumber === undefined),
  "issuer and serial number together, or neither"
)

export const ReasonFlags = namedBits([
  "unused",
  "keyCompromise",
  "cACompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "certificateHold",
  "privilegeWithdrawn",
  "aACompromise"
])

export const DistributionPointName = choice({
  fullName: implicit(0, GeneralNames),
  nameRelativeToCRLIssuer: implicit(1, RelativeDistinguishedName)
})

export const DistributionPoint = sequence({
  distributionPoint: optional(explicit(0, DistributionPointName)),
  reasons: optional(implicit(1, ReasonFlags)),
  cRLIssuer: optional(implicit(2, GeneralNames))
})

export const AccessDescription = sequence({
  accessMethod: namedOid({ ocsp: "1.3.6.1.5.5.7.48.1", caIssuers: "1.3.6.1.5.5.7.48.2" }),
  accessLocation: GeneralName
})

/** Object identifiers of the extensions we read. */
export const extensionOids = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  cRLDistributionPoints: "2.5.29.31",
  certificatePolicies: "2.5.29.32",
  policyMappings: "2.5.29.33",
  authorityKeyIdentifier: "2.5.29.35",
  policyConstraints: "2.5.29.36",
  extKeyUsage: "2.5.29.37",
  inhibitAnyPolicy: "2.5.29.54",
  authorityInfoAccess: "1.3.6.1.5.5.7.1.1",
  tlsFeature: "1.3.6.1.5.5.7.1.24",
  signedCertificateTimestamps: "1.3.6.1.4.1.11129.2.4.2"
} as const satisfies OidRegistry

export type ExtensionName = keyof typeof extensionOids

/** The type of the value of each of them. */
export const extensionTypes = {
  subjectKeyIdentifier: octetString,
  keyUsage: KeyUsage,
  subjectAltName: SubjectAltName,
  basicConstraints: BasicConstraints,
  nameConstraints: NameConstraints,
  cRLDistributionPoints: sequenceOf(DistributionPoint, 1),
  certificatePolicies: CertificatePolicies,
  policyMappings: PolicyMappings,
  authorityKeyIdentifier: AuthorityKeyIdentifier,
  policyConstraints: PolicyConstraints,
  extKeyUsage: sequenceOf(KeyPurpose, 1),
  inhibitAnyPolicy: SkipCerts,
  authorityInfoAccess: sequenceOf(AccessDescription, 1),
  /** RFC 7633: numbers of TLS extensions; 5 is status_request. */
  tlsFeature: sequenceOf(integerBetween(0, 0xffff), 1),
  /** RFC 6962 section 3.3: a SignedCertificateTimestampList of the presentation language. */
  signedCertificateTimestamps: octetString
} as const satisfies Record<ExtensionName, Der.Any>

type Types = typeof extensionTypes
/** The value of an extension. */
export type ExtensionValue<N extends ExtensionName> = Der.Type<Types[N]>

/** What the known extensions of a certificate say; absent ones are absent. */
export type KnownExtensions = { readonly [N in ExtensionName]?: ExtensionValue<N> }

const names = new Map<string, ExtensionName>(
  (Object.keys(extensionOids) as Array<ExtensionName>).map((name) => [extensionOids[name], name])
)

/** The name of a known extension. */
export const extensionName = (oid: string): ExtensionName | undefined => names.get(oid)

/** Reads what is known in the extensions of a certificate; see `extensionReader`. */
export const readExtensions: (
  extensions: ReadonlyArray<Extension>,
  whole: Uint8Array
) => Result.Result<KnownExtensions, CodecFailure> = extensionReader(extensionOids, extensionTypes)

/** An extension made from its value. */
export const makeExtension = <N extends ExtensionName>(
  name: N,
  value: ExtensionValue<N>,
  criticality: "critical" | "non-critical"
): Result.Result<Extension, CodecFailure> =>
  Result.map(encodeDer<unknown>(extensionTypes[name] as unknown as Der<unknown>, value), (extnValue) => ({
    extnID: extensionOids[name],
    critical: criticality === "critical",
    extnValue
  }))
