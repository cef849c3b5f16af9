/** Header protection of QUIC on node:crypto. */
import * as Crypto from "node:crypto"
import { type HeaderMask, type HeaderProtection, masking, maskSize } from "../quic/headerProtection.ts"
import { plain } from "./bytes.ts"

const aes =
  (cipher: "aes-128-ecb" | "aes-256-ecb") =>
  (bytes: Uint8Array): HeaderMask => {
    const key = Crypto.createSecretKey(bytes)
    return masking((sample) => plain(Crypto.createCipheriv(cipher, key, null).update(sample)))
  }

const zeros = new Uint8Array(maskSize)

/** OpenSSL takes the counter and the nonce as one IV of 16 bytes, which is what the sample is. */
const chacha20 = (bytes: Uint8Array): HeaderMask => {
  const key = Crypto.createSecretKey(bytes)
  return masking((sample) => plain(Crypto.createCipheriv("chacha20", key, sample).update(zeros)))
}

/** The mask of a packet header, by the AEAD of the suite (RFC 9001 section 5.4). */
export const headerProtection: HeaderProtection = {
  "AES-128-GCM": aes("aes-128-ecb"),
  "AES-256-GCM": aes("aes-256-ecb"),
  "CHACHA20-POLY1305": chacha20
}
