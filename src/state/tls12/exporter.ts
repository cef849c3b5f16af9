/** RFC 5705 section 4: exporters of TLS 1.2, where the master secret is an extended one (RFC 7627 section 5.4). */

import * as Result from "effect/Result"
import { concat } from "../../codec/bytes.ts"
import { prf } from "../../crypto/prf.ts"
import type { Hash } from "../../crypto/primitives.ts"
import { type Failure, fail } from "../failure.ts"
import type { MasterSecret, Randoms } from "./keySchedule.ts"

/** What keying material is made of. */
export interface Exporter12 {
  readonly master: MasterSecret
  readonly randoms: Randoms
}

/** Labels of the PRF that TLS itself uses (RFC 5705 section 4): they would give away what must stay secret. */
const reserved: ReadonlySet<string> = new Set([
  "client finished",
  "server finished",
  "master secret",
  "extended master secret",
  "key expansion"
])

/** Bytes that one call yields at most; TLS 1.2 has no limit, TLS 1.3 one of about this size. */
const most = 2 ** 14

/**
 * `PRF(master_secret, label, client_random + server_random + context_value_length + context_value)[length]`. Unlike in
 * TLS 1.3 no context is another one than the empty context. Fails with `NoExporter` without an extended master secret,
 * with `InvalidConfiguration` for a label that is empty or TLS's own, and with `ConnectionClosed` afterwards.
 */
export const exportKeyingMaterial = (
  hash: Hash,
  exporter: Exporter12 | undefined,
  label: string,
  context: Uint8Array | undefined,
  length: number
): Result.Result<Uint8Array, Failure> => {
  if (exporter === undefined) {
    return fail("NoExporter", "without an extended master secret, keying material may be another connection's too")
  }
  const { master, randoms } = exporter
  if (master.wiped) return fail("ConnectionClosed", "the connection is over, and its secrets are gone")
  if (label === "" || reserved.has(label)) {
    return fail("InvalidConfiguration", "an exporter label has at least one byte, and is none that TLS uses itself")
  }
  if (!Number.isInteger(length) || length < 0 || length > most) {
    return fail("InvalidConfiguration", `keying material has 0 to ${most} bytes, not ${length}`)
  }
  if (context !== undefined && context.length > 0xffff) {
    return fail("InvalidConfiguration", `the context of an exporter has at most 65535 bytes, not ${context.length}`)
  }
  const both = [randoms.client, randoms.server]
  const size = context === undefined ? undefined : Uint8Array.of(context.length >> 8, context.length & 255)
  const seed = concat(context === undefined || size === undefined ? both : [...both, size, context])
  return Result.succeed(prf(hash, master, label, seed, length))
}
