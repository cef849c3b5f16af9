/** AEADs on @noble/ciphers. AES here is table-driven: where a cache can be watched, prefer ChaCha20-Poly1305. */
import { gcm } from "@noble/ciphers/aes.js"
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { type Aead, type AeadKey, type AeadName, type Primitives, tagSize } from "../primitives.ts"

type Noble = typeof gcm | typeof chacha20poly1305

const aeadKey = (cipher: Noble, bytes: Uint8Array): AeadKey => {
  const key = bytes.slice()
  return {
    seal: (nonce, additional, head, tail, out, offset) => {
      // A buffer of its own for the plaintext: noble is fast on aligned words only, and `offset` seldom is.
      const plaintext = new Uint8Array(head.length + tail.length)
      plaintext.set(head)
      plaintext.set(tail, head.length)
      out.set(cipher(key, nonce, additional).encrypt(plaintext), offset)
    },
    open: (nonce, additional, sealed) => {
      if (sealed.length < tagSize) return undefined
      try {
        return cipher(key, nonce, additional).decrypt(sealed)
      } catch {
        return undefined
      }
    }
  }
}

const aead = (name: AeadName, keySize: number, cipher: Noble): Aead => ({
  name,
  keySize,
  key: (bytes) => aeadKey(cipher, bytes)
})

export const aeads: Primitives["aeads"] = {
  "AES-128-GCM": aead("AES-128-GCM", 16, gcm),
  "AES-256-GCM": aead("AES-256-GCM", 32, gcm),
  "CHACHA20-POLY1305": aead("CHACHA20-POLY1305", 32, chacha20poly1305)
}
