/**
 * RFC 9001 section 8.2 and RFC 9000 section 18: quic_transport_parameters.
 *
 * TLS hands them over as bytes, since the version of QUIC says what they mean; this is their form in QUIC version 1,
 * for those who want to look.
 */
import * as Schema from "effect/Schema"
import { codec } from "../presentation/codec.ts"
import type { Reader, Writer } from "../presentation/cursor.ts"
import { struct } from "../presentation/struct.ts"
import { items } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

const readVarint = (reader: Reader): bigint => {
  const first = reader.uint(1)
  let value = BigInt(first & 0x3f)
  for (let more = 2 ** (first >> 6) - 1; more > 0; more--) value = (value << 8n) | BigInt(reader.uint(1))
  return value
}

const writeVarint = (writer: Writer, value: bigint): void => {
  const exponent = [6n, 14n, 30n, 62n].findIndex((bits) => value >> bits === 0n)
  if (value < 0n || exponent < 0) writer.fail("an unsigned integer of 62 bits")
  const length = 2 ** Math.max(exponent, 0)
  const tagged = value | (BigInt(exponent) << BigInt(length * 8 - 2))
  for (let at = length - 1; at >= 0; at--) writer.uint(1, Number((tagged >> BigInt(at * 8)) & 0xffn))
}

/** RFC 9000 section 16: an integer below 2^62 in 1, 2, 4 or 8 bytes. */
export const varint: Wire<bigint> = {
  schema: Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 2n ** 62n - 1n })),
  read: readVarint,
  write: writeVarint
}

const value: Wire<Uint8Array> = {
  schema: Schema.Uint8Array.check(
    Schema.isMaxLength(2 ** 16 - 1),
    Schema.makeFilter(() => true, { arbitraryConstraint: { maxLength: 40 } })
  ),
  read: (reader) => {
    const length = readVarint(reader)
    if (length <= BigInt(reader.remaining)) return reader.take(Number(length))
    reader.fail(`${length} more bytes, but ${reader.remaining} are left`)
    return reader.rest()
  },
  write: (writer, bytes) => {
    writeVarint(writer, BigInt(bytes.length))
    writer.put(bytes)
  }
}

/** One parameter: its id and its bytes. */
export const TransportParameter = codec("TransportParameter", struct({ id: varint, value }))
export type TransportParameter = Wire.Type<typeof TransportParameter>

/** The parameters, one after another up to the end of the extension. */
export const TransportParameters = codec("TransportParameters", items(TransportParameter.wire))
export type TransportParameters = Wire.Type<typeof TransportParameters>
