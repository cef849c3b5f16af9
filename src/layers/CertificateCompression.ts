/** Which algorithms compress certificates (RFC 8879), as a service that need not be there. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { CertificateCompressor } from "../crypto/compression.ts"
import { zlib } from "../crypto/zlib.ts"

export { type CertificateCompressor, remembering } from "../crypto/compression.ts"

/**
 * The algorithms in use, the preferred first: they are offered to the peer, and of those the peer offers the first
 * compresses our own certificate. By default there is none, and certificates come and go as they are; `NodeTls.layer`
 * brings those of node:zlib.
 */
export const CertificateCompression: Context.Reference<ReadonlyArray<CertificateCompressor>> = Context.Reference(
  "effect-tls/layers/CertificateCompression",
  { defaultValue: (): ReadonlyArray<CertificateCompressor> => [] }
)

/** These algorithms. Wrap one of your own in `remembering`, or it compresses the same chain in every handshake. */
export const layer = (compressors: ReadonlyArray<CertificateCompressor>): Layer.Layer<never> =>
  Layer.succeed(CertificateCompression, compressors)

/** zlib in JavaScript, which runs anywhere. Browsers offer brotli alone. */
export const layerPortable: Layer.Layer<never> = layer([zlib])

/** None, below a layer that brings some. */
export const layerNone: Layer.Layer<never> = layer([])
