/** Certificates compressed by node:zlib (RFC 8879). */
import type * as Layer from "effect/Layer"
import { certificateCompressors } from "../../crypto/node/compression.ts"
import * as CertificateCompression from "../CertificateCompression.ts"

/** brotli, zstd and zlib, as far as the platform has them, in this order. */
export const layer: Layer.Layer<never> = CertificateCompression.layer(certificateCompressors)
