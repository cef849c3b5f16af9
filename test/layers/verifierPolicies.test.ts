/** Certificate policies by RFC 9618: asked for by the user, demanded by a CA, mapped, inhibited; and what that costs. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Extension, type ExtensionName, makeExtension } from "../../src/codec/x509/extension.ts"
import { primitives } from "../../src/crypto/node/index.ts"
import { type Issued, issue, makeCa, makeIntermediate } from "../../src/layers/testing/certificates.ts"
import { makeWebPki } from "../../src/layers/webPki.ts"
import { anchorFromDer } from "../../src/state/path/anchor.ts"
import { anyPolicy } from "../../src/state/path/policy.ts"
import { makeOpinion, opensslVersion } from "../support/opensslVerify.ts"
import { inOctober, now, verdictOf } from "./verifierSupport.ts"

const [gold, silver, bronze] = ["1.3.6.1.4.1.55738.10", "1.3.6.1.4.1.55738.11", "1.3.6.1.4.1.55738.12"]

/** What one certificate says about policies. */
interface Says {
  readonly policies?: ReadonlyArray<string>
  readonly mappings?: ReadonlyArray<readonly [issuer: string, subject: string]>
  readonly require?: number | undefined
  readonly inhibitMapping?: number | undefined
  readonly inhibitAny?: number | undefined
  /** A new key of the CA before it, under the same name. */
  readonly place?: "self-issued"
}

const extension = (name: ExtensionName, value: unknown): Extension =>
  Result.getOrThrow(makeExtension(name, value as never, name === "certificatePolicies" ? "non-critical" : "critical"))

const extensionsOf = ({ policies, mappings, require, inhibitMapping, inhibitAny }: Says): ReadonlyArray<Extension> => [
  ...(policies === undefined
    ? []
    : [
        extension(
          "certificatePolicies",
          policies.map((policyIdentifier) => ({ policyIdentifier, policyQualifiers: undefined }))
        )
      ]),
  ...(mappings === undefined
    ? []
    : [
        extension(
          "policyMappings",
          mappings.map(([issuerDomainPolicy, subjectDomainPolicy]) => ({ issuerDomainPolicy, subjectDomainPolicy }))
        )
      ]),
  ...(require === undefined && inhibitMapping === undefined
    ? []
    : [extension("policyConstraints", { requireExplicitPolicy: require, inhibitPolicyMapping: inhibitMapping })]),
  ...(inhibitAny === undefined ? [] : [extension("inhibitAnyPolicy", inhibitAny)])
]

/** A chain of certificates that say these things, the root first, which says nothing. */
const makeChain = Effect.fnUntraced(function* (all: ReadonlyArray<Says>) {
  const root = yield* makeCa({ commonName: "root" })
  let last = root
  let commonName = "root"
  for (const [i, says] of all.slice(0, -1).entries()) {
    if (says.place !== "self-issued") commonName = `CA ${i}`
    last = yield* makeIntermediate(last, { commonName, extensions: extensionsOf(says) })
  }
  return { root, leaf: yield* issue(last, { names: ["example.org"], extensions: extensionsOf(all.at(-1) ?? {}) }) }
})

const judge = (root: Issued, leaf: Issued, initialPolicies?: ReadonlyArray<string>) => {
  const anchor = Result.getOrThrow(anchorFromDer(root.certificate))
  const { judge } = makeWebPki(primitives, [anchor], { initialPolicies })
  return judge({ purpose: "serverAuth", identity: undefined, chain: leaf.chain })
}

const wrong = "CertificatePolicyMismatch"
const under = (policy: string): Says => ({ policies: [policy] })
const any: Says = { policies: [anyPolicy] }

type Row = readonly [what: string, chain: ReadonlyArray<Says>, asked: ReadonlyArray<string> | undefined, is: string]

