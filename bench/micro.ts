/** Codecs by themselves, and the two providers beside each other; microseconds per call, medians of several batches. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ClientHello } from "../src/codec/handshake/clientHello.ts"
import { decode, encode } from "../src/codec/presentation/wire.ts"
import { primitives as noble } from "../src/crypto/noble/index.ts"
import { primitives as node } from "../src/crypto/node/index.ts"
import type { AeadName, Primitives } from "../src/crypto/primitives.ts"
import { suites13 } from "../src/crypto/suite.ts"
import * as Hello from "../src/state/hello/clientHello.ts"

export interface Micro {
  readonly name: string
  readonly value: number
  readonly beside?: { readonly name: string; readonly value: number }
}

/** Median of 9 batches that take about 20 ms each. */
const time = (work: () => unknown): number => {
  const batch = (count: number) => {
    const began = process.hrtime.bigint()
    for (let i = 0; i < count; i++) work()
    return Number(process.hrtime.bigint() - began) / 1000
  }
  batch(3)
  let count = 1
  while (batch(count) < 5_000 && count < 1e6) count *= 4
  const times = Array.from({ length: 9 }, () => batch(count) / count).sort((a, b) => a - b)
  return times[4] ?? Number.NaN
}

const offered = Hello.first(
  {
    suites: suites13(node),
    groups: ["x25519", "secp256r1", "secp384r1"],
    schemes: ["ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ed25519", "rsa_pss_rsae_sha256"],
    protocols: ["h2", "http/1.1"],
    compatibility: "middlebox",
    server: { _tag: "DnsName", name: "www.example.org" },
    shares: ["x25519"]
  },
  {
    _tag: "HelloPrepared",
    random: new Uint8Array(32),
    sessionId: new Uint8Array(32),
    shares: [noble.groups.find(({ name }) => name === "x25519")?.generate(noble.random)].filter(
      (pair) => pair !== undefined
    ),
    now: 0
  }
)
const hello = Result.getOrThrow(offered).hello

export const codecFigures = (): ReadonlyArray<Micro> => {
  const bytes = Result.getOrThrow(encode(ClientHello.wire, hello))
  const decodeSchema = Schema.decodeUnknownResult(ClientHello)
  const encodeSchema = Schema.encodeUnknownResult(ClientHello)
  return [
    {
      name: `decode a ClientHello of ${bytes.length} bytes`,
      value: time(() => decode(ClientHello.wire, bytes)),
      beside: { name: "Schema", value: time(() => decodeSchema(bytes)) }
    },
    {
      name: "encode it",
      value: time(() => encode(ClientHello.wire, hello)),
      beside: { name: "Schema", value: time(() => encodeSchema(hello)) }
    }
  ]
}

const aeadFigures = (name: AeadName): Micro => {
  const seal = (primitives: Primitives) => {
    const aead = primitives.aeads[name]
    const key = aead.key(new Uint8Array(aead.keySize))
    const [nonce, additional, head, tail] = [
      new Uint8Array(12),
      new Uint8Array(5),
      new Uint8Array(16384),
      Uint8Array.of(23)
    ]
    const out = new Uint8Array(16384 + 17)
    return time(() => key.seal(nonce, additional, head, tail, out, 0))
  }
  return { name: `seal 16 KiB, ${name}, node`, value: seal(node), beside: { name: "noble", value: seal(noble) } }
}

const groupFigure = (name: "x25519" | "secp256r1" | "X25519MLKEM768"): Micro => {
  const generate = (primitives: Primitives) => {
    const group = primitives.groups.find((candidate) => candidate.name === name)
    const peer = group?.generate(primitives.random).share ?? new Uint8Array(0)
    return time(() => group?.encapsulate(peer, primitives.random))
  }
  return {
    name: `${name}: a pair and a secret, node`,
    value: generate(node),
    beside: { name: "noble", value: generate(noble) }
  }
}

export const primitiveFigures = (): ReadonlyArray<Micro> => [
  aeadFigures("AES-128-GCM"),
  aeadFigures("CHACHA20-POLY1305"),
  groupFigure("x25519"),
  groupFigure("secp256r1"),
  groupFigure("X25519MLKEM768")
]
