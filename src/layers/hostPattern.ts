/** The names of hosts as they are configured. */
import * as Result from "effect/Result"
import { type Failure, fail } from "../state/failure.ts"
import { parseServerIdentity } from "../state/path/host.ts"

/** `*.` stands for one label, as in certificates. The name in lower case, or what is wrong with it. */
export const hostOf = (text: string): Result.Result<string, Failure> => {
  const [wildcard, rest] = text.startsWith("*.") ? ["*.", text.slice(2)] : ["", text]
  return Result.flatMap(parseServerIdentity(rest), (identity) =>
    identity._tag === "DnsName"
      ? Result.succeed(wildcard + identity.name)
      : fail("InvalidConfiguration", `clients ask for names and never for addresses such as ${identity.text}`)
  )
}
