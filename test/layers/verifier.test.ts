/** One certificate or chain wrong in one way, one verdict. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { type AlgorithmIdentifier, algorithmIdentifier } from "../../src/codec/x509/algorithm.ts"
import { makeExtension } from "../../src/codec/x509/extension.ts"
import type { CryptoProvider } from "../../src/layers/CryptoProvider.ts"
import {
  type CertificateFactoryError,
  type Issued,
  issue,
  type LeafOptions,
  makeCa,
  makeIntermediate,
  makeSelfSigned
} from "../../src/layers/testing/certificates.ts"
import { alertOf, make, type ReasonName } from "../../src/state/failure.ts"
import { type Asked, day, inOctober, now, requestOf, verdictOf, verify } from "./verifierSupport.ts"

const names = ["example.org", "*.example.net", "192.0.2.1", "2001:db8::1"]

interface Scene {
  readonly leaf: Issued
  readonly roots: ReadonlyArray<Issued>
  readonly asked?: Asked
}

type Make = Effect.Effect<Scene, CertificateFactoryError, CryptoProvider>

/** A root, and a certificate under it. */
const direct = (options: LeafOptions = {}, asked: Asked = {}, root: Parameters<typeof makeCa>[0] = {}): Make =>
  Effect.gen(function* () {
    const ca = yield* makeCa(root)
    return { leaf: yield* issue(ca, { names, ...options }), roots: [ca], asked }
  })

/** A root, an intermediate, and a certificate under that. */
const through = (
  intermediate: Parameters<typeof makeIntermediate>[1],
  options: LeafOptions = {},
  asked: (leaf: Issued, middle: Issued, root: Issued) => Asked = () => ({})
): Make =>
  Effect.gen(function* () {
    const ca = yield* makeCa()
    const middle = yield* makeIntermediate(ca, intermediate)
    const leaf = yield* issue(middle, { names, ...options })
    return { leaf, roots: [ca], asked: asked(leaf, middle, ca) }
  })

const unknownExtension = { extnID: "1.3.6.1.4.1.55738.1", critical: true, extnValue: Uint8Array.of(5, 0) }

const pathLengthAlone = Result.getOrThrow(
  makeExtension("basicConstraints", { cA: undefined, pathLenConstraint: 0 }, "critical")
)

/** Says that it is signed with another algorithm than it is. */
const claiming = (signature: AlgorithmIdentifier | undefined): LeafOptions => ({
  alter: (tbs) => ({ ...tbs, signature: signature ?? tbs.signature })
})

