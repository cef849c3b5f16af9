/** RFC 5280 section 4.2.1.10: which names a CA may certify. */
import { integerBetween } from "../der/primitive.ts"
import { implicit, optional, refine, sequence, sequenceOf, withDefault } from "../der/structure.ts"
import { GeneralName } from "./generalName.ts"

/** "Within this profile, the minimum and maximum fields are not used": minimum is 0, and maximum has no place. */
const GeneralSubtree = sequence({
  base: GeneralName,
  minimum: withDefault(implicit(0, integerBetween(0, 0)), 0)
})

const GeneralSubtrees = sequenceOf(GeneralSubtree, 1)

/** `undefined` is no list at all; a list is never empty, and one of the two is there. */
export const NameConstraints = refine(
  sequence({
    permittedSubtrees: optional(implicit(0, GeneralSubtrees)),
    excludedSubtrees: optional(implicit(1, GeneralSubtrees))
  }),
  ({ permittedSubtrees, excludedSubtrees }) => permittedSubtrees !== undefined || excludedSubtrees !== undefined,
  "permitted or excluded subtrees"
)

/** Each name is a constraint of its own type: an iPAddress is address and mask, 8 or 32 bytes. */
export interface NameConstraints {
  readonly permittedSubtrees: ReadonlyArray<{ readonly base: GeneralName; readonly minimum: number }> | undefined
  readonly excludedSubtrees: ReadonlyArray<{ readonly base: GeneralName; readonly minimum: number }> | undefined
}
