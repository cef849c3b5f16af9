import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { HandshakeJoiner } from "../../src/state/record/joiner.ts"
import { maxHandshakeMessage, maxPlaintext } from "../../src/state/record/limits.ts"
import { concat, fastest, okay, pattern, reason, split } from "./recordSupport.ts"

const message = (type: number, size: number): Uint8Array =>
  concat([Uint8Array.of(type, size >> 16, (size >> 8) & 255, size & 255), pattern(size, type)])

const takeAll = (joiner: HandshakeJoiner): Array<Uint8Array> => {
  const messages: Array<Uint8Array> = []
  for (let next = okay(joiner.next()); next !== undefined; next = okay(joiner.next())) messages.push(next)
  return messages
}

describe("HandshakeJoiner", () => {
  it.prop(
    "messages survive any split and any coalescing",
    [
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 700 }))).check(Schema.isMaxLength(20)),
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 900 }))).check(
        Schema.isMinLength(1),
        Schema.isMaxLength(10)
      )
    ],
    ([sizes, cuts]) => {
      const messages = sizes.map((size, i) => message(i + 1, size))
      const joiner = new HandshakeJoiner()
      const seen = split(concat(messages), cuts).flatMap((fragment) => {
        okay(joiner.push(fragment))
        return takeAll(joiner)
      })
      assert.deepStrictEqual(seen, messages)
      assert.isTrue(joiner.empty)
    },
    { arbitrary: { runs: 200 } }
  )

  it("gives messages that alias neither the fragment nor each other", () => {
    const joiner = new HandshakeJoiner()
    const fragment = concat([message(1, 10), message(2, 10)])
    okay(joiner.push(fragment))
    fragment.fill(0xee)
    const first = okay(joiner.next())
    first?.fill(0xdd)
    assert.deepStrictEqual(first?.length, 14)
    assert.deepStrictEqual(okay(joiner.next()), message(2, 10))
    okay(joiner.push(message(3, 30)))
    assert.deepStrictEqual(first, new Uint8Array(14).fill(0xdd))
    assert.notStrictEqual(first?.buffer, fragment.buffer)
  })

  it("is empty only between messages, with nothing behind them", () => {
    const joiner = new HandshakeJoiner()
    const both = concat([message(1, 3), message(2, 0).subarray(0, 1)])
    assert.isTrue(joiner.empty)
    okay(joiner.push(both))
    assert.isFalse(joiner.empty)
    assert.deepStrictEqual(okay(joiner.next()), message(1, 3))
    assert.strictEqual(okay(joiner.next()), undefined)
    assert.isFalse(joiner.empty)
    okay(joiner.push(message(2, 0).subarray(1)))
    assert.deepStrictEqual(okay(joiner.next()), message(2, 0))
    assert.isTrue(joiner.empty)
  })

  it("refuses a fragment without bytes", () => {
    assert.strictEqual(reason(new HandshakeJoiner().push(new Uint8Array(0))), "EmptyFragment")
  })

  it("takes the longest message and refuses the next longer one by its header", () => {
    const longest = message(11, maxHandshakeMessage)
    const joiner = new HandshakeJoiner()
    for (const fragment of split(longest, [maxPlaintext])) okay(joiner.push(fragment))
    assert.deepStrictEqual(okay(joiner.next()), longest)

    for (const length of [maxHandshakeMessage + 1, 0x800000, 0xffffff]) {
      const hostile = new HandshakeJoiner()
      okay(hostile.push(Uint8Array.of(11, length >> 16, (length >> 8) & 255)))
      assert.strictEqual(okay(hostile.next()), undefined)
      okay(hostile.push(Uint8Array.of(length & 255)))
      assert.strictEqual(reason(hostile.next()), "HandshakeMessageTooLong")
    }
  })

  it("does not collect without end when nobody takes messages", () => {
    const joiner = new HandshakeJoiner()
    let pushed = 0
    const fragment = new Uint8Array(maxPlaintext)
    while (joiner.push(fragment)._tag === "Success") {
      pushed += fragment.length
      assert.isBelow(pushed, 4 * maxHandshakeMessage)
    }
    assert.strictEqual(reason(joiner.push(fragment)), "HandshakeMessageTooLong")
  })

  it("joins 64 KiB one byte at a time in linear time", () => {
    const longest = message(11, maxHandshakeMessage)
    const elapsed = fastest(() => {
      const joiner = new HandshakeJoiner()
      let seen: Uint8Array | undefined
      for (let i = 0; i < longest.length; i++) {
        okay(joiner.push(longest.subarray(i, i + 1)))
        seen = okay(joiner.next())
      }
      assert.deepStrictEqual(seen, longest)
    })
    // Copying the whole at each byte would move 2 GiB and take a second at least.
    assert.isBelow(elapsed, 250)
  })
})
