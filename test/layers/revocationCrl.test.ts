/** Certificate revocation lists, as verifiers take them (RFC 5280 section 6.3). */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import { parseCertificateList } from "../../src/codec/x509/crl.ts"
import type { CRLReason } from "../../src/codec/x509/crlExtension.ts"
import { type ExtensionValue, makeExtension } from "../../src/codec/x509/extension.ts"
import { makeName } from "../../src/codec/x509/name.ts"
import * as Revocation from "../../src/layers/Revocation.ts"
import { type Issued, issue, makeCa, makeIntermediate } from "../../src/layers/testing/certificates.ts"
import { type CrlOptions, type MadeCrl, makeCrl } from "../../src/layers/testing/revocation.ts"
import { family, layerCrls, outcome, verifier } from "./revocationSupport.ts"
import { day, inOctober, now, requestOf, verdictOf } from "./verifierSupport.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes)

/** The lists of both authorities, that of the intermediate as the options have it. */
const lists = Effect.fnUntraced(function* (options: CrlOptions = {}, leafOptions = {}) {
  const all = yield* family(leafOptions)
  const root = yield* makeCrl(all.ca)
  const made = yield* makeCrl(all.middle, options)
  return { all, root, made, both: [root.der, made.der] }
})

describe("a list", () => {
  it.effect("that does not name the certificate lets it in, one that does refuses it and says who, when, why", () =>
    Effect.gen(function* () {
      const { all, both, root } = yield* lists()
      assert.strictEqual(yield* outcome(all, layerCrls({ crls: both })), "accepted")
      const at = now - 3 * day
      const made = yield* makeCrl(all.middle, {
        number: 7,
        revoked: [{ certificate: all.leaf, at, reason: "keyCompromise" }]
      })
      assert.strictEqual(
        yield* outcome(all, layerCrls({ crls: [root.pem, made.pem] })),
        'CertificateRevoked: certificate "CN=example.org" was revoked on 2026-09-28T00:00:00Z (keyCompromise): so says ' +
          'the CRL number 0x07 of "CN=Middle" from 2026-09-30T23:00:00Z (RFC 5280 6.3.3)'
      )
      for (const policy of ["prefer", "require"] as const) {
        const said = yield* outcome(all, layerCrls({ crls: [made.der], policy, depth: "leaf" }))
        assert.match(said, /^CertificateRevoked/, policy)
      }
      assert.strictEqual(yield* outcome(all, layerCrls({ crls: [made.der], policy: "off" })), "accepted")
      assert.strictEqual(yield* outcome(all, Revocation.layerNone), "accepted")
    }).pipe(inOctober)
  )

  it.effect("that is not there: refused by require, not by prefer; of the leaf alone or of the whole chain", () =>
    Effect.gen(function* () {
      const { all, root, made } = yield* lists({}, { crlUrls: ["http://crl.example/middle.crl"] })
      assert.strictEqual(
        yield* outcome(all, layerCrls({ crls: [], depth: "chain" })),
        'CertificateStatusUnknown: certificate "CN=example.org" may be revoked, for all we know: there is no CRL of ' +
          '"CN=Middle" (it names http://crl.example/middle.crl)'
      )
      assert.match(
        yield* outcome(all, layerCrls({ crls: [made.der] })),
        /^CertificateStatusUnknown: certificate "CN=Middle" may be .*there is no CRL of "CN=Root"/
      )
      assert.strictEqual(yield* outcome(all, layerCrls({ crls: [made.der], depth: "leaf" })), "accepted")
      assert.strictEqual(yield* outcome(all, layerCrls({ crls: [], policy: "prefer" })), "accepted")
      const revoking = yield* makeCrl(all.ca, { revoked: [{ certificate: all.middle, reason: "cACompromise" }] })
      const crls = [revoking.der, made.der]
      assert.match(yield* outcome(all, layerCrls({ crls })), /^CertificateRevoked: certificate "CN=Middle"/)
      assert.strictEqual(yield* outcome(all, layerCrls({ crls, depth: "leaf" })), "accepted")
      assert.strictEqual(yield* outcome(all, layerCrls({ crls: [root.der, ...crls], depth: "leaf" })), "accepted")
    }).pipe(inOctober)
  )

  const useless: ReadonlyArray<readonly [what: string, options: CrlOptions, why: RegExp]> = [
    ["is too old", { nextUpdate: now - 1000 }, /held until 2026-09-30T23:59:59Z/],
    ["is from the future", { thisUpdate: now + day }, /is from 2026-10-02T00:00:00Z, which is in the future/],
    ["does not say until when", { nextUpdate: "none" }, /does not say until when it holds/],
    ["bears a wrong signature", { signature: "broken" }, /a signature that was not made by "CN=Middle"/],
    ["is a delta CRL", { base: 1 }, /is a delta CRL, which is not supported/],
    ["is an indirect CRL", { scope: { indirectCRL: true } }, /is an indirect CRL, which is not supported/],
    ["is about CAs only", { scope: { onlyContainsCACerts: true } }, /is about CA certificates only/],
    ["is about attribute certificates only", { scope: { onlyContainsAttributeCerts: true } }, /attribute certificates/],
    ["is for some reasons only", { scope: { onlySomeReasons: ["keyCompromise"] } }, /no list speaks of cACompromise/],
    [
      "is of another distribution point",
      {
        scope: {
          distributionPoint: {
            _tag: "fullName",
            value: [{ _tag: "uniformResourceIdentifier", value: "http://crl.example/other" }]
          }
        }
      },
      /is of no distribution point that the certificate names/
    ],
    [
      "has a critical extension that is not known",
      { extensions: [{ extnID: "1.2.3.4", critical: true, extnValue: Uint8Array.of(5, 0) }] },
      /has a critical extension that is not understood, or must not be critical \(1\.2\.3\.4\)/
    ],
    [
      "has a critical number",
      {
        alter: (tbs) => ({
          ...tbs,
          crlExtensions: tbs.crlExtensions?.map((one) => ({ ...one, critical: one.extnID === "2.5.29.20" }))
        })
      },
      /must not be critical \(2\.5\.29\.20\)/
    ],
    [
      "has no number",
      { alter: (tbs) => ({ ...tbs, crlExtensions: tbs.crlExtensions?.slice(0, 1) }) },
      /has no CRL number/
    ],
    [
      "is of version 1",
      { alter: (tbs) => ({ ...tbs, version: undefined, crlExtensions: undefined }) },
      /no CRL number/
    ],
    [
      "has an entry with a critical extension that is not known",
      {
        revoked: [
          {
            certificate: Uint8Array.of(1),
            extensions: [{ extnID: "1.2.3.5", critical: true, extnValue: Uint8Array.of(5, 0) }]
          }
        ]
      },
      /has an entry with an extension that is not understood \(1\.2\.3\.5/
    ],
    [
      "is signed with SHA-1",
      {
        alter: (tbs) => ({ ...tbs, signature: { algorithm: "1.2.840.10045.4.1", parameters: undefined } })
      },
      /is signed with ecdsa_sha1, which is too weak/
    ]
  ]
  for (const [what, options, why] of useless) {
    it.effect(`that ${what} says nothing`, () =>
      Effect.gen(function* () {
        const { all, both } = yield* lists(options)
        const said = yield* outcome(all, layerCrls({ crls: both }))
        assert.match(said, /^CertificateStatusUnknown: certificate "CN=example\.org"/)
        assert.match(said, why)
        assert.strictEqual(yield* outcome(all, layerCrls({ crls: both, policy: "prefer" })), "accepted")
      }).pipe(inOctober)
    )
  }

  it.effect("of another with the issuer's name, or by an issuer without cRLSign, says nothing", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const impostor = yield* makeCa({ commonName: "Middle" })
      for (const crl of [
        yield* makeCrl(impostor, { revoked: [{ certificate: all.leaf }] }),
        yield* makeCrl(all.middle, { revoked: [{ certificate: all.leaf }], signer: impostor })
      ]) {
        const policy = "prefer"
        assert.strictEqual(yield* outcome(all, layerCrls({ crls: [crl.der], policy })), "accepted")
        assert.match(yield* outcome(all, layerCrls({ crls: [crl.der] })), /another key of that name|not made by/)
      }
      const mute = yield* makeIntermediate(all.ca, { commonName: "Mute", keyUsage: ["keyCertSign"] })
      const leaf = yield* issue(mute, { names: ["example.org"] })
      const crl = yield* makeCrl(mute)
      const said = yield* outcome({ ...all, middle: mute, leaf }, layerCrls({ crls: [crl.der], depth: "leaf" }))
      assert.match(said, /^CertificateStatusUnknown: .*no cRLSign, only keyCertSign \(RFC 5280 6\.3\.3 \(f\)\)/)
    }).pipe(inOctober)
  )

  it.effect("that says it is signed with another key than the issuer's is not believed, whoever signed it", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const impostor = yield* makeCa({ commonName: "Middle" })
      const named = (crl: MadeCrl) => outcome(all, layerCrls({ crls: [crl.der], depth: "leaf" }))
      const otherKey = /^CertificateStatusUnknown: .*is signed with another key of that name \(authorityKeyIdentifier\)/
      assert.match(yield* named(yield* makeCrl(impostor)), otherKey)
      const [theirs] = (yield* Effect.fromResult(parseCertificateList((yield* makeCrl(impostor)).der))).extensions
      if (theirs === undefined) return assert.fail("a list without authorityKeyIdentifier")
      const alter: CrlOptions["alter"] = (tbs) => ({
        ...tbs,
        crlExtensions: tbs.crlExtensions?.map((one) => (one.extnID === "2.5.29.35" ? theirs : one))
      })
      assert.strictEqual(theirs.extnID, "2.5.29.35")
      assert.match(yield* named(yield* makeCrl(all.middle, { alter })), otherKey)
      const silent: CrlOptions["alter"] = (tbs) => ({
        ...tbs,
        crlExtensions: tbs.crlExtensions?.filter(({ extnID }) => extnID !== "2.5.29.35")
      })
      assert.strictEqual(yield* named(yield* makeCrl(all.middle, { alter: silent })), "accepted")
      const forged = yield* makeCrl(all.middle, { alter: silent, signer: impostor })
      assert.match(yield* named(forged), /bears a signature that was not made by "CN=Middle"/)
    }).pipe(inOctober)
  )

  it.effect("that was right under one key is not for that under another of the same name", () =>
    Effect.gen(function* () {
      const options = { commonName: "Middle", without: ["subjectKeyIdentifier"] } as const
      const { ca } = yield* family()
      const [one, other] = [yield* makeIntermediate(ca, options), yield* makeIntermediate(ca, options)]
      const crl = yield* makeCrl(one)
      const { verify } = yield* verifier([ca], layerCrls({ crls: [crl.der], depth: "leaf" }))
      const verdict = Effect.fnUntraced(function* (issuer: Issued) {
        return yield* verdictOf(verify(yield* requestOf(yield* issue(issuer, { names: ["example.org"] }))))
      })
      assert.strictEqual(yield* verdict(one), "accepted")
      assert.strictEqual(yield* verdict(other), "CertificateStatusUnknown")
      assert.strictEqual(yield* verdict(one), "accepted")
    }).pipe(inOctober)
  )

  it.effect("that names the certificate decides, whatever others beside it say", () =>
    Effect.gen(function* () {
      const { all, both } = yield* lists()
      const revoking = yield* makeCrl(all.middle, { number: 2, revoked: [{ certificate: all.leaf }] })
      for (const crls of [
        [...both, revoking.der],
        [revoking.der, ...both]
      ]) {
        assert.match(yield* outcome(all, layerCrls({ crls })), /^CertificateRevoked/)
      }
    }).pipe(inOctober)
  )

  it.effect("that is too old and names the certificate refuses it all the same", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const crl = yield* makeCrl(all.middle, {
        nextUpdate: now - day,
        thisUpdate: now - 9 * day,
        revoked: [{ certificate: all.leaf }]
      })
      const said = yield* outcome(all, layerCrls({ crls: [crl.der], policy: "prefer" }))
      assert.match(said, /^CertificateRevoked: .*\(no reason given\)/)
    }).pipe(inOctober)
  )

  it.effect("with the serial number of another issuer's certificate means that one", () =>
    Effect.gen(function* () {
      const serialNumber = Uint8Array.of(0x42, 1)
      const all = yield* family({ serialNumber })
      const crls = [
        (yield* makeCrl(all.ca, { revoked: [{ certificate: serialNumber }] })).der,
        (yield* makeCrl(all.middle)).der
      ]
      assert.strictEqual(yield* outcome(all, layerCrls({ crls })), "accepted")
    }).pipe(inOctober)
  )

  it.effect("removeFromCRL is no revocation, a hold is", () =>
    Effect.gen(function* () {
      const said = Effect.fnUntraced(function* (reason: CRLReason) {
        const all = yield* family()
        const crl = yield* makeCrl(all.middle, { revoked: [{ certificate: all.leaf, reason }] })
        return yield* outcome(all, layerCrls({ crls: [crl.der], depth: "leaf" }))
      })
      assert.strictEqual(yield* said("removeFromCRL"), "accepted")
      assert.match(yield* said("certificateHold"), /^CertificateRevoked/)
    }).pipe(inOctober)
  )
})

