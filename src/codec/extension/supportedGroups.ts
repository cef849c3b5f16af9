/** RFC 9846 section 4.3.7: supported_groups. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { distinct, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { NamedGroup } from "../registry/namedGroup.ts"

/** `NamedGroup named_group_list<2..2^16-1>`, most preferred first, no group twice. */
export const NamedGroupList = codec(
  "NamedGroupList",
  struct({
    named_group_list: distinct(
      vector(NamedGroup, { min: 2, max: 2 ** 16 - 1 }),
      (group) => group,
      "each group at most once"
    )
  })
)
export type NamedGroupList = Wire.Type<typeof NamedGroupList>
