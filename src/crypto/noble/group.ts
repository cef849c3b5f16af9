/** Groups on @noble/curves. */
import { x25519 } from "@noble/curves/ed25519.js"
import { p256, p384, p521 } from "@noble/curves/nist.js"
import * as Result from "effect/Result"
import { isZero } from "../constantTime.ts"
import { diffieHellman } from "../diffieHellman.ts"
import { attempt, refuse } from "../failure.ts"
import { type Curve, groupsOf } from "../groups.ts"
import type { CryptoFailure, Group, KeyPair, RandomBytes } from "../primitives.ts"
import { kems } from "./kem.ts"

interface Form {
  readonly name: Curve
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
const weierstrass = (name: Curve, curve: typeof p256, coordinate: number): Form => ({
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
    return form === montgomery && isZero(secret)
      ? refuse("InvalidPoint", "the shared secret is zero (RFC 9846 section 7.4.2)")
      : Result.succeed(secret)
  } catch {
    return refuse("InvalidPoint", `the share is not a point of ${form.name}, or of small order`)
  }
}

const forms: { readonly [N in Curve]: Form } = {
  x25519: montgomery,
  secp256r1: weierstrass("secp256r1", p256, 32),
  secp384r1: weierstrass("secp384r1", p384, 48),
  secp521r1: weierstrass("secp521r1", p521, 66)
}

const pair = (form: Form, secretKey: Uint8Array): KeyPair => ({
  group: form.name,
  share: form.share(secretKey),
  agree: (peerShare) => agree(form, secretKey, peerShare)
})

/** A pair of a private key at hand, such as one of a test vector: a scalar, 32, 48 or 66 bytes. */
export const keyPair = (name: Curve, secretKey: Uint8Array): Result.Result<KeyPair, CryptoFailure> =>
  attempt("InvalidKey", "the scalar is out of range", () => pair(forms[name], secretKey))

const group = (form: Form): Group => diffieHellman(form.name, (random) => pair(form, form.secretKey(random)))

/** The groups of this provider, the preferred first. */
export const groups: ReadonlyArray<Group> = groupsOf(
  {
    x25519: group(forms.x25519),
    secp256r1: group(forms.secp256r1),
    secp384r1: group(forms.secp384r1),
    secp521r1: group(forms.secp521r1)
  },
  kems
)
