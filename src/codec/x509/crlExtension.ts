/** RFC 5280 sections 5.2 and 5.3: the extensions of revocation lists and of their entries. */
import * as Result from "effect/Result"
import { type Der, encodeDer } from "../der/der.ts"
import { boolean, enumerated, integer, magnitude } from "../der/primitive.ts"
import { explicit, implicit, named, optional, refine, sequence, sequenceOf, withDefault } from "../der/structure.ts"
import { generalizedTime } from "../der/time.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import {
  AuthorityKeyIdentifier,
  DistributionPoint,
  DistributionPointName,
  type Extension,
  ReasonFlags
} from "./extension.ts"
import { extensionReader, type Known } from "./extensionReader.ts"
import { GeneralNames } from "./generalName.ts"

/** Section 5.3.1. */
export const CRLReason = named(enumerated, {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10
})
export type CRLReason = Der.Type<typeof CRLReason>

/** Section 5.2.5: what a list is about. Never the empty sequence, and of one kind of certificate at most. */
export const IssuingDistributionPoint = refine(
  sequence({
    distributionPoint: optional(explicit(0, DistributionPointName)),
    onlyContainsUserCerts: withDefault(implicit(1, boolean), false),
    onlyContainsCACerts: withDefault(implicit(2, boolean), false),
    onlySomeReasons: optional(implicit(3, ReasonFlags)),
    indirectCRL: withDefault(implicit(4, boolean), false),
    onlyContainsAttributeCerts: withDefault(implicit(5, boolean), false)
  }),
  (point) => {
    const kinds = [point.onlyContainsUserCerts, point.onlyContainsCACerts, point.onlyContainsAttributeCerts]
    const count = kinds.filter((only) => only).length
    const saysMore = point.distributionPoint !== undefined || point.onlySomeReasons !== undefined || point.indirectCRL
    return count === 1 || (count === 0 && saysMore)
  },
  "something said, and about one kind of certificate at most"
)
export type IssuingDistributionPoint = Der.Type<typeof IssuingDistributionPoint>

/** Extensions of a list that we read. */
export const crlExtensionOids = {
  authorityKeyIdentifier: "2.5.29.35",
  cRLNumber: "2.5.29.20",
  deltaCRLIndicator: "2.5.29.27",
  issuingDistributionPoint: "2.5.29.28",
  freshestCRL: "2.5.29.46"
} as const

/** Section 5.2.3: `INTEGER (0..MAX)`, of at most 20 octets. */
const CRLNumber = refine(
  integer,
  (bytes) => (magnitude(bytes)?.length ?? 21) <= 20,
  "a number that is not negative, of at most 20 octets"
)

const crlExtensionTypes = {
  authorityKeyIdentifier: AuthorityKeyIdentifier,
  cRLNumber: CRLNumber,
  deltaCRLIndicator: CRLNumber,
  issuingDistributionPoint: IssuingDistributionPoint,
  freshestCRL: sequenceOf(DistributionPoint, 1)
} as const

export type KnownCrlExtensions = Known<typeof crlExtensionTypes>

/** Reads the extensions of a list. */
export const readCrlExtensions: (
  extensions: ReadonlyArray<Extension>,
  whole: Uint8Array
) => Result.Result<KnownCrlExtensions, CodecFailure> = extensionReader(crlExtensionOids, crlExtensionTypes)

/** Extensions of an entry that we read. */
export const crlEntryExtensionOids = {
  reasonCode: "2.5.29.21",
  invalidityDate: "2.5.29.24",
  certificateIssuer: "2.5.29.29"
} as const

const crlEntryExtensionTypes = {
  reasonCode: CRLReason,
  invalidityDate: generalizedTime,
  certificateIssuer: GeneralNames
} as const

export type KnownCrlEntryExtensions = Known<typeof crlEntryExtensionTypes>

/** Reads the extensions of an entry. */
export const readCrlEntryExtensions: (
  extensions: ReadonlyArray<Extension>,
  whole: Uint8Array
) => Result.Result<KnownCrlEntryExtensions, CodecFailure> = extensionReader(
  crlEntryExtensionOids,
  crlEntryExtensionTypes
)

const made = <A>(extnID: string, critical: boolean, type: Der<A>, value: A): Result.Result<Extension, CodecFailure> =>
  Result.map(encodeDer(type, value), (extnValue) => ({ extnID, critical, extnValue }))

/** The reason of an entry, which is never critical. */
export const makeReasonCode = (reason: CRLReason) => made(crlEntryExtensionOids.reasonCode, false, CRLReason, reason)

/** The number of a list: big-endian two's complement in its shortest form. */
export const makeCrlNumber = (value: Uint8Array) => made(crlExtensionOids.cRLNumber, false, CRLNumber, value)

/** The list whose key signed it. */
export const makeCrlAuthorityKeyIdentifier = (keyIdentifier: Uint8Array) =>
  made(crlExtensionOids.authorityKeyIdentifier, false, AuthorityKeyIdentifier, {
    keyIdentifier,
    authorityCertIssuer: undefined,
    authorityCertSerialNumber: undefined
  })

/** What a list is about: always critical. */
export const makeIssuingDistributionPoint = (value: IssuingDistributionPoint) =>
  made(crlExtensionOids.issuingDistributionPoint, true, IssuingDistributionPoint, value)

/** deltaCRLIndicator: the list holds only what changed since the list of this number. Always critical. */
export const makeDeltaCrlIndicator = (baseNumber: Uint8Array) =>
  made(crlExtensionOids.deltaCRLIndicator, true, CRLNumber, baseNumber)
