/** How a server decides whether a client is who it says it is. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { tls13Schemes } from "../crypto/signature.ts"
import { authoritiesOf } from "./authorities.ts"
import { makeAcceptAny, makePinned } from "./bareKey.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { acceptAnyPolicy } from "./fingerprint.ts"
import { Revocation } from "./Revocation.ts"
import { makeVerifier } from "./rawPublicKey.ts"
import type { TlsError } from "./TlsError.ts"
import { TrustAnchors } from "./TrustAnchors.ts"
import type { Verifier } from "./Verifier.ts"
import { makeWebPki, type Options } from "./webPki.ts"

/** The judge of clients. `verify` is asked about requests whose peer is a client. */
export class ClientVerifier extends Context.Service<
  ClientVerifier,
  Verifier & {
    /** The names, DER, that CertificateRequest lists (RFC 9846 section 4.3.4); empty means any. */
    readonly authorities: ReadonlyArray<Uint8Array>
  }
>()("effect-tls/layers/ClientVerifier") {}

/** A verifier that judges clients. */
const of = (verifier: Verifier): ClientVerifier["Service"] => ({
  ...verifier,
  authorities: verifier.authorities ?? []
})

/**
 * Two judges as one, by `Verifier.and` or `Verifier.orElse`.
 *
 * @example
 * const Either = ClientVerifier.zipWith(ClientVerifier.layerWebPki, ClientVerifier.layerPinned(pins), Verifier.orElse)
 */
export const zipWith = <E1, R1, E2, R2>(
  first: Layer.Layer<ClientVerifier, E1, R1>,
  second: Layer.Layer<ClientVerifier, E2, R2>,
  f: (first: Verifier, second: Verifier) => Verifier
): Layer.Layer<ClientVerifier, E1 | E2, Exclude<R1 | R2, Scope.Scope>> =>
  Layer.effect(
    ClientVerifier,
    Effect.zipWith(Layer.build(first), Layer.build(second), (one, other) =>
      of(f(Context.get(one, ClientVerifier), Context.get(other, ClientVerifier)))
    )
  )

/** A judge changed, by `Verifier.check` or `Verifier.mapError`. */
export const map = <E, R>(
  layer: Layer.Layer<ClientVerifier, E, R>,
  f: (verifier: Verifier) => Verifier
): Layer.Layer<ClientVerifier, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(
    ClientVerifier,
    Effect.map(Layer.build(layer), (context) => of(f(Context.get(context, ClientVerifier))))
  )

/** As {@link layerWebPki}, with limits of one's own. */
export const layerWebPkiWith = (options: Options): Layer.Layer<ClientVerifier, never, TrustAnchors | CryptoProvider> =>
  Layer.effect(
    ClientVerifier,
    Effect.gen(function* () {
      const { primitives } = yield* CryptoProvider
      const { anchors } = yield* TrustAnchors
      const { verify, fingerprint } = makeWebPki(primitives, anchors, options, yield* Revocation)
      return {
        schemes: tls13Schemes,
        authorities: authoritiesOf(anchors),
        verify,
        fingerprint: fingerprint("clientAuth")
      }
    })
  )

/**
 * A client's certificate is valid now, may be a client's, and chains to a trust anchor (RFC 5280). What its names
 * mean is for the application. Revocation is checked as the service `Revocation` says, by default not at all.
 *
 * The anchors say who may come in: give the CA that issues to your clients, not the roots of the web.
 */
export const layerWebPki: Layer.Layer<ClientVerifier, never, TrustAnchors | CryptoProvider> = layerWebPkiWith({})

/**
 * Clients known by their key alone: the SHA-256 of its SubjectPublicKeyInfo, 32 bytes each. Fails with
 * `InvalidConfiguration` for no pins, and for one of another length.
 */
export const layerPinned = (pins: ReadonlyArray<Uint8Array>): Layer.Layer<ClientVerifier, TlsError, CryptoProvider> =>
  Layer.effect(
    ClientVerifier,
    Effect.gen(function* () {
      const { primitives } = yield* CryptoProvider
      return { schemes: tls13Schemes, authorities: [], ...(yield* makePinned(primitives, pins)) }
    })
  )

/**
 * Clients that show a raw public key (RFC 7250), which is one of these: each a SubjectPublicKeyInfo in DER, or its
 * SHA-256 of 32 bytes. Another key is `CertificateRejected`; a client that can show certificates only is
 * `NoCommonCertificateType` where one is required. Fails with `InvalidConfiguration` for what is neither.
 */
export const layerRawPublicKey = (
  keys: ReadonlyArray<Uint8Array>
): Layer.Layer<ClientVerifier, TlsError, CryptoProvider> =>
  Layer.effect(
    ClientVerifier,
    Effect.gen(function* () {
      const { primitives } = yield* CryptoProvider
      return { ...(yield* makeVerifier(primitives, keys)), authorities: [] }
    })
  )

/** Believes whatever certificate a client sends, as long as the client has its key. */
export const dangerouslyAcceptAny: Layer.Layer<ClientVerifier, never, CryptoProvider> = Layer.effect(
  ClientVerifier,
  Effect.gen(function* () {
    const { primitives } = yield* CryptoProvider
    yield* Effect.logWarning("Client certificates are not verified: a client is whoever it says")
    return {
      schemes: tls13Schemes,
      authorities: [],
      verify: makeAcceptAny(primitives),
      fingerprint: acceptAnyPolicy(primitives)
    }
  })
)
