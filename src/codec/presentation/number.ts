/** RFC 9846 section 3.3: unsigned integers. */
import * as Schema from "effect/Schema"
import type { Wire } from "./wire.ts"

const uint = (size: number): Wire<number> => ({
  schema: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 256 ** size - 1 })),
  read: (reader) => reader.uint(size),
  write: (writer, value) => writer.uint(size, value)
})

/** 1 byte: 0 to 255. */
export const uint8 = uint(1)
/** 2 bytes, big-endian, as all of them. */
export const uint16 = uint(2)
/** 3 bytes: the length of a handshake message. */
export const uint24 = uint(3)
/** 4 bytes. */
export const uint32 = uint(4)

/** 8 bytes, as a `bigint`: a JavaScript number holds 53 bits. */
export const uint64: Wire<bigint> = {
  schema: Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 2n ** 64n - 1n })),
  read: (reader) => (BigInt(reader.uint(4)) << 32n) | BigInt(reader.uint(4)),
  write: (writer, value) => {
    if (value < 0n || value >= 2n ** 64n) return writer.fail("an unsigned integer of 8 bytes")
    writer.uint(4, Number(value >> 32n))
    writer.uint(4, Number(value & 0xffffffffn))
  }
}
