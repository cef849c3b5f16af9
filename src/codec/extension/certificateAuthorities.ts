/** RFC 9846 sections 4.3.4 and 4.3.5: certificate_authorities and oid_filters: which certificates would please. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { byteString, distinct, opaque, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** `DistinguishedName authorities<3..2^16-1>`, each a Name in DER. */
export const CertificateAuthoritiesExtension = codec(
  "CertificateAuthoritiesExtension",
  struct({ authorities: vector(opaque({ min: 1, max: 2 ** 16 - 1 }), { min: 3, max: 2 ** 16 - 1 }) })
)
export type CertificateAuthoritiesExtension = Wire.Type<typeof CertificateAuthoritiesExtension>

/** The OID of a certificate extension and the values it should have, both in DER. */
export const OIDFilter = codec(
  "OIDFilter",
  struct({
    certificate_extension_oid: opaque({ min: 1, max: 2 ** 8 - 1 }),
    certificate_extension_values: opaque({ min: 0, max: 2 ** 16 - 1 })
  })
)
export type OIDFilter = Wire.Type<typeof OIDFilter>

/** `OIDFilter filters<0..2^16-1>`, no OID twice. */
export const OIDFilterExtension = codec(
  "OIDFilterExtension",
  struct({
    filters: distinct(
      vector(OIDFilter.wire, { min: 0, max: 2 ** 16 - 1 }),
      ({ certificate_extension_oid }) => byteString(certificate_extension_oid),
      "each OID at most once"
    )
  })
)
export type OIDFilterExtension = Wire.Type<typeof OIDFilterExtension>
