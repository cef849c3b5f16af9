/** RFC 9846 section 5.1; IANA "TLS ContentType". */
import { type Open, openEnum } from "../presentation/enum.ts"

/** `uint8`: what a record carries. `invalid` is never sent: a zero inside a protected record is padding. */
export const ContentType = openEnum(1, {
  invalid: 0,
  change_cipher_spec: 20,
  alert: 21,
  handshake: 22,
  application_data: 23
})
export type ContentType = Open<typeof ContentType.registry>