const table: ReadonlyArray<readonly [what: string, verdict: ReasonName | "accepted", scene: Make]> = [
  ["a certificate under a root", "accepted", direct()],
  ["one through an intermediate", "accepted", through({})],
  ["an RSA certificate", "accepted", direct({ keyType: "rsa2048" })],
  ["a P-384 certificate under an Ed25519 root", "accepted", direct({ keyType: "p384" }, {}, { keyType: "ed25519" })],
  ["an RSA root", "accepted", direct({ keyType: "ed25519" }, {}, { keyType: "rsa2048" })],
  ["a wildcard", "accepted", direct({}, { name: "www.example.net" })],
  ["an IPv4 address", "accepted", direct({}, { name: "192.0.2.1" })],
  ["an IPv6 address", "accepted", direct({}, { name: "[2001:db8::1]" })],
  ["another name", "CertificateNameMismatch", direct({}, { name: "example.com" })],
  ["another address", "CertificateNameMismatch", direct({}, { name: "192.0.2.2" })],
  [
    "an address as a dNSName",
    "CertificateNameMismatch",
    direct({ names: [], generalNames: [{ _tag: "dNSName", value: "192.0.2.1" }] }, { name: "192.0.2.1" })
  ],
  ["a common name alone", "CertificateNameMismatch", direct({ names: [], commonName: "example.org" })],
  [
    "an empty subject with its name critical",
    "accepted",
    direct({
      subject: [],
      names,
      extensions: [],
      alter: (tbs) => ({
        ...tbs,
        extensions: tbs.extensions?.map((one) => (one.extnID === "2.5.29.17" ? { ...one, critical: true } : one))
      })
    })
  ],
  ["an empty subject with its name not critical", "CertificateMalformed", direct({ subject: [] })],
  ["a client's certificate for a server", "CertificatePurposeMismatch", direct({ extKeyUsage: ["clientAuth"] })],
  ["any purpose without the right one", "CertificatePurposeMismatch", direct({ extKeyUsage: ["anyExtendedKeyUsage"] })],
  ["no purposes", "accepted", direct({ without: ["extKeyUsage"] })],
  ["a key for key agreement", "CertificateKeyUsageMismatch", direct({ keyUsage: ["keyAgreement"] })],
  ["no key usage", "accepted", direct({ without: ["keyUsage"] })],
  ["keyCertSign without being a CA", "CertificateMalformed", direct({ keyUsage: ["digitalSignature", "keyCertSign"] })],
  [
    "name constraints without being a CA",
    "CertificateMalformed",
    direct({
      nameConstraints: { permitted: [{ _tag: "dNSName", value: "example.org" }] }
    })
  ],
  ["an unknown critical extension", "CertificateExtensionUnknown", direct({ extensions: [unknownExtension] })],
  ["an unknown extension", "accepted", direct({ extensions: [{ ...unknownExtension, critical: false }] })],
  [
    "an unknown critical extension of an intermediate",
    "CertificateExtensionUnknown",
    through({
      extensions: [unknownExtension]
    })
  ],
  [
    "an unknown critical extension of a root",
    "CertificateExtensionUnknown",
    direct(
      {},
      {},
      {
        extensions: [unknownExtension]
      }
    )
  ],
  [
    "an intermediate without the CA bit",
    "CertificateNotAuthority",
    through({
      without: ["basicConstraints", "keyUsage"]
    })
  ],
  ["an intermediate of version 1", "CertificateNotAuthority", through({ version: "v1" })],
  ["an intermediate without keyCertSign", "CertificateKeyUsageMismatch", through({ keyUsage: ["cRLSign"] })],
  ["an intermediate for clients only", "CertificatePurposeMismatch", through({ extKeyUsage: ["clientAuth"] })],
  ["an intermediate for servers", "accepted", through({ extKeyUsage: ["serverAuth"] })],
  ["an intermediate for any purpose", "accepted", through({ extKeyUsage: ["anyExtendedKeyUsage"] })],
  ["an expired intermediate", "CertificateExpired", through({ notBefore: now - 9 * day, notAfter: now - day })],
  ["an expired root", "CertificateExpired", direct({}, {}, { notBefore: now - 9 * day, notAfter: now - day })],
  ["a missing intermediate", "CertificateIssuerUnknown", through({}, {}, (leaf) => ({ chain: [leaf.certificate] }))],
  ["an intermediate that the root never signed", "CertificateSignatureInvalid", through({ signature: "broken" })],
  ["a broken signature", "CertificateSignatureInvalid", direct({ signature: "broken" })],
  [
    "a broken signature by RSA",
    "CertificateSignatureInvalid",
    direct({ signature: "broken" }, {}, { keyType: "rsa2048" })
  ],
  ["a signature with SHA-1", "CertificateHashWeak", direct(claiming(algorithmIdentifier("ecdsa_sha1")))],
  [
    "a signature by RSA under a key for ECDSA",
    "CertificateSignatureInvalid",
    direct(claiming(algorithmIdentifier("rsa_pkcs1_sha256")))
  ],
  [
    "a signature with MD5",
    "CertificateHashWeak",
    direct(claiming({ algorithm: "1.2.840.113549.1.1.4", parameters: undefined }))
  ],
  [
    "an unknown signature algorithm",
    "CertificateAlgorithmUnsupported",
    direct(claiming({ algorithm: "1.2.840.113549.1.1.14", parameters: undefined }))
  ],
  ["a path length without being a CA", "CertificateMalformed", direct({ extensions: [pathLengthAlone] })],
  ["a serial number of zero", "CertificateMalformed", direct({ serialNumber: Uint8Array.of(0) })],
  ["a negative serial number", "CertificateMalformed", direct({ serialNumber: Uint8Array.of(0x80) })],
  ["a serial number of 21 bytes", "CertificateMalformed", direct({ serialNumber: new Uint8Array(21).fill(1) })],
  ["garbage for a certificate", "CertificateMalformed", direct({}, { chain: [Uint8Array.of(0x30, 0x03, 1, 1, 1)] })],
  [
    "garbage for an intermediate",
    "CertificateMalformed",
    through({}, {}, (leaf) => ({
      chain: [leaf.certificate, Uint8Array.of(0x30, 0x80)]
    }))
  ],
  ["no certificate at all", "EmptyCertificateList", direct({}, { chain: [] })],
  [
    "a root sent along",
    "accepted",
    through({}, {}, (leaf, middle, root) => ({
      chain: [leaf.certificate, middle.certificate, root.certificate]
    }))
  ],
  [
    "intermediates out of order",
    "accepted",
    through({}, {}, (leaf, middle, root) => ({
      chain: [leaf.certificate, root.certificate, middle.certificate]
    }))
  ],
  [
    "everything twice",
    "accepted",
    through({}, {}, (leaf, middle) => ({
      chain: [leaf.certificate, middle.certificate, leaf.certificate, middle.certificate]
    }))
  ],
  [
    "the leaf in another's place",
    "CertificateNameMismatch",
    through({}, {}, (leaf, middle) => ({
      chain: [middle.certificate, leaf.certificate]
    }))
  ],
  [
    "a wrong CertificateVerify",
    "SignatureMismatch",
    direct(
      {},
      {
        alter: (request) => ({ ...request, content: request.content.toReversed() })
      }
    )
  ],
  [
    "a CertificateVerify made with another scheme than it says",
    "SignatureMismatch",
    direct(
      { keyType: "rsa2048" },
      {
        alter: (request) => ({ ...request, scheme: "rsa_pss_rsae_sha384" })
      }
    )
  ],
  [
    "a scheme of another kind of key",
    "IllegalValue",
    direct(
      {},
      {
        alter: (request) => ({ ...request, scheme: "ed25519" })
      }
    )
  ],
  [
    "a scheme of another curve",
    "IllegalValue",
    direct(
      {},
      {
        alter: (request) => ({ ...request, scheme: "ecdsa_secp384r1_sha384" })
      }
    )
  ],
  ["a scheme without a name", "IllegalValue", direct({}, { alter: (request) => ({ ...request, scheme: 0x7777 }) })],
  ["a client", "accepted", direct({ purpose: "client" }, { name: "client" })],
  ["a server as a client", "CertificatePurposeMismatch", direct({}, { name: "client" })]
]

