/** Which name a client asks for (RFC 6066 section 3). */
import * as Result from "effect/Result"
import { find } from "../../codec/extension/extension.ts"
import type { Extension } from "../../codec/extension/placement.ts"
import { parseIpAddress } from "../../codec/x509/ipAddress.ts"
import type { Credential } from "../command.ts"
import type { Policy } from "../config.ts"
import { escape, type Failure, fail } from "../failure.ts"

/** Labels of letters, digits, hyphens and the underscores that some names have, without a final dot. */
const hostName = /^(?!.{254})[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/

/**
 * The name in lower case, or `undefined` when none is asked for. An address is no host name, but clients send some:
 * it is passed over. Anything else that cannot be one is `IllegalValue`.
 */
export const asked = (
  extensions: ReadonlyArray<Extension<"ClientHello">>
): Result.Result<string | undefined, Failure> => {
  const names = find(extensions, "server_name")?.server_name_list ?? []
  const host = names.find((entry) => entry.name_type === "host_name")
  if (host === undefined || parseIpAddress(host.name) !== undefined) return Result.succeed(undefined)
  const name = host.name.toLowerCase()
  return hostName.test(name)
    ? Result.succeed(name)
    : fail("IllegalValue", `server_name "${escape(host.name)}" is no host name`)
}

/** The name that a client asks for, where a strict server insists on one. */
export const select = (
  extensions: ReadonlyArray<Extension<"ClientHello">>,
  policy: Policy = "lenient"
): Result.Result<string | undefined, Failure> =>
  Result.flatMap(asked(extensions), (name) =>
    name === undefined && policy === "strict"
      ? fail("UnrecognizedName", "the client asks for no name, and one is required here")
      : Result.succeed(name)
  )

/** A strict server shows nothing to a client whose name has no credential. */
export const served = (credential: Credential | undefined, policy: Policy = "lenient"): Result.Result<void, Failure> =>
  credential === undefined && policy === "strict"
    ? fail("UnrecognizedName", "no credential is for this name and for these signature schemes")
    : Result.void
