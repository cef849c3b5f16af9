/** The transcript (RFC 9846 section 4.1): what was said so far, in both directions, as a value. */
import { concat } from "../codec/bytes.ts"
import type { Hash, HashState } from "../crypto/primitives.ts"

/**
 * The messages themselves: while the hash function is not known, and all through a handshake of TLS 1.2, where
 * CertificateVerify may sign them with another hash than Finished uses (RFC 5246 section 7.4.8).
 */
export interface Heard {
  readonly _tag: "Heard"
  readonly messages: ReadonlyArray<Uint8Array>
}

/** A running hash. Older values stay good: Finished and CertificateVerify need the hash as it was. */
export interface Hashing {
  readonly _tag: "Hashing"
  readonly hash: Hash
  readonly state: HashState
}

export type Transcript = Heard | Hashing

export const heard = (message: Uint8Array): Heard => ({ _tag: "Heard", messages: [message] })

/** The hash is known: everything heard so far goes into it. */
export const hashing = (self: Heard, hash: Hash): Hashing => ({
  _tag: "Hashing",
  hash,
  state: self.messages.reduce((state, message) => state.append(message), hash.start)
})

/**
 * After a HelloRetryRequest the first ClientHello is replaced by a `message_hash` message that holds its hash
 * (RFC 9846 section 4.1). Made from `Heard` only, so it cannot be forgotten and cannot happen twice.
 */
export const messageHash = (self: Heard, hash: Hash): Hashing => {
  const digest = self.messages.reduce((state, message) => state.append(message), hash.start).digest()
  const header = Uint8Array.of(254, 0, 0, hash.size)
  return { _tag: "Hashing", hash, state: hash.start.append(header).append(digest) }
}

export const append = (self: Hashing, message: Uint8Array): Hashing => ({
  _tag: "Hashing",
  hash: self.hash,
  state: self.state.append(message)
})

/** `Transcript-Hash(M1, … Mn)`. */
export const digest = (self: Hashing): Uint8Array => self.state.digest()

/** One message more. */
export const hear = ({ messages }: Heard, message: Uint8Array): Heard => ({
  _tag: "Heard",
  messages: [...messages, message]
})

/** `Hash(handshake_messages)`. */
export const digestOf = (self: Heard, hash: Hash): Uint8Array => digest(hashing(self, hash))

/** `handshake_messages`, all of them, one behind the other. */
export const spoken = ({ messages }: Heard): Uint8Array => concat(messages)
