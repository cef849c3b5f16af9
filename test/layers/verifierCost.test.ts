/** Chains made to cost much, and what they cost (SECURITY 66, 70): the budget is what the provider in use needs. */
import { generateKeyPairSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { makeExtension } from "../../src/codec/x509/extension.ts"
import type { GeneralName } from "../../src/codec/x509/generalName.ts"
import { makeName } from "../../src/codec/x509/name.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { Primitives } from "../../src/crypto/primitives.ts"
import {
  type CaOptions,
  type Issued,
  issue,
  type LeafOptions,
  makeCa,
  makeIntermediate
} from "../../src/layers/testing/certificates.ts"
import { makeWebPki } from "../../src/layers/webPki.ts"
import { anchorFromDer } from "../../src/state/path/anchor.ts"
import { parseServerIdentity } from "../../src/state/path/host.ts"
import type { Purpose } from "../../src/state/path/purpose.ts"
import { inOctober, verdictOf } from "./verifierSupport.ts"

const names = ["example.org"]
const identity = Result.getOrThrow(parseServerIdentity("example.org"))
const dns = (value: string): GeneralName => ({ _tag: "dNSName", value })

/** By a client, or where the chain has no name for a server. */
const judge = (root: Issued, chain: ReadonlyArray<Uint8Array>, primitives: Primitives, who: Purpose = "serverAuth") =>
  makeWebPki(primitives, [Result.getOrThrow(anchorFromDer(root.certificate))]).judge({
    purpose: who,
    identity: who === "serverAuth" ? identity : undefined,
    chain
  })

const curveKey = (namedCurve: string): Uint8Array =>
  new Uint8Array(generateKeyPairSync("ec", { namedCurve }).privateKey.export({ type: "pkcs8", format: "der" }))

/** Milliseconds of processor that something took: what else runs on the machine does not count. */
const work = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const before = process.cpuUsage()
  const outcome = yield* effect
  const { user, system } = process.cpuUsage(before)
  return [outcome, (user + system) / 1000] as const
})

const without = { without: ["subjectKeyIdentifier", "authorityKeyIdentifier"] } as const

/** A client under an authority, to which hundreds of paths lead. */
const meshed = (ca: CaOptions, client: LeafOptions) =>
  Effect.gen(function* () {
    const root = yield* makeCa({ commonName: "same" })
    const mesh = yield* Effect.replicateEffect(makeIntermediate(root, { commonName: "same", ...without }), 6)
    const below = yield* makeIntermediate(root, { commonName: "below", ...ca })
    const leaf = yield* issue(below, { ...without, purpose: "client", signature: "broken", ...client })
    return { root, chain: [leaf, below, ...mesh].map(({ certificate }) => certificate) }
  }).pipe(inOctober)

const longName = Result.getOrThrow(
  makeExtension("subjectAltName", [{ _tag: "rfc822Name", value: "\x01".repeat(50_000) }], "critical")
)

const qualified = Result.getOrThrow(
  makeExtension(
    "certificatePolicies",
    [
      {
        policyIdentifier: "1.2.3",
        policyQualifiers: Array.from({ length: 3000 }, () => ({
          policyQualifierId: "1.3.6.1.5.5.7.2.1",
          qualifier: Uint8Array.of(0x16, 0)
        }))
      }
    ],
    "critical"
  )
)

