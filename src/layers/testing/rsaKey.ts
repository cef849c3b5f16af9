/**
 * RSA keys from a random generator of the caller's choice, after FIPS 186-5 appendix A.1.3: for tests, where a seed is to
 * make the same key every time. Neither its time nor its memory keeps a secret: never for keys that matter.
 */
import * as Result from "effect/Result"
import { encodeDer } from "../../codec/der/der.ts"
import { RSAPrivateKey } from "../../codec/x509/privateKey.ts"
import { refuse } from "../../crypto/failure.ts"
import { power } from "../../crypto/noble/rsa.ts"
import { encodeRsaKey } from "../../crypto/pkcs8.ts"
import type { CryptoFailure, RandomBytes } from "../../crypto/primitives.ts"

const publicExponent = 65_537n

/** Big-endian, without a sign. */
export const numberOf = (bytes: Uint8Array): bigint =>
  bytes.length === 0 ? 0n : BigInt(`0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`)

/** The contents of an INTEGER: big-endian two's complement in its shortest form. */
const integerBytes = (value: bigint): Uint8Array => {
  const hex = value.toString(16)
  const even = hex.length % 2 === 0 ? hex : `0${hex}`
  const bytes = Uint8Array.from(even.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  return (bytes[0] ?? 0) < 0x80 ? bytes : Uint8Array.of(0, ...bytes)
}

/** The odd primes below 4096: what most candidates are divisible by. */
const smallPrimes: ReadonlyArray<bigint> = Array.from({ length: 2046 }, (_, i) => 2 * i + 3)
  .filter((n) => {
    for (let d = 3; d * d <= n; d += 2) if (n % d === 0) return false
    return true
  })
  .map(BigInt)

/** One round of Miller and Rabin (FIPS 186-5 appendix B.3.1): false for what is composite. */
const passes = (candidate: bigint, base: bigint): boolean => {
  const last = candidate - 1n
  let odd = last
  let twos = 0
  for (; (odd & 1n) === 0n; odd >>= 1n) twos++
  let value = power(base, odd, candidate)
  if (value === 1n || value === last) return true
  for (let i = 1; i < twos; i++) {
    value = (value * value) % candidate
    if (value === last) return true
  }
  return false
}

/** Rounds with random bases: 5 are enough for 1024 bits and more (FIPS 186-5 table B.1). */
const rounds = 5

const isPrime = (candidate: bigint, random: RandomBytes, size: number): boolean => {
  if (smallPrimes.some((prime) => candidate % prime === 0n) || !passes(candidate, 2n)) return false
  for (let i = 0; i < rounds; i++)
    if (!passes(candidate, 2n + (numberOf(random(size)) % (candidate - 3n)))) return false
  return true
}

/** An odd prime of `bits` bits, the two highest set, so that two of them have a product of twice as many. */
const prime = (bits: number, random: RandomBytes): bigint => {
  const size = bits / 8
  for (;;) {
    const bytes = random(size)
    bytes[0] = (bytes[0] ?? 0) | 0xc0
    bytes[size - 1] = (bytes[size - 1] ?? 0) | 1
    const candidate = numberOf(bytes)
    if (candidate % publicExponent !== 1n && isPrime(candidate, random, size)) return candidate
  }
}

/** `value ^ -1 mod modulus`, by Euclid; the two have no divisor in common. */
const inverse = (value: bigint, modulus: bigint): bigint => {
  let [r, next] = [modulus, value % modulus]
  let [t, nextT] = [0n, 1n]
  while (next !== 0n) {
    const quotient = r / next
    ;[r, next] = [next, r - quotient * next]
    ;[t, nextT] = [nextT, t - quotient * nextT]
  }
  return t < 0n ? t + modulus : t
}

const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? a : gcd(b, a % b))

/** A key of so many bits, 2048 or more in steps of 16, as PKCS#8: the same for the same random bytes. */
export const generateRsa = (bits: number, random: RandomBytes): Result.Result<Uint8Array, CryptoFailure> => {
  const half = bits / 2
  const first = prime(half, random)
  let second = prime(half, random)
  // "|p – q| > 2^(nlen/2 – 100)", which chance alone sees to
  while (first - second < 1n << BigInt(half - 100) && second - first < 1n << BigInt(half - 100)) {
    second = prime(half, random)
  }
  const [p, q] = first > second ? [first, second] : [second, first]
  const d = inverse(publicExponent, ((p - 1n) * (q - 1n)) / gcd(p - 1n, q - 1n))
  const key = encodeDer(RSAPrivateKey, {
    version: 0,
    modulus: integerBytes(p * q),
    publicExponent: integerBytes(publicExponent),
    privateExponent: integerBytes(d),
    prime1: integerBytes(p),
    prime2: integerBytes(q),
    exponent1: integerBytes(d % (p - 1n)),
    exponent2: integerBytes(d % (q - 1n)),
    coefficient: integerBytes(inverse(q, p))
  })
  return Result.isSuccess(key)
    ? encodeRsaKey(key.success)
    : refuse("OperationFailed", "an RSA key that does not encode")
}
