/** Finding a path among many, and what that may cost; what a refusal says; what is remembered. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import type { GeneralName } from "../../src/codec/x509/generalName.ts"
import type { Primitives } from "../../src/crypto/primitives.ts"
import { CryptoProvider, layerPrimitives } from "../../src/layers/CryptoProvider.ts"
import { Lru } from "../../src/layers/lru.ts"
import { layerWebPki, ServerVerifier } from "../../src/layers/ServerVerifier.ts"
import { layerDer } from "../../src/layers/TrustAnchors.ts"
import { type Issued, issue, makeCa, makeIntermediate } from "../../src/layers/testing/certificates.ts"
import { makeWebPki } from "../../src/layers/webPki.ts"
import { anchorFromDer, type TrustAnchor } from "../../src/state/path/anchor.ts"
import { day, inOctober, now, requestOf, verdictOf, verify } from "./verifierSupport.ts"

const names = ["example.org"]
const der = (issued: Issued) => issued.certificate

describe("building", () => {
  it.effect("a cross-signed intermediate: the path that is valid is found past the one that is not", () =>
    inOctober(
      Effect.gen(function* () {
        const [old, young] = [yield* makeCa({ commonName: "old" }), yield* makeCa({ commonName: "young" })]
        const middle = { commonName: "middle" }
        const expired = yield* makeIntermediate(old, { ...middle, notBefore: now - 9 * day, notAfter: now - day })
        const crossed = yield* makeIntermediate(young, { ...middle, privateKey: expired.privateKey })
        const leaf = yield* issue(expired, { names })
        const request = yield* requestOf(leaf, { chain: [leaf, expired, crossed].map(der) })
        assert.strictEqual(yield* verdictOf(verify([old, young], request)), "accepted")
        assert.strictEqual(yield* verdictOf(verify([young], request)), "accepted")
        assert.strictEqual(yield* verdictOf(verify([old], request)), "CertificateExpired")
      })
    )
  )

  it.effect("a root that is trusted and sent cross-signed by another", () =>
    inOctober(
      Effect.gen(function* () {
        const [old, young] = [yield* makeCa({ commonName: "old" }), yield* makeCa({ commonName: "young" })]
        const crossed = yield* makeIntermediate(old, { commonName: "young", privateKey: young.privateKey })
        const leaf = yield* issue(young, { names })
        const request = yield* requestOf(leaf, { chain: [leaf, crossed].map(der) })
        for (const roots of [[old], [young], [old, young]]) {
          assert.strictEqual(yield* verdictOf(verify(roots, request)), "accepted")
        }
      })
    )
  )

  it.effect("two that signed each other lead nowhere, and do not hide a way out", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "root" })
        const a = yield* makeIntermediate(root, { commonName: "a" })
        const b = yield* makeIntermediate(a, { commonName: "b" })
        const again = yield* makeIntermediate(b, { commonName: "a", privateKey: a.privateKey })
        const leaf = yield* issue(b, { names })
        const loop = yield* requestOf(leaf, { chain: [leaf, b, again].map(der) })
        assert.strictEqual(yield* verdictOf(verify([root], loop)), "CertificateIssuerUnknown")
        const open = yield* requestOf(leaf, { chain: [leaf, again, b, a].map(der) })
        assert.strictEqual(yield* verdictOf(verify([root], open)), "accepted")
      })
    )
  )

  it.effect("the right one of sixty of the same name, by its key identifier", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "root" })
        const middle = yield* makeIntermediate(root, { commonName: "same" })
        const others = yield* Effect.replicateEffect(makeIntermediate(root, { commonName: "same" }), 60)
        const leaf = yield* issue(middle, { names })
        const request = yield* requestOf(leaf, { chain: [leaf, ...others, middle].map(der) })
        assert.strictEqual(yield* verdictOf(verify([root], request)), "accepted")
        assert.strictEqual(yield* verdictOf(verify([root], request, { maxSignatures: 2 })), "accepted")
      })
    )
  )

  it.effect("the first signature over the limit ends the search, and so do too many steps", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "root" })
        const hidden = yield* makeIntermediate(root, { commonName: "same", without: ["subjectKeyIdentifier"] })
        const others = yield* Effect.replicateEffect(
          makeIntermediate(root, { commonName: "same", without: ["subjectKeyIdentifier"] }),
          60
        )
        const leaf = yield* issue(hidden, { names, without: ["authorityKeyIdentifier"] })
        const request = yield* requestOf(leaf, { chain: [leaf, ...others].map(der) })
        // each of the sixty owes its own signature and, with its key, the leaf's: 120 in all
        const counting = yield* makeCounting
        const services = layerWebPki.pipe(
          Layer.provide(layerDer([root.certificate])),
          Layer.provide(layerPrimitives(counting.primitives))
        )
        const judge = ServerVerifier.use((verifier) => verifier.verify(request)).pipe(Effect.provide(services))
        assert.strictEqual((yield* Effect.flip(judge)).reason, "CertificateSearchExhausted")
        assert.strictEqual(counting.count(), 100)
        const cheap = yield* Effect.flip(verify([root], request, { maxSignatures: 3 }))
        assert.strictEqual(cheap.reason, "CertificateSearchExhausted")
      })
    )
  )

  it.effect("others get their turn between signatures", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "root" })
        const others = yield* Effect.replicateEffect(makeIntermediate(root, { commonName: "same" }), 40)
        const leaf = yield* issue(yield* makeIntermediate(root, { commonName: "same" }), { names })
        const request = yield* requestOf(leaf, { chain: [leaf, ...others].map(der) })
        // not another fiber only: timers and sockets too
        let turns = 0
        let turn = setImmediate(function again() {
          turns++
          turn = setImmediate(again)
        })
        yield* verdictOf(verify([root], request))
        clearImmediate(turn)
        assert.isAtLeast(turns, 4)
      })
    )
  )

  it.effect("names and constraints by the thousand are refused before they are compared", () =>
    inOctober(
      Effect.gen(function* () {
        const many = (count: number, tld: string): ReadonlyArray<GeneralName> =>
          Array.from({ length: count }, (_, i) => ({ _tag: "dNSName", value: `n${i}.${tld}` }))
        const root = yield* makeCa({ nameConstraints: { excluded: many(1200, "test") } })
        const bomb = yield* issue(root, { names, generalNames: many(1000, "example") })
        assert.strictEqual(yield* verdictOf(verify([root], yield* requestOf(bomb))), "CertificateSearchExhausted")
        const some = yield* issue(root, { names, generalNames: many(100, "example") })
        assert.strictEqual(yield* verdictOf(verify([root], yield* requestOf(some))), "accepted")
        const caught = yield* issue(root, { names, generalNames: many(100, "test") })
        assert.strictEqual(yield* verdictOf(verify([root], yield* requestOf(caught))), "CertificateNameConstrained")
      })
    )
  )

  it.effect("a list of certificates has an end", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa()
        const leaf = yield* issue(root, { names })
        const chain = (length: number) => [der(leaf), ...Array.from({ length }, () => der(root))]
        const verdict = (length: number) =>
          Effect.flatMap(requestOf(leaf, { chain: chain(length) }), (request) => verdictOf(verify([root], request)))
        assert.strictEqual(yield* verdict(127), "accepted")
        assert.strictEqual(yield* verdict(128), "CertificateSearchExhausted")
      })
    )
  )

  it.effect("constraints of an intermediate reach through to the end-entity", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "root" })
        const constrained = (permitted: string) =>
          Effect.gen(function* () {
            const permits: GeneralName = { _tag: "dNSName", value: permitted }
            const first = yield* makeIntermediate(root, {
              commonName: "first",
              nameConstraints: { permitted: [permits] }
            })
            const second = yield* makeIntermediate(first, { commonName: "second" })
            return yield* verdictOf(verify([root], yield* requestOf(yield* issue(second, { names }))))
          })
        assert.strictEqual(yield* constrained("org"), "accepted")
        assert.strictEqual(yield* constrained("example.com"), "CertificateNameConstrained")
      })
    )
  )

  it.effect("constraints of an anchor that is no certificate hold too (RFC 5937)", () =>
    inOctober(
      Effect.gen(function* () {
        const permitted: ReadonlyArray<GeneralName> = [{ _tag: "dNSName", value: "example.com" }]
        const root = yield* makeCa({ commonName: "root", nameConstraints: { permitted } })
        const { chain } = yield* issue(yield* makeIntermediate(root), { names })
        const { subject, publicKey, nameConstraints } = Result.getOrThrow(anchorFromDer(root.certificate))
        const { primitives } = yield* CryptoProvider
        const verdict = (anchor: TrustAnchor) =>
          verdictOf(makeWebPki(primitives, [anchor]).judge({ purpose: "serverAuth", identity: undefined, chain }))
        assert.strictEqual(yield* verdict({ subject, publicKey }), "accepted")
        assert.strictEqual(yield* verdict({ subject, publicKey, nameConstraints }), "CertificateNameConstrained")
      })
    )
  )
})

/** Primitives that count what is verified and imported. */
const makeCounting = CryptoProvider.useSync(({ primitives }) => {
  let verified = 0
  const counted: Primitives = {
    ...primitives,
    publicKey: (spki) => {
      const key = primitives.publicKey(spki)
      if (key._tag === "Failure") return key
      const { success } = key
      const verify: typeof success.verify = (...args) => {
        verified++
        return success.verify(...args)
      }
      return { ...key, success: { ...success, verify } }
    }
  }
  return { primitives: counted, count: () => verified }
})

