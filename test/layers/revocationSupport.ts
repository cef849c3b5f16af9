/** What the tests of revocation share: an authority, an intermediate, a server, and verifiers with and without it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CryptoProvider } from "../../src/layers/CryptoProvider.ts"
import * as Revocation from "../../src/layers/Revocation.ts"
import { layerWebPki, ServerVerifier } from "../../src/layers/ServerVerifier.ts"
import { layerDer } from "../../src/layers/TrustAnchors.ts"
import {
  type Issued,
  issue,
  type LeafOptions,
  makeCa,
  makeIntermediate
} from "../../src/layers/testing/certificates.ts"
import type { Failure } from "../../src/state/failure.ts"
import { requestOf } from "./verifierSupport.ts"

/** Of everything one. */
export interface Family {
  readonly ca: Issued
  readonly middle: Issued
  readonly leaf: Issued
}

export const family = Effect.fnUntraced(function* (options: LeafOptions = {}) {
  const ca = yield* makeCa({ commonName: "Root" })
  const middle = yield* makeIntermediate(ca, { commonName: "Middle" })
  const leaf = yield* issue(middle, { names: ["example.org"], ...options })
  const all: Family = { ca, middle, leaf }
  return all
})

/** A verifier of servers under these roots, with revocation as the layer has it. */
export const verifier = <E>(roots: ReadonlyArray<Issued>, revocation: Layer.Layer<never, E>) =>
  ServerVerifier.pipe(
    Effect.provide(
      layerWebPki.pipe(
        Layer.provide(Layer.orDie(layerDer(roots.map(({ certificate }) => certificate)))),
        Layer.provide(revocation)
      )
    )
  )

/** What a verifier says of a server with this staple: `accepted`, or the reason and its detail. */
export const outcome = Effect.fnUntraced(function* <E>(
  { ca, leaf }: Family,
  revocation: Layer.Layer<never, E>,
  ocsp?: Uint8Array | undefined
): Effect.fn.Return<string, E | Failure, CryptoProvider> {
  const { verify } = yield* verifier([ca], revocation)
  const request = yield* Effect.orDie(requestOf(leaf, { alter: (asked) => ({ ...asked, ocsp }) }))
  return yield* Effect.match(verify(request), {
    onSuccess: () => "accepted",
    onFailure: ({ reason, detail }) => `${reason}: ${detail}`
  })
})

export const { layerCrls, layerStapled } = Revocation
