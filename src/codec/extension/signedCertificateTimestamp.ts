/** RFC 6962 section 3.3: signed_certificate_timestamp. A request for it is empty. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { opaque, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** `SerializedSCT sct_list<1..2^16-1>`, each `opaque<1..2^16-1>`. */
export const SignedCertificateTimestampList = codec(
  "SignedCertificateTimestampList",
  struct({ sct_list: vector(opaque({ min: 1, max: 2 ** 16 - 1 }), { min: 1, max: 2 ** 16 - 1 }) })
)
export type SignedCertificateTimestampList = Wire.Type<typeof SignedCertificateTimestampList>
