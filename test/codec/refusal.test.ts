import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { decodeMessage, encodeMessage, Handshake, type Message } from "../../src/codec/index.ts"
import type { Codec } from "../../src/codec/presentation/codec.ts"
import { decode, encode } from "../../src/codec/presentation/wire.ts"
import { codecs } from "./support.ts"

/** The same body, shorter or longer, under a header that tells its length truly. */
const reframe = (raw: Uint8Array, body: Uint8Array): Uint8Array =>
  Uint8Array.of(raw[0] ?? 0, body.length >> 16, (body.length >> 8) & 0xff, body.length & 0xff, ...body)

/** Bodies that go up to the end of the message: only the length in the header bounds them. */
const openEnded = (message: Message): boolean => message._tag === "Finished" || message._tag === "UnknownHandshake"

/** Where a hello of TLS 1.2 may end: before its extensions. */
const endsOf = (message: Message, length: number): ReadonlyArray<number> => {
  if (message._tag !== "ClientHello" && message._tag !== "ServerHello" && message._tag !== "HelloRetryRequest")
    return []
  const bare = { ...message, body: { ...message.body, extensions: [] } } as Message
  return [Result.getOrThrow(encodeMessage(bare)).length - 4].filter((end) => end < length)
}

describe("every message", () => {
  it.prop(
    "refuses every truncation, with a path",
    [Schema.toType(Handshake)],
    ([message]) => {
      const raw = Result.getOrThrow(encodeMessage(message))
      for (let length = 0; length < raw.length; length++) {
        const result = decodeMessage(raw.subarray(0, length))
        assert.isTrue(Result.isFailure(result) && result.failure.alert === "decode_error")
        // A HelloRetryRequest is one only when its random is all there.
        const body = message._tag === "HelloRetryRequest" && length < 4 + 2 + 32 ? "ServerHello" : message._tag
        const path = length === 0 ? ["msg_type"] : length < 4 ? ["length"] : [body]
        assert.deepStrictEqual(Result.isFailure(result) ? result.failure.path : [], path)
      }
      if (openEnded(message)) return
      const body = raw.subarray(4)
      const legal = endsOf(message, body.length)
      for (let length = 0; length < body.length; length++) {
        const result = decodeMessage(reframe(raw, body.subarray(0, length)))
        if (legal.includes(length)) assert.isTrue(Result.isSuccess(result))
        else assert.isTrue(Result.isFailure(result) && result.failure.path.length > 1, `body cut to ${length}`)
      }
    },
    { arbitrary: { runs: 150 } }
  )

  it.prop(
    "refuses one byte more, within its length and after it",
    [Schema.toType(Handshake), Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))],
    ([message, byte]) => {
      const raw = Result.getOrThrow(encodeMessage(message))
      assert.isTrue(Result.isFailure(decodeMessage(Uint8Array.of(...raw, byte))))
      if (openEnded(message)) return
      const result = decodeMessage(reframe(raw, Uint8Array.of(...raw.subarray(4), byte)))
      assert.isTrue(Result.isFailure(result) && result.failure.path.length > 0)
    },
    { arbitrary: { runs: 300 } }
  )
})

/** One change to some bytes, at a place relative to their length. */
const Mutation = Schema.Struct({
  kind: Schema.Literals(["replace", "insert", "delete", "cut"]),
  place: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9999 })),
  byte: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
})

const mutate = (bytes: Uint8Array, { kind, place, byte }: typeof Mutation.Type): Uint8Array => {
  const at = Math.floor((place / 10000) * bytes.length)
  const tail = bytes.subarray(kind === "insert" ? at : at + 1)
  if (kind === "cut") return bytes.slice(0, at)
  return kind === "delete"
    ? Uint8Array.of(...bytes.subarray(0, at), ...tail)
    : Uint8Array.of(...bytes.subarray(0, at), byte, ...tail)
}

/** Whatever the bytes: no exception, one verdict from both ways, and a value that means the same when sent on. */
function judge<A>(codec: Codec<A>, bytes: Uint8Array): void {
  const direct = decode(codec.wire, bytes)
  const schema = Schema.decodeResult(codec)(bytes)
  assert.strictEqual(Result.isSuccess(schema), Result.isSuccess(direct))
  if (Result.isFailure(direct)) {
    const { alert, offset } = direct.failure
    assert.include(["decode_error", "illegal_parameter"], alert)
    assert.isTrue(offset >= 0 && offset <= bytes.length)
    if (Result.isFailure(schema)) {
      assert.include(schema.failure.message, direct.failure.expected)
    }
    return
  }
  if (Result.isSuccess(schema)) assert.deepStrictEqual(schema.success, direct.success)
  const again = Result.getOrThrow(encode(codec.wire, direct.success))
  assert.deepStrictEqual(Result.getOrThrow(decode(codec.wire, again)), direct.success)
}

describe("hostile bytes", () => {
  for (const [name, codec] of codecs) hostile(name, codec)
})

function hostile<A>(name: string, codec: Codec<A>) {
  it.prop(
    `${name}: a change to valid bytes is judged, never thrown at`,
    [Schema.toType(codec), Mutation],
    ([value, mutation]) => judge(codec, mutate(Result.getOrThrow(encode(codec.wire, value)), mutation)),
    { arbitrary: { runs: 80 } }
  )

  it.prop(`${name}: noise is judged, never thrown at`, [Schema.Uint8Array], ([bytes]) => judge(codec, bytes), {
    arbitrary: { runs: 60, size: 48 }
  })
}
