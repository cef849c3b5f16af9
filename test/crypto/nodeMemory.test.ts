import { constants, PerformanceObserver } from "node:perf_hooks"
import { assert, describe, it } from "@effect/vitest"
import { release } from "../../src/crypto/node/bytes.ts"
import { primitives } from "../../src/crypto/node/index.ts"

const size = 2 ** 14
const nonce = new Uint8Array(12)
const none = new Uint8Array(0)
const key = primitives.aeads["AES-128-GCM"].key(new Uint8Array(16).fill(1))

/** How often the whole heap is collected meanwhile; `step` is called for each of 256 MiB in records. */
const wholeCollections = async (step: () => void): Promise<number> => {
  let whole = 0
  const observer = new PerformanceObserver((list) => {
    whole += list.getEntries().filter(isMajor).length
  })
  observer.observe({ entryTypes: ["gc"] })
  for (let i = 0; i < 2 ** 28 / size; i++) {
    step()
    // As data comes in chunks, each in a turn of the event loop.
    if (i % 16 === 0) await new Promise(setImmediate)
  }
  await new Promise((resolve) => setTimeout(resolve, 20))
  observer.disconnect()
  return whole
}

/** Node says what kind of collection it was in a `detail` that the types do not know. */
const isMajor = (entry: object): boolean => {
  const detail = "detail" in entry ? entry.detail : undefined
  const kind = typeof detail === "object" && detail !== null && "kind" in detail ? detail.kind : undefined
  return kind === constants.NODE_PERFORMANCE_GC_MAJOR
}

describe("the AEAD of node:crypto", () => {
  const sealed = new Uint8Array(size + 16)
  key.seal(nonce, none, new Uint8Array(size).fill(2), none, sealed, 0)

  it("seals 256 MiB, and the heap is marked once at most", async () => {
    const data = new Uint8Array(size)
    const out = new Uint8Array(size + 16)
    assert.isAtMost(await wholeCollections(() => key.seal(nonce, none, data, none, out, 0)), 1)
  })

  it("opens 256 MiB, and the heap is marked once at most", async () => {
    let opened = 0
    assert.isAtMost(await wholeCollections(() => (opened += key.open(nonce, none, sealed)?.length ?? 0)), 1)
    assert.strictEqual(opened, 2 ** 28)
  })

  it("gives no memory back that somebody else may see", () => {
    const whole = new Uint8Array(2 ** 16)
    release(whole.subarray(1))
    release(whole.subarray(0, 2 ** 15))
    release(new Uint8Array(new SharedArrayBuffer(2 ** 16)))
    assert.strictEqual(whole.length, 2 ** 16)
    release(whole)
    assert.strictEqual(whole.length, 0)
  })
})
