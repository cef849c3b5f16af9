/** RFC 9846 section 4.3.1: supported_versions. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { ProtocolVersion } from "../registry/protocolVersion.ts"

/** In a ClientHello: `ProtocolVersion versions<2..254>`, most preferred first. */
export const SupportedVersionsClientHello = codec(
  "SupportedVersionsClientHello",
  struct({ versions: vector(ProtocolVersion, { min: 2, max: 254 }) })
)
export type SupportedVersionsClientHello = Wire.Type<typeof SupportedVersionsClientHello>

/** In a ServerHello or a HelloRetryRequest: `ProtocolVersion selected_version`. */
export const SupportedVersionsServerHello = codec(
  "SupportedVersionsServerHello",
  struct({ selected_version: ProtocolVersion })
)
export type SupportedVersionsServerHello = Wire.Type<typeof SupportedVersionsServerHello>
