/** RFC 9258 section 5.1: the identity of an imported PSK, and a context that names both ends. */
import { codec } from "../presentation/codec.ts"
import { type Open, openEnum } from "../presentation/enum.ts"
import { struct } from "../presentation/struct.ts"
import { opaque, remainder, text } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { ProtocolVersion } from "../registry/protocolVersion.ts"

/** `uint16`, IANA's "TLS KDF Identifiers": the KDF that an imported PSK is for, and the only one. */
export const TargetKdf = openEnum(2, { HKDF_SHA256: 0x0001, HKDF_SHA384: 0x0002 })
export type TargetKdf = Open<typeof TargetKdf.registry>

/** What stands in `PskIdentity.identity` for an imported PSK. It is seen by everybody on the way. */
export const ImportedIdentity = codec(
  "ImportedIdentity",
  struct({
    external_identity: opaque({ min: 1, max: 2 ** 16 - 1 }),
    context: opaque({ min: 0, max: 2 ** 16 - 1 }),
    target_protocol: ProtocolVersion,
    target_kdf: TargetKdf
  })
)
export type ImportedIdentity = Wire.Type<typeof ImportedIdentity>

/** One end: 1 to 255 bytes. */
const name = text({ min: 1, max: 255 })

/**
 * What we put into `ImportedIdentity.context` against reflection and rerouting, in the form that appendix A gives as an
 * example: both roles by name. Behind them stands what else the key was derived under (section 5.1), if anything.
 */
export const RoleContext = codec("RoleContext", struct({ client: name, server: name, provisioning: remainder }))
export type RoleContext = Wire.Type<typeof RoleContext>
