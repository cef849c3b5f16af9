/** RFC 9001 section 5.8: the tag at the end of a Retry packet. */
import { type Aead, tagSize } from "../primitives.ts"

const none = new Uint8Array(0)

/** Of QUIC version 1, and known to everybody: the tag shows that its maker saw the Initial packet, and no more. */
const key = Uint8Array.of(
  ...[0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a],
  ...[0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e]
)
const nonce = Uint8Array.of(0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb)

/**
 * The Retry Integrity Tag, 16 bytes, of a Retry packet without its tag. `originalId` is the Destination Connection ID
 * of the Initial packet that it answers, at most 20 bytes; `aes128Gcm` is `primitives.aeads["AES-128-GCM"]`. Who checks
 * a tag computes it and compares.
 */
export const retryIntegrityTag = (aes128Gcm: Aead, originalId: Uint8Array, packet: Uint8Array): Uint8Array => {
  const pseudoPacket = new Uint8Array(1 + originalId.length + packet.length)
  pseudoPacket[0] = originalId.length
  pseudoPacket.set(originalId, 1)
  pseudoPacket.set(packet, 1 + originalId.length)
  const tag = new Uint8Array(tagSize)
  aes128Gcm.key(key).seal(nonce, pseudoPacket, none, none, tag, 0)
  return tag
}