const table: ReadonlyArray<Row> = [
  ["nobody asks, and nobody has one", [{}, {}], undefined, "accepted"],
  ["nobody asks, and they differ", [under(gold), under(silver)], undefined, "accepted"],
  ["the one that is asked for", [under(gold), under(gold)], [gold], "accepted"],
  ["one of several", [{ policies: [gold, silver] }, under(silver)], [bronze, silver], "accepted"],
  ["another", [under(gold), under(gold)], [silver], wrong],
  ["none", [{}, {}], [gold], wrong],
  ["the end-entity's alone", [{}, under(gold)], [gold], wrong],
  ["the CA's alone", [under(gold), {}], [gold], wrong],
  ["a CA for any policy", [any, under(gold)], [gold], "accepted"],
  ["an end-entity for any policy", [under(gold), any], [gold], "accepted"],
  ["any policy is asked for, and there is none", [{}, {}], [anyPolicy], wrong],
  ["any policy is asked for, and there is one", [under(gold), under(gold)], [anyPolicy], "accepted"],
  ["a CA demands one, and it is there", [{ ...under(gold), require: 0 }, under(gold)], undefined, "accepted"],
  ["a CA demands one, and it is not there", [{ ...under(gold), require: 0 }, under(silver)], undefined, wrong],
  ["a CA demands one", [{ require: 0 }, {}], undefined, wrong],
  ["a CA demands one further down", [{ require: 1 }, {}, {}], undefined, wrong],
  ["a CA demands one further down than there is", [{ require: 9 }, {}], undefined, "accepted"],
  ["the end-entity demands one for itself", [{}, { require: 0 }], undefined, wrong],
  ["anyPolicy when it no longer counts", [{ ...any, inhibitAny: 0 }, any], [gold], wrong],
  ["anyPolicy one further down", [{ ...any, inhibitAny: 1 }, any, under(gold)], [gold], "accepted"],
  ["anyPolicy too far down", [{ ...any, inhibitAny: 1 }, any, any], [gold], wrong],
  [
    "anyPolicy of a CA that issued itself, when it no longer counts",
    [{ ...any, inhibitAny: 0 }, { ...any, place: "self-issued" }, under(gold)],
    [gold],
    "accepted"
  ],
  [
    "a CA that issued itself is no step down",
    [{ ...any, inhibitAny: 1 }, { ...any, place: "self-issued" }, any, under(gold)],
    [gold],
    "accepted"
  ],
  ["another name for it", [{ ...under(gold), mappings: [[gold, silver]] }, under(silver)], [gold], "accepted"],
  [
    "by its other name it is not asked for",
    [{ ...under(gold), mappings: [[gold, silver]] }, under(silver)],
    [silver],
    wrong
  ],
  [
    "by its first name it is not expected",
    [{ ...under(gold), mappings: [[gold, silver]] }, under(gold)],
    [gold],
    wrong
  ],
  ["a name for a part of anyPolicy", [{ ...any, mappings: [[gold, silver]] }, under(silver)], [gold], "accepted"],
  [
    "another name when there must be none",
    [{ ...under(gold), inhibitMapping: 0 }, { ...under(gold), mappings: [[gold, silver]] }, under(silver)],
    [gold],
    wrong
  ],
  ["a name for anyPolicy", [{ ...any, mappings: [[anyPolicy, gold]] }, under(gold)], undefined, wrong],
  ["anyPolicy for a name", [{ ...any, mappings: [[gold, anyPolicy]] }, under(gold)], undefined, wrong]
]

describe("policies", () => {
  for (const [what, chain, asked, is] of table) {
    it.effect(`${what}: ${is}`, () =>
      inOctober(
        Effect.gen(function* () {
          const { root, leaf } = yield* makeChain(chain)
          assert.strictEqual(yield* verdictOf(judge(root, leaf, asked)), is)
        })
      )
    )
  }

  it.effect("the refusal says which there is and which is asked for", () =>
    inOctober(
      Effect.gen(function* () {
        const { root, leaf } = yield* makeChain([under(gold), under(gold)])
        const failure = yield* Effect.flip(judge(root, leaf, [silver]))
        assert.strictEqual(
          failure.detail,
          `certificate "CN=example.org" is under the policy ${gold}, and ${silver} is asked for`
        )
      })
    )
  )

  it.effect("constraints that anybody may skip are no constraints: they are critical, or refused", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "root" })
        for (const says of [{ require: 5 }, { inhibitAny: 5 }]) {
          const extensions = extensionsOf(says).map((one) => ({ ...one, critical: false }))
          const leaf = yield* issue(yield* makeIntermediate(root, { extensions }), { names: ["example.org"] })
          assert.strictEqual(yield* verdictOf(judge(root, leaf)), "CertificateMalformed")
        }
      })
    )
  )

  it.effect("an anchor's constraints hold for what is below it", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ extensions: extensionsOf({ require: 0 }) })
        const leaf = yield* issue(root, { names: ["example.org"] })
        assert.strictEqual(yield* verdictOf(judge(root, leaf)), wrong)
        const good = yield* issue(root, { names: ["example.org"], extensions: extensionsOf(under(gold)) })
        assert.strictEqual(yield* verdictOf(judge(root, good)), "accepted")
      })
    )
  )

  it.effect("mappings that multiply are work in proportion to their number (CVE-2023-0464)", () =>
    inOctober(
      Effect.gen(function* () {
        const many = Array.from({ length: 30 }, (_, i) => `1.3.6.1.4.1.55738.20.${i}`)
        const mappings = many.flatMap((from) => many.map((to) => [from, to] as const))
        const bomb: Says = { policies: many, mappings }
        const { root, leaf } = yield* makeChain([bomb, bomb, bomb, bomb, bomb, bomb, { policies: [gold] }])
        const before = process.cpuUsage()
        assert.strictEqual(yield* verdictOf(judge(root, leaf, [gold])), wrong)
        assert.isBelow(process.cpuUsage(before).user, 250_000, "µs of CPU")
      })
    )
  )
})

