/** RFC 9846 section 4.2.2: `uint16 ProtocolVersion`. */
import { type Open, openEnum } from "../presentation/enum.ts"

/** `uint16`: the versions of TLS. Those before TLS 1.2 have names only so that they can be shown and refused. */
export const ProtocolVersion = openEnum(2, {
  "TLSv1.0": 0x0301,
  "TLSv1.1": 0x0302,
  "TLSv1.2": 0x0303,
  "TLSv1.3": 0x0304
})
export type ProtocolVersion = Open<typeof ProtocolVersion.registry>
