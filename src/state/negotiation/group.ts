/** Choosing the group of the key exchange (RFC 9846 sections 4.3.7 and 4.3.8). */
import * as Result from "effect/Result"
import { NamedGroup } from "../../codec/registry/namedGroup.ts"
import { type Failure, fail } from "../failure.ts"
import { namesOf } from "./names.ts"

/** Groups that resist a quantum computer come first, even when that costs a round trip. */
const tier = (group: NamedGroup): number => (NamedGroup.show(group).includes("MLKEM") ? 0 : 1)

/**
 * The groups that a client sends a share for at once when nobody says which: of each tier the one it prefers. A server
 * takes the best tier that both have, so neither one with a hybrid group nor one without has to ask for another share.
 */
export const sharesOf = (groups: ReadonlyArray<NamedGroup>): ReadonlyArray<NamedGroup> =>
  groups.filter((group, at) => groups.findIndex((other) => tier(other) === tier(group)) === at)

/** No share is for a group that `supported_groups` lacks (section 4.3.8). Each list is read once: both may be long. */
export const listed = (
  offered: ReadonlyArray<NamedGroup>,
  shares: ReadonlyArray<{ readonly group: NamedGroup }>
): Result.Result<void, Failure> => {
  const groups = new Set(offered)
  const stray = shares.find(({ group }) => !groups.has(group))
  return stray === undefined
    ? Result.succeed(undefined)
    : fail("ShareOutsideGroups", `a share for ${NamedGroup.show(stray.group)}, which is not in supported_groups`)
}

/** What the server will do: go on with a share that it has, or ask for the share that it wants. */
export type GroupChoice<Share> =
  | { readonly _tag: "Shared"; readonly group: NamedGroup; readonly share: Share }
  | { readonly _tag: "Missing"; readonly group: NamedGroup }

/**
 * The group is chosen over `supported_groups`, not over the shares that happen to be there: within the best tier that
 * both have, a group whose share is present is taken before one that needs a retry.
 */
export const select = <Share extends { readonly group: NamedGroup }>(
  ours: ReadonlyArray<NamedGroup>,
  offered: ReadonlyArray<NamedGroup>,
  shares: ReadonlyArray<Share>
): Result.Result<GroupChoice<Share>, Failure> => {
  const common = ours.filter((group) => offered.includes(group))
  const best = Math.min(...common.map(tier))
  const candidates = common.filter((group) => tier(group) === best)
  for (const group of candidates) {
    const share = shares.find((entry) => entry.group === group)
    if (share !== undefined) return Result.succeed({ _tag: "Shared", group, share })
  }
  const [group] = candidates
  return group === undefined
    ? fail("NoCommonGroup", `the client offers ${namesOf(NamedGroup, offered)}; here are ${namesOf(NamedGroup, ours)}`)
    : Result.succeed({ _tag: "Missing", group })
}