describe("memory", () => {
  it("keeps what was asked for last", () => {
    const lru = new Lru<string, number>(2)
    lru.set("a", 1)
    lru.set("b", 2)
    assert.strictEqual(lru.get("a"), 1)
    lru.set("c", 3)
    assert.deepStrictEqual([lru.get("a"), lru.get("b"), lru.get("c")], [1, undefined, 3])
  })

  it.effect("a signature that two paths share is checked once", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "root" })
        const upper = yield* makeIntermediate(root, { commonName: "upper" })
        const broken = yield* makeIntermediate(upper, { commonName: "lower", signature: "broken" })
        const right = yield* makeIntermediate(upper, { commonName: "lower", privateKey: broken.privateKey })
        const leaf = yield* issue(right, { names })
        const request = yield* requestOf(leaf, { chain: [leaf, broken, right, upper].map(der) })
        const counting = yield* makeCounting
        const services = layerWebPki.pipe(
          Layer.provide(layerDer([root.certificate])),
          Layer.provide(layerPrimitives(counting.primitives))
        )
        yield* ServerVerifier.use(({ verify }) => verify(request)).pipe(Effect.provide(services))
        // upper, the broken one, the right one, the end-entity; and CertificateVerify
        assert.strictEqual(counting.count(), 5)
      })
    )
  )

  it.effect("a signature that was right under one key is none under another of the same name", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "root" })
        const [one, other] = yield* Effect.replicateEffect(makeIntermediate(root, { commonName: "same" }), 2)
        if (one === undefined || other === undefined) return assert.fail()
        const leaf = yield* issue(one, { names })
        const { primitives } = yield* CryptoProvider
        const { judge } = makeWebPki(primitives, [Result.getOrThrow(anchorFromDer(root.certificate))])
        const verdict = (...chain: ReadonlyArray<Issued>) =>
          verdictOf(judge({ purpose: "serverAuth", identity: undefined, chain: chain.map(der) }))
        assert.strictEqual(yield* verdict(leaf, one), "accepted")
        assert.strictEqual(yield* verdict(leaf, other), "CertificateSignatureInvalid")
      })
    )
  )

  it.effect("a chain seen before costs one signature, and is still judged anew", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa()
        const middle = yield* makeIntermediate(root)
        const leaf = yield* issue(middle, { names, days: 10 })
        const sibling = yield* issue(middle, { names })
        const counting = yield* makeCounting
        const services = layerWebPki.pipe(
          Layer.provide(layerDer([root.certificate])),
          Layer.provide(layerPrimitives(counting.primitives))
        )
        yield* Effect.gen(function* () {
          const { verify } = yield* ServerVerifier
          const request = yield* requestOf(leaf)
          const verdict = verdictOf(verify(request))
          assert.strictEqual(yield* verdict, "accepted")
          assert.strictEqual(counting.count(), 3)
          assert.strictEqual(yield* verdict, "accepted")
          assert.strictEqual(counting.count(), 4)
          assert.strictEqual(yield* verdictOf(verify(yield* requestOf(sibling))), "accepted")
          assert.strictEqual(counting.count(), 6)
          const wrong = yield* requestOf(leaf, { name: "example.com" })
          assert.strictEqual(yield* verdictOf(verify(wrong)), "CertificateNameMismatch")
          const forged = { ...request, signature: request.signature.map((byte) => byte ^ 1) }
          assert.strictEqual(yield* verdictOf(verify(forged)), "SignatureMismatch")
          yield* TestClock.setTime(now + 11 * day)
          assert.strictEqual(yield* verdict, "CertificateExpired")
        }).pipe(Effect.provide(services))
      })
    )
  )

  it.effect("what was kept does not change with the buffer it came from", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa()
        const leaf = yield* issue(root, { names })
        yield* Effect.gen(function* () {
          const { verify } = yield* ServerVerifier
          const chain = [leaf.certificate.slice()]
          const request = yield* requestOf(leaf, { chain })
          assert.strictEqual(yield* verdictOf(verify(request)), "accepted")
          chain[0]?.fill(0)
          assert.strictEqual(yield* verdictOf(verify(request)), "CertificateMalformed")
          assert.strictEqual(yield* verdictOf(verify(yield* requestOf(leaf))), "accepted")
        }).pipe(Effect.provide(layerWebPki.pipe(Layer.provide(layerDer([root.certificate])))))
      })
    )
  )
})

