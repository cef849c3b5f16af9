import { assert, it } from "@effect/vitest"
import { CipherSuite } from "../../src/codec/registry/cipherSuite.ts"
import { namesOf } from "../../src/state/negotiation/names.ts"

it("values of RFC 8701 are not told to people, and a long list is not told whole", () => {
  assert.strictEqual(namesOf(CipherSuite, [0x2a2a, "TLS_AES_128_GCM_SHA256", 0x2a2b]), "TLS_AES_128_GCM_SHA256, 0x2a2b")
  assert.strictEqual(namesOf(CipherSuite, [0x0a0a]), "nothing")
  assert.lengthOf(
    namesOf(
      CipherSuite,
      Array.from({ length: 40 }, (_, i) => 0x2000 + i)
    ).split(", "),
    16
  )
})
