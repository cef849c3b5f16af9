/** RFC 9846 sections 4.2.3 and 4.2.4: ServerHello and HelloRetryRequest, one structure that `random` tells apart. */
import { trailingExtensions } from "../extension/extension.ts"
import type { MessageName } from "../extension/placement.ts"
import { codec } from "../presentation/codec.ts"
import { uint8 } from "../presentation/number.ts"
import { fixedBytes, refine, struct } from "../presentation/struct.ts"
import { opaque } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { CipherSuite } from "../registry/cipherSuite.ts"
import { ProtocolVersion } from "../registry/protocolVersion.ts"
import { Random } from "./clientHello.ts"

/** SHA-256 of "HelloRetryRequest": the random that makes a ServerHello a HelloRetryRequest. */
export const helloRetryRequestRandom: ReadonlyArray<number> = [
  0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
  0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c
]

/** Whether these 32 bytes are the random of a HelloRetryRequest. */
export const isHelloRetryRequestRandom = (random: Uint8Array): boolean =>
  random.length === 32 && helloRetryRequestRandom.every((byte, i) => random[i] === byte)

/** The fields after `random`. */
const selected = <M extends MessageName>(message: M) => ({
  legacy_session_id_echo: opaque({ min: 0, max: 32 }),
  cipher_suite: CipherSuite,
  legacy_compression_method: uint8,
  extensions: trailingExtensions(message)
})

/** What the server chose, in TLS 1.3 or, without supported_versions, in TLS 1.2. */
export const ServerHello = codec(
  "ServerHello",
  struct({
    legacy_version: ProtocolVersion,
    random: refine(Random, (random) => !isHelloRetryRequestRandom(random), "a random that is no HelloRetryRequest's"),
    ...selected("ServerHello")
  })
)
export type ServerHello = Wire.Type<typeof ServerHello>

/** The server's wish for another ClientHello. Its random is always the same and no part of the value. */
export const HelloRetryRequest = codec(
  "HelloRetryRequest",
  struct({
    legacy_version: ProtocolVersion,
    random: fixedBytes(helloRetryRequestRandom, "the random of a HelloRetryRequest"),
    ...selected("HelloRetryRequest")
  })
)
export type HelloRetryRequest = Wire.Type<typeof HelloRetryRequest>

const downgrade = [0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44] // "DOWNGRD"

/**
 * RFC 9846 section 4.2.3: the end of the random of a server that could do better than the version it chose.
 *
 * @returns the version it claims to have been held to (`"TLSv1.1"` stands for that or below), or `undefined`
 */
export const downgradeSentinel = (random: Uint8Array): "TLSv1.2" | "TLSv1.1" | undefined => {
  if (random.length !== 32 || !downgrade.every((byte, i) => random[24 + i] === byte)) return undefined
  return random[31] === 1 ? "TLSv1.2" : random[31] === 0 ? "TLSv1.1" : undefined
}
