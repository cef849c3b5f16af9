/** RFC 9846 section 4.3.10: early_data. In ClientHello and EncryptedExtensions it is empty. */
import { codec } from "../presentation/codec.ts"
import { uint32 } from "../presentation/number.ts"
import { struct } from "../presentation/struct.ts"
import type { Wire } from "../presentation/wire.ts"

/** In a NewSessionTicket: how many bytes of early data the ticket allows. */
export const EarlyDataIndication = codec("EarlyDataIndication", struct({ max_early_data_size: uint32 }))
export type EarlyDataIndication = Wire.Type<typeof EarlyDataIndication>
