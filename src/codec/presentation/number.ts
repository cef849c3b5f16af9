/** RFC 9846 section 3.3: unsigned integers. */
import * as Schema from "effect/Schema"
import type { Wire } from "./wire.ts"

const uint = (size: number): Wire<number> => ({
  schema: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 256 ** size - 1 })),
  read: (reader) => reader.uint(size),
  write: (writer, value) => writer.uint(size, value)
})

export const uint8 = uint(1)
export const uint16 = uint(2)
export const uint24 = uint(3)
export const uint32 = uint(4)

/** The one number that does not fit a JavaScript number. */
export const uint64: Wire<bigint> = {
  schema: Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 2n ** 64n - 1n })),
  read: (reader) => (BigInt(reader.uint(4)) << 32n) | BigInt(reader.uint(4)),
  write: (writer, value) => {
    if (value < 0n || value >= 2n ** 64n) return writer.fail("an unsigned integer of 8 bytes")
    writer.uint(4, Number(value >> 32n))
    writer.uint(4, Number(value & 0xffffffffn))
  }
}
