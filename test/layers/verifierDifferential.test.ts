/**
 * Random certificate chains, right or broken in one place, judged by us and by `openssl verify`: nobody differs but
 * where it is listed. `EFFECT_TLS_CHAINS=3000` makes more of them.
 */
import { generateKeyPairSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { GeneralName } from "../../src/codec/x509/generalName.ts"
import { makeName } from "../../src/codec/x509/name.ts"
import { primitives } from "../../src/crypto/node/index.ts"
import {
  type CaOptions,
  type Issued,
  issue,
  type LeafOptions,
  makeCa,
  makeIntermediate,
  type Options
} from "../../src/layers/testing/certificates.ts"
import { makeWebPki } from "../../src/layers/webPki.ts"
import { anchorFromDer } from "../../src/state/path/anchor.ts"
import { parseServerIdentity } from "../../src/state/path/host.ts"
import { makeOpinion, opensslVersion } from "../support/opensslVerify.ts"
import { day, inOctober, now, verdictOf } from "./verifierSupport.ts"

const runs = Number(process.env.EFFECT_TLS_CHAINS ?? 1000)

/** Numbers that are the same in every run. */
const makeRandom = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
type Random = ReturnType<typeof makeRandom>

/** Keys of every kind, PKCS#8, made once: whose they are does not matter. */
const makeKeys = (): ReadonlyArray<Uint8Array> =>
  [
    ...Array.from({ length: 4 }, () => generateKeyPairSync("ec", { namedCurve: "P-256" })),
    generateKeyPairSync("ec", { namedCurve: "P-384" }),
    generateKeyPairSync("ec", { namedCurve: "P-521" }),
    generateKeyPairSync("ed25519"),
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
    generateKeyPairSync("rsa", { modulusLength: 3072, publicExponent: 3 }),
    generateKeyPairSync("rsa-pss", { modulusLength: 2048 })
  ].map(({ privateKey }) => new Uint8Array(privateKey.export({ type: "pkcs8", format: "der" })))

/** A chain to be made: the root first, then the intermediates, the end-entity for itself. */
interface Plan {
  readonly cas: Array<CaOptions>
  leaf: LeafOptions
  names: ReadonlyArray<string>
  generalNames: ReadonlyArray<GeneralName>
  /** What becomes of the chain when it is made. */
  sent: (intermediates: ReadonlyArray<Uint8Array>) => ReadonlyArray<Uint8Array>
  trusted: (root: Issued) => Effect.Effect<Issued, unknown, never>
}

const dns = (value: string): GeneralName => ({ _tag: "dNSName", value })
const mail = (value: string): GeneralName => ({ _tag: "rfc822Name", value })
const uri = (value: string): GeneralName => ({ _tag: "uniformResourceIdentifier", value })
const ip = (...octets: ReadonlyArray<number>): GeneralName => ({ _tag: "iPAddress", value: Uint8Array.from(octets) })
const organization = (text: string): GeneralName => ({
  _tag: "directoryName",
  value: Result.getOrThrow(makeName([["organizationName", text]]))
})
const unknown = { extnID: "1.3.6.1.4.1.55738.1", critical: true, extnValue: Uint8Array.of(5, 0) }

const pick = <A>(random: Random, all: readonly [A, ...Array<A>]): A => all[random(all.length)] ?? all[0]

/** One certificate of the plan, the end-entity among them. */
const anywhere = (random: Random, plan: Plan, change: Options) => {
  const at = random(plan.cas.length + 1)
  const ca = plan.cas[at]
  if (ca === undefined) plan.leaf = { ...plan.leaf, ...change }
  else plan.cas[at] = { ...ca, ...change }
}

/** One certificate of the plan below the root. */
const below = (random: Random, plan: Plan, change: Options) => {
  const at = 1 + random(plan.cas.length)
  const ca = plan.cas[at]
  if (ca === undefined) plan.leaf = { ...plan.leaf, ...change }
  else plan.cas[at] = { ...ca, ...change }
}

/** One authority of the plan. */
const authority = (random: Random, plan: Plan, change: CaOptions) => {
  const at = random(plan.cas.length)
  plan.cas[at] = { ...plan.cas[at], ...change }
}

const constraints: readonly [GeneralName, ...Array<GeneralName>] = [
  dns("example.org"),
  dns("org"),
  dns("www.example.org"),
  dns("Example.ORG"),
  dns("example.com"),
  dns("ample.org"),
  ip(192, 0, 2, 0, 255, 255, 255, 0),
  ip(198, 51, 100, 0, 255, 255, 255, 0),
  ip(0, 0, 0, 0, 0, 0, 0, 0),
  mail("someone@example.org"),
  mail("example.org"),
  mail(".example.org"),
  mail("other.example"),
  uri("www.example.org"),
  uri(".example.org"),
  uri("example.com"),
  organization("Example"),
  organization("Another")
]

const others: readonly [GeneralName, ...Array<GeneralName>] = [
  mail("someone@example.org"),
  mail("Someone@mail.example.org"),
  uri("https://www.example.org/path"),
  uri("https://example.com:8443/"),
  ip(192, 0, 2, 1),
  dns("host.example.com")
]

type Change = (random: Random, plan: Plan) => void

const changes: { readonly [what: string]: Change } = {
  nothing: () => {},
  expired: (random, plan) => anywhere(random, plan, { notBefore: now - 9 * day, notAfter: now - 1000 }),
  "expires now": (random, plan) => anywhere(random, plan, { notBefore: now - 9 * day, notAfter: now }),
  "not yet valid": (random, plan) => anywhere(random, plan, { notBefore: now + 1000, notAfter: now + 9 * day }),
  "valid from now": (random, plan) => anywhere(random, plan, { notBefore: now, notAfter: now + 9 * day }),
  "broken signature": (random, plan) => below(random, plan, { signature: "broken" }),
  "unknown critical extension": (random, plan) => anywhere(random, plan, { extensions: [unknown] }),
  "unknown extension": (random, plan) => anywhere(random, plan, { extensions: [{ ...unknown, critical: false }] }),
  "no basic constraints": (random, plan) => authority(random, plan, { without: ["basicConstraints", "keyUsage"] }),
  "version 1": (random, plan) => {
    const at = 1 + random(plan.cas.length)
    if (plan.cas[at] === undefined) plan.leaf = { ...plan.leaf, version: "v1" }
    else plan.cas[at] = { ...plan.cas[at], version: "v1" }
  },
  "no keyCertSign": (random, plan) => authority(random, plan, { keyUsage: ["cRLSign", "digitalSignature"] }),
  "no key usage": (random, plan) => anywhere(random, plan, { without: ["keyUsage"] }),
  "path length": (random, plan) => authority(random, plan, { pathLength: random(3) }),
  "purpose of an authority": (random, plan) =>
    authority(random, plan, {
      extKeyUsage: [pick(random, ["clientAuth", "serverAuth", "anyExtendedKeyUsage", "codeSigning"])]
    }),
  "purpose of the end-entity": (random, plan) => {
    plan.leaf = {
      ...plan.leaf,
      extKeyUsage: pick(random, [["clientAuth"], ["clientAuth", "serverAuth"], ["OCSPSigning"]])
    }
  },
  "key usage of the end-entity": (random, plan) => {
    plan.leaf = { ...plan.leaf, keyUsage: [pick(random, ["keyAgreement", "nonRepudiation", "digitalSignature"])] }
  },
  "another name": (random, plan) => {
    plan.names = [pick(random, ["example.org", "www.example.com", "*.example.com", "*.org", "*", "w*.example.org"])]
  },
  "a name that will do": (random, plan) => {
    plan.names = [pick(random, ["www.example.org", "WWW.example.ORG", "*.example.org"])]
  },
  "permitted name": (random, plan) => {
    plan.generalNames = [pick(random, others)]
    authority(random, plan, { nameConstraints: { permitted: [pick(random, constraints), pick(random, constraints)] } })
  },
  "excluded name": (random, plan) => {
    plan.generalNames = [pick(random, others)]
    authority(random, plan, { nameConstraints: { excluded: [pick(random, constraints)] } })
  },
  "missing intermediate": (random, plan) => {
    plan.sent = (all) => all.filter((_, i) => i !== random(all.length))
  },
  "untrusted root": (_, plan) => {
    plan.trusted = () => Effect.orDie(makeCa({ commonName: "another root" }).pipe(inOctober))
  },
  "a root of the same name": (_, plan) => {
    plan.trusted = () => Effect.orDie(makeCa({ commonName: "CA 0" }).pipe(inOctober))
  },
  "serial number": (random, plan) =>
    below(random, plan, {
      serialNumber: pick(random, [Uint8Array.of(0), Uint8Array.of(0x80), new Uint8Array(21).fill(1)])
    }),
  "no key identifiers": (random, plan) =>
    anywhere(random, plan, { without: ["authorityKeyIdentifier", "subjectKeyIdentifier"] }),
  "out of order": (_, plan) => {
    plan.sent = (all) => all.toReversed()
  },
  "everything twice": (_, plan) => {
    plan.sent = (all) => [...all, ...all]
  }
}

/** Where we and openssl differ: what each says, and why. */
const explained: ReadonlyArray<readonly [what: string, ours: string, theirs: RegExp, why: string]> = [
  ["expires now", "accepted", /^error 10 /, "RFC 5280 4.1.2.5: notAfter belongs to the period; openssl leaves it out"],
  ["serial number", "CertificateMalformed", /^accepted$/, "RFC 5280 4.1.2.2 forbids it; openssl does not look"],
  [
    "another name",
    "CertificateNameMismatch",
    /^accepted$/,
    "RFC 9525 6.3: no wildcard within a label (w*.example.org)"
  ],
  ["purpose of an authority", "accepted", /^error 26 /, "anyExtendedKeyUsage is every purpose (RFC 5280 4.2.1.12)"],
  ["key usage of the end-entity", "CertificateKeyUsageMismatch", /^accepted$/, "TLS 1.3 needs a key that signs"],
  ["version 1", "CertificateNameMismatch", /^accepted$/, "RFC 9525 2: a common name is no server's name"]
]

const makeChain = Effect.fnUntraced(function* (plan: Plan) {
  const root = yield* makeCa({ commonName: "CA 0", ...plan.cas[0] })
  let issuer = root
  for (const [i, options] of plan.cas.slice(1).entries()) {
    issuer = yield* makeIntermediate(issuer, { commonName: `CA ${i + 1}`, ...options })
  }
  const subject = [
    ["organizationName", "Example"],
    ["commonName", "www.example.org"]
  ] as const
  const { names, generalNames } = plan
  const leaf = yield* issue(issuer, { subject, names, generalNames, ...plan.leaf })
  const [end = leaf.certificate, ...intermediates] = leaf.chain
  const trusted = yield* plan.trusted(root)
  return { roots: [trusted.certificate], leaf: end, intermediates: plan.sent(intermediates) }
})

const identity = Result.getOrThrow(parseServerIdentity("www.example.org"))

describe.skipIf(opensslVersion === undefined)("openssl verify", () => {
  it.effect(
    `says the same of ${runs} chains, right or broken in one place`,
    () =>
      Effect.gen(function* () {
        const random = makeRandom(5280)
        const keys = makeKeys()
        const key = () => keys[random(keys.length)] ?? new Uint8Array()
        const opinion = yield* makeOpinion
        const differences: Array<string> = []
        const verdicts = new Map<string, number>()
        const kinds = Object.keys(changes)
        for (let i = 0; i < runs; i++) {
          const what = kinds[i % kinds.length] ?? ""
          const plan: Plan = {
            cas: Array.from({ length: 1 + random(4) }, () => ({ privateKey: key() })),
            leaf: { privateKey: key() },
            names: ["www.example.org"],
            generalNames: [],
            sent: (all) => all,
            trusted: Effect.succeed
          }
          changes[what]?.(random, plan)
          const chain = yield* makeChain(plan)
          const anchors = chain.roots.map((der) => Result.getOrThrow(anchorFromDer(der)))
          const { judge } = makeWebPki(primitives, anchors)
          const ours = yield* verdictOf(
            judge({ purpose: "serverAuth", identity, chain: [chain.leaf, ...chain.intermediates] })
          )
          verdicts.set(ours, (verdicts.get(ours) ?? 0) + 1)
          const args = ["-purpose", "sslserver", "-verify_hostname", "www.example.org", "-attime", String(now / 1000)]
          const theirs = yield* opinion(chain, args)
          const isSame = (ours === "accepted") === (theirs === "accepted")
          const isKnown = explained.some(([name, we, they]) => name === what && we === ours && they.test(theirs))
          if (!isSame && !isKnown) differences.push(`${i} ${what}: ${ours}; openssl: ${theirs}; ${show(plan)}`)
        }
        assert.deepStrictEqual(differences, [])
        assert.isAbove(verdicts.get("accepted") ?? 0, runs / 8)
        assert.isAbove(verdicts.size, 6, [...verdicts].join(" "))
      }).pipe(Effect.scoped, inOctober),
    600_000
  )
})

const show = ({ cas, leaf, names, generalNames }: Plan): string =>
  JSON.stringify({ cas, leaf, names, generalNames }, (key, value) =>
    key === "privateKey" ? undefined : value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value
  )
