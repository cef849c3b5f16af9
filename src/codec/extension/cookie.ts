/** RFC 9846 section 4.3.2: cookie. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { opaque } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** `opaque cookie<1..2^16-1>`: what a server wants to be told again in the second ClientHello. */
export const Cookie = codec("Cookie", struct({ cookie: opaque({ min: 1, max: 2 ** 16 - 1 }) }))
export type Cookie = Wire.Type<typeof Cookie>