describe("chains made to cost much are refused in 250 ms of work", () => {
  // half as much again for a garbage collection in between
  const bound = 375

  const bombs: ReadonlyArray<
    readonly [what: string, make: Effect.Effect<{ root: Issued; chain: Array<Uint8Array> }, unknown>, who?: Purpose]
  > = [
    [
      "a hundred intermediates of one name",
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "root" })
        const key = curveKey("P-256")
        const same = yield* Effect.replicateEffect(makeIntermediate(root, { commonName: "same", ...without }), 100)
        const leaf = yield* issue(
          { ...(same[0] ?? root), key: (yield* makeCa({ privateKey: key })).key },
          { names, ...without }
        )
        return { root, chain: [leaf, ...same].map(({ certificate }) => certificate) }
      }).pipe(inOctober)
    ],
    [
      "a hundred of one name, each with a key of P-521",
      Effect.gen(function* () {
        const key = () => ({ privateKey: curveKey("P-521"), ...without })
        const root = yield* makeCa({ commonName: "root", ...key() })
        const same = yield* Effect.forEach(Array.from({ length: 100 }, key), (options) =>
          makeIntermediate(root, { commonName: "same", ...options })
        )
        const leaf = yield* issue(yield* makeCa({ commonName: "same", ...key() }), { names, ...without })
        return { root, chain: [leaf, ...same].map(({ certificate }) => certificate) }
      }).pipe(inOctober)
    ],
    [
      "names of ten kilobytes",
      Effect.gen(function* () {
        const long = (i: number) => [["commonName", `${i}`.padEnd(10_000, "x")]] as const
        const root = yield* makeCa({ subject: long(0) })
        let issuer = root
        const all: Array<Uint8Array> = []
        for (let i = 1; i < 100; i++) {
          issuer = yield* makeIntermediate(issuer, { subject: long(i % 10), ...without })
          all.unshift(issuer.certificate)
        }
        const leaf = yield* issue(issuer, { names, ...without })
        return { root, chain: [leaf.certificate, ...all] }
      }).pipe(inOctober)
    ],
    [
      "names and constraints by the thousand",
      Effect.gen(function* () {
        const many = (count: number, tld: string) => Array.from({ length: count }, (_, i) => dns(`n${i}.${tld}`))
        const root = yield* makeCa({ commonName: "root" })
        const ca = yield* makeIntermediate(root, {
          nameConstraints: { permitted: many(1000, "example"), excluded: many(1000, "test") }
        })
        const leaf = yield* issue(ca, { names, generalNames: many(1000, "example") })
        return { root, chain: [...leaf.chain] }
      }).pipe(inOctober)
    ],
    [
      "constraints on directory names of many parts",
      Effect.gen(function* () {
        const organization = (i: number): GeneralName => ({
          _tag: "directoryName",
          value: Result.getOrThrow(makeName([["organizationName", `unit ${i}`]]))
        })
        const permitted = Array.from({ length: 300 }, (_, i) => organization(i))
        const root = yield* makeCa({ commonName: "root", nameConstraints: { permitted } })
        const subject = Array.from({ length: 60 }, (_, i) => ["organizationName", `unit ${299 + i}`] as const)
        const cas = yield* Effect.replicateEffect(makeIntermediate(root, { subject, ...without }), 30)
        const leaf = yield* issue(yield* makeCa({ subject }), { names, subject, ...without })
        return { root, chain: [leaf, ...cas].map(({ certificate }) => certificate) }
      }).pipe(inOctober)
    ],
    [
      "addresses by the thousand in one part of a subject, and constraints on them",
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "root" })
        const mails = (count: number, host: string): ReadonlyArray<GeneralName> =>
          Array.from({ length: count }, (_, i) => ({ _tag: "rfc822Name", value: `a${i}.${host}` }))
        const ca = yield* makeIntermediate(root, {
          commonName: "constrained",
          nameConstraints: { excluded: mails(2000, "b") }
        })
        const addresses = Array.from({ length: 1000 }, (_, i) => ["emailAddress", `x${i}@y`] as const)
        const parts = Result.getOrThrow(makeName(addresses)).value
        const subject = { value: [parts.flat()], der: new Uint8Array(0) }
        const middle = yield* makeIntermediate(ca, { alter: (tbs) => ({ ...tbs, subject }) })
        const leaf = yield* issue(middle, { names, alter: (tbs) => ({ ...tbs, issuer: subject }) })
        return { root, chain: [...leaf.chain] }
      }).pipe(inOctober)
    ],
    [
      "constraints by the thousand, on many paths to nobody with a name",
      meshed(
        { nameConstraints: { excluded: Array.from({ length: 7000 }, (_, i) => dns(`${i.toString(36)}.x`)) } },
        { names: [], subject: [] }
      ),
      "clientAuth"
    ],
    [
      "a constraint of fifty kilobytes, on many paths",
      meshed({ nameConstraints: { permitted: [{ _tag: "rfc822Name", value: "@".repeat(50_000) }] } }, {}),
      "clientAuth"
    ],
    [
      "a name of fifty kilobytes, on many paths",
      meshed({}, { subject: [], names: [], extKeyUsage: ["serverAuth"], extensions: [longName] }),
      "clientAuth"
    ],
    [
      "purposes by the thousand, on many paths",
      meshed({}, { extKeyUsage: Array.from({ length: 6000 }, (_, i) => `1.3.6.${i}`) }),
      "clientAuth"
    ],
    [
      "purposes by the thousand of an authority, on many paths",
      meshed({ extKeyUsage: Array.from({ length: 6000 }, (_, i) => `1.3.6.${i}`) }, {}),
      "clientAuth"
    ],
    [
      "qualifiers by the thousand, on many paths",
      meshed({ extensions: [qualified] }, { extKeyUsage: ["serverAuth"] }),
      "clientAuth"
    ],
    [
      "the longest names there are, under as many constraints as are looked at",
      Effect.gen(function* () {
        const constraints = Array.from({ length: 4000 }, (_, i) => dns(`${i.toString(36)}.x`))
        const long = Array.from({ length: 60 }, (_, i) => dns(`${"a.".repeat(120)}${i}.example`))
        const root = yield* makeCa({ commonName: "root" })
        const ca = yield* makeIntermediate(root, { nameConstraints: { excluded: constraints } })
        const leaf = yield* issue(ca, { names, generalNames: long })
        return { root, chain: [...leaf.chain] }
      }).pipe(inOctober)
    ]
  ]
  for (const [what, make, who] of bombs) {
    for (const primitives of [node, noble]) {
      it.effect(
        `${what}, with ${primitives.name}`,
        () =>
          inOctober(
            Effect.gen(function* () {
              const { root, chain } = yield* Effect.orDie(make)
              yield* verdictOf(judge(root, chain.slice(0, 3), primitives, who)) // what is compiled on the first use
              const [verdict, milliseconds] = yield* work(verdictOf(judge(root, chain, primitives, who)))
              assert.match(verdict, /^Certificate/)
              assert.isBelow(milliseconds, bound, verdict)
            })
          ),
        30_000
      )
    }
  }
})
