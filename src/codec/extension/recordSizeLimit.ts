/** RFC 8449: record_size_limit. */
import { codec } from "../presentation/codec.ts"
import { uint16 } from "../presentation/number.ts"
import { refine, struct } from "../presentation/struct.ts"
import type { Wire } from "../presentation/wire.ts"

/**
 * The longest plaintext the sender wants to receive in one record, in bytes; in TLS 1.3 it counts the inner content
 * type and the padding. Below 64 it is an `illegal_parameter`.
 */
export const RecordSizeLimit = codec(
  "RecordSizeLimit",
  struct({ record_size_limit: refine(uint16, (limit) => limit >= 64, "a limit of 64 bytes or more") })
)
export type RecordSizeLimit = Wire.Type<typeof RecordSizeLimit>
