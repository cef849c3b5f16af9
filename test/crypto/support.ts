import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import type { CryptoFailure, Group, Primitives, PrivateKey } from "../../src/crypto/primitives.ts"

export const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A DER element made of parts, written without the codec. */
export const der = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const content = Buffer.concat(parts)
  const size = content.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Uint8Array.of(tag, ...length, ...content)
}

/** The AlgorithmIdentifier of each kind of key, DER. */
export const identifiers = {
  p256: fromHex("301306072a8648ce3d020106082a8648ce3d030107"),
  p384: fromHex("301006072a8648ce3d020106052b81040022"),
  p521: fromHex("301006072a8648ce3d020106052b81040023"),
  ed25519: fromHex("300506032b6570"),
  x25519: fromHex("300506032b656e"),
  mlkem768: fromHex("300b0609608648016503040402"),
  rsa: fromHex("300d06092a864886f70d0101010500")
} as const

export const spkiDer = (identifier: Uint8Array, key: Uint8Array): Uint8Array =>
  der(0x30, identifier, der(3, Uint8Array.of(0), key))
export const pkcs8Der = (identifier: Uint8Array, key: Uint8Array): Uint8Array =>
  der(0x30, fromHex("020100"), identifier, der(4, key))
/** An ECPrivateKey without its public half. */
export const ecKeyDer = (scalar: Uint8Array): Uint8Array => der(0x30, fromHex("020101"), der(4, scalar))

/** id-RSASSA-PSS, and its parameters with SHA-2 number `n` (1: SHA-256) everywhere and this length of salt. */
export const pssOid = fromHex("06092a864886f70d01010a")
export const sha = (n: number) => fromHex(`300d060960864801650304020${n}0500`)
export const mgf1 = (n: number) => der(0x30, fromHex("06092a864886f70d010108"), sha(n))
export const pssParameters = (n: number, salt: number): Uint8Array =>
  der(0x30, der(0xa0, sha(n)), der(0xa1, mgf1(n)), der(0xa2, Uint8Array.of(2, 1, salt)))

/** Bytes that look random and are the same in every run. */
export const pattern = (size: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => (i * 167 + seed * 89 + ((i * i) >> 3)) & 0xff)

export const flip = (bytes: Uint8Array, at: number, mask = 1): Uint8Array =>
  bytes.map((byte, i) => (i === at ? byte ^ mask : byte))

export const success = <A>(result: Result.Result<A, CryptoFailure>): A =>
  Result.isSuccess(result) ? result.success : assert.fail(`${result.failure.reason}: ${result.failure.detail}`)

/** The reason of a refusal; its shape and its silence about the input are checked on the way. */
export const refusal = (result: Result.Result<unknown, CryptoFailure>, secret?: Uint8Array): string => {
  if (Result.isSuccess(result)) return assert.fail("it was accepted")
  assert.deepEqual(Object.keys(result.failure).sort(), ["_tag", "detail", "reason"])
  if (secret !== undefined) assert.notInclude(result.failure.detail, toHex(secret))
  return result.failure.reason
}

export const groupOf = (primitives: Primitives, name: string): Group =>
  primitives.groups.find((group) => group.name === name) ?? assert.fail(`no group ${name}`)

/** RSA keys are slow to make, so each provider makes its keys once. */
export const keysOf = (primitives: Primitives) => {
  const made = new Map<string, Promise<PrivateKey>>()
  return (kind: Parameters<Primitives["generatePrivateKey"]>[0]): Promise<PrivateKey> => {
    const make = async () =>
      success(primitives.privateKey(success(await primitives.generatePrivateKey(kind, primitives.random))))
    const key = made.get(kind) ?? make()
    made.set(kind, key)
    return key
  }
}
