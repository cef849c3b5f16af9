/** RFC 9846 section 4.7.3: KeyUpdate. */
import { codec } from "../presentation/codec.ts"
import { closedEnum } from "../presentation/enum.ts"
import { struct } from "../presentation/struct.ts"
import type { Wire } from "../presentation/wire.ts"

/** `uint8`: any other value is an `illegal_parameter`. */
export const KeyUpdateRequest = closedEnum(1, { update_not_requested: 0, update_requested: 1 })
export type KeyUpdateRequest = Wire.Type<typeof KeyUpdateRequest>

/** The sender's next record has new keys; whether the receiver shall do likewise. */
export const KeyUpdate = codec("KeyUpdate", struct({ request_update: KeyUpdateRequest }))
export type KeyUpdate = Wire.Type<typeof KeyUpdate>
