/**
 * What a record costs to seal and to open: our writer and reader with the primitives of node and of noble, beside a
 * bare createCipheriv and createDecipheriv loop, interleaved in one run. `node bench/record.bench.ts`
 */
import * as Crypto from "node:crypto"
import * as Result from "effect/Result"
import { primitives as noble } from "../src/crypto/noble/index.ts"
import { primitives as node } from "../src/crypto/node/index.ts"
import type { AeadName, Primitives } from "../src/crypto/primitives.ts"
import { Secret } from "../src/crypto/secret.ts"
import { type CipherSuite13, suites13 } from "../src/crypto/suite.ts"
import { RecordReader } from "../src/state/record/reader.ts"
import { RecordWriter } from "../src/state/record/writer.ts"

/** One way to do it: `seal` makes a batch of records, `open` reads a batch that `seal` made. */
interface Way {
  readonly name: string
  readonly seal: (data: Uint8Array) => ReadonlyArray<Uint8Array>
  readonly open: (records: ReadonlyArray<Uint8Array>) => number
}

const rounds = 15
/** Records in a batch: four leave in one array, as a write of 64 KiB does. */
const together = 4
const sizes = [16_384, 1024, 1]
const secret = () => new Secret("bench", new Uint8Array(48).fill(7))

const algorithms = {
  "AES-128-GCM": "aes-128-gcm",
  "AES-256-GCM": "aes-256-gcm",
  "CHACHA20-POLY1305": "chacha20-poly1305"
} as const

/** The floor: the calls that OpenSSL forces, one record after the other, nothing kept and nothing framed. */
const bare = (aead: AeadName, size: number): Way => {
  const options = { authTagLength: 16 }
  // The overloads of node know GCM by its names; the three have the same methods.
  const algorithm = algorithms[aead] as "aes-128-gcm"
  const key = Crypto.createSecretKey(new Uint8Array(node.aeads[aead].keySize).fill(1))
  const iv = new Uint8Array(12)
  const header = new Uint8Array(5)
  return {
    name: "bare",
    seal: (data) => {
      const out: Array<Uint8Array> = []
      for (let at = 0; at < data.length; at += size) {
        const cipher = Crypto.createCipheriv(algorithm, key, iv, options)
        cipher.setAAD(header, { plaintextLength: size })
        out.push(cipher.update(data.subarray(at, at + size)))
        cipher.final()
        out.push(cipher.getAuthTag())
      }
      return out
    },
    open: (records) => {
      let total = 0
      for (let i = 0; i < records.length; i += 2) {
        const decipher = Crypto.createDecipheriv(algorithm, key, iv, options)
        decipher.setAAD(header, { plaintextLength: size }).setAuthTag(records[i + 1] ?? header)
        total += decipher.update(records[i] ?? header).length
        decipher.final()
      }
      return total
    }
  }
}

const ours = (primitives: Primitives, suite: CipherSuite13, size: number): Way => {
  const allocate = primitives === node ? (n: number): Uint8Array => Buffer.allocUnsafeSlow(n) : undefined
  const writer = new RecordWriter({ maxFragment: size, allocate })
  const reader = new RecordReader()
  writer.install(suite, secret())
  reader.install(suite, secret())
  return {
    name: primitives.name,
    seal: (data) => {
      writer.applicationData(data)
      return writer.flush()
    },
    open: (records) => {
      let total = 0
      for (const bytes of records) {
        reader.push(bytes)
        for (;;) {
          const record = reader.next()
          if (Result.isFailure(record)) throw new Error(record.failure.detail)
          if (record.success === undefined) break
          total += record.success.fragment.length
        }
      }
      return total
    }
  }
}

const median = (values: Array<number>): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0

/** Microseconds per record to seal and to open, one round of about `records` of them. */
const round = (way: Way, data: Uint8Array, records: number): readonly [number, number] => {
  const batches: Array<ReadonlyArray<Uint8Array>> = []
  const sealing = performance.now()
  for (let i = 0; i < records; i += together) batches.push(way.seal(data))
  const opening = performance.now()
  let total = 0
  for (const batch of batches) total += way.open(batch)
  const done = performance.now()
  if (total !== batches.length * data.length) throw new Error(`${way.name} lost bytes`)
  const count = batches.length * together
  return [((opening - sealing) * 1000) / count, ((done - opening) * 1000) / count]
}

const row = (aead: string, size: number, way: string, seal: number, open: number): void => {
  const rate = (time: number): string => (size / time).toFixed(size < 1024 ? 2 : 0).padStart(9)
  const micro = (time: number): string => time.toFixed(2).padStart(9)
  console.log(
    `${aead.padEnd(18)}${String(size).padStart(6)}  ${way.padEnd(6)}${micro(seal)}${rate(seal)}${micro(open)}${rate(open)}`
  )
}

console.log(`Node ${process.version}, ${together} records a batch, medians of ${rounds} interleaved rounds`)
console.log(`${"AEAD".padEnd(18)}${"bytes".padStart(6)}  way      seal µs     MB/s  open µs     MB/s`)
for (const [i, suite] of suites13(node).entries()) {
  const aead = suite.aead.name
  const portable = suites13(noble).find((each) => each.name === suite.name)
  for (const size of sizes) {
    const data = new Uint8Array(size * together).fill(i + 1)
    const ways = [bare(aead, size), ours(node, suite, size), ...(portable ? [ours(noble, portable, size)] : [])]
    const times = ways.map((): [Array<number>, Array<number>] => [[], []])
    for (let n = 0; n <= rounds; n++) {
      ways.forEach((way, w) => {
        const slow = way.name === "noble" && size > 1024
        const [seal, open] = round(way, data, slow ? 16 : size > 1024 ? 200 : 2000)
        // The first round warms up.
        if (n > 0) {
          times[w]?.[0].push(seal)
          times[w]?.[1].push(open)
        }
      })
    }
    ways.forEach((way, w) => {
      row(aead, size, way.name, median(times[w]?.[0] ?? []), median(times[w]?.[1] ?? []))
    })
  }
}