describe("a chain", () => {
  for (const [what, verdict, scene] of table) {
    it.effect(`${what}: ${verdict}`, () =>
      inOctober(
        Effect.gen(function* () {
          const { leaf, roots, asked } = yield* scene
          const request = yield* requestOf(leaf, asked)
          assert.strictEqual(yield* verdictOf(verify(roots, request)), verdict)
        })
      )
    )
  }

  it.effect("an untrusted root is refused, whichever others are trusted", () =>
    inOctober(
      Effect.gen(function* () {
        const [ours, theirs] = [yield* makeCa(), yield* makeCa({ commonName: "another CA" })]
        const leaf = yield* issue(theirs, { names })
        const request = yield* requestOf(leaf)
        assert.strictEqual(yield* verdictOf(verify([ours], request)), "CertificateIssuerUnknown")
        assert.strictEqual(yield* verdictOf(verify([], request)), "CertificateIssuerUnknown")
        assert.strictEqual(yield* verdictOf(verify([ours, theirs], request)), "accepted")
      })
    )
  )

  it.effect("ends in a root that nobody trusts, or in a certificate whose issuer was not sent: two reasons", () =>
    inOctober(
      Effect.gen(function* () {
        const [ours, theirs] = [yield* makeCa(), yield* makeCa({ commonName: "another CA" })]
        const middle = yield* makeIntermediate(theirs, { commonName: "between" })
        const leaf = yield* issue(middle, { names })
        const own = yield* makeSelfSigned({ names })
        const say = Effect.fnUntraced(function* (chain: ReadonlyArray<Uint8Array>, issued: Issued = leaf) {
          const { reason, detail } = yield* Effect.flip(verify([ours], yield* requestOf(issued, { chain })))
          return [reason, detail, alertOf(make(reason, detail))]
        })
        const { certificate } = leaf
        assert.deepStrictEqual(yield* say([certificate]), [
          "CertificateIssuerUnknown",
          'certificate "CN=example.org" was issued by "CN=between", which is neither in the chain nor trusted',
          "unknown_ca"
        ])
        assert.deepStrictEqual(yield* say([certificate, middle.certificate]), [
          "CertificateIssuerUnknown",
          'certificate "CN=between" was issued by "CN=another CA", which is neither in the chain nor trusted',
          "unknown_ca"
        ])
        assert.deepStrictEqual(yield* say([certificate, middle.certificate, theirs.certificate]), [
          "CertificateRootUntrusted",
          'certificate "CN=another CA" is a root and not among those that are trusted',
          "unknown_ca"
        ])
        assert.deepStrictEqual(yield* say(own.chain, own), [
          "CertificateRootUntrusted",
          'certificate "CN=example.org" is self-signed and not among those that are trusted',
          "unknown_ca"
        ])
      })
    )
  )

  it.effect("with one that cannot be read is refused, needed or not, and told which it is and why", () =>
    inOctober(
      Effect.gen(function* () {
        const ca = yield* makeCa()
        const leaf = yield* issue(ca, { names })
        const garbage = Uint8Array.of(0x30, 3, 1, 2, 3)
        const say = Effect.fnUntraced(function* (chain: ReadonlyArray<Uint8Array>) {
          return (yield* Effect.flip(verify([ca], yield* requestOf(leaf, { chain })))).detail
        })
        const why = "cannot be read: expected SEQUENCE at byte 2 (tbsCertificate)"
        assert.strictEqual(yield* say([garbage, leaf.certificate]), `the peer's own certificate ${why}`)
        assert.strictEqual(
          yield* say([leaf.certificate, ca.certificate, garbage]),
          `certificate 3 of those that the peer sent, its own being the first, ${why}`
        )
      })
    )
  )

  it.effect("a root of the same name and another key signs nothing", () =>
    inOctober(
      Effect.gen(function* () {
        const [one, two] = [yield* makeCa(), yield* makeCa()]
        const request = yield* requestOf(yield* issue(two, { names }))
        assert.strictEqual(yield* verdictOf(verify([one], request)), "CertificateSignatureInvalid")
        assert.strictEqual(yield* verdictOf(verify([one, two], request)), "accepted")
      })
    )
  )

  it.effect("nameless certificates issue nothing", () =>
    inOctober(
      Effect.gen(function* () {
        const critical = Result.getOrThrow(
          makeExtension("subjectAltName", [{ _tag: "dNSName", value: "example.org" }], "critical")
        )
        const own = yield* makeSelfSigned({ names, subject: [], extensions: [critical] })
        assert.strictEqual(yield* verdictOf(verify([own], yield* requestOf(own))), "CertificateMalformed")
      })
    )
  )

  it.effect("constraints hold for an end-entity with the name of its issuer", () =>
    inOctober(
      Effect.gen(function* () {
        const ca = yield* makeCa({
          commonName: "one name",
          nameConstraints: { permitted: [{ _tag: "dNSName", value: "example.com" }] }
        })
        const leaf = yield* issue(ca, { names, commonName: "one name" })
        assert.deepStrictEqual(leaf.subject.der, ca.subject.der)
        assert.strictEqual(yield* verdictOf(verify([ca], yield* requestOf(leaf))), "CertificateNameConstrained")
      })
    )
  )

  it.effect("who signed itself is believed only where it is trusted itself, and may be no CA", () =>
    inOctober(
      Effect.gen(function* () {
        const own = yield* makeSelfSigned({ names })
        const other = yield* makeSelfSigned({ names })
        const request = yield* requestOf(own)
        assert.strictEqual(yield* verdictOf(verify([own], request)), "accepted")
        assert.strictEqual(yield* verdictOf(verify([], request)), "CertificateRootUntrusted")
        assert.strictEqual(yield* verdictOf(verify([other], request)), "CertificateNotAuthority")
        const below = yield* issue(own, { names })
        const verdict = yield* verdictOf(verify([own], yield* requestOf(below)))
        assert.strictEqual(verdict, "CertificateNotAuthority")
      })
    )
  )
})

