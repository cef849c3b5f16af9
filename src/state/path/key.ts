/** Which public keys are believed at all, whoever vouches for them. */
import type { PublicKeyInfo } from "../../codec/x509/publicKey.ts"

/**
 * Why a key is not accepted, if it is not: RSA has 2048 to 8192 bits, whole octets of them, and an odd exponent from 3
 * to below 2^33 (so the CA/Browser Forum's 6.1.5 and 6.1.6, but for the largest: what a check may cost); the other kinds
 * are what they are.
 */
export const keyProblem = ({ kind, bits, algorithm, exponent = 0 }: PublicKeyInfo): string | undefined => {
  if (kind === "unsupported") return `a kind of key that is not supported (${algorithm})`
  if (kind !== "rsa" && kind !== "rsa-pss") return undefined
  if (bits < 2048 || bits > 8192 || bits % 8 !== 0) {
    return `an RSA key of ${bits} bits; 2048 to 8192 are accepted, in steps of 8`
  }
  const isSane = exponent % 2 === 1 && exponent >= 3 && exponent < 2 ** 33
  return isSane ? undefined : "an RSA key whose exponent is even, 1, or 2^33 and more"
}
