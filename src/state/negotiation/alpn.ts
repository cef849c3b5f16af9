/** RFC 7301: application protocols. */
import * as Result from "effect/Result"
import type { Policy } from "../config.ts"
import { escape, type Failure, fail } from "../failure.ts"

const show = (protocols: ReadonlyArray<string>) => escape(protocols.slice(0, 16).join(", "))

/**
 * The server's choice (section 3.2): none when either side names none; an overlap is required when both do. A strict
 * server that names some serves nobody who names none, as that may be a client of another protocol (RFC 9325 3.7).
 */
export const select = (
  ours: ReadonlyArray<string>,
  offered: ReadonlyArray<string>,
  policy: Policy = "lenient"
): Result.Result<string | undefined, Failure> => {
  if (policy === "strict" && ours.length > 0 && offered.length === 0) {
    return fail("NoCommonProtocol", `the client offers no protocol; here are ${show(ours)}`)
  }
  if (ours.length === 0 || offered.length === 0) return Result.succeed(undefined)
  const protocol = ours.find((name) => offered.includes(name))
  return protocol === undefined
    ? fail("NoCommonProtocol", `the client offers ${show(offered)}; here are ${show(ours)}`)
    : Result.succeed(protocol)
}

/** The client's check (section 3.1): exactly one, and one that was offered. */
export const selected = (
  offered: ReadonlyArray<string>,
  chosen: ReadonlyArray<string> | undefined
): Result.Result<string | undefined, Failure> => {
  if (chosen === undefined) return Result.succeed(undefined)
  const [protocol, ...more] = chosen
  return protocol !== undefined && more.length === 0 && offered.includes(protocol)
    ? Result.succeed(protocol)
    : fail("UnofferedProtocol", `the server chose ${show(chosen)}; offered were ${show(offered)}`)
}