describe("garbage", () => {
  it.effect("no byte of a chain can be changed, and none of the changes is a defect", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa()
        const middle = yield* makeIntermediate(root)
        const leaf = yield* issue(middle, { names })
        for (const [place, whole] of leaf.chain.entries()) {
          for (let at = 0; at < whole.length; at++) {
            const changed = whole.map((byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte))
            const chain = leaf.chain.map((one, i) => (i === place ? changed : one))
            const verdict = yield* verdictOf(verify([root], yield* requestOf(leaf, { chain })))
            assert.match(verdict, /^Certificate/, `certificate ${place}, byte ${at}`)
          }
        }
      })
    )
  )
})

describe("what is said", () => {
  it.effect("an identity names the end-entity and the anchor", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "Example Root" })
        const leaf = yield* issue(root, { names })
        const identity = yield* verify([root], yield* requestOf(leaf))
        assert.strictEqual(identity.description, '"CN=example.org", issued under "CN=Example Root"')
        assert.deepStrictEqual(identity.chain, leaf.chain)
      })
    )
  )

  it.effect("a refusal names the certificate, the value and what it should have been", () =>
    inOctober(
      Effect.gen(function* () {
        const root = yield* makeCa({ commonName: "Example Root" })
        const excluded: GeneralName = { _tag: "dNSName", value: "example.org" }
        const constrained = yield* makeIntermediate(root, {
          commonName: "Example CA",
          nameConstraints: { excluded: [excluded] }
        })
        const detail = (issued: Issued, name = "example.org") =>
          Effect.map(
            Effect.flip(Effect.flatMap(requestOf(issued, { name }), (request) => verify([root], request))),
            (failure) => failure.detail
          )
        assert.strictEqual(
          yield* detail(yield* issue(constrained, { names })),
          'certificate "CN=example.org" is for DNS:example.org, and a name constraint of "CN=Example CA" excludes ' +
            "DNS:example.org"
        )
        assert.strictEqual(
          yield* detail(yield* issue(root, { names, notBefore: now - 9 * day, notAfter: now - day })),
          'certificate "CN=example.org" was valid until 2026-09-30T00:00:00Z, and it is 2026-10-01T00:00:00Z'
        )
        assert.strictEqual(
          yield* detail(yield* issue(root, { names: ["a.example", "b.example"] })),
          'certificate "CN=a.example" is for DNS:a.example, DNS:b.example, not for example.org'
        )
        const unknown = yield* makeCa({ commonName: "Nobody" })
        assert.strictEqual(
          yield* detail(yield* issue(unknown, { names })),
          'certificate "CN=example.org" was issued by "CN=Nobody", which is neither in the chain nor trusted'
        )
      })
    )
  )
})
