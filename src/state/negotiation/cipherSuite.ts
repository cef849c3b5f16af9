/** Choosing and checking the cipher suite (RFC 9846 sections 4.2.1 and 4.2.3). */
import * as Result from "effect/Result"
import { CipherSuite } from "../../codec/registry/cipherSuite.ts"
import type { AnyCipherSuite } from "../../crypto/suite.ts"
import { type Failure, fail } from "../failure.ts"
import { namesOf } from "./names.ts"

/** The server's choice: its own order of preference, over what the client offers. */
export const select = <S extends AnyCipherSuite>(
  ours: ReadonlyArray<S>,
  offered: ReadonlyArray<CipherSuite>
): Result.Result<S, Failure> => {
  const suite = ours.find(({ name }) => offered.includes(name))
  return suite === undefined
    ? fail(
        "NoCommonCipherSuite",
        `the client offers ${namesOf(CipherSuite, offered)}; here are ${ours.map(({ name }) => name).join(", ")}`
      )
    : Result.succeed(suite)
}

/** The client's check: the server's choice must be among those offered. */
export const selected = <S extends AnyCipherSuite>(
  offered: ReadonlyArray<S>,
  chosen: CipherSuite
): Result.Result<S, Failure> => {
  const suite = offered.find(({ name }) => name === chosen)
  return suite === undefined
    ? fail("UnofferedCipherSuite", `the server chose ${CipherSuite.show(chosen)}, which was not offered`)
    : Result.succeed(suite)
}
