/** RFC 8422 section 5.4: ServerKeyExchange of TLS 1.2, for ECDHE over a named curve; there is no other here. */
import { codec } from "../presentation/codec.ts"
import { fixedBytes, struct } from "../presentation/struct.ts"
import { opaque } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { NamedGroup } from "../registry/namedGroup.ts"
import { SignatureScheme } from "../registry/signatureScheme.ts"

/** What the signature covers, behind the two randoms. `curve_type` is named_curve (3); all others are refused. */
export const ServerECDHParams = codec(
  "ServerECDHParams",
  struct({
    curve_type: fixedBytes([3], "named_curve"),
    namedcurve: NamedGroup,
    public: opaque({ min: 1, max: 255 })
  })
)
export type ServerECDHParams = Wire.Type<typeof ServerECDHParams>

/** The server's share, signed by the key of its certificate. */
export const ServerKeyExchange = codec(
  "ServerKeyExchange",
  struct({
    params: ServerECDHParams.wire,
    algorithm: SignatureScheme,
    signature: opaque({ min: 0, max: 2 ** 16 - 1 })
  })
)
export type ServerKeyExchange = Wire.Type<typeof ServerKeyExchange>