/** Numbers that are the same in every run. */
const makeRandom = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const runs = Number(process.env.EFFECT_TLS_CHAINS ?? 120)

describe.skipIf(opensslVersion === undefined)("policies and openssl verify", () => {
  it.effect(
    `agree on ${runs} random chains`,
    () =>
      Effect.gen(function* () {
        const random = makeRandom(9618)
        const some = <A>(all: ReadonlyArray<A>, one: () => A): ReadonlyArray<A> | undefined => {
          const picked = [...new Set(all.filter(() => random(3) === 0))]
          return random(4) === 0 ? undefined : picked.length === 0 ? [one()] : picked
        }
        const policies = [gold, silver, bronze, anyPolicy]
        const policy = () => policies[random(4)] ?? gold
        const known = [gold, silver, bronze]
        const mapping = () => [known[random(3)] ?? gold, known[random(3)] ?? gold] as const
        const perhaps = (odds: number, below: number) => (random(odds) === 0 ? random(below) : undefined)
        const says = (isCa: boolean): Says => {
          const stated = some(policies, policy) ?? [gold, silver]
          // OpenSSL 3.0 lets through names for policies that a CA does not state: those it SHOULD state (4.2.1.5)
          const mappings = [mapping(), mapping()].slice(random(2)).filter(([from]) => stated.includes(from))
          return {
            policies: stated,
            ...(isCa && mappings.length > 0 && random(3) === 0 ? { mappings } : {}),
            ...(isCa ? { require: perhaps(4, 3), inhibitMapping: perhaps(5, 2), inhibitAny: perhaps(4, 3) } : {})
          }
        }
        const opinion = yield* makeOpinion
        const verdicts = { accepted: 0, refused: 0 }
        const differences: Array<string> = []
        for (let i = 0; i < runs; i++) {
          const chain = [...Array.from({ length: 1 + random(3) }, () => says(true)), says(false)]
          const asked = random(4) === 0 ? undefined : [known[random(3)] ?? gold]
          const { root, leaf } = yield* makeChain(chain)
          const ours = yield* verdictOf(judge(root, leaf, asked))
          const [end = leaf.certificate, ...intermediates] = leaf.chain
          const demand =
            // without a policy, openssl's user-initial-policy-set is empty
            asked === undefined
              ? ["-policy", anyPolicy]
              : ["-explicit_policy", ...asked.flatMap((one) => ["-policy", one])]
          const args = ["-policy_check", ...demand, "-attime", String(now / 1000)]
          const theirs = yield* opinion({ roots: [root.certificate], intermediates, leaf: end }, args)
          verdicts[ours === "accepted" ? "accepted" : "refused"]++
          if ((ours === "accepted") !== (theirs === "accepted")) {
            differences.push(`${i}: ${ours}, openssl: ${theirs}; ${JSON.stringify({ chain, asked })}`)
          }
        }
        assert.deepStrictEqual(differences, [])
        assert.isAbove(Math.min(verdicts.accepted, verdicts.refused), runs / 10, JSON.stringify(verdicts))
      }).pipe(Effect.scoped, inOctober),
    120_000
  )
})
