/** Choosing among what there is by name: suites, groups. */
import * as Result from "effect/Result"
import { escape } from "../state/failure.ts"

/** The values of these names, in this order, each once. Fails, in words for people, for unknown names and for none. */
export const named = <A extends { readonly name: string | number }>(
  what: string,
  all: ReadonlyArray<A>,
  names: ReadonlyArray<string>
): Result.Result<ReadonlyArray<A>, string> => {
  const known = all.map(({ name }) => name).join(", ")
  const chosen = new Set<A>()
  for (const name of names) {
    const found = all.find((value) => value.name === name)
    if (found === undefined) return Result.fail(`no ${what} "${escape(name)}"; there are: ${known}`)
    chosen.add(found)
  }
  return chosen.size === 0
    ? Result.fail(`at least one ${what} is needed; there are: ${known}`)
    : Result.succeed([...chosen])
}
