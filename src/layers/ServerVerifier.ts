/** How a client decides whether the server is who it should be. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KeyValueStore } from "effect/persistence/KeyValueStore"
import { tls13Schemes } from "../crypto/signature.ts"
import { make as failure } from "../state/failure.ts"
import { acceptAny, pinned } from "./bareKey.ts"
import { CertificateTransparency } from "./CertificateTransparency.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { rawPublicKeys } from "./rawPublicKey.ts"
import type { TlsError } from "./TlsError.ts"
import type { TrustAnchors } from "./TrustAnchors.ts"
import { makeTofu, type Options as TofuOptions } from "./TrustOnFirstUse.ts"
import type { Verifier } from "./Verifier.ts"
import * as VerifierLayers from "./verifierLayers.ts"
import { type Options, webPki } from "./webPki.ts"

/** The judge of servers. `verify` is asked about requests whose peer is a server. */
export class ServerVerifier extends Context.Service<ServerVerifier, Verifier>()("effect-tls/layers/ServerVerifier") {}

/**
 * Two judges as one, by `Verifier.and` or `Verifier.orElse`.
 *
 * @example
 * const Both = ServerVerifier.zipWith(ServerVerifier.layerWebPki, ServerVerifier.layerPinned(pins), Verifier.and)
 */
export const zipWith = VerifierLayers.zipWith(ServerVerifier)

/** A judge changed, by `Verifier.check` or `Verifier.mapError`. */
export const map = VerifierLayers.map(ServerVerifier)

/** As the web does it (RFC 5280, RFC 9525), with limits of one's own. */
export const layerWebPkiWith = (options: Options): Layer.Layer<ServerVerifier, never, TrustAnchors | CryptoProvider> =>
  Layer.effect(
    ServerVerifier,
    Effect.gen(function* () {
      const demand = yield* CertificateTransparency
      return demand(yield* webPki("serverAuth", options))
    })
  )

/**
 * As the web does it: the certificate has the server's name in its subjectAltName, is valid now, may be a server's, and
 * chains to a trust anchor. Revocation is checked as the service `Revocation` says, by default not at all.
 *
 * @example
 * const Verifier = ServerVerifier.layerWebPki.pipe(
 *   Layer.provide(TrustAnchors.layerPem(ca)),
 *   Layer.provide(CryptoProvider.layerNoble)
 * )
 */
export const layerWebPki: Layer.Layer<ServerVerifier, never, TrustAnchors | CryptoProvider> = layerWebPkiWith({})

/**
 * Servers known by their key alone: the SHA-256 of its SubjectPublicKeyInfo, 32 bytes each, more than one so that a key
 * can be replaced. Names, dates and chains are not looked at. Another key is `CertificateRejected`.
 * Fails with `InvalidConfiguration` for no pins, and for one of another length.
 */
export const layerPinned = (pins: ReadonlyArray<Uint8Array>): Layer.Layer<ServerVerifier, TlsError, CryptoProvider> =>
  Layer.effect(ServerVerifier, pinned(pins))

/**
 * Servers that show a raw public key (RFC 7250), which is one of these: each a SubjectPublicKeyInfo in DER, or its
 * SHA-256 of 32 bytes. There are no names, dates and chains. Another key is `CertificateRejected`; a server that shows
 * a certificate is `NoCommonCertificateType`. Fails with `InvalidConfiguration` for what is neither key nor digest.
 *
 * @example
 * const Verifier = ServerVerifier.layerRawPublicKey([sha256OfItsKey]).pipe(Layer.provide(CryptoProvider.layerNoble))
 */
export const layerRawPublicKey = (
  keys: ReadonlyArray<Uint8Array>
): Layer.Layer<ServerVerifier, TlsError, CryptoProvider> => Layer.effect(ServerVerifier, rawPublicKeys(keys))

/**
 * Trust on first use, as SSH does it: the key that a name shows first is kept in the `KeyValueStore`, and another key
 * under that name is `CertificateKeyChanged`, which tells the known key and since when it is known. Names in the
 * certificate, dates and chains are not looked at; `zipWith` and `Verifier.and` put that check before it. Nobody is
 * protected at the first connection. No session is resumed, since what is known may be forgotten meanwhile.
 *
 * @example
 * const Known = ServerVerifier.layerTofu().pipe(Layer.provide(KeyValueStore.layerFileSystem("known-servers")))
 */
export const layerTofu = (
  options: TofuOptions = {}
): Layer.Layer<ServerVerifier, never, KeyValueStore | CryptoProvider> =>
  Layer.effect(
    ServerVerifier,
    Effect.gen(function* () {
      const { primitives } = yield* CryptoProvider
      return makeTofu(primitives, yield* KeyValueStore, options)
    })
  )

/**
 * Believes no certificate: for clients that know their servers by external PSKs alone (`ExternalPsks`). Where a server
 * shows one, that is `CertificateRejected`.
 */
export const layerNone: Layer.Layer<ServerVerifier> = Layer.succeed(ServerVerifier, {
  schemes: tls13Schemes,
  verify: () =>
    Effect.fail(failure("CertificateRejected", "no certificate is believed here (ServerVerifier.layerNone)"))
})

/**
 * Believes whatever certificate comes. Whoever is in between can read and change everything: for looking at servers
 * that are broken, never for use. That the peer has the certificate's key is still checked.
 */
export const dangerouslyAcceptAny: Layer.Layer<ServerVerifier, never, CryptoProvider> = Layer.effect(
  ServerVerifier,
  acceptAny("Server certificates are not verified: anyone on the way can read and change the data")
)
