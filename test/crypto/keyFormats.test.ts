import * as Crypto from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import * as Pkcs8 from "../../src/crypto/pkcs8.ts"
import * as Spki from "../../src/crypto/spki.ts"
import {
  der,
  ecKeyDer,
  fromHex,
  identifiers,
  mgf1,
  pattern,
  pkcs8Der,
  pssOid,
  pssParameters,
  refusal,
  sha,
  spkiDer,
  success
} from "./support.ts"

const spkiOf = (key: Crypto.KeyObject): Uint8Array => Uint8Array.from(key.export({ format: "der", type: "spki" }))
const pkcs8Of = (key: Crypto.KeyObject): Uint8Array => Uint8Array.from(key.export({ format: "der", type: "pkcs8" }))
const pairs = {
  p256: Crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }),
  p384: Crypto.generateKeyPairSync("ec", { namedCurve: "P-384" }),
  p521: Crypto.generateKeyPairSync("ec", { namedCurve: "P-521" }),
  ed25519: Crypto.generateKeyPairSync("ed25519"),
  rsa: Crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })
} as const
const kinds = ["p256", "p384", "p521", "ed25519", "rsa"] as const

const integer = (magnitude: Uint8Array) => der(2, ...((magnitude[0] ?? 0) >= 0x80 ? [Uint8Array.of(0)] : []), magnitude)
/** An RSA SubjectPublicKeyInfo with this modulus and exponent. */
const rsaSpki = (modulus: Uint8Array, exponent: Uint8Array, identifier: Uint8Array = identifiers.rsa) =>
  spkiDer(identifier, der(0x30, integer(modulus), integer(exponent)))
/** An odd number of so many bits. */
const odd = (bits: number) => {
  const bytes = pattern(Math.ceil(bits / 8))
  bytes[0] = 1 << ((bits - 1) % 8)
  bytes[bytes.length - 1] = 1
  return bytes
}
const e65537 = fromHex("010001")

describe("SubjectPublicKeyInfo", () => {
  it.each(kinds)("%s: reads what OpenSSL wrote, and writes the same", (kind) => {
    const bytes = spkiOf(pairs[kind].publicKey)
    const parsed = success(Spki.parse(bytes))
    assert.strictEqual(parsed.kind, kind)
    const rewritten =
      "point" in parsed ? spkiDer(identifiers[kind], parsed.point) : rsaSpki(parsed.modulus, parsed.exponent)
    assert.deepEqual(rewritten, bytes)
  })

  it.each(kinds)("%s: every truncation, extension and changed byte of structure is refused, not thrown", (kind) => {
    const bytes = spkiOf(pairs[kind].publicKey)
    for (let size = 0; size < bytes.length; size++) {
      assert.isTrue(Result.isFailure(Spki.parse(bytes.subarray(0, size))), `${size} bytes`)
    }
    assert.isTrue(Result.isFailure(Spki.parse(Uint8Array.of(...bytes, 0))))
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0, 0x30, 0x80, 0xff]) {
        const changed = bytes.map((byte, i) => (i === at ? value : byte))
        const parsed = Spki.parse(changed)
        // What is still understood is a key of the same form with other numbers in it.
        if (Result.isSuccess(parsed)) assert.strictEqual(parsed.success.kind, kind, `byte ${at}`)
      }
    }
  })

  it("refuses curves without a TLS name, compressed points and parameters where none belong", () => {
    const secp256k1 = Crypto.generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey
    assert.strictEqual(refusal(Spki.parse(spkiOf(secp256k1))), "UnsupportedAlgorithm")
    assert.strictEqual(
      refusal(Spki.parse(spkiOf(Crypto.generateKeyPairSync("x25519").publicKey))),
      "UnsupportedAlgorithm"
    )
    const compressed = spkiDer(identifiers.p256, Uint8Array.of(2, ...pattern(32)))
    assert.strictEqual(refusal(Spki.parse(compressed)), "InvalidKey")
    const ed25519 = spkiDer(fromHex("300706032b65700500"), pattern(32))
    assert.strictEqual(refusal(Spki.parse(ed25519)), "InvalidKey")
    const rsa = rsaSpki(odd(2048), e65537, fromHex("300b06092a864886f70d010101"))
    assert.strictEqual(refusal(Spki.parse(rsa)), "InvalidKey", "rsaEncryption without NULL")
  })

  it("RSA: 2048 to 8192 bits, an odd modulus, an odd exponent from 3 to below 2^33", () => {
    for (const bits of [2048, 2049, 2055, 3072, 4096, 8191, 8192]) {
      assert.strictEqual(success(Spki.parse(rsaSpki(odd(bits), e65537))).bits, bits)
    }
    for (const bits of [512, 1024, 2040, 2047, 8193, 8200, 16_384]) {
      assert.strictEqual(refusal(Spki.parse(rsaSpki(odd(bits), e65537))), "InvalidKey", `${bits} bits`)
    }
    const even = odd(2048)
    even[even.length - 1] = 2
    assert.strictEqual(refusal(Spki.parse(rsaSpki(even, e65537))), "InvalidKey")
    for (const [exponent, good] of [
      ["03", true],
      ["11", true],
      ["01ffffffff", true],
      ["01", false],
      ["02", false],
      ["010000", false],
      ["0200000001", false],
      ["010000000001", false]
    ] as const) {
      const parsed = Spki.parse(rsaSpki(odd(2048), fromHex(exponent)))
      assert.strictEqual(Result.isSuccess(parsed), good, exponent)
    }
    assert.strictEqual(refusal(Spki.parse(rsaSpki(odd(2048), new Uint8Array(0)))), "InvalidKey")
  })

  it("a key that both providers refuse is refused for its size, before any arithmetic", () => {
    for (const primitives of [node, noble]) {
      assert.strictEqual(refusal(primitives.publicKey(rsaSpki(odd(16_384), e65537))), "InvalidKey")
      assert.strictEqual(refusal(primitives.publicKey(rsaSpki(odd(1024), e65537))), "InvalidKey")
    }
  })
})

