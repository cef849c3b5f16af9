/** Verifiers as values: two as one, other words, one more condition. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import { CryptoProvider } from "../../src/layers/CryptoProvider.ts"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import { layerDer } from "../../src/layers/TrustAnchors.ts"
import { type Issued, issue, makeCa, makeSelfSigned } from "../../src/layers/testing/certificates.ts"
import * as Verifier from "../../src/layers/Verifier.ts"
import type { AuthenticatePeer } from "../../src/state/command.ts"
import { type Failure, make as failure } from "../../src/state/failure.ts"
import { inOctober, requestOf, verdictOf } from "./verifierSupport.ts"

const pinOf = (issued: Issued) =>
  CryptoProvider.useSync(({ primitives }) => primitives.hashes.sha256.digest(issued.key.publicKey.spki))

const webPki = (ca: Issued) => Layer.provide(ServerVerifier.layerWebPki, layerDer([ca.certificate]))

const serverVerifier = <E, R>(layer: Layer.Layer<ServerVerifier.ServerVerifier, E, R>) =>
  Effect.map(Layer.build(layer), (context) => context).pipe(
    Effect.flatMap((context) =>
      Effect.provide(
        ServerVerifier.ServerVerifier.useSync((verifier): Verifier.Verifier => verifier),
        context
      )
    )
  )

/** A chain and a stranger under the same name, and a verifier for each way to know the first. */
const setting = Effect.gen(function* () {
  const ca = yield* makeCa()
  const server = yield* issue(ca, { names: ["example.org"] })
  const sibling = yield* issue(ca, { names: ["example.org"] })
  const expired = yield* issue(ca, { names: ["example.org"], notBefore: 0, notAfter: 1000 })
  const stranger = yield* makeSelfSigned({ names: ["example.org"] })
  const chain = yield* serverVerifier(webPki(ca))
  const pinned = yield* serverVerifier(ServerVerifier.layerPinned([yield* pinOf(server), yield* pinOf(expired)]))
  const any = yield* serverVerifier(Layer.provide(ServerVerifier.dangerouslyAcceptAny, Logger.layer([])))
  return { ca, server, sibling, expired, stranger, chain, pinned, any }
})

const verdict = (verifier: Verifier.Verifier, issued: Issued, asked?: Parameters<typeof requestOf>[1]) =>
  Effect.flatMap(requestOf(issued, asked), (request) => verdictOf(verifier.verify(request)))

const failureOf = (verifier: Verifier.Verifier, issued: Issued) =>
  Effect.flatMap(requestOf(issued), (request) => Effect.flip(verifier.verify(request)))

describe("Verifier.and", () => {
  it.effect("the chain and the pin: both, in both orders", () =>
    inOctober(
      Effect.gen(function* () {
        const { server, sibling, expired, stranger, chain, pinned } = yield* setting
        for (const both of [Verifier.and(chain, pinned), Verifier.and(pinned, chain)]) {
          assert.strictEqual(yield* verdict(both, server), "accepted")
          assert.strictEqual(yield* verdict(both, sibling), "CertificateRejected")
          assert.strictEqual(yield* verdict(both, expired), "CertificateExpired")
          assert.notStrictEqual(yield* verdict(both, stranger), "accepted")
        }
        const identity = yield* Verifier.and(pinned, chain).verify(yield* requestOf(server))
        assert.match(identity.description, /by its pinned key, and .*issued under/)
        assert.isDefined(identity.validUntil, "the end that only one of them knows")
      }).pipe(Effect.scoped)
    )
  )

  it.effect(
    "in TLS 1.2 a signature by PKCS#1 v1.5, which its machine offers beside that of TLS 1.3, in TLS 1.3 not",
    () =>
      inOctober(
        Effect.gen(function* () {
          const ca = yield* makeCa()
          const server = yield* issue(ca, { names: ["example.org"], keyType: "rsa2048" })
          const chain = yield* serverVerifier(webPki(ca))
          const pinned = yield* serverVerifier(ServerVerifier.layerPinned([yield* pinOf(server)]))
          const of12 = {
            scheme: "rsa_pkcs1_sha256",
            alter: (r: AuthenticatePeer) => ({ ...r, algorithm: "rsa_pkcs1_sha256" as const })
          } as const
          for (const verifier of [Verifier.and(chain, pinned), Verifier.orElse(chain, pinned)]) {
            assert.strictEqual(yield* verdict(verifier, server, of12), "accepted")
            assert.strictEqual(yield* verdict(verifier, server, { scheme: "rsa_pkcs1_sha256" }), "CertificateRejected")
          }
        }).pipe(Effect.scoped)
      )
  )

  it.effect("as a layer, and what it tells the peer", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, server, sibling, chain } = yield* setting
        const pins = [yield* pinOf(server)]
        const both = yield* serverVerifier(
          ServerVerifier.zipWith(webPki(ca), ServerVerifier.layerPinned(pins), Verifier.and)
        )
        assert.deepStrictEqual(both.schemes, chain.schemes)
        assert.deepStrictEqual(both.certificateTypes, ["X509"])
        assert.deepStrictEqual(both.authorities, chain.authorities)
        assert.strictEqual(yield* verdict(both, server), "accepted")
        assert.strictEqual(yield* verdict(both, sibling), "CertificateRejected")
        const raw = yield* serverVerifier(ServerVerifier.layerRawPublicKey(pins))
        const never = Verifier.and(chain, raw)
        assert.deepStrictEqual(never.certificateTypes, [])
        assert.strictEqual(yield* verdict(never, server), "CertificateRejected")
        const edwards = { ...chain, schemes: ["ed25519"] as const }
        assert.deepStrictEqual(Verifier.and(chain, edwards).schemes, ["ed25519"])
        assert.strictEqual(yield* verdict(Verifier.and(chain, edwards), server), "CertificateRejected")
      }).pipe(Effect.scoped)
    )
  )
})

