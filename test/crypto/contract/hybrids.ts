import { assert, describe, it } from "@effect/vitest"
import type { Primitives } from "../../../src/crypto/primitives.ts"
import { flip, groupOf, pattern, refusal, success, toHex } from "../support.ts"

/** Bytes of a client's share, of a server's and of the secret; the ECDHE half, where it begins, and its own group. */
export const hybrids = [
  [
    "X25519MLKEM768",
    { client: 1216, server: 1120, secret: 64, curve: "x25519", ecdhe: 32, mlkem: 1184, first: "mlkem" }
  ],
  [
    "SecP256r1MLKEM768",
    { client: 1249, server: 1153, secret: 64, curve: "secp256r1", ecdhe: 65, mlkem: 1184, first: "ecdhe" }
  ],
  [
    "SecP384r1MLKEM1024",
    { client: 1665, server: 1665, secret: 80, curve: "secp384r1", ecdhe: 97, mlkem: 1568, first: "ecdhe" }
  ]
] as const

type Form = (typeof hybrids)[number][1]

/** Where the ECDHE half of a share begins. */
export const ecdheAt = ({ first, ecdhe }: Form, share: Uint8Array): number =>
  first === "ecdhe" ? 0 : share.length - ecdhe

/** A share with another ECDHE half. */
const withEcdhe = (form: Form, share: Uint8Array, half: Uint8Array): Uint8Array => {
  const other = share.slice()
  other.set(half, ecdheAt(form, share))
  return other
}

/** A share whose `index`-th coefficient, of 12 bits, is `value`. */
const withCoefficient = (form: Form, share: Uint8Array, index: number, value: number): Uint8Array => {
  const other = share.slice()
  const at = (form.first === "ecdhe" ? form.ecdhe : 0) + 3 * (index >> 1)
  const [, middle = 0] = other.subarray(at, at + 3)
  if (index % 2 === 0) other.set([value & 0xff, (middle & 0xf0) | (value >> 8)], at)
  else other.set([(middle & 0x0f) | ((value & 0x0f) << 4), value >> 4], at + 1)
  return other
}

export const hybridContract = (primitives: Primitives): void => {
  describe.each(hybrids)("%s", (name, form) => {
    const group = groupOf(primitives, name)
    const { random } = primitives

    it("encapsulate answers a share with a share and the secret", () => {
      const a = group.generate(random)
      assert.strictEqual(a.group, name)
      assert.strictEqual(a.share.length, form.client)
      assert.strictEqual(Object.getPrototypeOf(a.share), Uint8Array.prototype)
      const { share, secret } = success(group.encapsulate(a.share, random))
      assert.deepEqual([share.length, secret.length], [form.server, form.secret])
      assert.deepEqual(success(a.agree(share)), secret)
      assert.deepEqual(success(a.agree(share)), secret, "a second time")
      const again = success(group.encapsulate(a.share, random))
      assert.notDeepEqual(again.share, share)
      assert.notDeepEqual(again.secret, secret)
      assert.notDeepEqual(success(group.generate(random).agree(share)), secret)
    })

    /** The halves are found by what each alone does: ECDHE agrees with its own group, ML-KEM changes with its bytes. */
    it("has its halves where RFC 10024 puts them", () => {
      const a = group.generate(random)
      const { share, secret } = success(group.encapsulate(a.share, random))
      const curve = groupOf(primitives, form.curve)
      const at = ecdheAt(form, a.share)
      assert.isTrue(curve.encapsulate(a.share.subarray(at, at + form.ecdhe), random)._tag === "Success")
      const bent = success(a.agree(flip(share, form.first === "mlkem" ? 0 : share.length - 1)))
      const half = form.secret - 32
      const [mlkem, ecdhe] =
        form.first === "mlkem"
          ? [
              [0, 32],
              [32, 64]
            ]
          : [
              [half, form.secret],
              [0, half]
            ]
      assert.deepEqual(bent.subarray(...ecdhe), secret.subarray(...ecdhe), "ECDHE's part of the secret stays")
      assert.notDeepEqual(bent.subarray(...mlkem), secret.subarray(...mlkem), "ML-KEM's rejects implicitly")
    })

    it("every pair is fresh, in both halves", () => {
      const shares = Array.from({ length: 8 }, () => group.generate(random).share)
      const at = ecdheAt(form, new Uint8Array(form.client))
      const halves = shares.flatMap((share) => [
        toHex(share.subarray(at, at + form.ecdhe)),
        toHex(form.first === "mlkem" ? share.subarray(0, form.mlkem) : share.subarray(form.ecdhe))
      ])
      assert.strictEqual(new Set(halves).size, 16)
    })

    it("refuses every wrong length", () => {
      const a = group.generate(random)
      const b = success(group.encapsulate(a.share, random))
      const lengths = (right: number) => [0, 1, 32, 65, 97, 1088, 1184, 1568, right - 32, right - 1, right + 1, 3000]
      for (const wrong of lengths(form.server)) {
        const bytes = new Uint8Array(wrong)
        bytes.set(b.share.subarray(0, wrong))
        assert.strictEqual(refusal(a.agree(bytes)), "InvalidPoint", `agree with ${wrong}`)
      }
      for (const wrong of lengths(form.client)) {
        const bytes = new Uint8Array(wrong)
        bytes.set(a.share.subarray(0, wrong))
        assert.strictEqual(refusal(group.encapsulate(bytes, random)), "InvalidPoint", `encapsulate to ${wrong}`)
      }
    })

    it("refuses a key with a coefficient that is not reduced, wherever it is", () => {
      const { share } = group.generate(random)
      const count = ((form.mlkem - 32) * 8) / 12
      for (const index of [0, 1, 2, 255, 256, count - 2, count - 1]) {
        for (const value of [3329, 3330, 4095]) {
          const bad = withCoefficient(form, share, index, value)
          assert.strictEqual(refusal(group.encapsulate(bad, random), share), "InvalidPoint", `${index}: ${value}`)
        }
        for (const value of [0, 3328]) success(group.encapsulate(withCoefficient(form, share, index, value), random))
      }
    })

    it("has the checks of its ECDHE half, in both directions", () => {
      const a = group.generate(random)
      const b = success(group.encapsulate(a.share, random))
      const good = groupOf(primitives, form.curve).generate(random).share
      const bad =
        form.curve === "x25519"
          ? [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]
          : [flip(good, 0, 6), flip(good, 0, 4), flip(good, 5), new Uint8Array(form.ecdhe)]
      success(a.agree(withEcdhe(form, b.share, good)))
      for (const half of bad) {
        assert.strictEqual(refusal(a.agree(withEcdhe(form, b.share, half))), "InvalidPoint")
        assert.strictEqual(refusal(group.encapsulate(withEcdhe(form, a.share, half), random)), "InvalidPoint")
      }
    })

    it("any ciphertext of the right length has a secret", () => {
      const a = group.generate(random)
      const b = success(group.encapsulate(a.share, random))
      const at = ecdheAt(form, b.share)
      const half = b.share.subarray(at, at + form.ecdhe)
      for (const fill of [new Uint8Array(form.server), new Uint8Array(form.server).fill(255), pattern(form.server)]) {
        assert.strictEqual(success(a.agree(withEcdhe(form, fill, half))).length, form.secret)
      }
    })
  })
}
