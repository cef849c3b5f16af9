/** Records that anyone can read and forge: for fuzzers, which would otherwise never get past the tag. */
import type * as Layer from "effect/Layer"
import { type Aead, type AeadKey, type Primitives, tagSize } from "../../crypto/primitives.ts"
import { type CryptoProvider, layerPrimitives } from "../CryptoProvider.ts"
import { deterministicPrimitives } from "./deterministic.ts"

/** Plaintext and a tag of zeros; any tag is right. */
const nullKey: AeadKey = {
  seal: (_nonce, _additional, head, tail, out, offset) => {
    const size = head.length + tail.length
    out.set(head, offset)
    out.set(tail, offset + head.length)
    out.fill(0, offset + size, offset + size + tagSize)
  },
  open: (_nonce, _additional, sealed) =>
    sealed.length < tagSize ? undefined : sealed.slice(0, sealed.length - tagSize)
}

const nullAead = (aead: Aead): Aead => ({ name: aead.name, keySize: aead.keySize, key: () => nullKey })

/** Deterministic primitives without encryption. */
export const nullPrimitivesForTests = (seed: string | Uint8Array): Primitives => {
  const primitives = deterministicPrimitives(seed)
  return {
    ...primitives,
    name: "null (tests only: nothing is encrypted)",
    aeads: {
      "AES-128-GCM": nullAead(primitives.aeads["AES-128-GCM"]),
      "AES-256-GCM": nullAead(primitives.aeads["AES-256-GCM"]),
      "CHACHA20-POLY1305": nullAead(primitives.aeads["CHACHA20-POLY1305"])
    }
  }
}

/** A `CryptoProvider` that encrypts nothing. Both ends must use it. */
export const layerNullForTests = (seed: string | Uint8Array = "null"): Layer.Layer<CryptoProvider> =>
  layerPrimitives(nullPrimitivesForTests(seed))
