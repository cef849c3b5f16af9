/** RFC 5280 sections 4.2.1.4, .5, .11 and .14: the extensions about policies, as data; state/path/policy.ts processes them. */
import { objectIdentifier } from "../der/objectIdentifier.ts"
import { any, integerBetween } from "../der/primitive.ts"
import { implicit, optional, refine, sequence, sequenceOf } from "../der/structure.ts"

/** `INTEGER (0..MAX)`: a number of certificates, of which no path has as many. */
export const SkipCerts = integerBetween(0, 0x7fffffff)

/** id-qt-cps and id-qt-unotice (section 4.2.1.4), which tell people something and change no verdict. */
export const understoodQualifiers: ReadonlyArray<string> = ["1.3.6.1.5.5.7.2.1", "1.3.6.1.5.5.7.2.2"]

const PolicyQualifierInfo = sequence({ policyQualifierId: objectIdentifier, qualifier: any })

export const PolicyInformation = sequence({
  policyIdentifier: objectIdentifier,
  policyQualifiers: optional(sequenceOf(PolicyQualifierInfo, 1))
})

/** "A certificate policy OID MUST NOT appear more than once." */
export const CertificatePolicies = refine(
  sequenceOf(PolicyInformation, 1),
  (policies) => new Set(policies.map(({ policyIdentifier }) => policyIdentifier)).size === policies.length,
  "each policy once"
)

export const PolicyMappings = sequenceOf(
  sequence({ issuerDomainPolicy: objectIdentifier, subjectDomainPolicy: objectIdentifier }),
  1
)

export const PolicyConstraints = refine(
  sequence({
    requireExplicitPolicy: optional(implicit(0, SkipCerts)),
    inhibitPolicyMapping: optional(implicit(1, SkipCerts))
  }),
  (constraints) => constraints.requireExplicitPolicy !== undefined || constraints.inhibitPolicyMapping !== undefined,
  "at least one policy constraint"
)
