/** RFC 9846 sections 4.3.9 and 4.3.11: psk_key_exchange_modes and pre_shared_key. */
import { codec } from "../presentation/codec.ts"
import { type Open, openEnum } from "../presentation/enum.ts"
import { uint16, uint32 } from "../presentation/number.ts"
import { refine, struct } from "../presentation/struct.ts"
import { opaque, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** `uint8`: a PSK alone, or a PSK together with a key exchange. */
export const PskKeyExchangeMode = openEnum(1, { psk_ke: 0, psk_dhe_ke: 1 })
export type PskKeyExchangeMode = Open<typeof PskKeyExchangeMode.registry>

/** `PskKeyExchangeMode ke_modes<1..255>`. */
export const PskKeyExchangeModes = codec(
  "PskKeyExchangeModes",
  struct({ ke_modes: vector(PskKeyExchangeMode, { min: 1, max: 255 }) })
)
export type PskKeyExchangeModes = Wire.Type<typeof PskKeyExchangeModes>

/** `opaque identity<1..2^16-1>` and, in milliseconds modulo 2^32, the age of the ticket plus its `ticket_age_add`. */
export const PskIdentity = codec(
  "PskIdentity",
  struct({
    identity: opaque({ min: 1, max: 2 ** 16 - 1 }),
    obfuscated_ticket_age: uint32
  })
)
export type PskIdentity = Wire.Type<typeof PskIdentity>

/** `opaque PskBinderEntry<32..255>`: the HMAC that binds one identity to this ClientHello. */
export const PskBinderEntry = opaque({ min: 32, max: 255 })

/** In a ClientHello: identities and, in the same order, their binders: as many of the one as of the other. */
export const OfferedPsks = codec(
  "OfferedPsks",
  refine(
    struct({
      identities: vector(PskIdentity.wire, { min: 7, max: 2 ** 16 - 1 }, 2),
      binders: vector(PskBinderEntry, { min: 33, max: 2 ** 16 - 1 }, 2)
    }),
    ({ identities, binders }) => identities.length === binders.length,
    "one binder for each identity"
  )
)
export type OfferedPsks = Wire.Type<typeof OfferedPsks>

/** In a ServerHello: which of the identities the server took, counted from 0. */
export const PreSharedKeyServerHello = codec("PreSharedKeyServerHello", struct({ selected_identity: uint16 }))
export type PreSharedKeyServerHello = Wire.Type<typeof PreSharedKeyServerHello>
