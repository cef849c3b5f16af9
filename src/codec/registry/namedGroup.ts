/** RFC 9846 section 4.3.7; IANA "TLS Supported Groups". */
import { type Open, openEnum } from "../presentation/enum.ts"

/** `uint16`: the groups of the key exchange. */
export const NamedGroup = openEnum(2, {
  secp256r1: 0x0017,
  secp384r1: 0x0018,
  secp521r1: 0x0019,
  x25519: 0x001d,
  x448: 0x001e,
  ffdhe2048: 0x0100,
  ffdhe3072: 0x0101,
  ffdhe4096: 0x0102,
  ffdhe6144: 0x0103,
  ffdhe8192: 0x0104,
  MLKEM512: 0x0200,
  MLKEM768: 0x0201,
  MLKEM1024: 0x0202,
  SecP256r1MLKEM768: 0x11eb,
  X25519MLKEM768: 0x11ec,
  SecP384r1MLKEM1024: 0x11ed
})
export type NamedGroup = Open<typeof NamedGroup.registry>
