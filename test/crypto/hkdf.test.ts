import { assert, describe, it } from "@effect/vitest"
import { expand, expandLabel, extract } from "../../src/crypto/hkdf.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { Hash } from "../../src/crypto/primitives.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import { fromHex, pattern, toHex } from "./support.ts"

const none = new Uint8Array(0)
const secret = (hex: string) => new Secret("test", fromHex(hex))

/** Appendix A of RFC 5869, the three with SHA-256. */
const rfc5869 = [
  {
    ikm: "0b".repeat(22),
    salt: "000102030405060708090a0b0c",
    info: "f0f1f2f3f4f5f6f7f8f9",
    prk: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
    okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
  },
  {
    ikm: toHex(Uint8Array.from({ length: 80 }, (_, i) => i)),
    salt: toHex(Uint8Array.from({ length: 80 }, (_, i) => 0x60 + i)),
    info: toHex(Uint8Array.from({ length: 80 }, (_, i) => 0xb0 + i)),
    prk: "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
    okm:
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c" +
      "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71" +
      "cc30c58179ec3e87c14c01d5c1f3434f1d87"
  },
  {
    ikm: "0b".repeat(22),
    salt: "",
    info: "",
    prk: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
    okm: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
  }
]

const hello = "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8"
const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
const handshake = "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac"
const server = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"

/** RFC 8448 section 3: secret, label, context, what is expanded. */
const rfc8448 = [
  [
    "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a",
    "derived",
    empty,
    "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba"
  ],
  [handshake, "c hs traffic", hello, "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"],
  [handshake, "s hs traffic", hello, server],
  [handshake, "derived", empty, "43de77e0c77713859a944db9db2590b53190a65b3ee2e4f12dd7a0bb7ce254b4"],
  [server, "key", "", "3fce516009c21727d0f2e4e86ee403bc"],
  [server, "iv", "", "5d313eb2671276ee13000b30"],
  [server, "finished", "", "008d3b66f816ea559f96b537e885c31fc068bf492c652f01f288a1d8cdc19fc8"]
] as const

describe.each([node, noble])("HKDF on $name", ({ hashes }) => {
  it.each(rfc5869)("RFC 5869 appendix A, ikm $ikm", ({ ikm, salt, info, prk, okm }) => {
    const extracted = extract(hashes.sha256, fromHex(salt), fromHex(ikm))
    assert.strictEqual(toHex(extracted), prk)
    const output = expand(hashes.sha256, new Secret("prk", extracted), fromHex(info), okm.length / 2)
    assert.strictEqual(toHex(output), okm)
  })

  it.each(rfc8448)("RFC 8448 section 3: %s, %s", (prk, label, context, expected) => {
    for (const time of ["first", "again, from the cache"]) {
      const output = expandLabel(hashes.sha256, secret(prk), label, fromHex(context), expected.length / 2)
      assert.strictEqual(toHex(output), expected, time)
    }
  })

  it("RFC 8448 section 3: the handshake secret is extracted from secrets", () => {
    const salt = secret("6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba")
    const ikm = secret("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f5375 63efd46272900f89492d")
    assert.strictEqual(toHex(extract(hashes.sha256, salt, ikm)), handshake)
    assert.strictEqual(toHex(extract(hashes.sha256, unsafeBytes(salt), unsafeBytes(ikm))), handshake)
  })

  it("every length is a beginning of every longer one, up to 255 blocks", () => {
    const prk = secret("0b".repeat(32))
    for (const hash of [hashes.sha256, hashes.sha384]) {
      const longest = expand(hash, prk, pattern(10), 255 * hash.size)
      assert.strictEqual(longest.length, 255 * hash.size)
      for (const length of [0, 1, 12, 16, hash.size - 1, hash.size, hash.size + 1, 2 * hash.size, 5000]) {
        assert.deepEqual(expand(hash, prk, pattern(10), length), longest.subarray(0, length))
      }
    }
  })

  it("one label with another length or another context is another output", () => {
    const prk = secret("0b".repeat(32))
    const outputs = [
      expandLabel(hashes.sha256, prk, "key", none, 16),
      expandLabel(hashes.sha256, prk, "key", none, 32),
      expandLabel(hashes.sha256, prk, "key", Uint8Array.of(0), 16),
      expandLabel(hashes.sha256, prk, "iv", none, 16)
    ].map((output) => toHex(output.subarray(0, 16)))
    assert.strictEqual(new Set(outputs).size, 4)
  })

  it("the cache of labels is bounded, and what does not fit in it is still right", () => {
    const prk = secret("0b".repeat(32))
    for (let i = 0; i < 200; i++) {
      const label = `label ${i}`
      const info = Uint8Array.of(0, 32, 6 + label.length, ...Buffer.from(`tls13 ${label}`), 0)
      assert.deepEqual(expandLabel(hashes.sha256, prk, label, none, 32), expand(hashes.sha256, prk, info, 32))
    }
  })

  it("a block costs one HMAC, and a key is set up once", () => {
    let setUps = 0
    let macs = 0
    const counting: Hash = {
      ...hashes.sha256,
      hmac: (key) => {
        setUps++
        const mac = hashes.sha256.hmac(key)
        return (data) => {
          macs++
          return mac(data)
        }
      }
    }
    const prk = secret("0b".repeat(32))
    expandLabel(counting, prk, "key", none, 16)
    expandLabel(counting, prk, "iv", none, 12)
    expandLabel(counting, prk, "finished", none, 32)
    extract(counting, prk, none)
    assert.deepEqual([setUps, macs], [1, 4])
    expand(counting, prk, none, 33)
    assert.deepEqual([setUps, macs], [1, 6])
  })
})
