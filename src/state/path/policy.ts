/**
 * RFC 9618: which certificate policies a path is valid under.
 *
 * The policy tree of RFC 5280 grows exponentially with mappings (OpenSSL's CVE-2023-0464); the graph that RFC 9618 puts
 * in its place has at most one node a policy and level, so its size is that of the extensions read.
 */
import * as Result from "effect/Result"
import type { Certificate } from "../../codec/x509/certificate.ts"
import type { Failure } from "../failure.ts"
import { refuse } from "./refusal.ts"

export const anyPolicy = "2.5.29.32.0"

/** A policy that is valid at one depth of the path. */
interface Node {
  readonly valid_policy: string
  /** What the certificate below may call it. */
  readonly expected_policy_set: ReadonlySet<string>
  readonly parents: ReadonlyArray<Node>
}

/** The deepest level of valid_policy_graph by policy; the levels above hang on its parents. Empty: NULL. */
type Level = ReadonlyMap<string, Node>

/** The state variables of RFC 5280 section 6.1.2 that are about policies: (a), (d), (e) and (f). */
export interface Policies {
  readonly valid_policy_graph: Level
  /** Certificates that may follow before a policy must be valid. */
  readonly explicit_policy: number
  readonly inhibit_anyPolicy: number
  readonly policy_mapping: number
}

/** Section 6.1.2. Asking for policies is initial-explicit-policy. `length` is the number of certificates, n. */
export const initialPolicies = (asked: ReadonlyArray<string> | undefined, length: number): Policies => ({
  valid_policy_graph: new Map([
    [anyPolicy, { valid_policy: anyPolicy, expected_policy_set: new Set([anyPolicy]), parents: [] }]
  ]),
  explicit_policy: asked === undefined ? length + 1 : 0,
  inhibit_anyPolicy: length + 1,
  policy_mapping: length + 1
})

/** How much the certificates of a path say about policies: what processing it costs, known before. */
export const statements = (certificates: ReadonlyArray<Certificate>): number =>
  certificates.reduce(
    (sum, { known }) => sum + (known.certificatePolicies?.length ?? 0) + (known.policyMappings?.length ?? 0),
    0
  )

/** The nodes of a level that expect a policy, by policy. */
const expecting = (level: Level): ReadonlyMap<string, ReadonlyArray<Node>> => {
  const found = new Map<string, Array<Node>>()
  for (const node of level.values()) {
    for (const policy of node.expected_policy_set) {
      const nodes = found.get(policy)
      if (nodes === undefined) found.set(policy, [node])
      else nodes.push(node)
    }
  }
  return found
}

/** RFC 9618 section 5.3, (d): the level that the policies of a certificate make. */
const nextLevel = (above: Level, stated: ReadonlySet<string>, isAnyAllowed: boolean): Level => {
  const expected = expecting(above)
  const anywhere = above.get(anyPolicy)
  const level = new Map<string, Node>()
  const add = (policy: string, parents: ReadonlyArray<Node>) =>
    level.set(policy, { valid_policy: policy, expected_policy_set: new Set([policy]), parents })
  for (const policy of stated) {
    if (policy === anyPolicy) continue
    const parents = expected.get(policy) ?? (anywhere === undefined ? [] : [anywhere])
    if (parents.length > 0) add(policy, parents)
  }
  if (stated.has(anyPolicy) && isAnyAllowed) {
    for (const [policy, parents] of expected) if (!level.has(policy)) add(policy, parents)
  }
  return level
}

const refusePolicy = (certificate: Certificate, detail: string): Result.Result<never, Failure> =>
  refuse("CertificatePolicyMismatch", certificate, detail)

/** Section 6.1.3 (d) to (f). `isExempt`: an intermediate that issued itself, for which anyPolicy counts in any case. */
export const processPolicies = (
  policies: Policies,
  certificate: Certificate,
  isExempt: boolean
): Result.Result<Policies, Failure> => {
  const { certificatePolicies } = certificate.known
  const stated = new Set(certificatePolicies?.map(({ policyIdentifier }) => policyIdentifier))
  const isAnyAllowed = policies.inhibit_anyPolicy > 0 || isExempt
  const valid_policy_graph = nextLevel(policies.valid_policy_graph, stated, isAnyAllowed)
  return policies.explicit_policy > 0 || valid_policy_graph.size > 0
    ? Result.succeed({ ...policies, valid_policy_graph })
    : refusePolicy(certificate, `is under no policy that the path allows (it states ${shown(stated)})`)
}

const shown = (policies: ReadonlySet<string>): string => {
  const [first, second, third, ...more] = [...policies]
  if (first === undefined) return "none"
  return [first, second, third, more.length > 0 ? "…" : undefined].filter((part) => part !== undefined).join(", ")
}

