/**
 * Inflating (RFC 1951) into an array of a size that is known beforehand.
 *
 * Written for input that an enemy made: it stops at the first byte too many, and needs no memory but the output. It is
 * not fast, and certificates are not long.
 */

/** A Huffman code: how many codes have each length, and the symbols in the order of their codes (section 3.2.2). */
interface Code {
  readonly counts: Uint16Array
  readonly symbols: Uint16Array
}

const longest = 15

const codeOf = (lengths: ArrayLike<number>): Code => {
  const counts = new Uint16Array(longest + 1)
  for (let i = 0; i < lengths.length; i++) counts[lengths[i] ?? 0] = (counts[lengths[i] ?? 0] ?? 0) + 1
  counts[0] = 0
  const next = new Uint16Array(longest + 2)
  for (let length = 1; length <= longest; length++) next[length + 1] = (next[length] ?? 0) + (counts[length] ?? 0)
  const symbols = new Uint16Array(lengths.length)
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol] ?? 0
    if (length === 0) continue
    symbols[next[length] ?? 0] = symbol
    next[length] = (next[length] ?? 0) + 1
  }
  return { counts, symbols }
}

/** Section 3.2.5: what the symbols 257 to 285 begin at, the distances begin at, and how many bits follow. */
const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258
] as const
const lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0] as const
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577
] as const
const distanceExtra = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13
] as const

/** Section 3.2.6. */
const fixedLengths = codeOf(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)))
const fixedDistances = codeOf(Array.from({ length: 30 }, () => 5))

/** Section 3.2.7: the order of the lengths of the code for lengths. */
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] as const

const endOfBlock = 256

/** Where the reading of one stream is. What is read past the end, or makes no sense, is noted and reads as nothing. */
class Inflater {
  failed = false
  length = 0
  at = 0
  readonly out: Uint8Array
  readonly #input: Uint8Array
  /** Fewer than 8 bits that were taken from the input and not yet used. */
  #held = 0
  #count = 0

  constructor(input: Uint8Array, size: number) {
    this.#input = input
    this.out = new Uint8Array(size)
  }

  fail(): number {
    this.failed = true
    return 0
  }

  /** The next bits, 13 at most, the first of them the lowest. */
  bits(count: number): number {
    while (this.#count < count) {
      const byte = this.#input[this.at]
      if (byte === undefined) return this.fail()
      this.#held |= byte << this.#count
      this.#count += 8
      this.at++
    }
    const value = this.#held & ((1 << count) - 1)
    this.#held >>>= count
    this.#count -= count
    return value
  }

  symbol({ counts, symbols }: Code): number {
    let code = 0
    let first = 0
    let index = 0
    for (let length = 1; length <= longest && !this.failed; length++) {
      code |= this.bits(1)
      const count = counts[length] ?? 0
      if (code - count < first) return symbols[index + (code - first)] ?? this.fail()
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    return this.fail()
  }

  put(byte: number): void {
    if (this.length === this.out.length) this.fail()
    else this.out[this.length++] = byte
  }

  /** Section 3.2.4. */
  stored(): void {
    this.#held = 0
    this.#count = 0
    const size = this.bits(8) | (this.bits(8) << 8)
    const inverted = this.bits(8) | (this.bits(8) << 8)
    const end = this.at + size
    if (this.failed || size !== (~inverted & 0xffff) || end > this.#input.length) this.fail()
    for (; this.at < end && !this.failed; this.at++) this.put(this.#input[this.at] ?? 0)
  }

  /** Section 3.2.3: literals, and copies of what was output before. */
  compressed(lengths: Code, distances: Code): void {
    while (!this.failed) {
      const symbol = this.symbol(lengths)
      if (symbol === endOfBlock) return
      if (symbol < endOfBlock) {
        if (!this.failed) this.put(symbol)
        continue
      }
      const at = symbol - endOfBlock - 1
      const length = (lengthBase[at] ?? this.fail()) + this.bits(lengthExtra[at] ?? 0)
      const near = this.symbol(distances)
      const distance = (distanceBase[near] ?? this.fail()) + this.bits(distanceExtra[near] ?? 0)
      if (distance > this.length) this.fail()
      for (let i = 0; i < length && !this.failed; i++) this.put(this.out[this.length - distance] ?? 0)
    }
  }

  /** Section 3.2.7: the codes of a block that brings its own. */
  dynamic(): void {
    const lengths = this.bits(5) + 257
    const distances = this.bits(5) + 1
    const own = new Uint8Array(19)
    const given = this.bits(4) + 4
    for (const place of lengthOrder.slice(0, given)) own[place] = this.bits(3)
    const code = codeOf(own)
    const all = new Uint8Array(lengths + distances)
    for (let i = 0; i < all.length && !this.failed; ) {
      const symbol = this.symbol(code)
      const [value, times] =
        symbol < 16
          ? [symbol, 1]
          : symbol === 16
            ? [i === 0 ? this.fail() : (all[i - 1] ?? 0), 3 + this.bits(2)]
            : [0, symbol === 17 ? 3 + this.bits(3) : 11 + this.bits(7)]
      if (i + times > all.length) this.fail()
      else all.fill(value, i, i + times)
      i += times
    }
    if (!this.failed) this.compressed(codeOf(all.subarray(0, lengths)), codeOf(all.subarray(lengths)))
  }

  block(): "more" | "last" {
    const last = this.bits(1) === 1
    const type = this.bits(2)
    if (this.failed || type === 3) this.fail()
    else if (type === 0) this.stored()
    else if (type === 1) this.compressed(fixedLengths, fixedDistances)
    else this.dynamic()
    return last ? "last" : "more"
  }
}

/** The `size` bytes that a whole stream holds; `undefined` for any other number of them, and for bytes left over. */
export const inflate = (bytes: Uint8Array, size: number): Uint8Array | undefined => {
  const inflater = new Inflater(bytes, size)
  while (!inflater.failed && inflater.block() === "more");
  return !inflater.failed && inflater.length === size && inflater.at === bytes.length ? inflater.out : undefined
}
