/** RFC 7301: application protocols. */
import * as Result from "effect/Result"
import { escape, type Failure, fail } from "../failure.ts"

const show = (protocols: ReadonlyArray<string>) => escape(protocols.slice(0, 16).join(", "))

/** The server's choice (section 3.2): none when either side names none; an overlap is required when both do. */
export const select = (
  ours: ReadonlyArray<string>,
  offered: ReadonlyArray<string>
): Result.Result<string | undefined, Failure> => {
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
