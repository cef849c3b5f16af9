/** RFC 9001 section 5.4: what hides the packet number, and the bits of the first byte that say how long it is. */
import type { AeadName } from "../primitives.ts"

/** Bytes of the ciphertext that a mask is made of, and of the mask. */
const sampleSize = 16
export const maskSize = 5

/**
 * The mask for a sample of 16 bytes: 5 bytes (sections 5.4.3 and 5.4.4). The first, cut to its low 4 bits in a long
 * header and to 5 in a short one, is xored onto the first byte of the packet, the others onto the packet number.
 * `undefined` for a sample of any other size: a packet too short for one is discarded (section 5.4.2).
 */
export type HeaderMask = (sample: Uint8Array) => Uint8Array | undefined

/** A mask for samples of the right size only, of a function that makes at least 5 bytes. */
export const masking =
  (make: (sample: Uint8Array) => Uint8Array): HeaderMask =>
  (sample) =>
    sample.length === sampleSize ? make(sample).slice(0, maskSize) : undefined

/**
 * Header protection by AEAD: sets a key up, 16 or 32 bytes as the AEAD's own, which may be wiped afterwards. It is made
 * of a bare block cipher, which no `Aead` is, so it has an interface of its own.
 */
export type HeaderProtection = { readonly [A in AeadName]: (key: Uint8Array) => HeaderMask }

/** The block counter of ChaCha20 (section 5.4.4): the first 4 bytes of the sample, little-endian. */
export const chachaCounter = (sample: Uint8Array): number =>
  new DataView(sample.buffer, sample.byteOffset, sample.byteLength).getUint32(0, true)
