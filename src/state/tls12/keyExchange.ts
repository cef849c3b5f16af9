/** The key exchange of TLS 1.2 (RFC 8422): which groups it knows, and what the server signs. */

import * as Result from "effect/Result"
import { concat } from "../../codec/bytes.ts"
import { ServerECDHParams } from "../../codec/handshake/serverKeyExchange.ts"
import { encode } from "../../codec/presentation/wire.ts"
import type { NamedGroup } from "../../codec/registry/namedGroup.ts"
import { type Failure, fromCodec } from "../failure.ts"
import type { Randoms } from "./keySchedule.ts"

/** The curves; finite fields are not among them, and hybrid groups exist in TLS 1.3 only. */
const known: ReadonlySet<NamedGroup> = new Set(["x25519", "secp256r1", "secp384r1", "secp521r1"])

/** The groups of a list that TLS 1.2 can use, in the same order. */
export const groups12 = (groups: ReadonlyArray<NamedGroup>): ReadonlyArray<NamedGroup> =>
  groups.filter((group) => known.has(group))

/** RFC 8422 section 5.4: `client_random + server_random + params`. */
export const signedParams = (
  { client, server }: Randoms,
  params: ServerECDHParams
): Result.Result<Uint8Array, Failure> =>
  Result.mapBoth(encode(ServerECDHParams.wire, params), {
    onSuccess: (bytes) => concat([client, server, bytes]),
    onFailure: (failure) => ({ ...fromCodec("ServerKeyExchange", failure), reason: "InternalError" as const })
  })
