/** RFC 5246 section 7.1 and RFC 9846 section 5: change_cipher_spec, which TLS 1.3 sends to please middleboxes. */
import { codec } from "../presentation/codec.ts"
import { closedEnum } from "../presentation/enum.ts"
import { struct } from "../presentation/struct.ts"
import type { Wire } from "../presentation/wire.ts"

/** One byte, 0x01. */
export const ChangeCipherSpec = codec("ChangeCipherSpec", struct({ type: closedEnum(1, { change_cipher_spec: 1 }) }))
export type ChangeCipherSpec = Wire.Type<typeof ChangeCipherSpec>

/** Whether the content of a record is the one change_cipher_spec there is; any other is an `unexpected_message`. */
export const isChangeCipherSpec = (content: Uint8Array): boolean => content.length === 1 && content[0] === 1
