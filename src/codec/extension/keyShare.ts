/** RFC 9846 section 4.3.8: key_share. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { distinct, opaque, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { NamedGroup } from "../registry/namedGroup.ts"

/** A group and `opaque key_exchange<1..2^16-1>`, whose form the group defines. */
export const KeyShareEntry = codec(
  "KeyShareEntry",
  struct({
    group: NamedGroup,
    key_exchange: opaque({ min: 1, max: 2 ** 16 - 1 })
  })
)
export type KeyShareEntry = Wire.Type<typeof KeyShareEntry>

/** In a ClientHello: `KeyShareEntry client_shares<0..2^16-1>`, no group twice; empty asks for a HelloRetryRequest. */
export const KeyShareClientHello = codec(
  "KeyShareClientHello",
  struct({
    client_shares: distinct(
      vector(KeyShareEntry.wire, { min: 0, max: 2 ** 16 - 1 }),
      ({ group }) => group,
      "one share of each group"
    )
  })
)
export type KeyShareClientHello = Wire.Type<typeof KeyShareClientHello>

/** In a ServerHello: the one share in the group the server chose. */
export const KeyShareServerHello = codec("KeyShareServerHello", struct({ server_share: KeyShareEntry.wire }))
export type KeyShareServerHello = Wire.Type<typeof KeyShareServerHello>

/** In a HelloRetryRequest: the group for which the server wants a share. */
export const KeyShareHelloRetryRequest = codec("KeyShareHelloRetryRequest", struct({ selected_group: NamedGroup }))
export type KeyShareHelloRetryRequest = Wire.Type<typeof KeyShareHelloRetryRequest>
