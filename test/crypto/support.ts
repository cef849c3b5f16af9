import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import type { CryptoFailure, Group, Primitives, PrivateKey } from "../../src/crypto/primitives.ts"

export const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

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
