import { assert, describe, it } from "@effect/vitest"
import type { Primitives } from "../../src/crypto/primitives.ts"
import { groupContract } from "./contract/groups.ts"
import { hybridContract } from "./contract/hybrids.ts"
import { signatureContract } from "./contract/signatures.ts"
import { aeadContract, hashContract } from "./contract/symmetric.ts"

/** What any provider's primitives must do. Run against each. */
export const primitivesContract = (primitives: Primitives): void => {
  describe(primitives.name, () => {
    describe("hashes", () => hashContract(primitives))
    describe("AEADs", () => aeadContract(primitives))
    describe("groups", () => groupContract(primitives))
    describe("hybrid groups", () => hybridContract(primitives))
    describe("signatures", () => signatureContract(primitives))

    it("random bytes have the length asked for and differ", () => {
      for (const size of [0, 1, 32, 65_536, 70_000]) assert.strictEqual(primitives.random(size).length, size)
      assert.notDeepEqual(primitives.random(32), primitives.random(32))
      assert.isTrue(
        primitives
          .random(70_000)
          .subarray(65_536)
          .some((byte) => byte !== 0)
      )
    })
  })
}
