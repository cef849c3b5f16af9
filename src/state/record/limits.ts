/** Every number that bounds the record layer, under one name each. Sections are RFC 9846's. */
import { MAX_CIPHERTEXT, MAX_CIPHERTEXT_12, MAX_PLAINTEXT } from "../../codec/record/record.ts"
import type { AeadName, KeyLimits } from "../../crypto/primitives.ts"

/** 2^14 bytes of content in a record: `TLSPlaintext.length` (section 5.1). */
export const maxPlaintext = MAX_PLAINTEXT

/** Bytes of `TLSInnerPlaintext`: content, its type and padding (section 5.4). */
export const maxInnerPlaintext13 = maxPlaintext + 1

/** 2^14 + 256 bytes of a protected record of TLS 1.3 behind its header (section 5.2). */
export const maxCiphertext13 = MAX_CIPHERTEXT

/** 2^14 + 2048 bytes of a protected record of TLS 1.2 behind its header (RFC 5246 section 6.2.3). */
export const maxCiphertext12 = MAX_CIPHERTEXT_12

/** Bytes of a handshake message behind its header. Section 4 allows 2^24 - 1; nothing honest comes near 64 KiB. */
export const maxHandshakeMessage = 65_536

/** Bytes of input that may wait to be read. One larger chunk is taken, but nothing after it. */
export const maxBufferedInput = 2 ** 20

/** Consecutive records of application data with nothing in them: cover traffic is legal, a flood is not (section 5.4). */
export const maxEmptyRecords = 32

/** Records of type change_cipher_spec that are dropped in a handshake (section 5, appendix E.4). */
export const maxChangeCipherSpecs = 2

/** Consecutive handshake messages after the handshake; application data starts the count again (section 4.7). */
export const maxPostHandshakeMessages = 32

/** The last sequence number used: the last integer that a `number` holds exactly, well before the wrap (section 5.3). */
export const maxSequence = Number.MAX_SAFE_INTEGER

// 2^24.5 full records keep AES-GCM's margin. For ChaCha20-Poly1305 the sequence number would wrap first.
const aesGcm: KeyLimits = { updateAfter: 2 ** 23, stopAfter: 2 ** 24 }
const chaCha: KeyLimits = { updateAfter: 2 ** 47, stopAfter: 2 ** 48 }

const limits: { readonly [A in AeadName]: KeyLimits } = {
  "AES-128-GCM": aesGcm,
  "AES-256-GCM": aesGcm,
  "CHACHA20-POLY1305": chaCha
}

/** What one key of this AEAD may do, if its provider sets no other limits. */
export const keyLimits = (aead: AeadName): KeyLimits => limits[aead]

/**
 * Alerts in a row, with no data between them, that end nothing: `user_canceled` in TLS 1.3 (RFC 9846 section 6.1), all
 * warnings in TLS 1.2.
 */
export const maxWarnings = 4
