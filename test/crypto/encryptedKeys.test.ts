/** Encrypted private keys: those that openssl makes, those that cost too much, and those that are none. */
import { spawnSync } from "node:child_process"
import { generateKeyPairSync, type KeyObject } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { maxIterations, parseEncryptedPrivateKey } from "../../src/codec/x509/encryptedPrivateKey.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { pkcs8Of } from "../../src/layers/keyPem.ts"
import { hasOpenssl } from "../interop/support/programs.ts"

const keys: { readonly [kind: string]: () => KeyObject } = {
  "P-256": () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  "P-384": () => generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
  "P-521": () => generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
  Ed25519: () => generateKeyPairSync("ed25519").privateKey,
  RSA: () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  "RSA-PSS": () => generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).privateKey
}

const pemOf = (key: KeyObject) => key.export({ format: "pem", type: "pkcs8" }).toString()

/** A key as `openssl pkcs8 -topk8` encrypts it. */
const encrypt = (pem: string, args: ReadonlyArray<string>, password = "swordfish"): string => {
  const all = ["pkcs8", "-topk8", ...args, "-passout", `pass:${password}`]
  const { stdout, stderr, status } = spawnSync("openssl", all, { input: pem, encoding: "utf8", timeout: 20_000 })
  assert.strictEqual(status, 0, stderr)
  return stdout
}

const open = (key: string, password?: string | Uint8Array) =>
  pkcs8Of({ key, password: password === undefined ? undefined : Redacted.make(password) })

const reasonOf = (key: string, password?: string) =>
  Effect.map(Effect.flip(open(key, password)), ({ reason }) => reason.detail)

const ways: ReadonlyArray<ReadonlyArray<string>> = [
  [],
  ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"],
  ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"],
  ["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA384"],
  ["-v2", "aes-256-cbc", "-iter", "100000"],
  ["-scrypt"],
  ["-scrypt", "-v2", "aes-128-cbc", "-scrypt_N", "1024", "-scrypt_r", "4", "-scrypt_p", "2"]
]

const p256 = keys["P-256"]?.() ?? assert.fail()
const plain = pemOf(p256)

describe.skipIf(!hasOpenssl)("keys that openssl encrypts", () => {
  it.effect.each(ways.map((args) => [args.join(" ") || "as it does by default", args] as const))("%s", ([, args]) =>
    Effect.gen(function* () {
      const pem = encrypt(plain, args)
      const pkcs8 = yield* open(pem, "swordfish")
      assert.deepStrictEqual(pkcs8, yield* open(plain))
      assert.match(yield* reasonOf(pem, "Swordfish"), /the password does not open/)
    })
  )

  it.effect.each(Object.entries(keys))("%s, for both providers", ([, make]) =>
    Effect.gen(function* () {
      const key = make()
      const pkcs8 = yield* open(encrypt(pemOf(key), ["-iter", "1"]), "swordfish")
      for (const { privateKey } of [node, noble]) {
        const loaded = yield* Effect.fromResult(privateKey(pkcs8))
        const direct = yield* Effect.fromResult(privateKey(yield* open(pemOf(key))))
        assert.deepStrictEqual(loaded.publicKey.spki, direct.publicKey.spki)
      }
    })
  )

  it.effect("passwords in UTF-8, as text and as bytes, and an empty one", () =>
    Effect.gen(function* () {
      const pem = encrypt(plain, ["-iter", "1"], "пароль ✓")
      assert.deepStrictEqual(yield* open(pem, "пароль ✓"), yield* open(pem, new TextEncoder().encode("пароль ✓")))
      assert.match(yield* reasonOf(pem, ""), /does not open/)
      assert.match(yield* reasonOf(pem), /--key-password-file.*openssl pkey/)
    })
  )

  const refused: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
    ["triple DES", ["-v2", "des3"], /AES in CBC mode \(encrypt it anew with: openssl pkcs8/],
    ["a stream mode", ["-v2", "aes-256-cfb"], /AES in CBC mode/],
    ["GOST or SHA-224", ["-v2prf", "hmacWithSHA224"], /PBKDF2 with HMAC of SHA-1/],
    ["PKCS#12 encryption", ["-v1", "PBE-SHA1-3DES"], /encrypted by PBES2 \(/]
  ]
  it.effect.each(refused)("%s is refused, with the command that converts it", ([, args, words]) =>
    Effect.gen(function* () {
      assert.match(yield* reasonOf(encrypt(plain, args), "swordfish"), words)
    })
  )
})

/** An element of DER. */
const tlv = (tag: number, ...parts: ReadonlyArray<Uint8Array | ReadonlyArray<number>>): Uint8Array => {
  const contents = parts.flatMap((part) => [...part])
  const { length } = contents
  return Uint8Array.from([tag, ...(length < 128 ? [length] : [0x82, length >> 8, length & 255]), ...contents])
}
const integer = (value: number) => {
  const digits = value.toString(16)
  const even = digits.length % 2 === 0 ? digits : `0${digits}`
  return tlv(
    2,
    [0, ...(even.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))].slice(/^[89a-f]/.test(even) ? 0 : 1)
  )
}
const oid = (hex: string) => tlv(6, Buffer.from(hex, "hex"))
const aes256 = (iv = 16) => tlv(0x30, oid("60864801650304012a"), tlv(4, new Uint8Array(iv)))

