/** Stapled OCSP responses, as verifiers take them (RFC 6960 section 3.2, RFC 7633). */
import { generateKeyPairSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { decodeDer } from "../../src/codec/der/der.ts"
import { makeExtension } from "../../src/codec/x509/extension.ts"
import { makeOcspRefusal } from "../../src/codec/x509/ocsp.ts"
import { SubjectPublicKeyInfo } from "../../src/codec/x509/publicKey.ts"
import * as Revocation from "../../src/layers/Revocation.ts"
import { issue, makeCa, makeIntermediate, makeSelfSigned } from "../../src/layers/testing/certificates.ts"
import { makeCrl, makeOcspResponse, makeResponder, type OcspOptions } from "../../src/layers/testing/revocation.ts"
import { alertOf, make } from "../../src/state/failure.ts"
import { family, layerCrls, layerStapled, outcome, verifier } from "./revocationSupport.ts"
import { day, inOctober, now, requestOf, verdictOf, verify } from "./verifierSupport.ts"

const required = layerStapled()
const preferred = layerStapled({ policy: "prefer" })

describe("a staple", () => {
  const good: ReadonlyArray<readonly [what: string, options: OcspOptions]> = [
    ["by the issuer, by name", {}],
    ["by the issuer, by key", { by: "key" }],
    ["with SHA-256 in its identifier", { hash: "sha256" }],
    ["from five minutes ahead, as clocks differ", { thisUpdate: now + 300_000 }],
    ["that holds until now", { nextUpdate: now }]
  ]
  for (const [what, options] of good) {
    it.effect(`${what}, that says good, lets in`, () =>
      Effect.gen(function* () {
        const all = yield* family()
        const ocsp = yield* makeOcspResponse(all.middle, all.leaf, options)
        assert.strictEqual(yield* outcome(all, required, ocsp), "accepted")
      }).pipe(inOctober)
    )
  }

  for (const by of ["name", "key"] as const) {
    it.effect(`by a responder that the issuer appointed, by ${by}`, () =>
      Effect.gen(function* () {
        const all = yield* family()
        const responder = yield* makeResponder(all.middle)
        const say = (options: OcspOptions) => makeOcspResponse(all.middle, all.leaf, { responder, by, ...options })
        assert.strictEqual(yield* outcome(all, required, yield* say({})), "accepted")
        const stranger = yield* makeResponder(yield* makeCa())
        const certificates = [stranger.certificate, responder.certificate]
        assert.strictEqual(yield* outcome(all, required, yield* say({ certificates })), "accepted")
        assert.match(
          yield* outcome(all, preferred, yield* say({ status: "revoked" })),
          /^CertificateRevoked: certificate "CN=example\.org" was revoked on .* \(no reason given\)/
        )
      }).pipe(inOctober)
    )
  }

  it.effect("that says revoked refuses under both policies, when, why and by whom", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const status = { status: "revoked", reason: "superseded", revokedAt: now - 5 * day } as const
      const ocsp = yield* makeOcspResponse(all.middle, all.leaf, status)
      const expected =
        'CertificateRevoked: certificate "CN=example.org" was revoked on 2026-09-26T00:00:00Z (superseded): so says ' +
        'the OCSP response of "CN=Middle" from 2026-09-30T23:00:00Z (RFC 6960 2.2)'
      assert.strictEqual(yield* outcome(all, required, ocsp), expected)
      assert.strictEqual(yield* outcome(all, preferred, ocsp), expected)
      assert.strictEqual(yield* outcome(all, Revocation.layerNone, ocsp), "accepted")
      assert.strictEqual(yield* outcome(all, layerStapled({ policy: "off" }), ocsp), "accepted")
    }).pipe(inOctober)
  )

  it.effect("that is missing: CertificateStatusUnknown where one is required", () =>
    Effect.gen(function* () {
      const all = yield* family()
      assert.strictEqual(
        yield* outcome(all, required),
        'CertificateStatusUnknown: certificate "CN=example.org" may be revoked, for all we know: ' +
          'the peer sent no OCSP response; there is no CRL of "CN=Middle"'
      )
      assert.strictEqual(yield* outcome(all, preferred), "accepted")
    }).pipe(inOctober)
  )

  const bad: ReadonlyArray<readonly [what: string, options: OcspOptions, why: RegExp]> = [
    ["is too old", { nextUpdate: now - 1000 }, /held until 2026-09-30T23:59:59Z/],
    ["is from the future", { thisUpdate: now + 301_000 }, /which is in the future/],
    ["has no end", { nextUpdate: "none" }, /does not say until when it holds/],
    ["says unknown", { status: "unknown" }, /says that it does not know the certificate/],
    ["bears a wrong signature", { signature: "broken" }, /a signature that was not made by "CN=Middle"/],
    [
      "has a critical extension",
      { extensions: [{ extnID: "1.2.3.4", critical: true, extnValue: Uint8Array.of(5, 0) }] },
      /critical extension that is not understood \(1\.2\.3\.4\)/
    ]
  ]
  for (const [what, options, why] of bad) {
    it.effect(`that ${what} does not do: bad_certificate_status_response where one is required`, () =>
      Effect.gen(function* () {
        const all = yield* family()
        const ocsp = yield* makeOcspResponse(all.middle, all.leaf, options)
        const said = yield* outcome(all, required, ocsp)
        assert.match(said, /^CertificateStatusResponseInvalid: certificate "CN=example\.org" came with/)
        assert.match(said, why)
        assert.strictEqual(yield* outcome(all, preferred, ocsp), "accepted")
        assert.strictEqual(alertOf(make("CertificateStatusResponseInvalid", "")), "bad_certificate_status_response")
      }).pipe(inOctober)
    )
  }

  it.effect("about another certificate, or another issuer's of that number, does not do", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const sibling = yield* issue(all.middle, { names: ["example.org"] })
      const impostor = yield* makeCa({ commonName: "Middle" })
      const twin = yield* makeIntermediate(all.ca, { commonName: "Twin", privateKey: all.middle.privateKey })
      for (const ocsp of [
        yield* makeOcspResponse(twin, all.leaf, { by: "key" }),
        yield* makeOcspResponse(all.middle, sibling),
        yield* makeOcspResponse(all.ca, all.leaf),
        yield* makeOcspResponse(impostor, all.leaf)
      ]) {
        assert.match(yield* outcome(all, required, ocsp), /^CertificateStatusResponseInvalid: .*another certificate/)
      }
    }).pipe(inOctober)
  )

  it.effect("by somebody whom the issuer did not appoint does not do", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const { ca, middle, leaf } = all
      const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 })
      const der = Uint8Array.from(publicKey.export({ type: "spki", format: "der" }))
      const weak = { value: Result.getOrThrow(decodeDer(SubjectPublicKeyInfo, der)), der }
      const cases = [
        [yield* makeResponder(ca), /whom "CN=Root" appointed and not the issuer/],
        [yield* makeResponder(yield* makeCa({ commonName: "Middle" })), /a signature that was not made by "CN=Middle"/],
        [yield* issue(middle, { commonName: "no responder" }), /who is not one: no OCSPSigning/],
        [yield* makeResponder(middle, { extKeyUsage: ["anyExtendedKeyUsage"] }), /no OCSPSigning/],
        [yield* makeResponder(middle, { keyUsage: ["keyEncipherment"] }), /only for keyEncipherment/],
        [yield* makeResponder(middle, { notBefore: now - 9 * day, notAfter: now - day }), /is valid from/],
        [yield* makeResponder(middle, { notBefore: now + day, notAfter: now + 9 * day }), /is valid from/],
        [yield* makeResponder(middle, { signature: "broken" }), /a signature that was not made by/],
        [
          yield* makeResponder(middle, { alter: (tbs) => ({ ...tbs, subjectPublicKeyInfo: weak }) }),
          /who has an RSA key of 1024 bits/
        ],
        [
          yield* makeResponder(middle, {
            extensions: [{ extnID: "1.2.3.4", critical: true, extnValue: Uint8Array.of(5, 0) }]
          }),
          /has a critical extension 1\.2\.3\.4/
        ]
      ] as const
      for (const [responder, why] of cases) {
        for (const status of ["good", "revoked"] as const) {
          const ocsp = yield* makeOcspResponse(middle, leaf, { responder, status })
          const said = yield* outcome(all, required, ocsp)
          assert.match(said, /^CertificateStatusResponseInvalid/)
          assert.match(said, why)
          assert.strictEqual(yield* outcome(all, preferred, ocsp), "accepted")
        }
      }
      const nobody = yield* makeOcspResponse(middle, leaf, {
        responder: yield* makeResponder(middle),
        certificates: []
      })
      assert.match(yield* outcome(all, required, nobody), /is by nobody whom the issuer appointed/)
    }).pipe(inOctober)
  )

  it.effect("whose responderID is another's, by name or by key, is by nobody whom the issuer appointed", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const { middle, leaf } = all
      const stranger = yield* makeResponder(yield* makeCa({ commonName: "Middle" }))
      const appointed = yield* makeResponder(middle)
      for (const by of ["name", "key"] as const) {
        for (const certificates of [[], [appointed.certificate, middle.certificate]]) {
          const responder = yield* makeResponder(middle, { commonName: "somebody else" })
          const ocsp = yield* makeOcspResponse(middle, leaf, { responder, by, certificates })
          const who = by === "name" ? '"CN=somebody else"' : "a responder known by its key"
          assert.strictEqual(
            (yield* outcome(all, required, ocsp)).replace(/^.*: (?=the OCSP)|; there is no CRL.*/g, ""),
            `the OCSP response of ${who} from 2026-09-30T23:00:00Z is by nobody whom the issuer appointed (RFC 6960 4.2.2.2)`
          )
        }
      }
      const named = yield* makeOcspResponse(middle, leaf, { responder: stranger, by: "key" })
      assert.match(yield* outcome(all, required, named), /whom "CN=Middle" appointed|was not made by "CN=Middle"/)
    }).pipe(inOctober)
  )

  it.effect("that cannot be read, or only says no, does not do", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const ocsp = yield* makeOcspResponse(all.middle, all.leaf)
      const cases = [
        [ocsp.subarray(0, -1), /the OCSP response cannot be read: /],
        [Uint8Array.of(), /cannot be read/],
        [Result.getOrThrow(makeOcspRefusal("tryLater")), /says only tryLater/]
      ] as const
      for (const [staple, why] of cases) {
        assert.match(yield* outcome(all, required, staple), why)
        assert.strictEqual(yield* outcome(all, preferred, staple), "accepted")
      }
    }).pipe(inOctober)
  )

  it.effect("is not asked of a certificate that is its own anchor", () =>
    Effect.gen(function* () {
      const self = yield* makeSelfSigned({ names: ["example.org"] })
      assert.strictEqual(yield* outcome({ ca: self, middle: self, leaf: self }, required), "accepted")
    }).pipe(inOctober)
  )

  it.effect("is not asked of clients, and judged where one comes", () =>
    Effect.gen(function* () {
      const ca = yield* makeCa()
      const client = yield* issue(ca, { purpose: "client", features: [5] })
      const said = (ocsp: Uint8Array | undefined, policy: "prefer" | "require") =>
        Effect.gen(function* () {
          const request = yield* requestOf(client, { name: "client", alter: (asked) => ({ ...asked, ocsp }) })
          return yield* verdictOf(verify([ca], request).pipe(Effect.provide(layerStapled({ policy }))))
        })
      assert.strictEqual(yield* said(undefined, "prefer"), "accepted")
      assert.strictEqual(yield* said(undefined, "require"), "CertificateStatusUnknown")
      const revoked = yield* makeOcspResponse(ca, client, { status: "revoked" })
      assert.strictEqual(yield* said(revoked, "prefer"), "CertificateRevoked")
      assert.strictEqual(yield* said(yield* makeOcspResponse(ca, client), "require"), "accepted")
    }).pipe(inOctober)
  )
})