describe("the parameters of id-RSASSA-PSS", () => {
  const field = (number: number, ...content: ReadonlyArray<Uint8Array>) => der(0xa0 + number, ...content)
  const number = (n: number) => Uint8Array.of(2, 1, n)
  const hashOf = (identifier: Uint8Array) =>
    Result.map(Spki.parse(rsaSpki(odd(2048), e65537, identifier)), (key) => ("hash" in key ? key.hash : key.kind))
  const parse = (...fields: ReadonlyArray<Uint8Array>) => hashOf(der(0x30, pssOid, der(0x30, ...fields)))

  it("restrict the key to their hash", () => {
    for (const [n, size, name] of [
      [1, 32, "sha256"],
      [2, 48, "sha384"],
      [3, 64, "sha512"]
    ] as const) {
      assert.strictEqual(success(hashOf(der(0x30, pssOid, pssParameters(n, size)))), name)
    }
    assert.isUndefined(success(hashOf(der(0x30, pssOid))))
  })

  it("are refused when they are not those of a signature in TLS", () => {
    const [hash, mask, salt] = [field(0, sha(1)), field(1, mgf1(1)), field(2, number(32))]
    assert.strictEqual(success(parse(hash, mask, salt)), "sha256")
    const refused = [
      parse(),
      parse(hash, field(1, mgf1(2)), salt),
      parse(hash, salt),
      parse(mask, salt),
      parse(field(0, sha(4)), field(1, mgf1(4)), salt),
      parse(hash, mask, field(2, number(33))),
      parse(hash, mask),
      parse(hash, mask, field(2, fromHex("02020020"))),
      parse(hash, mask, salt, field(3, number(2))),
      parse(mask, hash, salt),
      parse(hash, hash, mask, salt),
      parse(hash, mask, salt, field(4, number(1))),
      parse(field(0, sha(1), sha(1)), mask, salt)
    ]
    for (const [i, result] of refused.entries()) assert.strictEqual(refusal(result), "UnsupportedAlgorithm", `${i}`)
  })
})

describe("PKCS#8", () => {
  it.each(kinds)("%s: reads what OpenSSL wrote; every truncation is refused", (kind) => {
    const bytes = pkcs8Of(pairs[kind].privateKey)
    assert.strictEqual(success(Pkcs8.parse(bytes)).kind, kind)
    for (let size = 0; size < bytes.length; size++) {
      assert.isTrue(Result.isFailure(Pkcs8.parse(bytes.subarray(0, size))), `${size} bytes`)
    }
  })

  const p256Key = (scalar: Uint8Array) => pkcs8Der(identifiers.p256, ecKeyDer(scalar))

  it("a scalar of zero is InvalidKey", () => {
    for (const primitives of [node, noble]) {
      assert.strictEqual(refusal(primitives.privateKey(p256Key(new Uint8Array(32)))), "InvalidKey")
    }
  })

  it("a scalar shorter or longer than the field, or a seed of another length, is InvalidKey to noble", () => {
    for (const size of [0, 31, 33, 48]) {
      assert.strictEqual(refusal(noble.privateKey(p256Key(pattern(size)))), "InvalidKey", `${size} bytes`)
      const seed = pkcs8Der(identifiers.ed25519, der(4, pattern(size)))
      assert.strictEqual(refusal(noble.privateKey(seed)), "InvalidKey", `${size} bytes`)
      assert.strictEqual(refusal(Pkcs8.parse(p256Key(pattern(size)))), "InvalidKey", `${size} bytes`)
    }
  })

  it("a scalar beyond the order is InvalidKey to noble; OpenSSL takes it modulo the order, and the key is sound", () => {
    const scalar = new Uint8Array(32).fill(0xff)
    assert.strictEqual(refusal(noble.privateKey(p256Key(scalar)), scalar), "InvalidKey")
    const key = success(node.privateKey(p256Key(scalar)))
    const signature = key.sign("ecdsa_secp256r1_sha256", pattern(9))
    assert.isFalse(signature instanceof Promise)
    if (signature instanceof Promise) return
    const imported = success(noble.publicKey(key.publicKey.spki))
    assert.isTrue(imported.verify("ecdsa_secp256r1_sha256", pattern(9), success(signature)))
  })
})
