/** Compressing certificates: all algorithms in one contract, and what a hostile peer can put into them (SECURITY row 45). */
import { spawnSync } from "node:child_process"
import * as Zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { type CertificateCompressor, remembering } from "../../src/crypto/compression.ts"
import { certificateCompressors } from "../../src/crypto/node/compression.ts"
import { zlib } from "../../src/crypto/zlib.ts"

const ofNode = (algorithm: CertificateCompressor["algorithm"]): CertificateCompressor =>
  certificateCompressors.find((each) => each.algorithm === algorithm) ?? assert.fail(`node has ${algorithm}`)

const { BROTLI_PARAM_LGWIN } = Zlib.constants
/** Each of ours with the same algorithm done by somebody else, so that no mistake cancels out. */
const all: ReadonlyArray<readonly [string, CertificateCompressor, (bytes: Uint8Array) => Uint8Array]> = [
  ["zlib in JavaScript", zlib, (bytes) => Zlib.deflateSync(bytes)],
  ["zlib of Node", ofNode("zlib"), (bytes) => zlib.compress(bytes) ?? assert.fail("zlib compresses everything")],
  ["brotli", ofNode("brotli"), (bytes) => Zlib.brotliCompressSync(bytes)],
  ["zstd", ofNode("zstd"), (bytes) => Zlib.zstdCompressSync(bytes)]
]

/** Bytes that compress as certificates do: some repeat, some are random. */
const mixed = (size: number): Uint8Array => {
  let state = size
  return Uint8Array.from({ length: size }, (_, i) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return i % 7 < 3 ? state >>> 24 : i % 61
  })
}
const sizes = [1, 2, 255, 256, 257, 3000, 40_000, 65_535, 65_536]

describe.each(all)("%s", (_, { compress, decompress }, other) => {
  it("yields what was compressed, by itself and by others", () => {
    for (const size of sizes) {
      for (const bytes of [mixed(size), new Uint8Array(size).fill(7)]) {
        const compressed = compress(bytes) ?? assert.fail("it does not compress")
        assert.isTrue(Buffer.from(decompress(compressed, size) ?? []).equals(bytes), `${size}`)
        assert.isTrue(Buffer.from(decompress(other(bytes), size) ?? []).equals(bytes), `${size}, of others`)
      }
    }
  })
  it("says what node:zlib of any other reads", () => {
    const bytes = mixed(5000)
    const inflated = [Zlib.inflateSync, Zlib.brotliDecompressSync, Zlib.zstdDecompressSync].flatMap((inflate) => {
      try {
        return [Buffer.from(inflate(compress(bytes) ?? new Uint8Array(0)))]
      } catch {
        return []
      }
    })
    assert.isTrue(inflated.some((each) => each.equals(bytes)))
  })
  it("refuses what is longer or shorter than was promised", () => {
    for (const size of [2, 3000, 65_536]) {
      const compressed = other(mixed(size))
      for (const wrong of [1, size - 1, size + 1]) {
        if (wrong !== size) assert.isUndefined(decompress(compressed, wrong), `${size} as ${wrong}`)
      }
    }
  })
  it("refuses what is cut short, what is followed by something, and what is nothing of the kind", () => {
    const compressed = other(mixed(3000))
    for (let length = 0; length < compressed.length; length += length < 40 ? 1 : 97) {
      assert.isUndefined(decompress(compressed.slice(0, length), 3000), `${length} bytes`)
    }
    assert.isUndefined(decompress(compressed.slice(0, -1), 3000))
    assert.isUndefined(decompress(Uint8Array.of(...compressed, 0), 3000))
    assert.isUndefined(decompress(Uint8Array.of(...compressed, ...compressed), 3000))
    assert.isUndefined(decompress(mixed(500), 3000))
    assert.isUndefined(decompress(new Uint8Array(500), 3000))
  })
  it("never yields other bytes, whatever bit is flipped", () => {
    const bytes = mixed(300)
    const compressed = other(bytes)
    // Only zlib has a checksum; what others yield has the size that was promised, or is refused.
    for (let i = 0; i < compressed.length; i++) {
      const yielded = decompress(
        compressed.map((byte, at) => (at === i ? byte ^ (1 << (i % 8)) : byte)),
        300
      )
      if (yielded !== undefined) assert.strictEqual(yielded.length, 300)
    }
  })
})

it("zlib in JavaScript looks at the checksum", () => {
  const compressed = Zlib.deflateSync(mixed(300))
  compressed[compressed.length - 1] = (compressed.at(-1) ?? 0) ^ 1
  assert.isUndefined(zlib.decompress(compressed, 300))
})

