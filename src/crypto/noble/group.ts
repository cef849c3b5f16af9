/** Groups on @noble/curves. */
import { x25519 } from "@noble/curves/ed25519.js"
import { p256, p384, p521 } from "@noble/curves/nist.js"
import * as Result from "effect/Result"
import { isZero } from "../constantTime.ts"
import { refuse } from "../failure.ts"
import type { CryptoFailure, Group, KeyPair, RandomBytes } from "../primitives.ts"

interface Form {
  readonly name: "x25519" | "secp256r1" | "secp384r1" | "secp521r1"
  /** Bytes of a share. */
  readonly size: number
  readonly secretKey: (random: RandomBytes) => Uint8Array
  readonly share: (secretKey: Uint8Array) => Uint8Array
  /** Throws for what is not a point, or leads to nothing. */
  readonly agree: (secretKey: Uint8Array, peerShare: Uint8Array) => Uint8Array
}

const montgomery: Form = {
  name: "x25519",
  size: 32,
  secretKey: (random) => random(32),
  share: (secretKey) => x25519.getPublicKey(secretKey),
  agree: (secretKey, peerShare) => x25519.getSharedSecret(secretKey, peerShare)
}

/** Noble answers with a point; the secret is its x coordinate, leading zeros kept (RFC 9846 section 7.4.2). */
const weierstrass = (name: Form["name"], curve: typeof p256, coordinate: number): Form => ({
  name,
  size: 1 + 2 * coordinate,
  secretKey: (random) => curve.utils.randomSecretKey(random(curve.lengths.seed ?? 2 * coordinate)),
  share: (secretKey) => curve.getPublicKey(secretKey, false),
  agree: (secretKey, peerShare) => curve.getSharedSecret(secretKey, peerShare, true).slice(1)
})

const agree = (form: Form, secretKey: Uint8Array, peerShare: Uint8Array): Result.Result<Uint8Array, CryptoFailure> => {
  if (peerShare.length !== form.size) return refuse("InvalidPoint", `a share of ${form.name} has ${form.size} bytes`)
  if (form !== montgomery && peerShare[0] !== 4) return refuse("InvalidPoint", "the point is not uncompressed")
  try {
    const secret = form.agree(secretKey, peerShare)
    return isZero(secret) ? refuse("InvalidPoint", "the shared secret is zero") : Result.succeed(secret)
  } catch {
    return refuse("InvalidPoint", `the share is not a point of ${form.name}, or of small order`)
  }
}

const group = (form: Form): Group => {
  const generate = (random: RandomBytes): KeyPair => {
    const secretKey = form.secretKey(random)
    return {
      group: form.name,
      share: form.share(secretKey),
      agree: (peerShare) => agree(form, secretKey, peerShare)
    }
  }
  return {
    name: form.name,
    generate,
    encapsulate: (peerShare, random) => {
      const pair = generate(random)
      return Result.map(pair.agree(peerShare), (secret) => ({ share: pair.share, secret }))
    }
  }
}

export const groups: ReadonlyArray<Group> = [
  group(montgomery),
  group(weierstrass("secp256r1", p256, 32)),
  group(weierstrass("secp384r1", p384, 48)),
  group(weierstrass("secp521r1", p521, 66))
]
