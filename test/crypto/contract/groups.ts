import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { Primitives } from "../../../src/crypto/primitives.ts"
import { flip, fromHex, groupOf, refusal, success, toHex } from "../support.ts"

const sizes = { x25519: [32, 32], secp256r1: [65, 32], secp384r1: [97, 48], secp521r1: [133, 66] } as const
const names = ["x25519", "secp256r1", "secp384r1", "secp521r1"] as const
const curves = ["secp256r1", "secp384r1", "secp521r1"] as const

/** The points of small order of Curve25519, and their unreduced forms: every one leads to zero (RFC 7748 section 6.1). */
const smallOrder = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
]

export const groupContract = (primitives: Primitives): void => {
  const pairOf = (name: string) => groupOf(primitives, name).generate(primitives.random)

  it("has the groups in an order of preference that begins with X25519MLKEM768 and x25519", () => {
    assert.deepEqual(
      primitives.groups.map(({ name }) => name),
      ["X25519MLKEM768", ...names, "SecP256r1MLKEM768", "SecP384r1MLKEM1024"]
    )
  })

  describe.each(names)("%s", (name) => {
    const [shareSize, secretSize] = sizes[name]

    it("both ends of generate and agree have one secret", () => {
      const a = pairOf(name)
      const b = pairOf(name)
      assert.strictEqual(a.group, name)
      assert.strictEqual(a.share.length, shareSize)
      assert.strictEqual(Object.getPrototypeOf(a.share), Uint8Array.prototype)
      const secret = success(a.agree(b.share))
      assert.strictEqual(secret.length, secretSize)
      assert.deepEqual(success(b.agree(a.share)), secret)
      assert.deepEqual(success(b.agree(a.share)), secret, "a second time")
      assert.notDeepEqual(success(a.agree(a.share)), secret)
    })

    it("encapsulate answers a share with a share and the secret", () => {
      const a = pairOf(name)
      const answer = success(groupOf(primitives, name).encapsulate(a.share, primitives.random))
      assert.strictEqual(answer.share.length, shareSize)
      assert.deepEqual(success(a.agree(answer.share)), answer.secret)
    })

    it("every pair is fresh", () => {
      const shares = new Set(Array.from({ length: 8 }, () => toHex(pairOf(name).share)))
      assert.strictEqual(shares.size, 8)
    })

    it("refuses every wrong length", () => {
      const a = pairOf(name)
      const { share } = pairOf(name)
      for (const wrong of [0, 1, 31, 32, 33, 48, 64, 65, 66, 96, 97, 98, 132, 133, 134, 1000]) {
        if (wrong === shareSize) continue
        const bytes = new Uint8Array(wrong)
        bytes.set(share.subarray(0, wrong))
        assert.strictEqual(refusal(a.agree(bytes), bytes.length > 8 ? bytes : undefined), "InvalidPoint", `${wrong}`)
        assert.strictEqual(refusal(groupOf(primitives, name).encapsulate(bytes, primitives.random)), "InvalidPoint")
      }
    })
  })

  describe.each(curves)("%s, points", (name) => {
    const coordinate = (sizes[name][0] - 1) / 2

    it("refuses a compressed point, also one made up to the length, and a hybrid one", () => {
      const a = pairOf(name)
      const { share } = pairOf(name)
      const parity = 2 + ((share.at(-1) ?? 0) & 1)
      const compressed = Uint8Array.of(parity, ...share.subarray(1, 1 + coordinate))
      assert.strictEqual(refusal(a.agree(compressed)), "InvalidPoint")
      for (const first of [0, parity, 5, 4 + parity]) {
        assert.strictEqual(refusal(a.agree(Uint8Array.of(first, ...share.subarray(1)))), "InvalidPoint", `0x0${first}`)
      }
    })

    it("refuses a point off the curve, the origin and coordinates out of range", () => {
      const a = pairOf(name)
      const { share } = pairOf(name)
      for (const at of [1, coordinate, 1 + coordinate, 2 * coordinate]) {
        assert.strictEqual(refusal(a.agree(flip(share, at))), "InvalidPoint", `byte ${at}`)
      }
      assert.strictEqual(refusal(a.agree(Uint8Array.of(4, ...new Uint8Array(2 * coordinate)))), "InvalidPoint")
      assert.strictEqual(
        refusal(a.agree(Uint8Array.of(4, ...new Uint8Array(2 * coordinate).fill(0xff)))),
        "InvalidPoint"
      )
      assert.strictEqual(refusal(a.agree(Uint8Array.of(0))), "InvalidPoint", "infinity")
    })
  })

  it("x25519 refuses every point of small order", () => {
    const a = pairOf("x25519")
    for (const hex of smallOrder) {
      assert.strictEqual(refusal(a.agree(fromHex(hex))), "InvalidPoint", hex)
      assert.isTrue(Result.isFailure(groupOf(primitives, "x25519").encapsulate(fromHex(hex), primitives.random)))
    }
  })
}