interface Shape {
  readonly derivation: Uint8Array
  readonly ivSize?: number
  readonly size?: number
}
const container = ({ derivation, ivSize, size = 32 }: Shape) =>
  tlv(0x30, tlv(0x30, oid("2a864886f70d01050d"), tlv(0x30, derivation, aes256(ivSize))), tlv(4, new Uint8Array(size)))
const pbkdf2 = (...rest: ReadonlyArray<Uint8Array>) =>
  tlv(0x30, oid("2a864886f70d01050c"), tlv(0x30, tlv(4, new Uint8Array(8)), ...rest))
const scrypt = (...rest: ReadonlyArray<number>) =>
  tlv(0x30, oid("2b06010401da47040b"), tlv(0x30, tlv(4, new Uint8Array(8)), ...rest.map(integer)))

describe("what an encrypted key may ask for", () => {
  const verdict = (shape: Shape) =>
    Result.match(parseEncryptedPrivateKey(container(shape)), {
      onSuccess: () => "taken",
      onFailure: ({ expected }) => expected
    })

  const cases: ReadonlyArray<readonly [string, Shape, RegExp]> = [
    ["ten million iterations", { derivation: pbkdf2(integer(maxIterations)) }, /^taken$/],
    ["one more", { derivation: pbkdf2(integer(maxIterations + 1)) }, /from 1 to 10000000/],
    ["no iteration", { derivation: pbkdf2(integer(0)) }, /from 1 to 10000000/],
    ["a key length that AES-256 has", { derivation: pbkdf2(integer(1), integer(32)) }, /^taken$/],
    ["another", { derivation: pbkdf2(integer(1), integer(16)) }, /a key of 32 bytes/],
    ["256 MiB of scrypt", { derivation: scrypt(2 ** 18, 8, 1) }, /^taken$/],
    ["512 MiB of scrypt", { derivation: scrypt(2 ** 19, 8, 1) }, /268435456 bytes/],
    ["terabytes of scrypt", { derivation: scrypt(2 ** 21, 2 ** 20, 1) }, /268435456 bytes/],
    ["a cost that is no power of two", { derivation: scrypt(1000, 8, 1) }, /power of two/],
    ["a cost of one", { derivation: scrypt(1, 8, 1) }, /from 2/],
    ["scrypt done over and over", { derivation: scrypt(1024, 8, 17) }, /from 1 to 16/],
    ["a short initialization vector", { derivation: pbkdf2(integer(1)), ivSize: 8 }, /16 bytes/],
    ["half a block", { derivation: pbkdf2(integer(1)), size: 24 }, /whole blocks/],
    ["no block", { derivation: pbkdf2(integer(1)), size: 0 }, /whole blocks/],
    ["a derivation of its own", { derivation: tlv(0x30, oid("2a0304")) }, /PBKDF2 or scrypt/]
  ]
  it.each(cases)("%s", (_, shape, words) => {
    assert.match(verdict(shape), words)
  })

  it.effect("whatever is inside, a wrong password and a wrong key are told alike, and nothing of either", () =>
    Effect.gen(function* () {
      const der = container({ derivation: pbkdf2(integer(1)) })
      const pem = `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${Buffer.from(der).toString("base64")}\n-----END ENCRYPTED PRIVATE KEY-----`
      const texts = yield* Effect.forEach(
        Array.from({ length: 600 }, (_, i) => `password-${i}`),
        (password) => reasonOf(pem, password)
      )
      assert.deepStrictEqual([...new Set(texts)], ["private key: the password does not open the encrypted private key"])
    })
  )

  it("is read without a throw, however it is damaged", () => {
    const der = container({ derivation: pbkdf2(integer(2048)) })
    for (let i = 0; i < der.length; i++) {
      for (const bit of [1, 0x80, 0xff]) parseEncryptedPrivateKey(der.map((byte, at) => (at === i ? byte ^ bit : byte)))
      assert.isTrue(Result.isFailure(parseEncryptedPrivateKey(der.subarray(0, i))))
    }
  })
})
