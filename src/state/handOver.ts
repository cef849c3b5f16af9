/** The keys of an established connection for whoever protects its records from here on, such as the kernel (kTLS). */
import * as Result from "effect/Result"
import type { Secret } from "../crypto/secret.ts"
import type { CipherSuite13, CipherSuite13Name } from "../crypto/suite.ts"
import type { Established } from "./established.ts"
import { type Failure, fail } from "./failure.ts"
import { trafficKeys } from "./tls13/trafficKeys.ts"

/** One direction: what protects its next record (RFC 9846 sections 5.3 and 7.3). */
export interface DirectionKeys {
  /** 16 or 32 bytes. */
  readonly key: Uint8Array
  /** 12 bytes: the static IV that the sequence number is xored onto. */
  readonly iv: Uint8Array
  /** The number of the next record. A number that is used twice gives the key away. */
  readonly sequence: bigint
}

/** The traffic keys of both directions, as their new owner needs them. The arrays are his: wipe them after use. */
export interface TrafficSecrets {
  readonly suite: CipherSuite13Name
  /** For the records of the peer. */
  readonly read: DirectionKeys
  /** For our records. */
  readonly write: DirectionKeys
}

/** The keys of one direction, `sequence` records after its secret was installed. */
const directionKeys = (suite: CipherSuite13, secret: Secret<string>, sequence: number): DirectionKeys => ({
  ...trafficKeys(suite, secret),
  sequence: BigInt(sequence)
})

/** What one direction has come to: its latest secret, and the number of records under it. */
export type Direction = readonly [secret: Secret<string>, records: number]

/** Both directions of a connection of TLS 1.3. */
export const trafficSecrets = (
  established: Established,
  read: Direction,
  write: Direction
): Result.Result<TrafficSecrets, Failure> =>
  established.version === "TLSv1.2"
    ? fail("NotInThisVersion", "the keys of a TLS 1.2 connection are not handed over")
    : Result.succeed({
        suite: established.suite.name,
        read: directionKeys(established.suite, ...read),
        write: directionKeys(established.suite, ...write)
      })