it("zlib in JavaScript reads every kind of block", () => {
  const { Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE } = Zlib.constants
  for (const options of [{ level: 0 }, { strategy: Z_FIXED }, { strategy: Z_HUFFMAN_ONLY }, { strategy: Z_RLE }]) {
    for (const size of sizes) {
      const back = zlib.decompress(Zlib.deflateSync(mixed(size), options), size)
      assert.isTrue(Buffer.from(back ?? []).equals(mixed(size)), JSON.stringify([options, size]))
    }
  }
})

it("brotli with any window, also wider than all that is decompressed", () => {
  for (let window = 10; window <= 24; window++) {
    for (const size of [1, 3000, 65_536]) {
      const bytes = mixed(size)
      const compressed = Zlib.brotliCompressSync(bytes, { params: { [BROTLI_PARAM_LGWIN]: window } })
      const back = ofNode("brotli").decompress(compressed, size)
      assert.isTrue(Buffer.from(back ?? []).equals(bytes), `${size} bytes, a window of 2^${window}`)
    }
  }
})

describe("45: a bomb of 16 MiB", () => {
  const swollen = new Uint8Array(2 ** 24)
  const bombs: { readonly [algorithm: string]: Uint8Array } = {
    zlib: Zlib.deflateSync(swollen, { level: 9 }),
    brotli: Zlib.brotliCompressSync(swollen, { params: { [BROTLI_PARAM_LGWIN]: 24 } }),
    zstd: Zlib.zstdCompressSync(swollen)
  }
  const bombOf = ({ algorithm }: CertificateCompressor) => bombs[algorithm] ?? assert.fail(`no bomb of ${algorithm}`)

  it.each(all)("%s ends at what was promised", (_, compressor) => {
    for (const size of [1, 1000, 65_536]) assert.isUndefined(compressor.decompress(bombOf(compressor), size))
  })

  /** In a process of its own, whose memory is not that of the test. */
  const growth = (which: number): number => {
    const [, compressor] = all[which] ?? assert.fail("there is none")
    const at = (path: string) => JSON.stringify(new URL(`../../src/crypto/${path}`, import.meta.url).href)
    const own = which === 0 ? "portable" : `node.find((each) => each.algorithm === "${compressor.algorithm}")`
    const script = `
      import { certificateCompressors as node } from ${at("node/compression.ts")}
      import { zlib as portable } from ${at("zlib.ts")}
      const { compress, decompress } = ${own}
      const bomb = Buffer.from(process.argv[1], "base64")
      const honest = compress(new Uint8Array(65536).map((_, i) => i * i))
      for (let i = 0; i < 300; i++) decompress(honest, 65536)
      const before = process.resourceUsage().maxRSS
      if (decompress(bomb, 65536) !== undefined) throw new Error("it went off")
      console.log(process.resourceUsage().maxRSS - before)`
    const args = ["--input-type=module", "-e", script, Buffer.from(bombOf(compressor)).toString("base64")]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 })
    return stdout === "" ? assert.fail(stderr) : Number(stdout)
  }
  it.each(all.map(([name], i) => [name, i] as const))("%s costs less than 1 MiB of memory", (_, i) => {
    assert.isBelow(growth(i), 1024)
  })
})

describe("what was compressed is remembered", () => {
  const counting = (most: number) => {
    const asked: Array<string> = []
    const compressor = remembering(
      {
        algorithm: 0x4000,
        compress: (bytes) => {
          asked.push(bytes.join())
          return Uint8Array.of(bytes.length)
        },
        decompress: () => undefined
      },
      most
    )
    return { asked, compressor }
  }
  it("the same bytes are compressed once, other bytes of the same length apart", () => {
    const { asked, compressor } = counting(4)
    for (const bytes of [[1, 2], [1, 3], [1, 2], [1, 3], [1]]) compressor.compress(Uint8Array.from(bytes))
    assert.deepStrictEqual(asked, ["1,2", "1,3", "1"])
  })
  it("no more than so many, the latest", () => {
    const { asked, compressor } = counting(2)
    for (const byte of [1, 2, 1, 3, 1, 2]) compressor.compress(Uint8Array.of(byte))
    assert.deepStrictEqual(asked, ["1", "2", "3", "2"])
  })
  it("as it was, whatever becomes of the bytes", () => {
    const { asked, compressor } = counting(2)
    const bytes = Uint8Array.of(1)
    compressor.compress(bytes)
    bytes[0] = 2
    compressor.compress(bytes)
    assert.deepStrictEqual(asked, ["1", "2"])
  })
})
