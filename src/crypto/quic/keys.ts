/** RFC 9001 sections 5.1, 5.2 and 6.1: from a secret to what protects packets. */
import { expandLabel, extract } from "../hkdf.ts"
import { type Hash, nonceSize } from "../primitives.ts"
import { Secret } from "../secret.ts"
import type { CipherSuite13 } from "../suite.ts"

const none = new Uint8Array(0)

/** 0x38762cf7f55934b34d179ae6a4c80cadccbb7f0a, of QUIC version 1 (section 5.2). */
const initialSalt = Uint8Array.of(
  ...[0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17],
  ...[0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a]
)

/** The secrets of the Initial packets, by who sends them: 32 bytes each. Whoever sees the packet can derive them. */
export interface InitialSecrets {
  readonly client: Secret<"client initial">
  readonly server: Secret<"server initial">
}

/**
 * The Initial secrets (section 5.2), which belong to `TLS_AES_128_GCM_SHA256`; `sha256` is its hash. `connectionId` is
 * the Destination Connection ID of the client's first Initial packet, 0 to 20 bytes; after a Retry, of the next one.
 *
 * @example
 * const { client, server } = QuicPackets.initialSecrets(noblePrimitives.hashes.sha256, connectionId)
 */
export const initialSecrets = (sha256: Hash, connectionId: Uint8Array): InitialSecrets => {
  const initial = new Secret("initial", extract(sha256, initialSalt, connectionId))
  return {
    client: new Secret("client initial", expandLabel(sha256, initial, "client in", none, sha256.size)),
    server: new Secret("server initial", expandLabel(sha256, initial, "server in", none, sha256.size))
  }
}

/** What one direction of one encryption level protects packets with. The arrays are the caller's: wipe them. */
export interface PacketKeys {
  /** 16 or 32 bytes, for the AEAD of the suite. */
  readonly key: Uint8Array
  /** 12 bytes, for `packetNonce`. */
  readonly iv: Uint8Array
}

/** `"quic key"` and `"quic iv"` (section 5.1). */
export const packetKeys = (suite: CipherSuite13, secret: Secret<string>): PacketKeys => ({
  key: expandLabel(suite.hash, secret, "quic key", none, suite.aead.keySize),
  iv: expandLabel(suite.hash, secret, "quic iv", none, nonceSize)
})

/** `"quic hp"` (section 5.4): 16 or 32 bytes. A key update leaves it as it is (section 6.1). */
export const headerKey = (suite: CipherSuite13, secret: Secret<string>): Uint8Array =>
  expandLabel(suite.hash, secret, "quic hp", none, suite.aead.keySize)

/** `"quic ku"` (section 6.1): the application secret of this direction after a key update. The old one is not wiped. */
export const nextSecret = <Stage extends string>(suite: CipherSuite13, secret: Secret<Stage>): Secret<Stage> =>
  new Secret(secret.stage, expandLabel(suite.hash, secret, "quic ku", none, suite.hash.size))

/** The nonce of a packet (section 5.3): its number of 62 bits, left-padded to 12 bytes, xored with the IV. */
export const packetNonce = (iv: Uint8Array, packetNumber: bigint): Uint8Array => {
  const nonce = iv.slice()
  for (let at = nonce.length - 1, rest = packetNumber; rest > 0n && at >= 0; at--, rest >>= 8n) {
    nonce[at] = (nonce[at] ?? 0) ^ Number(rest & 0xffn)
  }
  return nonce
}
