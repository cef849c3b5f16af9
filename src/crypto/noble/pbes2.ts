/** Opening encrypted private keys on @noble/hashes and @noble/ciphers: PBES2 of RFC 8018. */
import { cbc } from "@noble/ciphers/aes.js"
import { sha1 } from "@noble/hashes/legacy.js"
import { pbkdf2Async } from "@noble/hashes/pbkdf2.js"
import { scryptAsync } from "@noble/hashes/scrypt.js"
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js"
import * as Result from "effect/Result"
import { type EncryptedPrivateKey, type KeyDerivation, maxScryptMemory } from "../../codec/x509/encryptedPrivateKey.ts"
import { toPkcs8 } from "../../codec/x509/privateKey.ts"
import { attemptAsync, refuse } from "../failure.ts"
import type { CryptoFailure } from "../primitives.ts"

const prfs = { sha1, sha256, sha384, sha512 } as const

/** Both let others have their turn every few milliseconds. */
const derive = (derivation: KeyDerivation, password: Uint8Array, dkLen: number): Promise<Uint8Array> => {
  if (derivation._tag === "Pbkdf2") {
    const { prf, salt, iterations } = derivation
    return pbkdf2Async(prfs[prf], password, salt, { c: iterations, dkLen })
  }
  const { salt, cost: N, blockSize: r, parallelization: p } = derivation
  // besides V there are the blocks B of each lane, and one to work in
  return scryptAsync(password, salt, { N, r, p, dkLen, maxmem: maxScryptMemory + 128 * r * (p + 2) })
}

const closed = refuse("InvalidKey", "the password does not open the encrypted private key")

/**
 * The PrivateKeyInfo (PKCS#8, DER) inside, of which nothing is told but by success: a wrong password, a padding that is
 * none and a content that is no key are one `InvalidKey`.
 */
export const openPrivateKey = async (
  { derivation, keyLength, iv, ciphertext }: EncryptedPrivateKey,
  password: Uint8Array
): Promise<Result.Result<Uint8Array, CryptoFailure>> => {
  const opened = await attemptAsync("InvalidKey", "the password does not open it", async () => {
    const key = await derive(derivation, password, keyLength)
    const plain = cbc(key, iv).decrypt(ciphertext)
    key.fill(0)
    return plain
  })
  if (Result.isFailure(opened)) return closed
  const pkcs8 = toPkcs8(opened.success)
  opened.success.fill(0)
  return Result.isFailure(pkcs8) ? closed : Result.succeed(pkcs8.success)
}