/** Section 6.1.4 (a) and (b) as RFC 9618 section 5.4 has them: other names for policies from here on, or none. */
const applyMappings = (
  { valid_policy_graph, policy_mapping }: Policies,
  certificate: Certificate
): Result.Result<Level, Failure> => {
  const mapped = new Map<string, Set<string>>()
  for (const { issuerDomainPolicy, subjectDomainPolicy } of certificate.known.policyMappings ?? []) {
    if (issuerDomainPolicy === anyPolicy || subjectDomainPolicy === anyPolicy) {
      return refusePolicy(certificate, "maps anyPolicy, which nobody may (RFC 5280 section 4.2.1.5)")
    }
    const others = mapped.get(issuerDomainPolicy)
    if (others === undefined) mapped.set(issuerDomainPolicy, new Set([subjectDomainPolicy]))
    else others.add(subjectDomainPolicy)
  }
  const level = new Map(valid_policy_graph)
  const anywhere = valid_policy_graph.get(anyPolicy)
  for (const [policy, expected_policy_set] of mapped) {
    const node = valid_policy_graph.get(policy)
    if (policy_mapping === 0) level.delete(policy)
    else if (node !== undefined) level.set(policy, { ...node, expected_policy_set })
    else if (anywhere !== undefined)
      level.set(policy, { valid_policy: policy, expected_policy_set, parents: anywhere.parents })
  }
  return Result.succeed(level)
}

const less = (count: number): number => Math.max(0, count - 1)

/** Section 6.1.4 (i) and (j), of a certificate of the path or of its anchor (RFC 5937 section 3.2). */
export const constrainPolicies = (policies: Policies, { known }: Certificate): Policies => {
  const { policyConstraints, inhibitAnyPolicy } = known
  const least = (count: number, other: number | undefined) => Math.min(count, other ?? count)
  return {
    ...policies,
    explicit_policy: least(policies.explicit_policy, policyConstraints?.requireExplicitPolicy),
    policy_mapping: least(policies.policy_mapping, policyConstraints?.inhibitPolicyMapping),
    inhibit_anyPolicy: least(policies.inhibit_anyPolicy, inhibitAnyPolicy)
  }
}

/** Section 6.1.4 (a), (b) and (h) to (j): from one certificate to the next. */
export const preparePolicies = (
  policies: Policies,
  certificate: Certificate,
  isSelfIssued: boolean
): Result.Result<Policies, Failure> =>
  Result.map(applyMappings(policies, certificate), (valid_policy_graph) => {
    const step = isSelfIssued ? (count: number) => count : less
    const { explicit_policy, policy_mapping, inhibit_anyPolicy } = policies
    const next = {
      valid_policy_graph,
      explicit_policy: step(explicit_policy),
      policy_mapping: step(policy_mapping),
      inhibit_anyPolicy: step(inhibit_anyPolicy)
    }
    return constrainPolicies(next, certificate)
  })

/**
 * RFC 9618 section 5.5, authority-constrained-policy-set: the policies by the names that the anchor's side has for
 * them, which are those of the nodes right below anyPolicy, and anyPolicy itself where it leads all the way down.
 */
const authorityConstrained = (level: Level): ReadonlySet<string> => {
  const found = new Set<string>()
  const seen = new Set<Node>(level.values())
  if (level.has(anyPolicy)) found.add(anyPolicy)
  for (const { valid_policy, parents } of seen) {
    if (valid_policy === anyPolicy) continue
    for (const parent of parents) {
      if (parent.valid_policy === anyPolicy) found.add(valid_policy)
      seen.add(parent)
    }
  }
  return found
}

/** Section 6.1.5 (a), (b) and (g): whether the end-entity is under a policy that is asked for, where one has to be. */
export const concludePolicies = (
  policies: Policies,
  certificate: Certificate,
  asked: ReadonlyArray<string> | undefined
): Result.Result<void, Failure> => {
  const isRequired = certificate.known.policyConstraints?.requireExplicitPolicy === 0
  if (!isRequired && less(policies.explicit_policy) > 0) return Result.void
  const valid = authorityConstrained(policies.valid_policy_graph)
  const isAny = asked === undefined || asked.includes(anyPolicy)
  const isRight = valid.has(anyPolicy) || (isAny ? valid.size > 0 : asked.some((policy) => valid.has(policy)))
  return isRight
    ? Result.void
    : refusePolicy(
        certificate,
        `is under ${valid.size === 0 ? "no policy" : `the policy ${shown(valid)}`}, and ${
          isAny ? "the path demands one" : `${shown(new Set(asked))} is asked for`
        }`
      )
}
