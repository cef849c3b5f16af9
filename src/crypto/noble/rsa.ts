/**
 * RSA signatures (RFC 8017): verification in BigInt, where nothing is secret; private operations by WebCrypto, since
 * they would leak through time here.
 */
import { bytesToNumberBE, hexToBytes, numberToBytesBE } from "@noble/curves/utils.js"
import * as Result from "effect/Result"
import { equal } from "../constantTime.ts"
import { attemptAsync } from "../failure.ts"
import { encodeRsaKey } from "../pkcs8.ts"
import type { CryptoFailure, Hash, HashName } from "../primitives.ts"
import type { SignatureRule } from "../signature.ts"
import type { RsaSpki } from "../spki.ts"
import { hashes } from "./hash.ts"

/** Rules of the two RSA schemes. */
export type RsaRule = Extract<SignatureRule, { readonly _tag: "RsaPss" | "RsaPkcs1" }>

/** `base ^ exponent mod modulus`. */
export const power = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
  let result = 1n
  for (let square = base, bits = exponent; bits > 0n; bits >>= 1n, square = (square * square) % modulus) {
    if (bits & 1n) result = (result * square) % modulus
  }
  return result
}

/** RSAVP1 and I2OSP: the encoded message, as long as the modulus, or `undefined` for a signature out of range. */
const recover = (key: RsaSpki, signature: Uint8Array): Uint8Array | undefined => {
  if (signature.length !== key.modulus.length) return undefined
  const n = bytesToNumberBE(key.modulus)
  const s = bytesToNumberBE(signature)
  return s < n ? numberToBytesBE(power(s, bytesToNumberBE(key.exponent), n), key.modulus.length) : undefined
}

/** Whether `signature` over `message` is right. */
export const verify = (key: RsaSpki, rule: RsaRule, message: Uint8Array, signature: Uint8Array): boolean => {
  const encoded = recover(key, signature)
  if (encoded === undefined) return false
  const hash = hashes[rule.hash]
  return rule._tag === "RsaPss"
    ? pssVerify(hash, key.bits, hash.digest(message), encoded)
    : equal(encoded, pkcs1Encode(rule.hash, hash.digest(message), encoded.length))
}

/** DigestInfo up to the digest itself (RFC 8017 section 9.2, note 1). */
const digestInfo: { readonly [H in HashName]: Uint8Array } = {
  sha256: hexToBytes("3031300d060960864801650304020105000420"),
  sha384: hexToBytes("3041300d060960864801650304020205000430"),
  sha512: hexToBytes("3051300d060960864801650304020305000440")
}

/** EMSA-PKCS1-v1_5 (section 9.2). The verifier encodes and compares, so there is no parser to be lax. */
const pkcs1Encode = (name: HashName, digest: Uint8Array, size: number): Uint8Array => {
  const prefix = digestInfo[name]
  const encoded = new Uint8Array(size).fill(0xff)
  const start = size - prefix.length - digest.length
  encoded[0] = 0
  encoded[1] = 1
  encoded[start - 1] = 0
  encoded.set(prefix, start)
  encoded.set(digest, start + prefix.length)
  return encoded
}

/** EMSA-PSS-VERIFY (section 9.1.2), MGF1 with the same hash, a salt as long as the digest. */
const pssVerify = (hash: Hash, modulusBits: number, digest: Uint8Array, whole: Uint8Array): boolean => {
  const bits = modulusBits - 1
  const size = Math.ceil(bits / 8)
  // When the modulus is one bit longer than whole bytes, the encoded message is a byte shorter than it.
  if (whole.length > size && whole[0] !== 0) return false
  const encoded = whole.subarray(whole.length - size)
  const maskedSize = size - hash.size - 1
  const padding = maskedSize - hash.size - 1
  if (padding < 0 || encoded[size - 1] !== 0xbc) return false
  const h = encoded.subarray(maskedSize, size - 1)
  const unused = 0xff >>> (8 * size - bits)
  if (((encoded[0] ?? 0) & ~unused) !== 0) return false
  const block = mgf1(hash, h, maskedSize)
  for (let i = 0; i < maskedSize; i++) block[i] = (block[i] ?? 0) ^ (encoded[i] ?? 0)
  block[0] = (block[0] ?? 0) & unused
  for (let i = 0; i < padding; i++) if (block[i] !== 0) return false
  if (block[padding] !== 1) return false
  const expected = hash.start
    .append(new Uint8Array(8))
    .append(digest)
    .append(block.subarray(padding + 1))
  return equal(expected.digest(), h)
}

/** MGF1 (appendix B.2.1): `size` bytes. */
export const mgf1 = (hash: Hash, seed: Uint8Array, size: number): Uint8Array => {
  const mask = new Uint8Array(size)
  const seeded = hash.start.append(seed)
  for (let at = 0, counter = 0; at < size; at += hash.size, counter++) {
    const block = seeded.append(Uint8Array.of(0, 0, counter >>> 8, counter)).digest()
    mask.set(block.subarray(0, size - at), at)
  }
  return mask
}

const webHash = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" } as const

/** Signs with an RSAPrivateKey (DER). It is imported as rsaEncryption, for WebCrypto knows no id-RSASSA-PSS. */
export const sign = async (
  privateKey: Uint8Array,
  rule: RsaRule,
  message: Uint8Array
): Promise<Result.Result<Uint8Array, CryptoFailure>> => {
  const pkcs8 = encodeRsaKey(privateKey)
  if (Result.isFailure(pkcs8)) return Result.fail(pkcs8.failure)
  return attemptAsync("OperationFailed", "signing with RSA by WebCrypto failed", async () => {
    const name = rule._tag === "RsaPss" ? "RSA-PSS" : "RSASSA-PKCS1-v1_5"
    const { subtle } = globalThis.crypto
    const algorithm = { name, hash: webHash[rule.hash] }
    const key = await subtle.importKey("pkcs8", Uint8Array.from(pkcs8.success), algorithm, false, ["sign"])
    const parameters = rule._tag === "RsaPss" ? { name, saltLength: hashes[rule.hash].size } : { name }
    return new Uint8Array(await subtle.sign(parameters, key, Uint8Array.from(message)))
  })
}

/** A new key of so many bits as PKCS#8. */
export const generate = (modulusLength: number): Promise<Result.Result<Uint8Array, CryptoFailure>> =>
  attemptAsync("OperationFailed", "making an RSA key by WebCrypto failed", async () => {
    const { subtle } = globalThis.crypto
    const algorithm = {
      name: "RSA-PSS",
      hash: "SHA-256",
      modulusLength,
      publicExponent: Uint8Array.of(1, 0, 1)
    }
    const pair = await subtle.generateKey(algorithm, true, ["sign", "verify"])
    return new Uint8Array(await subtle.exportKey("pkcs8", pair.privateKey))
  })
