/** RFC 9846 section 4.3.3: signature_algorithms and signature_algorithms_cert. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { SignatureScheme } from "../registry/signatureScheme.ts"

/** `SignatureScheme supported_signature_algorithms<2..2^16-2>`, most preferred first. */
export const SignatureSchemeList = codec(
  "SignatureSchemeList",
  struct({ supported_signature_algorithms: vector(SignatureScheme, { min: 2, max: 2 ** 16 - 2 }) })
)
export type SignatureSchemeList = Wire.Type<typeof SignatureSchemeList>
