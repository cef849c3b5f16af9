import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Der, decodeDer, encodeDer } from "../../src/codec/der/der.ts"
import { namedOid, objectIdentifier } from "../../src/codec/der/objectIdentifier.ts"
import {
  any,
  bitOctets,
  bitString,
  boolean,
  enumerated,
  integer,
  integerBetween,
  namedBits,
  nothing,
  octetString
} from "../../src/codec/der/primitive.ts"
import { derCodec } from "../../src/codec/der/schema.ts"
import {
  bmpString,
  ia5String,
  numericString,
  printableString,
  teletexString,
  universalString,
  utf8String,
  visibleString
} from "../../src/codec/der/string.ts"
import {
  choice,
  explicit,
  implicit,
  named,
  optional,
  retained,
  sequence,
  sequenceOf,
  setOf,
  withDefault
} from "../../src/codec/der/structure.ts"
import { generalizedTime, Time, utcTime } from "../../src/codec/der/time.ts"
import { RDNSequence } from "../../src/codec/x509/name.ts"

const ok = <A>(result: Result.Result<A, unknown>): A =>
  Result.getOrThrowWith(result, (failure) => new Error(JSON.stringify(failure)))

const Shape = sequence({
  version: withDefault(explicit(0, named(integerBetween(0, 2), { v1: 0, v2: 1, v3: 2 })), "v1"),
  serial: integer,
  pick: choice({ text: utf8String, number: implicit(1, integer), wrapped: explicit(2, octetString) }),
  flag: withDefault(boolean, false),
  list: optional(implicit(3, sequenceOf(objectIdentifier))),
  set: setOf(octetString),
  kept: retained(sequence({ a: integer, b: optional(any) }))
})

const types: ReadonlyArray<readonly [string, Der<unknown>]> = Object.entries({
  boolean,
  integer,
  integerBetween: integerBetween(0, 70000),
  enumerated,
  octetString,
  nothing,
  bitString,
  bitOctets,
  namedBits: namedBits(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]),
  objectIdentifier,
  namedOid: namedOid({ one: "1.2.3", two: "2.999.1" }),
  any,
  utf8String,
  printableString,
  ia5String,
  numericString,
  visibleString,
  teletexString,
  bmpString,
  universalString,
  utcTime,
  generalizedTime,
  Time,
  sequenceOf: sequenceOf(integer, 1),
  setOf: setOf(utf8String, 1),
  RDNSequence,
  Shape
}).map(([name, type]) => [name, type as unknown as Der<unknown>])

describe("decode after encode is the identity", () => {
  for (const [name, type] of types) {
    const codec = derCodec(name, type)
    const decode = Schema.decodeUnknownResult(codec)
    const encode = Schema.encodeUnknownResult(codec)
    it.prop(
      name,
      [codec],
      ([value]) => {
        const bytes = ok(encodeDer(type, value))
        assert.deepStrictEqual(ok(decodeDer(type, bytes)), value)
        assert.deepStrictEqual(ok(decode(bytes)), value)
        assert.deepStrictEqual(ok(encode(value)), bytes)
        for (let cut = 0; cut < bytes.length; cut++) {
          assert.isTrue(Result.isFailure(decodeDer(type, bytes.subarray(0, cut))), `cut at ${cut}`)
        }
        assert.isTrue(Result.isFailure(decodeDer(type, Uint8Array.of(...bytes, 0))))
        assert.isTrue(Result.isFailure(decode(Uint8Array.of(...bytes, 0))))
      },
      { arbitrary: { runs: 60 } }
    )
  }
})

describe("hostile bytes give a failure or re-encode to themselves", () => {
  for (const [name, type] of types) {
    // Named bits are read with trailing zeros, on purpose
    if (name === "namedBits") continue
    it.prop(
      name,
      [Schema.Uint8Array, derCodec(name, type), Schema.Int, Schema.Int],
      ([noise, value, at, byte]) => {
        const bytes = ok(encodeDer(type, value))
        bytes[Math.abs(at) % bytes.length] = byte & 0xff
        for (const input of [noise, bytes]) {
          const result = decodeDer(type, input)
          if (Result.isSuccess(result)) assert.deepStrictEqual(ok(encodeDer(type, result.success)), input)
        }
      },
      { arbitrary: { runs: 60 } }
    )
  }
})
