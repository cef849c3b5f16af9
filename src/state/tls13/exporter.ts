/** RFC 9846 section 7.5: exporters. */
import * as Result from "effect/Result"
import { expandLabel, maxLabelLength } from "../../crypto/hkdf.ts"
import type { Hash } from "../../crypto/primitives.ts"
import { Secret } from "../../crypto/secret.ts"
import { type Failure, fail } from "../failure.ts"
import type { EarlyExporterSecret, ExporterSecret } from "./keySchedule.ts"

const none = new Uint8Array(0)

/**
 * `TLS-Exporter(label, context_value, key_length)`; no context is the empty context. `length` in bytes, at most 255
 * digests; a longer one, or a label of none or more than 249 bytes, is `InvalidConfiguration`.
 */
export const exportKeyingMaterial = (
  hash: Hash,
  secret: ExporterSecret | EarlyExporterSecret,
  label: string,
  context: Uint8Array,
  length: number
): Result.Result<Uint8Array, Failure> => {
  if (secret.wiped) return fail("ConnectionClosed", "the connection is over, and its secrets are gone")
  const labelLength = new TextEncoder().encode(label).length
  if (labelLength === 0 || labelLength > maxLabelLength) {
    return fail("InvalidConfiguration", `an exporter label has 1 to ${maxLabelLength} bytes, not ${labelLength}`)
  }
  if (!Number.isInteger(length) || length < 0 || length > 255 * hash.size) {
    return fail("InvalidConfiguration", `keying material has 0 to ${255 * hash.size} bytes, not ${length}`)
  }
  const derived = new Secret("exporter", expandLabel(hash, secret, label, hash.digest(none), hash.size))
  const material = expandLabel(hash, derived, "exporter", hash.digest(context), length)
  derived.wipe()
  return Result.succeed(material)
}
