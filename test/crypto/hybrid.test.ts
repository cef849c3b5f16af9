import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { refuse } from "../../src/crypto/failure.ts"
import { secP256r1MLKEM768, x25519MLKEM768 } from "../../src/crypto/hybrid.ts"
import { make, mlkem768 } from "../../src/crypto/mlkem.ts"
import type { Group } from "../../src/crypto/primitives.ts"
import { pattern, refusal, success } from "./support.ts"

const random = pattern
const zeros = new Uint8Array(32)

/** Two halves that keep hold of every secret they give; the curve refuses a share that begins with 0. */
const halves = () => {
  const given: Array<Uint8Array> = []
  const give = (seed: number) => {
    const secret = pattern(32, seed)
    given.push(secret)
    return secret
  }
  const agree = (share: Uint8Array) =>
    share.length !== 32 || share[0] === 0 ? refuse("InvalidPoint", "a zero") : Result.succeed(give(2))
  const curve: Group = {
    name: "x25519",
    generate: () => ({ group: "x25519", share: new Uint8Array(32).fill(7), agree }),
    encapsulate: (share) => Result.map(agree(share), (secret) => ({ share: new Uint8Array(32).fill(7), secret }))
  }
  const kem = make(mlkem768, {
    generate: () => ({ encapsulationKey: new Uint8Array(1184).fill(1), decapsulate: () => give(1) }),
    encapsulate: () => ({ ciphertext: new Uint8Array(1088).fill(9), secret: give(1) })
  })
  return { given, curve, kem }
}

describe.each([
  ["X25519MLKEM768", x25519MLKEM768, [1, 2], 1184, 1088],
  ["SecP256r1MLKEM768", secP256r1MLKEM768, [2, 1], 0, 0]
] as const)("%s", (_, of, order, keyAt, answerAt) => {
  const whole = Uint8Array.from(order.flatMap((seed) => [...pattern(32, seed)]))

  it("joins the two secrets in its order, and wipes them", () => {
    const { given, curve, kem } = halves()
    const group = of(curve, kem)
    const pair = group.generate(random)
    const answer = success(group.encapsulate(pair.share, random))
    assert.deepEqual([pair.share.indexOf(7), answer.share.indexOf(7)], [keyAt, answerAt])
    assert.deepEqual([success(pair.agree(answer.share)), answer.secret], [whole, whole])
    assert.deepEqual(given, [zeros, zeros, zeros, zeros])
  })

  it("leaves nothing of ML-KEM's behind when the other half is refused", () => {
    const { given, curve, kem } = halves()
    const group = of(curve, kem)
    const pair = group.generate(random)
    const without = (share: Uint8Array) => share.map((byte) => (byte === 7 ? 0 : byte))
    const answer = success(group.encapsulate(pair.share, random))
    given.length = 0
    assert.strictEqual(refusal(group.encapsulate(without(pair.share), random)), "InvalidPoint")
    assert.strictEqual(refusal(pair.agree(without(answer.share))), "InvalidPoint")
    assert.deepEqual(given, [zeros, zeros])
  })

  it("a library that throws is OperationFailed, which is internal_error and no fault of the peer's", () => {
    const { curve } = halves()
    const broken = make(mlkem768, {
      generate: () => ({
        encapsulationKey: new Uint8Array(1184).fill(1),
        decapsulate: () => assert.fail("broken")
      }),
      encapsulate: () => assert.fail("broken")
    })
    const group = of(curve, broken)
    const pair = group.generate(random)
    assert.strictEqual(refusal(group.encapsulate(pair.share, random)), "OperationFailed")
    assert.strictEqual(refusal(pair.agree(new Uint8Array(1120).fill(7))), "OperationFailed")
  })
})
