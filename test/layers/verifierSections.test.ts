/** RFC 5280 section 4, sentence by sentence: what a certificate must not say, and what it may although few do. */
import { generateKeyPairSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { TBSCertificate } from "../../src/codec/x509/certificate.ts"
import { type Extension, extensionOids, makeExtension } from "../../src/codec/x509/extension.ts"
import type { GeneralName } from "../../src/codec/x509/generalName.ts"
import { makeName } from "../../src/codec/x509/name.ts"
import { parsePublicKey } from "../../src/codec/x509/publicKey.ts"
import { primitives } from "../../src/crypto/node/index.ts"
import type { CryptoProvider } from "../../src/layers/CryptoProvider.ts"
import {
  type CaOptions,
  type CertificateFactoryError,
  type Issued,
  issue,
  type LeafOptions,
  makeCa,
  makeIntermediate,
  makeSelfSigned
} from "../../src/layers/testing/certificates.ts"
import { makeWebPki } from "../../src/layers/webPki.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { anchorFromDer, type TrustAnchor } from "../../src/state/path/anchor.ts"
import { parseServerIdentity } from "../../src/state/path/host.ts"
import { inOctober, now, verdictOf } from "./verifierSupport.ts"

const names = ["example.org"]
const identity = Result.getOrThrow(parseServerIdentity("example.org"))

const judge = (anchors: ReadonlyArray<TrustAnchor>, chain: ReadonlyArray<Uint8Array>) =>
  verdictOf(makeWebPki(primitives, anchors).judge({ purpose: "serverAuth", identity, chain }))

const anchorOf = ({ certificate }: Issued): TrustAnchor => Result.getOrThrow(anchorFromDer(certificate))

type Verdict = Effect.Effect<string, CertificateFactoryError, CryptoProvider>

/** The verdict on an end-entity under a root. */
const leaf = (options: LeafOptions, root: CaOptions = {}): Verdict =>
  Effect.gen(function* () {
    const ca = yield* makeCa(root)
    return yield* judge([anchorOf(ca)], (yield* issue(ca, { names, ...options })).chain)
  })

/** The verdict on a right end-entity under an intermediate like this. */
const under = (options: CaOptions): Verdict =>
  Effect.gen(function* () {
    const ca = yield* makeCa()
    const middle = yield* makeIntermediate(ca, options)
    return yield* judge([anchorOf(ca)], (yield* issue(middle, { names })).chain)
  })

/** The verdict on an end-entity that is a CA, under a root. */
const authority = (options: CaOptions): Verdict =>
  Effect.gen(function* () {
    const ca = yield* makeCa()
    const usage = { keyUsage: ["digitalSignature", "keyCertSign"] } as const
    const middle = yield* makeIntermediate(ca, { extensions: [alternative(false)], ...usage, ...options })
    return yield* judge([anchorOf(ca)], middle.chain)
  })

const alternative = (critical: boolean): Extension =>
  Result.getOrThrow(
    makeExtension("subjectAltName", [{ _tag: "dNSName", value: "example.org" }], critical ? "critical" : "non-critical")
  )

const raw = (extnID: string, critical: boolean, ...bytes: ReadonlyArray<number>): Extension => ({
  extnID,
  critical,
  extnValue: Uint8Array.from(bytes)
})

/** GeneralizedTime where UTCTime belongs, or the other way around where that can be. */
const generalized =
  (...which: ReadonlyArray<"notBefore" | "notAfter">) =>
  (tbs: TBSCertificate): TBSCertificate => ({
    ...tbs,
    validity: {
      notBefore: which.includes("notBefore")
        ? { _tag: "generalTime", value: tbs.validity.notBefore.value }
        : tbs.validity.notBefore,
      notAfter: which.includes("notAfter")
        ? { _tag: "generalTime", value: tbs.validity.notAfter.value }
        : tbs.validity.notAfter
    }
  })

const policies = (critical: boolean, qualifier: string): Extension => {
  const value = [
    {
      policyIdentifier: "1.3.6.1.4.1.55738.9",
      policyQualifiers: [{ policyQualifierId: qualifier, qualifier: Uint8Array.of(0x16, 1, 0x61) }]
    }
  ]
  return Result.getOrThrow(makeExtension("certificatePolicies", value, critical ? "critical" : "non-critical"))
}

const pathLength = (pathLenConstraint: number): Extension =>
  Result.getOrThrow(makeExtension("basicConstraints", { cA: true, pathLenConstraint }, "critical"))

const keyIdentifier = (byte: number): Extension =>
  Result.getOrThrow(
    makeExtension(
      "authorityKeyIdentifier",
      {
        keyIdentifier: new Uint8Array(20).fill(byte),
        authorityCertIssuer: undefined,
        authorityCertSerialNumber: undefined
      },
      "non-critical"
    )
  )

const san = (...bytes: ReadonlyArray<number>) => ({
  extensions: [raw(extensionOids.subjectAltName, false, 0x30, 13 + bytes.length, ...host, ...bytes)]
})
const host = [0x82, 11, ...new TextEncoder().encode("example.org")]
const emptyName: GeneralName = { _tag: "directoryName", value: Result.getOrThrow(makeName([])) }
const uniqueId = { unused: 0, bytes: Uint8Array.of(1) }
const in2050 = Date.UTC(2050, 0)

const table: ReadonlyArray<readonly [section: string, what: string, verdict: ReasonName | "accepted", of: Verdict]> = [
  [
    "4.1.2.1",
    "unique identifiers in version 3",
    "accepted",
    leaf({ alter: (tbs) => ({ ...tbs, subjectUniqueID: uniqueId }) })
  ],
  [
    "4.1.2.1",
    "unique identifiers in version 1",
    "CertificateMalformed",
    leaf({ version: "v1", alter: (tbs) => ({ ...tbs, issuerUniqueID: uniqueId }) })
  ],
  ["4.1.2.1", "extensions in version 2", "CertificateMalformed", leaf({ alter: (tbs) => ({ ...tbs, version: "v2" }) })],
  ["4.1.2.2", "a serial number of 20 bytes", "accepted", leaf({ serialNumber: new Uint8Array(20).fill(0x7f) })],
  ["4.1.2.2", "a root's serial number of zero", "accepted", leaf({}, { serialNumber: Uint8Array.of(0) })],
  ["4.1.2.4", "a root without a name", "CertificateMalformed", leaf({}, { subject: [] })],
  [
    "4.1.2.5",
    "notBefore before 2050 as GeneralizedTime",
    "CertificateMalformed",
    leaf({ alter: generalized("notBefore") })
  ],
  [
    "4.1.2.5",
    "notAfter before 2050 as GeneralizedTime",
    "CertificateMalformed",
    leaf({ alter: generalized("notAfter") })
  ],
  ["4.1.2.5", "an intermediate's", "CertificateMalformed", under({ alter: generalized("notAfter") })],
  ["4.1.2.5", "a root's, as real ones have it", "accepted", leaf({}, { alter: generalized("notBefore", "notAfter") })],
  ["4.1.2.5", "the last second of 2049 as UTCTime", "accepted", leaf({ notAfter: in2050 - 1000 })],
  ["4.1.2.5", "the first second of 2050 as GeneralizedTime", "accepted", leaf({ notAfter: in2050 })],
  ["4.1.2.5", "the end of all time", "accepted", leaf({ notAfter: Date.UTC(9999, 11, 31, 23, 59, 59) })],
  [
    "4.1.2.5",
    "a period that ends before it begins",
    "CertificateExpired",
    leaf({ notBefore: now - 1000, notAfter: now - 2000 })
  ],
  [
    "4.1.2.6",
    "a CA without a name, with a critical alternative",
    "CertificateMalformed",
    authority({ subject: [], extensions: [alternative(true)] })
  ],
  [
    "4.1.2.6",
    "who signs lists without a name, with a critical alternative",
    "CertificateMalformed",
    leaf({ subject: [], extensions: [alternative(true)], keyUsage: ["digitalSignature", "cRLSign"] })
  ],
  ["4.1.2.6", "an end-entity so", "accepted", leaf({ subject: [], extensions: [alternative(true)] })],
  ["4.2.1.1", "a root that names another key", "CertificateMalformed", leaf({}, { extensions: [keyIdentifier(7)] })],
  ["4.2.1.1", "an end-entity that names another key", "accepted", leaf({ extensions: [keyIdentifier(7)] })],
  [
    "4.2.1.4",
    "a critical policy with a qualifier of the RFC's",
    "accepted",
    leaf({ extensions: [policies(true, "1.3.6.1.5.5.7.2.1")] })
  ],
  [
    "4.2.1.4",
    "a critical policy with another qualifier",
    "CertificateExtensionUnknown",
    leaf({ extensions: [policies(true, "1.3.6.1.5.5.7.2.3")] })
  ],
  ["4.2.1.4", "the same, not critical", "accepted", leaf({ extensions: [policies(false, "1.3.6.1.5.5.7.2.3")] })],
  ["4.2.1.6", "an empty rfc822Name", "CertificateMalformed", leaf(san(0x81, 0))],
  ["4.2.1.6", "an empty dNSName", "CertificateMalformed", leaf(san(0x82, 0))],
  ["4.2.1.6", "a dNSName of a space", "CertificateMalformed", leaf(san(0x82, 1, 0x20))],
  ["4.2.1.6", "an empty directoryName", "CertificateMalformed", leaf(san(0xa4, 2, 0x30, 0))],
  ["4.2.1.6", "an empty uniformResourceIdentifier", "CertificateMalformed", leaf(san(0x86, 0))],
  ["4.2.1.6", "an empty iPAddress", "CertificateMalformed", leaf(san(0x87, 0))],
  ["4.2.1.6", "an empty registeredID", "CertificateMalformed", leaf(san(0x88, 0))],
  ["4.2.1.6", "a type of name that does not exist", "CertificateMalformed", leaf(san(0x89, 1, 1))],
  ["4.2.1.6", "an otherName of one part", "CertificateMalformed", leaf(san(0xa0, 3, 6, 1, 0x2a))],
  ["4.2.1.6", "every other type of name", "accepted", leaf(san(...odd()))],
  [
    "4.2.1.6",
    "an empty name as a constraint, which is everybody",
    "CertificateNameConstrained",
    leaf({}, { nameConstraints: { excluded: [emptyName] } })
  ],
  [
    "4.2.1.7",
    "a critical issuerAltName",
    "CertificateExtensionUnknown",
    leaf({ extensions: [raw("2.5.29.18", true, 0x30, 2, 0x82, 0)] })
  ],
  [
    "4.2.1.8",
    "critical subjectDirectoryAttributes",
    "CertificateExtensionUnknown",
    leaf({ extensions: [raw("2.5.29.9", true, 0x30, 0)] })
  ],
  ["4.2.1.9", "a pathLenConstraint of a million", "accepted", under({ extensions: [pathLength(1_000_000)] })],
  [
    "4.2.1.9",
    "a negative pathLenConstraint",
    "CertificateMalformed",
    under({ extensions: [raw(extensionOids.basicConstraints, true, 0x30, 6, 1, 1, 0xff, 2, 1, 0x80)] })
  ],
  [
    "4.2.1.9",
    "a pathLenConstraint of who may not sign certificates",
    "CertificateMalformed",
    authority({ pathLength: 0, keyUsage: ["digitalSignature"] })
  ],
  ["4.2.1.9", "the same of who may do everything", "accepted", authority({ pathLength: 0, without: ["keyUsage"] })],
  [
    "4.2.1.9",
    "cA FALSE written out, as many do",
    "accepted",
    leaf({ extensions: [raw(extensionOids.basicConstraints, true, 0x30, 3, 1, 1, 0)] })
  ],
  [
    "4.2.1.9",
    "cA neither TRUE nor FALSE",
    "CertificateMalformed",
    under({ extensions: [raw(extensionOids.basicConstraints, true, 0x30, 3, 1, 1, 1)] })
  ],
  ["4.2.1.10", "a constraint with a minimum of 1", "CertificateMalformed", under(constrained(0x80, 1, 1))],
  ["4.2.1.10", "a minimum of 0 written out", "CertificateMalformed", under(constrained(0x80, 1, 0))],
  ["4.2.1.10", "a maximum", "CertificateMalformed", under(constrained(0x81, 1, 9))],
  ["4.2.1.10", "no subtrees at all", "CertificateMalformed", under({ extensions: [raw("2.5.29.30", true, 0x30, 0)] })],
  [
    "4.2.1.10",
    "an empty list of subtrees",
    "CertificateMalformed",
    under({ extensions: [raw("2.5.29.30", true, 0x30, 2, 0xa0, 0)] })
  ],
  [
    "4.2.1.11",
    "policyConstraints of nothing",
    "CertificateMalformed",
    under({ extensions: [raw("2.5.29.36", true, 0x30, 0)] })
  ],
  [
    "4.2.1.15",
    "a critical freshestCRL",
    "CertificateExtensionUnknown",
    leaf({ extensions: [raw("2.5.29.46", true, 0x30, 2, 0x30, 0)] })
  ],
  [
    "4.2.2.2",
    "a critical subjectInfoAccess",
    "CertificateExtensionUnknown",
    leaf({ extensions: [raw("1.3.6.1.5.5.7.1.11", true, 0x30, 0)] })
  ],
  [
    "RFC 6962 3.1",
    "a precertificate",
    "CertificateExtensionUnknown",
    leaf({ extensions: [raw("1.3.6.1.4.1.11129.2.4.3", true, 5, 0)] })
  ]
]

/** x400Address, ediPartyName, registeredID and otherName. */
function odd(): ReadonlyArray<number> {
  return [0xa3, 2, 0x30, 0, 0xa5, 5, 0xa1, 3, 0x0c, 1, 0x61, 0x88, 1, 0x2a, 0xa0, 7, 6, 1, 0x2a, 0xa0, 2, 5, 0]
}

/** Name constraints that exclude example.com, with something behind the name. */
function constrained(...bytes: ReadonlyArray<number>): CaOptions {
  const base = [0x82, 11, ...new TextEncoder().encode("example.com"), ...bytes]
  const tree = [0x30, base.length, ...base]
  return { extensions: [raw(extensionOids.nameConstraints, true, 0x30, tree.length + 2, 0xa1, tree.length, ...tree)] }
}

describe("RFC 5280 section 4", () => {
  for (const [section, what, verdict, of] of table) {
    it.effect(`${section}, ${what}: ${verdict}`, () =>
      inOctober(Effect.map(of, (outcome) => assert.strictEqual(outcome, verdict)))
    )
  }

  it.effect("4.2.1.1, a root names its key as it likes where it does not sign itself, or names none", () =>
    inOctober(
      Effect.gen(function* () {
        const other = yield* makeCa()
        const cross = yield* makeIntermediate(other)
        const chain = [(yield* issue(cross, { names })).certificate]
        assert.strictEqual(yield* judge([anchorOf(cross)], chain), "accepted")
        for (const name of ["authorityKeyIdentifier", "subjectKeyIdentifier"] as const) {
          assert.strictEqual(yield* leaf({}, { without: [name] }), "accepted")
        }
      })
    )
  )

  it.effect("a weak key signs for nobody, be it an anchor's that is no certificate", () =>
    inOctober(
      Effect.gen(function* () {
        const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 })
        const spki = Uint8Array.from(publicKey.export({ type: "spki", format: "der" }))
        const ca = yield* makeCa({ keyType: "rsa2048" })
        const weak = { subject: anchorOf(ca).subject, publicKey: Result.getOrThrow(parsePublicKey(spki)) }
        const chain = (yield* issue(ca, { names })).chain
        assert.strictEqual(yield* judge([weak], chain), "CertificateKeyUnsupported")
      })
    )
  )

  it.effect("who vouches for himself keeps the rules too", () =>
    inOctober(
      Effect.gen(function* () {
        const self = yield* makeSelfSigned({ names, alter: generalized("notAfter") })
        assert.strictEqual(yield* judge([anchorOf(self)], self.chain), "CertificateMalformed")
      })
    )
  )
})
