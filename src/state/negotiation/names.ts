/** What a peer offers, in a sentence for people. */
import type { Enum, Open, Registry } from "../../codec/presentation/enum.ts"
import { isGrease } from "../../codec/registry/grease.ts"

/** More than these are not read by anybody. */
const most = 16

/** The names of two-byte code points; those that mean nothing (RFC 8701) are left out. */
export const namesOf = <R extends Registry>(registry: Enum<R>, values: ReadonlyArray<Open<R>>): string => {
  const meant = values.filter((value) => !isGrease(registry.code(value)))
  return meant.length === 0 ? "nothing" : meant.slice(0, most).map(registry.show).join(", ")
}