describe("a certificate that must be stapled", () => {
  it.effect("is refused without a good staple, even where one is only preferred", () =>
    Effect.gen(function* () {
      const all = yield* family({ features: [5] })
      const { middle, leaf } = all
      const missing =
        'CertificateStatusResponseInvalid: certificate "CN=example.org" says that a good OCSP response comes with it ' +
        "(RFC 7633), and none does: the peer sent no OCSP response"
      assert.strictEqual(yield* outcome(all, preferred), missing)
      assert.strictEqual(yield* outcome(all, required), missing)
      const old = yield* makeOcspResponse(middle, leaf, { nextUpdate: now - day })
      assert.match(
        yield* outcome(all, preferred, old),
        /^CertificateStatusResponseInvalid: .* and none does: .*held until/
      )
      assert.strictEqual(yield* outcome(all, preferred, yield* makeOcspResponse(middle, leaf)), "accepted")
      assert.strictEqual(yield* outcome(all, Revocation.layerNone), "accepted")
      const other = yield* family({ features: [17] })
      assert.strictEqual(yield* outcome(other, preferred), "accepted")
    }).pipe(inOctober)
  )

  it.effect("and says so in a critical extension insists on it, whether revocation is looked at or not", () =>
    Effect.gen(function* () {
      const stapling = (features: ReadonlyArray<number>) =>
        Effect.gen(function* () {
          const made = yield* Effect.fromResult(makeExtension("tlsFeature", features, "critical"))
          return yield* family({ extensions: [made] })
        })
      const all = yield* stapling([5])
      const ocsp = yield* makeOcspResponse(all.middle, all.leaf)
      const revoked = yield* makeOcspResponse(all.middle, all.leaf, { status: "revoked" })
      const lists = layerCrls({ crls: [(yield* makeCrl(all.middle)).der, (yield* makeCrl(all.ca)).der] })
      for (const layer of [preferred, required, Revocation.layerNone, lists, layerStapled({ policy: "off" })]) {
        assert.strictEqual(yield* outcome(all, layer, ocsp), "accepted")
        assert.match(yield* outcome(all, layer), /^CertificateStatusResponseInvalid: .* the peer sent no OCSP response/)
        assert.match(yield* outcome(all, layer, revoked), /^CertificateRevoked/)
      }
      for (const features of [[17], [5, 17]]) {
        const other = yield* stapling(features)
        assert.match(yield* outcome(other, required, ocsp), /^CertificateExtensionUnknown: .*: tlsFeature$/)
      }
      const made = yield* Effect.fromResult(makeExtension("tlsFeature", [5], "critical"))
      const middle = yield* makeIntermediate(all.ca, { extensions: [made] })
      const under = { ...all, middle, leaf: yield* issue(middle, { names: ["example.org"] }) }
      assert.match(yield* outcome(under, preferred), /^CertificateExtensionUnknown: .*: tlsFeature$/)
    }).pipe(inOctober)
  )

  it.effect("is not helped by a list", () =>
    Effect.gen(function* () {
      const all = yield* family({ features: [5] })
      const crls = [(yield* makeCrl(all.middle)).der, (yield* makeCrl(all.ca)).der]
      assert.match(yield* outcome(all, Revocation.layer({ crls })), /^CertificateStatusResponseInvalid/)
      assert.strictEqual(yield* outcome(all, Revocation.layerCrls({ crls })), "accepted")
    }).pipe(inOctober)
  )
})

