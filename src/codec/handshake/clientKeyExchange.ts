/** RFC 8422 section 5.7: ClientKeyExchange of TLS 1.2, for ECDHE. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { opaque } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** The client's share: `opaque point<1..2^8-1>`. */
export const ClientKeyExchange = codec("ClientKeyExchange", struct({ ecdh_Yc: opaque({ min: 1, max: 255 }) }))
export type ClientKeyExchange = Wire.Type<typeof ClientKeyExchange>
