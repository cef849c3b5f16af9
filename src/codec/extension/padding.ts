/** RFC 7685: padding. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { remainder } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** Zeros that bring a ClientHello to a length. A server has no use for them and does not look at them. */
export const Padding = codec("Padding", struct({ padding: remainder }))
export type Padding = Wire.Type<typeof Padding>
