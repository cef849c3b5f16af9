/** Header protection of QUIC on @noble/ciphers. */
import { ecb } from "@noble/ciphers/aes.js"
import { chacha20 } from "@noble/ciphers/chacha.js"
import { chachaCounter, type HeaderMask, type HeaderProtection, masking, maskSize } from "../quic/headerProtection.ts"

const aes = (bytes: Uint8Array): HeaderMask => {
  const key = bytes.slice()
  return masking((sample) => ecb(key, { disablePadding: true }).encrypt(sample))
}

const zeros = new Uint8Array(maskSize)

const chacha = (bytes: Uint8Array): HeaderMask => {
  const key = bytes.slice()
  return masking((sample) => chacha20(key, sample.slice(4), zeros, undefined, chachaCounter(sample)))
}

/** The mask of a packet header, by the AEAD of the suite (RFC 9001 section 5.4). */
export const headerProtection: HeaderProtection = {
  "AES-128-GCM": aes,
  "AES-256-GCM": aes,
  "CHACHA20-POLY1305": chacha
}
