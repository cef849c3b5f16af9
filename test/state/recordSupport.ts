/** What the tests of the record layer share: keys, an AEAD double, chunking, and ways to look at results. */
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { AeadKey, AeadName } from "../../src/crypto/primitives.ts"
import { Secret } from "../../src/crypto/secret.ts"
import type { CipherSuite13 } from "../../src/crypto/suite.ts"
import type { Failure, ReasonName } from "../../src/state/failure.ts"
import { Sealer } from "../../src/state/record/protection13.ts"
import type { IncomingRecord, RecordReader } from "../../src/state/record/reader.ts"

export const secretOf = (fill: number, size = 32): Secret<"test"> => new Secret("test", new Uint8Array(size).fill(fill))

export const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Bytes that differ from place to place. */
export const pattern = (size: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff)

export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat([...parts]))

/** The bytes in chunks of these sizes, taken round and round. */
export const split = (bytes: Uint8Array, sizes: ReadonlyArray<number>): Array<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1)
    chunks.push(bytes.slice(at, at + size))
    at += size
  }
  return chunks
}

/** An AEAD that protects nothing, is fast, refuses whatever was changed, and notes its nonces and additional data. */
export const recordingSuite = (
  nonces: Array<string> = [],
  additional: Array<string> = [],
  name: AeadName = "AES-128-GCM"
): CipherSuite13 => {
  const tag = (nonce: Uint8Array, data: Uint8Array, ciphertext: Uint8Array): Uint8Array => {
    const sum = new Uint8Array(16)
    for (const part of [nonce, data, ciphertext]) {
      for (let i = 0; i < part.length; i++) sum[i & 15] = (sum[i & 15] ?? 0) * 5 + (part[i] ?? 0) + 1
    }
    return sum
  }
  const key: AeadKey = {
    seal: (nonce, data, head, tail, out, offset) => {
      nonces.push(toHex(nonce))
      additional.push(toHex(data))
      const size = head.length + tail.length
      out.set(head, offset)
      out.set(tail, offset + head.length)
      out.set(tag(nonce, data, out.subarray(offset, offset + size)), offset + size)
    },
    open: (nonce, data, sealed) => {
      nonces.push(toHex(nonce))
      additional.push(toHex(data))
      const size = sealed.length - 16
      const expected = tag(nonce, data, sealed.subarray(0, size))
      return toHex(expected) === toHex(sealed.subarray(size)) ? sealed.slice(0, size) : undefined
    }
  }
  return {
    name: "TLS_AES_128_GCM_SHA256",
    hash: node.hashes.sha256,
    aead: { name, keySize: 16, key: () => key }
  }
}

/** One record of any type and length, without protection. */
export const plainRecord = (type: number, fragment: Uint8Array, version = 0x0303): Uint8Array =>
  concat([Uint8Array.of(type, version >> 8, version & 255, fragment.length >> 8, fragment.length & 255), fragment])

/** One record whose TLSInnerPlaintext is exactly `inner`; its last byte takes the place of the content type. */
export const sealInner = (sealer: Sealer, inner: Uint8Array): Uint8Array => {
  const out = new Uint8Array(5 + inner.length + 16)
  okay(sealer.seal(inner[inner.length - 1] ?? 0, inner.subarray(0, inner.length - 1), out, 0))
  return out
}

export const sealerOf = (suite: CipherSuite13, secret: Secret<string>, sequence?: number): Sealer =>
  new Sealer(suite, secret, sequence)

export const okay = <A>(result: Result.Result<A, Failure>): A => {
  if (Result.isFailure(result)) assert.fail(`${result.failure.reason}: ${result.failure.detail}`)
  return result.success
}

export const failure = (result: Result.Result<unknown, Failure>): Failure => {
  if (Result.isSuccess(result)) assert.fail("should have failed")
  return result.failure
}

export const reason = (result: Result.Result<unknown, Failure>): ReasonName => failure(result).reason

/** All records that are there, each with a fragment of its own. */
export const drain = (reader: RecordReader): Array<IncomingRecord> => {
  const records: Array<IncomingRecord> = []
  for (;;) {
    const record = okay(reader.next())
    if (record === undefined) return records
    records.push({ ...record, fragment: record.fragment.slice() })
  }
}

/** Milliseconds of the fastest of three runs: a busy machine delays some, not all. */
export const fastest = (run: () => void): number => {
  const times = Array.from({ length: 3 }, () => {
    const started = performance.now()
    run()
    return performance.now() - started
  })
  return Math.min(...times)
}