describe("Verifier.orElse", () => {
  it.effect("whom either accepts, and both reasons for nobody", () =>
    inOctober(
      Effect.gen(function* () {
        const { server, sibling, expired, stranger, chain, pinned } = yield* setting
        const either = Verifier.orElse(chain, pinned)
        for (const issued of [server, sibling, expired]) {
          assert.strictEqual(yield* verdict(either, issued), "accepted")
        }
        const { reason, detail } = yield* failureOf(either, stranger)
        assert.strictEqual(reason, "CertificateRootUntrusted")
        assert.match(detail, /; nor by another verifier: .*not pinned/)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("a wrong signature, or a check that could not be made, is nobody else's to forgive", () =>
    inOctober(
      Effect.gen(function* () {
        const { server, chain, any } = yield* setting
        let asked = 0
        const counting: Verifier.Verifier = {
          ...any,
          verify: (request) =>
            Effect.andThen(
              Effect.sync(() => asked++),
              any.verify(request)
            )
        }
        const forged = { alter: (r: Effect.Success<ReturnType<typeof requestOf>>) => ({ ...r, content: r.signature }) }
        assert.strictEqual(yield* verdict(Verifier.orElse(chain, counting), server, forged), "SignatureMismatch")
        const broken: Verifier.Verifier = { ...any, verify: () => Effect.fail(failure("AnswerFailed", "no store")) }
        assert.strictEqual(yield* verdict(Verifier.orElse(broken, counting), server), "AnswerFailed")
        assert.strictEqual(asked, 0)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("certificates for the one, raw public keys for the other", () =>
    inOctober(
      Effect.gen(function* () {
        const { server, sibling, chain } = yield* setting
        const raw = yield* serverVerifier(ServerVerifier.layerRawPublicKey([yield* pinOf(sibling)]))
        const either = Verifier.orElse(chain, raw)
        assert.deepStrictEqual(either.certificateTypes, ["X509", "RawPublicKey"])
        assert.deepStrictEqual(either.authorities, [], "a raw public key has no authority")
        const bare = (issued: Issued) =>
          ({
            chain: [issued.key.publicKey.spki],
            alter: (request: Effect.Success<ReturnType<typeof requestOf>>) => ({
              ...request,
              certificateType: "RawPublicKey" as const
            })
          }) as const
        assert.strictEqual(yield* verdict(either, server), "accepted")
        assert.strictEqual(yield* verdict(either, sibling, bare(sibling)), "accepted")
        assert.strictEqual(yield* verdict(either, server, bare(server)), "CertificateRejected")
        assert.strictEqual(yield* verdict(chain, server), "accepted")
        assert.strictEqual(
          yield* verdict(
            Verifier.mapError(raw, (f) => f),
            server
          ),
          "CertificateRejected"
        )
      }).pipe(Effect.scoped)
    )
  )
})

describe("Verifier.check and mapError", () => {
  it.effect("one more condition, which can only refuse", () =>
    inOctober(
      Effect.gen(function* () {
        const { server, stranger, chain } = yield* setting
        const seen: Array<string> = []
        const strict = Verifier.check(chain, ({ description }) => {
          seen.push(description)
          return Effect.fail(Verifier.refuse("not on a Sunday"))
        })
        assert.strictEqual(yield* verdict(strict, server), "CertificateRejected")
        assert.strictEqual(yield* verdict(strict, stranger), "CertificateRootUntrusted")
        assert.lengthOf(seen, 1, "asked about those who were accepted, and no others")
        const lax = Verifier.check(chain, () => Effect.void)
        assert.strictEqual(yield* verdict(lax, server), "accepted")
        assert.strictEqual(yield* verdict(lax, stranger), "CertificateRootUntrusted")
      }).pipe(Effect.scoped)
    )
  )

  it.effect("reasons in other words", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, stranger } = yield* setting
        const polite = yield* serverVerifier(
          ServerVerifier.map(webPki(ca), (verifier) =>
            Verifier.mapError(verifier, ({ reason }): Failure => Verifier.refuse(`ask the helpdesk (${reason})`))
          )
        )
        const { reason, detail } = yield* failureOf(polite, stranger)
        assert.deepStrictEqual([reason, detail], ["CertificateRejected", "ask the helpdesk (CertificateRootUntrusted)"])
      }).pipe(Effect.scoped)
    )
  )
})

describe("fingerprints of combinations", () => {
  it.effect("are of both and of how, and absent where one is", () =>
    inOctober(
      Effect.gen(function* () {
        const { chain, pinned, any } = yield* setting
        const nameless: Verifier.Verifier = { ...any, fingerprint: undefined }
        const all = [
          chain,
          pinned,
          Verifier.and(chain, pinned),
          Verifier.and(pinned, chain),
          Verifier.orElse(chain, pinned),
          Verifier.and(chain, any),
          Verifier.check(chain, () => Effect.void, "one"),
          Verifier.check(chain, () => Effect.void, "two")
        ].map(({ fingerprint }) => fingerprint?.join())
        assert.strictEqual(new Set(all).size, all.length)
        for (const { fingerprint } of [Verifier.and(chain, pinned), Verifier.orElse(chain, pinned)]) {
          assert.lengthOf(fingerprint ?? [], 32)
        }
        assert.deepStrictEqual(Verifier.and(chain, pinned).fingerprint, Verifier.and(chain, pinned).fingerprint)
        assert.strictEqual(Verifier.mapError(chain, (f) => f).fingerprint, chain.fingerprint)
        for (const one of [
          Verifier.and(chain, nameless),
          Verifier.and(nameless, chain),
          Verifier.orElse(chain, nameless),
          Verifier.check(chain, () => Effect.void),
          Verifier.check(nameless, () => Effect.void, "named")
        ]) {
          assert.isUndefined(one.fingerprint)
        }
      }).pipe(Effect.scoped)
    )
  )
})

describe("ClientVerifier", () => {
  it.effect("combined, it still names its authorities", () =>
    inOctober(
      Effect.gen(function* () {
        const [a, b] = [yield* makeCa({ commonName: "a" }), yield* makeCa({ commonName: "b" })]
        const clients = (...roots: ReadonlyArray<Issued>) =>
          Layer.provide(ClientVerifier.layerWebPki, layerDer(roots.map(({ certificate }) => certificate)))
        const authorities = <E, R>(layer: Layer.Layer<ClientVerifier.ClientVerifier, E, R>) =>
          ClientVerifier.ClientVerifier.useSync(({ authorities = [] }) => authorities).pipe(Effect.provide(layer))
        const { zipWith } = ClientVerifier
        assert.deepStrictEqual(yield* authorities(zipWith(clients(a), clients(b), Verifier.orElse)), [
          a.subject.der,
          b.subject.der
        ])
        assert.deepStrictEqual(yield* authorities(zipWith(clients(a, b), clients(b), Verifier.and)), [b.subject.der])
        const pinned = ClientVerifier.layerPinned([new Uint8Array(32)])
        assert.deepStrictEqual(yield* authorities(zipWith(pinned, clients(a), Verifier.and)), [a.subject.der])
        assert.deepStrictEqual(yield* authorities(zipWith(pinned, clients(a), Verifier.orElse)), [])
        assert.deepStrictEqual(
          yield* authorities(ClientVerifier.map(pinned, (verifier) => ({ ...verifier, authorities: undefined }))),
          []
        )
      })
    )
  )
})
