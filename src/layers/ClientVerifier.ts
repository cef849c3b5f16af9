/** How a server decides whether a client is who it says it is. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import { acceptAny, pinned } from "./bareKey.ts"
import type { CryptoProvider } from "./CryptoProvider.ts"
import { rawPublicKeys } from "./rawPublicKey.ts"
import type { TlsError } from "./TlsError.ts"
import type { TrustAnchors } from "./TrustAnchors.ts"
import type { Verifier } from "./Verifier.ts"
import * as VerifierLayers from "./verifierLayers.ts"
import { type Options, webPki } from "./webPki.ts"

/**
 * The judge of clients. `verify` is asked about requests whose peer is a client; `authorities` are the names, DER, that
 * CertificateRequest lists (RFC 9846 section 4.3.4).
 */
export class ClientVerifier extends Context.Service<ClientVerifier, Verifier>()("effect-tls/layers/ClientVerifier") {}

/**
 * Two judges as one, by `Verifier.and` or `Verifier.orElse`.
 *
 * @example
 * const Either = ClientVerifier.zipWith(ClientVerifier.layerWebPki, ClientVerifier.layerPinned(pins), Verifier.orElse)
 */
export const zipWith = VerifierLayers.zipWith(ClientVerifier)

/** A judge changed, by `Verifier.check` or `Verifier.mapError`. */
export const map = VerifierLayers.map(ClientVerifier)

/** As {@link layerWebPki}, with limits of one's own. */
export const layerWebPkiWith = (options: Options): Layer.Layer<ClientVerifier, never, TrustAnchors | CryptoProvider> =>
  Layer.effect(ClientVerifier, webPki("clientAuth", options))

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
  Layer.effect(ClientVerifier, pinned(pins))

/**
 * Clients that show a raw public key (RFC 7250), which is one of these: each a SubjectPublicKeyInfo in DER, or its
 * SHA-256 of 32 bytes. Another key is `CertificateRejected`; a client that can show certificates only is
 * `NoCommonCertificateType` where one is required. Fails with `InvalidConfiguration` for what is neither.
 */
export const layerRawPublicKey = (
  keys: ReadonlyArray<Uint8Array>
): Layer.Layer<ClientVerifier, TlsError, CryptoProvider> => Layer.effect(ClientVerifier, rawPublicKeys(keys))

/** Believes whatever certificate a client sends, as long as the client has its key. */
export const dangerouslyAcceptAny: Layer.Layer<ClientVerifier, never, CryptoProvider> = Layer.effect(
  ClientVerifier,
  acceptAny("Client certificates are not verified: a client is whoever it says")
)