describe("distribution points", () => {
  const urls = ["http://crl.example/1", "http://crl.example/2", "http://crl.example/3"]
  const at = (value: string): CrlOptions["scope"] => ({
    distributionPoint: { _tag: "fullName", value: [{ _tag: "uniformResourceIdentifier", value }] }
  })

  it.effect("are all looked at, not only the first", () =>
    Effect.gen(function* () {
      for (const url of urls) {
        const { all, both } = yield* lists({ scope: at(url) }, { crlUrls: urls })
        assert.strictEqual(yield* outcome(all, layerCrls({ crls: both })), "accepted", url)
        const crl = yield* makeCrl(all.middle, { scope: at(url), revoked: [{ certificate: all.leaf }] })
        assert.match(yield* outcome(all, layerCrls({ crls: [crl.der] })), /^CertificateRevoked/, url)
      }
    }).pipe(inOctober)
  )

  it.effect("a point for some reasons, or for the lists of another, makes no list good", () =>
    Effect.gen(function* () {
      const [url = ""] = urls
      const point = { distributionPoint: at(url)?.distributionPoint, reasons: undefined, cRLIssuer: undefined }
      const said = Effect.fnUntraced(function* (change: Partial<ExtensionValue<"cRLDistributionPoints">[number]>) {
        const named = makeExtension("cRLDistributionPoints", [{ ...point, ...change }], "non-critical")
        const { all, both } = yield* lists({ scope: at(url) }, { extensions: [Result.getOrThrow(named)] })
        return yield* outcome(all, layerCrls({ crls: both }))
      })
      assert.strictEqual(yield* said({}), "accepted")
      assert.match(
        yield* said({ reasons: ["keyCompromise"] }),
        /^CertificateStatusUnknown: .*no list speaks of cACompromise/
      )
      const another = Result.getOrThrow(makeName([["commonName", "Another"]]))
      assert.match(
        yield* said({ cRLIssuer: [{ _tag: "directoryName", value: another }] }),
        /^CertificateStatusUnknown: .*is of no distribution point that the certificate names/
      )
    }).pipe(inOctober)
  )

  it.effect("are the same when all of their name is, whatever its type", () =>
    Effect.gen(function* () {
      const odd = (byte: number) => {
        const value = { typeId: "1.2.3", value: Uint8Array.of(4, 1, byte) }
        return { _tag: "fullName", value: [{ _tag: "otherName", value }] } as const
      }
      const point = { distributionPoint: odd(1), reasons: undefined, cRLIssuer: undefined }
      const named = Result.getOrThrow(makeExtension("cRLDistributionPoints", [point], "non-critical"))
      for (const [byte, said] of [
        [1, /^accepted$/],
        [2, /is of no distribution point that the certificate names/]
      ] as const) {
        const { all, both } = yield* lists({ scope: { distributionPoint: odd(byte) } }, { extensions: [named] })
        assert.match(yield* outcome(all, layerCrls({ crls: both })), said)
      }
    }).pipe(inOctober)
  )

  it.effect("may be named relative to their issuer", () =>
    Effect.gen(function* () {
      const part = (value: string) => Result.getOrThrow(makeName([["commonName", value]])).value[0] ?? []
      const relative = (value: string) => ({ _tag: "nameRelativeToCRLIssuer", value: part(value) }) as const
      const whole = Result.getOrThrow(
        makeName([
          ["commonName", "Middle"],
          ["commonName", "part"]
        ])
      )
      const point = { distributionPoint: relative("part"), reasons: undefined, cRLIssuer: undefined }
      const named = Result.getOrThrow(makeExtension("cRLDistributionPoints", [point], "non-critical"))
      for (const [distributionPoint, said] of [
        [relative("part"), /^accepted$/],
        [{ _tag: "fullName", value: [{ _tag: "directoryName", value: whole }] }, /^accepted$/],
        [relative("other"), /is of no distribution point that the certificate names/]
      ] as const) {
        const { all, both } = yield* lists({ scope: { distributionPoint } }, { extensions: [named] })
        assert.match(yield* outcome(all, layerCrls({ crls: both })), said)
      }
    }).pipe(inOctober)
  )

  it.effect("lists for some reasons make a whole together, and one of them alone does not", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const some = yield* makeCrl(all.middle, { scope: { onlySomeReasons: ["keyCompromise", "cACompromise"] } })
      const rest = yield* makeCrl(all.middle, {
        scope: {
          onlySomeReasons: [
            ...(["affiliationChanged", "superseded", "cessationOfOperation", "certificateHold"] as const),
            ...(["privilegeWithdrawn", "aACompromise"] as const)
          ]
        }
      })
      const depth = "leaf"
      assert.strictEqual(yield* outcome(all, layerCrls({ crls: [some.der, rest.der], depth })), "accepted")
      for (const crl of [some, rest]) {
        assert.match(yield* outcome(all, layerCrls({ crls: [crl.der], depth })), /^CertificateStatusUnknown/)
      }
    }).pipe(inOctober)
  )

  it.effect("user certificates and CA certificates may have lists of their own", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const users = yield* makeCrl(all.middle, { scope: { onlyContainsUserCerts: true } })
      const authorities = yield* makeCrl(all.ca, { scope: { onlyContainsCACerts: true } })
      assert.strictEqual(yield* outcome(all, layerCrls({ crls: [users.der, authorities.der] })), "accepted")
      const wrong = yield* makeCrl(all.ca, { scope: { onlyContainsUserCerts: true } })
      assert.match(
        yield* outcome(all, layerCrls({ crls: [users.der, wrong.der] })),
        /^CertificateStatusUnknown: certificate "CN=Middle" .*about end-entity certificates only/
      )
    }).pipe(inOctober)
  )
})