describe("time", () => {
  const validity = { notBefore: now, notAfter: now + day }
  const moments: ReadonlyArray<readonly [string, number, ReasonName | "accepted"]> = [
    ["a second before notBefore", now - 1000, "CertificateNotYetValid"],
    ["notBefore", now, "accepted"],
    ["notAfter", now + day, "accepted"],
    ["a part of a second after notAfter", now + day + 999, "accepted"],
    ["a second after notAfter", now + day + 1000, "CertificateExpired"]
  ]
  for (const [when, time, verdict] of moments) {
    it.effect(`${when}: ${verdict}`, () =>
      inOctober(
        Effect.gen(function* () {
          const ca = yield* makeCa({ notBefore: now - day })
          const request = yield* requestOf(yield* issue(ca, { names, ...validity }))
          yield* TestClock.setTime(time)
          assert.strictEqual(yield* verdictOf(verify([ca], request)), verdict)
        })
      )
    )
  }
})

describe("path length", () => {
  const chain = (lengths: ReadonlyArray<number | undefined>, root?: number) =>
    Effect.gen(function* () {
      const ca = yield* makeCa({ pathLength: root })
      let issuer = ca
      for (const [i, pathLength] of lengths.entries()) {
        issuer = yield* makeIntermediate(issuer, { commonName: `CA ${i}`, pathLength })
      }
      return { ca, request: yield* requestOf(yield* issue(issuer, { names })) }
    })
  const rows: ReadonlyArray<readonly [ReadonlyArray<number | undefined>, number | undefined, ReasonName | "accepted"]> =
    [
      [[0], undefined, "accepted"],
      [[0, undefined], undefined, "CertificatePathTooLong"],
      [[1, 5], undefined, "accepted"],
      [[1, 5, undefined], undefined, "CertificatePathTooLong"],
      [[], 0, "accepted"],
      [[undefined], 0, "CertificatePathTooLong"],
      [[undefined], 1, "accepted"],
      [new Array(6).fill(undefined), undefined, "accepted"],
      [new Array(7).fill(undefined), undefined, "CertificatePathTooLong"]
    ]
  for (const [lengths, root, verdict] of rows) {
    const text = lengths.map((length) => length ?? "∞").join(" → ")
    it.effect(`root ${root ?? "∞"} → ${text}: ${verdict}`, () =>
      inOctober(
        Effect.gen(function* () {
          const { ca, request } = yield* chain(lengths, root)
          assert.strictEqual(yield* verdictOf(verify([ca], request)), verdict)
        })
      )
    )
  }

  it.effect("does not count a CA that issued itself, with a new key, and goes on below it", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa()
        const first = yield* makeIntermediate(root, { commonName: "CA", pathLength: 0 })
        const again = yield* makeIntermediate(first, { commonName: "CA" })
        const below = yield* makeIntermediate(again, { commonName: "below" })
        for (const [issuer, verdict] of [
          [again, "accepted"],
          [below, "CertificatePathTooLong"]
        ] as const) {
          const request = yield* requestOf(yield* issue(issuer, { names }))
          assert.strictEqual(yield* verdictOf(verify([root], request)), verdict)
        }
      })
    )
  )
})
