/** RFC 7301: application_layer_protocol_negotiation. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { text, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** `opaque ProtocolName<1..2^8-1>` as a string of one character a byte: `"h2"`, and GREASE survives. */
export const ProtocolName = text({ min: 1, max: 255 })
export type ProtocolName = Wire.Type<typeof ProtocolName>

/** `ProtocolName protocol_name_list<2..2^16-1>`; a server's answer holds exactly one. */
export const ProtocolNameList = codec(
  "ProtocolNameList",
  struct({ protocol_name_list: vector(ProtocolName, { min: 2, max: 2 ** 16 - 1 }) })
)
export type ProtocolNameList = Wire.Type<typeof ProtocolNameList>
