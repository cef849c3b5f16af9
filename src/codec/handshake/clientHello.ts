/** RFC 9846 section 4.2.2: ClientHello. */
import { trailingExtensions } from "../extension/extension.ts"
import { codec } from "../presentation/codec.ts"
import { Reader } from "../presentation/cursor.ts"
import { struct } from "../presentation/struct.ts"
import { opaque, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { CipherSuite } from "../registry/cipherSuite.ts"
import { ExtensionType } from "../registry/extensionType.ts"
import { ProtocolVersion } from "../registry/protocolVersion.ts"

/** `opaque Random[32]`. */
export const Random = opaque(32)

/**
 * The first message of a client, of TLS 1.3 or an older version.
 *
 * `extensions` is empty both for an empty block and for a message of TLS 1.2 that has none.
 */
export const ClientHello = codec(
  "ClientHello",
  struct({
    legacy_version: ProtocolVersion,
    random: Random,
    legacy_session_id: opaque({ min: 0, max: 32 }),
    cipher_suites: vector(CipherSuite, { min: 2, max: 2 ** 16 - 2 }),
    legacy_compression_methods: opaque({ min: 1, max: 2 ** 8 - 1 }),
    extensions: trailingExtensions("ClientHello")
  })
)
export type ClientHello = Wire.Type<typeof ClientHello>

const skip = (reader: Reader, prefix: number): Uint8Array => reader.take(reader.uint(prefix))

/**
 * RFC 9846 section 4.3.11.2, Truncate(): how much of a ClientHello the binders bind.
 *
 * @param raw the whole message with its header of 4 bytes
 * @returns the offset of the binders list with its length, or `undefined` where pre_shared_key is not the last extension
 */
export const truncatedLength = (raw: Uint8Array): number | undefined => {
  const reader = new Reader(raw)
  reader.take(4 + 2 + 32)
  skip(reader, 1)
  skip(reader, 2)
  skip(reader, 1)
  reader.uint(2)
  while (reader.remaining > 0) {
    const type = reader.uint(2)
    const data = skip(reader, 2)
    if (reader.failure === undefined && reader.remaining === 0 && type === ExtensionType.registry.pre_shared_key) {
      const psk = new Reader(data)
      skip(psk, 2)
      return psk.failure === undefined ? raw.length - psk.remaining : undefined
    }
  }
  return undefined
}
