/** The extensions that only TLS 1.2 uses: RFC 5746, 7627, 5077 and 8422. A TLS 1.3 client offers them for its sake. */
import { codec } from "../presentation/codec.ts"
import { type Open, openEnum } from "../presentation/enum.ts"
import { struct } from "../presentation/struct.ts"
import { opaque, remainder, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** RFC 5746 section 3.2: `opaque renegotiated_connection<0..255>`, empty in a first handshake. */
export const RenegotiationInfo = codec(
  "RenegotiationInfo",
  struct({ renegotiated_connection: opaque({ min: 0, max: 255 }) })
)
export type RenegotiationInfo = Wire.Type<typeof RenegotiationInfo>

/** RFC 5077 section 3.2: a ticket of TLS 1.2, or nothing to ask for one. */
export const SessionTicket = codec("SessionTicket", struct({ ticket: remainder }))
export type SessionTicket = Wire.Type<typeof SessionTicket>

/** RFC 8422 section 5.1.2: how a point is written. Only `uncompressed` is still in use. */
export const ECPointFormat = openEnum(1, {
  uncompressed: 0,
  ansiX962_compressed_prime: 1,
  ansiX962_compressed_char2: 2
})
export type ECPointFormat = Open<typeof ECPointFormat.registry>

/** `ECPointFormat ec_point_format_list<1..2^8-1>`. */
export const ECPointFormatList = codec(
  "ECPointFormatList",
  struct({ ec_point_format_list: vector(ECPointFormat, { min: 1, max: 2 ** 8 - 1 }) })
)
export type ECPointFormatList = Wire.Type<typeof ECPointFormatList>
