import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ClientHello, type Extension, find, Handshake, Opaque, placement, placement12 } from "../../src/codec/index.ts"
import type { Codec } from "../../src/codec/presentation/codec.ts"
import { decode, encode } from "../../src/codec/presentation/wire.ts"
import { HandshakeType } from "../../src/codec/registry/handshakeType.ts"
import { codecs } from "./support.ts"

describe("every exported codec", () => {
  it("is found", () => {
    const names = codecs.map(([name]) => name)
    for (const name of ["ClientHello", "Handshake", "KeyShareEntry", "Alert", "TLSInnerPlaintext"]) {
      assert.include(names, name)
    }
    const placed = [...Object.values(placement), ...Object.values(placement12)].flatMap((row) => Object.values(row))
    for (const codec of placed) assert.isTrue(codecs.some(([, found]) => found.wire === codec.wire))
  })

  for (const [name, codec] of codecs) roundTrip(name, codec)
})

function roundTrip<A>(name: string, codec: Codec<A>) {
  const schemaDecode = Schema.decodeUnknownResult(codec)
  const schemaEncode = Schema.encodeUnknownResult(codec)
  it.prop(
    `${name}: decode is the inverse of encode, by the direct functions and by the Schema`,
    [Schema.toType(codec)],
    ([value]) => {
      const bytes = Result.getOrThrow(encode(codec.wire, value))
      assert.deepStrictEqual(Result.getOrThrow(decode(codec.wire, bytes)), value)
      assert.deepStrictEqual(Result.getOrThrow(schemaEncode(value)), bytes)
      assert.deepStrictEqual(Result.getOrThrow(schemaDecode(bytes)), value)
    },
    { arbitrary: { runs: 60 } }
  )
}

describe("what is generated", () => {
  it.effect("has every extension of a ClientHello, unknown ones, and pre_shared_key last", () =>
    Effect.gen(function* () {
      const hellos = yield* Arbitrary.sampleEffect(Arbitrary.schema(ClientHello), { count: 800, seed: 1 })
      const blocks = hellos.map((hello) => hello.extensions)
      const seen = new Set<Extension<"ClientHello">["type"]>(blocks.flat().map(({ type }) => type))
      for (const [type, row] of [...Object.entries(placement), ...Object.entries(placement12)]) {
        if ("ClientHello" in row) assert.isTrue(seen.has(type as Extension<"ClientHello">["type"]), type)
      }
      assert.isTrue([...seen].some((type) => typeof type === "number"))
      for (const block of blocks) {
        assert.strictEqual(new Set(block.map(({ type }) => type)).size, block.length)
        if (find(block, "pre_shared_key") !== undefined) assert.strictEqual(block.at(-1)?.type, "pre_shared_key")
      }
    })
  )

  it.effect("has every message", () =>
    Effect.gen(function* () {
      const messages = yield* Arbitrary.sampleEffect(Arbitrary.schema(Handshake), { count: 400, seed: 1 })
      assert.strictEqual(new Set(messages.map(({ _tag }) => _tag)).size, 13)
    })
  )
})

describe("code points of the future", () => {
  const grease = [0x0a0a, 0x1a1a, 0x2a2a, 0xfafa]

  it("survive a round trip in every list of a ClientHello", () => {
    const hello: ClientHello = {
      legacy_version: 0x7f1c,
      random: new Uint8Array(32),
      legacy_session_id: new Uint8Array(0),
      cipher_suites: [0x0a0a, "TLS_AES_128_GCM_SHA256", 0xfafa],
      legacy_compression_methods: Uint8Array.of(0),
      extensions: [
        { type: 0x0a0a, data: new Uint8Array(0) },
        { type: "supported_groups", data: { named_group_list: grease } },
        { type: "key_share", data: { client_shares: [{ group: 0x0a0a, key_exchange: Uint8Array.of(0) }] } },
        { type: "supported_versions", data: { versions: [...grease, "TLSv1.3"] } },
        { type: "signature_algorithms", data: { supported_signature_algorithms: grease } },
        { type: "psk_key_exchange_modes", data: { ke_modes: [0x0b, "psk_dhe_ke"] } },
        { type: "compress_certificate", data: { algorithms: grease } },
        { type: "application_layer_protocol_negotiation", data: { protocol_name_list: ["\x0a\xfa", "h2"] } },
        { type: "server_name", data: { server_name_list: [{ name_type: 7, name: Uint8Array.of(1, 2) }] } },
        { type: 0xfafa, data: Uint8Array.of(0) }
      ]
    }
    const bytes = Result.getOrThrow(encode(ClientHello.wire, hello))
    assert.deepStrictEqual(Result.getOrThrow(decode(ClientHello.wire, bytes)), hello)
  })

  it("a message that TLS 1.3 does not have keeps its type and its bytes", () => {
    const { server_hello_done } = HandshakeType.registry
    for (const type of [server_hello_done, HandshakeType.registry.message_hash, 0x7a]) {
      const raw = Uint8Array.of(type, 0, 0, 2, 0xab, 0xcd)
      const message = Result.getOrThrow(decode(Handshake.wire, raw))
      assert.deepStrictEqual(message, { _tag: "UnknownHandshake", type, body: Uint8Array.of(0xab, 0xcd) })
      assert.deepStrictEqual(Result.getOrThrow(encode(Handshake.wire, message)), raw)
    }
  })

  it("an extension we do not look into keeps its bytes", () => {
    const raw = Uint8Array.of(1, 2, 3)
    assert.deepStrictEqual(Result.getOrThrow(decode(Opaque.wire, raw)), raw)
  })
})

describe("a value out of range", () => {
  it("is refused by encode with its path, and never throws", () => {
    const hello: ClientHello = {
      legacy_version: "TLSv1.2",
      random: new Uint8Array(31),
      legacy_session_id: new Uint8Array(0),
      cipher_suites: ["TLS_AES_128_GCM_SHA256"],
      legacy_compression_methods: Uint8Array.of(0),
      extensions: []
    }
    const cases: ReadonlyArray<readonly [ClientHello, ReadonlyArray<string | number>]> = [
      [hello, ["random"]],
      [{ ...hello, random: new Uint8Array(32), legacy_session_id: new Uint8Array(33) }, ["legacy_session_id"]],
      [{ ...hello, random: new Uint8Array(32), cipher_suites: [] }, ["cipher_suites"]],
      [{ ...hello, random: new Uint8Array(32), cipher_suites: [0x10000] }, ["cipher_suites", 0]],
      [{ ...hello, random: new Uint8Array(32), cipher_suites: new Array(32768).fill(0) }, ["cipher_suites"]]
    ]
    for (const [value, path] of cases) {
      const result = encode(ClientHello.wire, value)
      assert.deepStrictEqual(Result.isFailure(result) ? result.failure.path : "no failure", path)
      assert.isTrue(Result.isFailure(Schema.encodeUnknownResult(ClientHello)(value)))
    }
  })
})
