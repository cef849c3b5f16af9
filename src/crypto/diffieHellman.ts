/** A Diffie-Hellman group as the core sees it: what a KEM would encapsulate is a fresh pair and its agreement. */
import * as Result from "effect/Result"
import type { Group, KeyPair, RandomBytes } from "./primitives.ts"

/** The group whose pairs `generate` makes. */
export const diffieHellman = (name: Group["name"], generate: (random: RandomBytes) => KeyPair): Group => ({
  name,
  generate,
  encapsulate: (peerShare, random) => {
    const own = generate(random)
    return Result.map(own.agree(peerShare), (secret) => ({ share: own.share, secret }))
  }
})
