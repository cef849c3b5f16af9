/** `CryptoProvider` on node:crypto. */
import type * as Layer from "effect/Layer"
import { primitives } from "../../crypto/node/index.ts"
import { type CryptoProvider, layerPrimitives, layerPrimitivesWith, type Options } from "../CryptoProvider.ts"
import type { TlsError } from "../TlsError.ts"

/** Cryptography by OpenSSL inside Node, AES-GCM preferred. */
export const layer: Layer.Layer<CryptoProvider> = layerPrimitives(primitives)

/** `CryptoProvider` on node:crypto, with suites and groups narrowed and reordered by name. */
export const layerWith = (options: Options): Layer.Layer<CryptoProvider, TlsError> =>
  layerPrimitivesWith(primitives, options)
