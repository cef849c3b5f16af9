/** RFC 9846 section 4.4.2: CertificateRequest. */
import { extensions } from "../extension/extension.ts"
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { opaque } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** The server's wish for a client certificate. The context is empty within a handshake. */
export const CertificateRequest = codec(
  "CertificateRequest",
  struct({
    certificate_request_context: opaque({ min: 0, max: 2 ** 8 - 1 }),
    extensions: extensions("CertificateRequest", { min: 0, max: 2 ** 16 - 1 })
  })
)
export type CertificateRequest = Wire.Type<typeof CertificateRequest>
