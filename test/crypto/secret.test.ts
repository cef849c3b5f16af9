import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { equal, isZero } from "../../src/crypto/constantTime.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import { flip, pattern, toHex } from "./support.ts"

describe("Secret", () => {
  const bytes = pattern(32, 9)
  const holder = () => ({ deep: [{ secret: new Secret("client handshake traffic", bytes.slice()) }] })

  it("shows its stage and nothing else, in every way of printing", () => {
    const used = holder()
    for (const { secret } of used.deep) secret.mac(node.hashes.sha256)(bytes)
    const { secret } = used.deep[0] ?? assert.fail()
    const texts = [
      String(secret),
      `${secret}`,
      JSON.stringify(used),
      inspect(used, { depth: 10 }),
      inspect(used, { depth: 10, showHidden: true, getters: true }),
      JSON.stringify(Object.entries(secret)),
      JSON.stringify(structuredClone({ ...secret })),
      new Error(String(secret)).stack ?? ""
    ]
    const forms = [toHex(bytes), Buffer.from(bytes).toString("base64"), bytes.join(), bytes.join(", ")]
    for (const text of texts) for (const form of forms) assert.notInclude(text, form.slice(0, 12))
    for (const text of texts.slice(0, 4)) assert.include(text, "<secret:client handshake traffic>")
  })

  it.each([node, noble])("its MAC on $name is HMAC, set up once, and gone when wiped", ({ hashes }) => {
    const own = bytes.slice()
    const secret = new Secret("test", own)
    assert.deepEqual(secret.mac(hashes.sha256)(bytes), hashes.sha256.hmac(bytes)(bytes))
    assert.strictEqual(secret.mac(hashes.sha256), secret.mac(hashes.sha256))
    assert.strictEqual(unsafeBytes(secret), own)
    secret.wipe()
    assert.isTrue(isZero(own))
    assert.strictEqual(secret.mac(hashes.sha256)(bytes).length, 0)
  })
})

describe("constant time", () => {
  it("equal is equality", () => {
    const bytes = pattern(32)
    assert.isTrue(equal(bytes, bytes.slice()))
    assert.isTrue(equal(new Uint8Array(0), new Uint8Array(0)))
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [1, 0x80, 0xff]) assert.isFalse(equal(bytes, flip(bytes, at, mask)), `byte ${at}`)
    }
    assert.isFalse(equal(bytes, flip(flip(bytes, 0), 1)), "two differences do not cancel")
    assert.isFalse(equal(bytes, bytes.subarray(0, 31)))
    assert.isFalse(equal(bytes.subarray(0, 31), bytes))
    assert.isFalse(equal(new Uint8Array(0), bytes))
  })

  it("isZero sees every byte", () => {
    assert.isTrue(isZero(new Uint8Array(32)))
    for (let at = 0; at < 32; at++) assert.isFalse(isZero(flip(new Uint8Array(32), at, 0x80)))
  })
})
