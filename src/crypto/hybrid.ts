/**
 * RFC 10024: groups made of an ECDHE group and ML-KEM, secret as long as one of the two is.
 *
 * Shares and secrets are the two parts one after the other, nothing between. X25519MLKEM768 begins with ML-KEM, the
 * others with ECDHE; two ends that both have it wrong agree with each other, so the order is tested against others.
 */

import * as Result from "effect/Result"
import { concat } from "../codec/bytes.ts"
import type { Kem } from "./mlkem.ts"
import type { CryptoFailure, Group, KeyPair } from "./primitives.ts"

/** Two parts of a share or of a secret, by what they are of. */
interface Parts {
  readonly mlkem: Uint8Array
  readonly ecdhe: Uint8Array
}

/** Which part comes first, and how the two are told apart again, given the bytes that ML-KEM's has. */
interface Order {
  readonly join: (parts: Parts) => Uint8Array
  readonly split: (share: Uint8Array, mlkem: number) => Parts
}

/** A share that is too short or too long leaves a part that is, which that part's own check of length finds. */
const mlkemFirst: Order = {
  join: ({ mlkem, ecdhe }) => concat([mlkem, ecdhe]),
  split: (share, mlkem) => ({ mlkem: share.subarray(0, mlkem), ecdhe: share.subarray(mlkem) })
}

const ecdheFirst: Order = {
  join: ({ mlkem, ecdhe }) => concat([ecdhe, mlkem]),
  split: (share, mlkem) => {
    const at = Math.max(0, share.length - mlkem)
    return { mlkem: share.subarray(at), ecdhe: share.subarray(0, at) }
  }
}

/** The secret of both parts, which are wiped. */
const joinSecrets = (order: Order, parts: Parts): Uint8Array => {
  const secret = order.join(parts)
  parts.mlkem.fill(0)
  parts.ecdhe.fill(0)
  return secret
}

/** Runs the other half of an agreement; when it is refused, nothing of the first half stays behind. */
const orWipe = <A>(first: Uint8Array, second: Result.Result<A, CryptoFailure>): Result.Result<A, CryptoFailure> => {
  if (Result.isFailure(second)) first.fill(0)
  return second
}

const hybrid = (name: Group["name"], order: Order, ecdhe: Group, kem: Kem): Group => ({
  name,
  generate: (random): KeyPair => {
    const curve = ecdhe.generate(random)
    const lattice = kem.generate(random)
    return {
      group: name,
      share: order.join({ mlkem: lattice.encapsulationKey, ecdhe: curve.share }),
      agree: (peerShare) => {
        const peer = order.split(peerShare, kem.parameters.ciphertext)
        return Result.flatMap(lattice.decapsulate(peer.mlkem), (mlkem) =>
          Result.map(orWipe(mlkem, curve.agree(peer.ecdhe)), (ecdhe) => joinSecrets(order, { mlkem, ecdhe }))
        )
      }
    }
  },
  encapsulate: (peerShare, random) => {
    const peer = order.split(peerShare, kem.parameters.encapsulationKey)
    return Result.flatMap(kem.encapsulate(peer.mlkem, random), (mlkem) =>
      Result.map(orWipe(mlkem.secret, ecdhe.encapsulate(peer.ecdhe, random)), (ecdhe) => ({
        share: order.join({ mlkem: mlkem.ciphertext, ecdhe: ecdhe.share }),
        secret: joinSecrets(order, { mlkem: mlkem.secret, ecdhe: ecdhe.secret })
      }))
    )
  }
})

/** A client's share has 1216 bytes, a server's 1120, the secret 64. */
export const x25519MLKEM768 = (x25519: Group, mlkem768: Kem): Group =>
  hybrid("X25519MLKEM768", mlkemFirst, x25519, mlkem768)

/** 1249, 1153 and 64. */
export const secP256r1MLKEM768 = (secp256r1: Group, mlkem768: Kem): Group =>
  hybrid("SecP256r1MLKEM768", ecdheFirst, secp256r1, mlkem768)

/** 1665, 1665 and 80. */
export const secP384r1MLKEM1024 = (secp384r1: Group, mlkem1024: Kem): Group =>
  hybrid("SecP384r1MLKEM1024", ecdheFirst, secp384r1, mlkem1024)
