/** Signatures of RSASSA-PSS (RFC 8017 section 8.1.1) whose salts come from the caller's generator. For tests alone. */
import * as Result from "effect/Result"
import { type Der, decodeDer } from "../../codec/der/der.ts"
import { RSAPrivateKey } from "../../codec/x509/privateKey.ts"
import { refuse } from "../../crypto/failure.ts"
import { hashes } from "../../crypto/noble/hash.ts"
import { mgf1, power } from "../../crypto/noble/rsa.ts"
import { parse } from "../../crypto/pkcs8.ts"
import type { CryptoFailure, Hash, PrivateKey, RandomBytes } from "../../crypto/primitives.ts"
import { ruleFor } from "../../crypto/signature.ts"
import { numberOf } from "./rsaKey.ts"

/** EMSA-PSS-ENCODE (section 9.1.1) for a modulus of whole bytes, the salt as long as the digest. */
const encode = (hash: Hash, digest: Uint8Array, salt: Uint8Array, size: number): Uint8Array => {
  const h = hash.start.append(new Uint8Array(8)).append(digest).append(salt).digest()
  const block = new Uint8Array(size - hash.size - 1)
  block[block.length - salt.length - 1] = 1
  block.set(salt, block.length - salt.length)
  const mask = mgf1(hash, h, block.length)
  const encoded = new Uint8Array(size)
  encoded.set(block.map((byte, i) => byte ^ (mask[i] ?? 0)))
  encoded[0] = (encoded[0] ?? 0) & 0x7f
  encoded.set(h, block.length)
  encoded[size - 1] = 0xbc
  return encoded
}

const bytesOf = (value: bigint, size: number): Uint8Array =>
  Uint8Array.from(
    value
      .toString(16)
      .padStart(2 * size, "0")
      .match(/../g) ?? [],
    (pair) => Number.parseInt(pair, 16)
  )

/** RSASP1 (section 5.2.1) by the Chinese remainder theorem. */
const sign = (key: Der.Type<typeof RSAPrivateKey>, encoded: Uint8Array): Uint8Array => {
  const [p, q] = [numberOf(key.prime1), numberOf(key.prime2)]
  const message = numberOf(encoded)
  const [first, second] = [
    power(message % p, numberOf(key.exponent1), p),
    power(message % q, numberOf(key.exponent2), q)
  ]
  const h = ((((first - second) * numberOf(key.coefficient)) % p) + p) % p
  return bytesOf(second + q * h, encoded.length)
}

/** An RSA key whose PSS salts come from `random`. Other keys stay as they are. */
export const withSaltsOf = (
  random: RandomBytes,
  pkcs8: Uint8Array,
  key: PrivateKey
): Result.Result<PrivateKey, CryptoFailure> =>
  Result.flatMap(parse(pkcs8), (parsed) => {
    if (parsed.kind !== "rsa" && parsed.kind !== "rsa-pss") return Result.succeed(key)
    const numbers = decodeDer(RSAPrivateKey, parsed.privateKey)
    if (Result.isFailure(numbers)) return refuse("InvalidKey", "malformed RSA private key")
    return Result.succeed<PrivateKey>({
      ...key,
      sign: (algorithm, message) => {
        const rule = ruleFor(key.kind, algorithm)
        if (rule?._tag !== "RsaPss" || (parsed.hash !== undefined && parsed.hash !== rule.hash)) {
          return key.sign(algorithm, message)
        }
        const hash = hashes[rule.hash]
        const encoded = encode(hash, hash.digest(message), random(hash.size), key.publicKey.bits / 8)
        return Result.succeed(sign(numbers.success, encoded))
      }
    })
  })
