/** The PRF of TLS 1.2 (RFC 5246 section 5): P_hash with the hash of the cipher suite. */
import type { Hash } from "./primitives.ts"
import type { Secret } from "./secret.ts"

const encoder = new TextEncoder()

/**
 * `PRF(secret, label, seed)`: the first `length` bytes of `P_hash(secret, label + seed)`, in an array of their own.
 * `hash` is SHA-256 or SHA-384, as the suite says.
 */
export const prf = (
  hash: Hash,
  secret: Secret<string>,
  label: string,
  seed: Uint8Array,
  length: number
): Uint8Array => {
  const mac = secret.mac(hash)
  const name = encoder.encode(label)
  // A(i), then label and seed: what each block is the HMAC of.
  const input = new Uint8Array(hash.size + name.length + seed.length)
  input.set(name, hash.size)
  input.set(seed, hash.size + name.length)
  const output = new Uint8Array(length)
  for (let at = 0, a = mac(input.subarray(hash.size)); at < length; at += hash.size, a = mac(a)) {
    input.set(a)
    output.set(mac(input).subarray(0, length - at), at)
  }
  return output
}
