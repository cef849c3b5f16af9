/** Hashes and HMAC on @noble/hashes. */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js"
import { hmacSha256 } from "../hmacSha256.ts"
import type { Hash, HashName, HashState, Mac, Primitives } from "../primitives.ts"

type Noble = typeof sha256 | typeof sha384 | typeof sha512
type Running = ReturnType<Noble["create"]>

const state = (running: Running): HashState => ({
  append: (bytes) => state(running.clone().update(bytes)),
  digest: () => running.clone().digest()
})

const hash = (name: HashName, noble: Noble, keyed: (key: Uint8Array) => Mac): Hash => ({
  name,
  size: noble.outputLen,
  digest: (bytes) => noble(bytes),
  start: state(noble.create()),
  hmac: keyed
})

/** The key set up once, as the states behind its two padded blocks; each message continues a copy. */
const cloning =
  (noble: Noble) =>
  (key: Uint8Array): Mac => {
    const keyed = hmac.create(noble, key)
    return (data) => keyed.clone().update(data).digest()
  }

export const hashes: Primitives["hashes"] = {
  sha256: hash("sha256", sha256, hmacSha256),
  sha384: hash("sha384", sha384, cloning(sha384)),
  sha512: hash("sha512", sha512, cloning(sha512))
}