describe("the layer", () => {
  it.effect("of lists that cannot be read does not come to be, and says which", () =>
    Effect.gen(function* () {
      const { all, both } = yield* lists()
      for (const bad of [Uint8Array.of(0x30, 0x00), "no list", all.leaf.certificatePem]) {
        const error = yield* Effect.flip(outcome(all, layerCrls({ crls: [...both, bad] })))
        assert.include("message" in error ? error.message : "", "InvalidConfiguration: CRL 3 of 3 cannot be read")
      }
    }).pipe(inOctober)
  )

  it.effect("asks an effect in every handshake, and one that fails has no lists", () =>
    Effect.gen(function* () {
      const { all, both, root } = yield* lists()
      const revoking = yield* makeCrl(all.middle, { revoked: [{ certificate: all.leaf }] })
      const ref = yield* Ref.make<ReadonlyArray<Uint8Array>>(both)
      const { verify } = yield* verifier([all.ca], layerCrls({ crls: Ref.get(ref) }))
      const request = yield* requestOf(all.leaf)
      yield* verify(request)
      yield* Ref.set(ref, [root.der, revoking.der])
      assert.strictEqual((yield* Effect.flip(verify(request))).reason, "CertificateRevoked")
      const failing = layerCrls({ crls: Effect.fail("down") })
      assert.match(yield* outcome(all, failing), /^CertificateStatusUnknown: .*the source of CRLs failed/)
    }).pipe(inOctober)
  )

  it.effect("a session ends with the list that had to be there, and its policy has another name", () =>
    Effect.gen(function* () {
      const { all, both, made } = yield* lists({ nextUpdate: now + 2 * day })
      const named = Effect.fnUntraced(function* (options: Revocation.Options) {
        const { verify, fingerprint } = yield* verifier([all.ca], Revocation.layer(options))
        const { validUntil } = yield* verify(yield* requestOf(all.leaf))
        return { validUntil, name: hex(fingerprint ?? new Uint8Array(0)).toString("hex") }
      })
      const required = yield* named({ crls: both })
      assert.strictEqual(required.validUntil, now + 2 * day)
      const preferred = yield* named({ crls: both, policy: "prefer" })
      assert.isAbove(preferred.validUntil ?? 0, now + 80 * day)
      const names = [
        required.name,
        preferred.name,
        (yield* named({ crls: both, depth: "leaf" })).name,
        (yield* named({ crls: [made.der], depth: "leaf" })).name,
        (yield* named({ crls: both, staples: "ignored" })).name,
        (yield* named({ policy: "off" })).name
      ]
      assert.lengthOf(new Set(names), names.length)
      assert.strictEqual((yield* named({ crls: both })).name, required.name)
    }).pipe(inOctober)
  )

  it.effect("another path is taken where an intermediate was revoked", () =>
    Effect.gen(function* () {
      const { ca, middle, leaf } = yield* family()
      const other = yield* makeCa({ commonName: "Other root" })
      const crossed = yield* makeIntermediate(other, { commonName: "Middle", privateKey: middle.privateKey })
      const revoking = yield* makeCrl(ca, { revoked: [{ certificate: middle }] })
      const crls = [revoking.der, (yield* makeCrl(other)).der, (yield* makeCrl(middle)).der]
      for (const intermediates of [
        [middle.certificate, crossed.certificate],
        [crossed.certificate, middle.certificate]
      ]) {
        const { verify } = yield* verifier([ca, other], layerCrls({ crls }))
        const request = yield* requestOf(leaf, { chain: [leaf.certificate, ...intermediates] })
        assert.match((yield* verify(request)).description, /Other root/)
      }
    }).pipe(inOctober)
  )
})