describe("lists and staples together", () => {
  it.effect("either is an answer, and either may say revoked", () =>
    Effect.gen(function* () {
      const all = yield* family()
      const { ca, middle, leaf } = all
      const root = yield* makeCrl(ca)
      const crl = yield* makeCrl(middle)
      const revoking = yield* makeCrl(middle, { revoked: [{ certificate: leaf }] })
      const good = yield* makeOcspResponse(middle, leaf)
      const revoked = yield* makeOcspResponse(middle, leaf, { status: "revoked" })
      const by = (...crls: ReadonlyArray<{ readonly der: Uint8Array }>) =>
        Revocation.layer({ crls: crls.map(({ der }) => der), depth: "chain" })
      assert.strictEqual(yield* outcome(all, by(root, crl)), "accepted")
      assert.strictEqual(yield* outcome(all, by(root), good), "accepted")
      assert.match(yield* outcome(all, by(root)), /^CertificateStatusUnknown: .*no OCSP response; there is no CRL of/)
      assert.match(yield* outcome(all, by(root, revoking), good), /^CertificateRevoked: .* the CRL/)
      assert.match(yield* outcome(all, by(root, crl), revoked), /^CertificateRevoked: .* the OCSP response/)
      assert.match(yield* outcome(all, by(crl), good), /^CertificateStatusUnknown: certificate "CN=Middle"/)
    }).pipe(inOctober)
  )

  it.effect("a session ends with the response that had to be there", () =>
    Effect.gen(function* () {
      const { ca, middle, leaf } = yield* family()
      const ocsp = yield* makeOcspResponse(middle, leaf, { nextUpdate: now + 2 * day })
      const request = yield* requestOf(leaf, { alter: (asked) => ({ ...asked, ocsp }) })
      const { verify } = yield* verifier([ca], required)
      assert.strictEqual((yield* verify(request)).validUntil, now + 2 * day)
    }).pipe(inOctober)
  )
})
