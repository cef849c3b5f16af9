/** Everything that TLS needs on Node, as one layer. */
import * as Layer from "effect/Layer"
import { Allocator } from "../Allocator.ts"
import * as ClientSessionStore from "../ClientSessionStore.ts"
import type { Options as CryptoOptions, CryptoProvider } from "../CryptoProvider.ts"
import * as ServerVerifier from "../ServerVerifier.ts"
import * as Tickets from "../Tickets.ts"
import type { TlsError } from "../TlsError.ts"
import * as TrustAnchors from "../TrustAnchors.ts"
import * as NodeCertificateCompression from "./NodeCertificateCompression.ts"
import * as NodeCryptoProvider from "./NodeCryptoProvider.ts"
import * as SystemTrust from "./SystemTrust.ts"

/** What differs from {@link layer}. */
export interface Options {
  /** PEM of the authorities to believe, in the place of the machine's. */
  readonly ca?: string | Uint8Array | undefined
  /** Suites and groups of the provider, narrowed and reordered by name. */
  readonly crypto?: CryptoOptions | undefined
}

/** Memory for records without zeroing it first: every byte of it is written. */
export const layerAllocator: Layer.Layer<never> = Layer.succeed(Allocator, (size) => Buffer.allocUnsafeSlow(size))

/**
 * Cryptography by node:crypto, certificates compressed by node:zlib, sessions resumed from memory; servers judged by
 * the authorities in `ca`.
 */
export const layerWith = (
  options: Options
): Layer.Layer<CryptoProvider | ServerVerifier.ServerVerifier | TrustAnchors.TrustAnchors, TlsError> =>
  ServerVerifier.layerWebPki.pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        NodeCryptoProvider.layerWith(options.crypto ?? {}),
        options.ca === undefined ? SystemTrust.layerSystem : TrustAnchors.layerPem(options.ca),
        layerAllocator,
        NodeCertificateCompression.layer,
        ClientSessionStore.layerMemory(),
        Tickets.layerSealed().pipe(Layer.provide(NodeCryptoProvider.layer))
      )
    )
  )

/**
 * Cryptography by node:crypto, certificates compressed by node:zlib, sessions resumed from memory; servers judged as
 * the web does it, by the authorities that this machine trusts.
 *
 * @example
 * program.pipe(Effect.scoped, Effect.provide(NodeTls.layer), NodeRuntime.runMain)
 */
export const layer: Layer.Layer<CryptoProvider | ServerVerifier.ServerVerifier | TrustAnchors.TrustAnchors, TlsError> =
  layerWith({})
