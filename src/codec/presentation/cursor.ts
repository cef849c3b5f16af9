/**
 * The cursors of the presentation language (RFC 9846 section 3): the only code that counts offsets.
 *
 * Neither cursor throws. A failure is kept, the cursor jumps to its end and every later read yields zeros, so that
 * loops end by themselves; whoever started the read looks at `failure` once, at the end.
 */

/**
 * Why bytes are not a value, or a value not bytes.
 *
 * `alert` is what the RFC asks for: `decode_error` for a length out of range, a truncation or bytes left over,
 * `illegal_parameter` for a value that parses and that no rule allows.
 */
export interface CodecFailure {
  readonly alert: "decode_error" | "illegal_parameter"
  /** Offset in bytes from the start of the input. */
  readonly offset: number
  /** What should have stood there, as a noun phrase. */
  readonly expected: string
  /** The fields that lead to it, outermost first. */
  readonly path: ReadonlyArray<string | number>
}

/** A field as it was read: which bytes, at what depth, under which name. Noted only when `explain` asks for it. */
export interface Note {
  readonly name: string | number
  readonly depth: number
  readonly start: number
  readonly end: number
  readonly value: unknown
}

const nothing = new Uint8Array(0)

/** Reads big-endian values from bytes it never copies. */
export class Reader {
  readonly bytes: Uint8Array
  /** Where the fields read go when somebody wants to see them. */
  readonly notes: Array<Note> | undefined
  offset = 0
  failure: (CodecFailure & { readonly path: Array<string | number> }) | undefined = undefined
  private end: number
  private depth = 0

  constructor(bytes: Uint8Array, notes?: Array<Note>) {
    this.bytes = bytes
    this.end = bytes.length
    this.notes = notes
  }

  get remaining(): number {
    return this.end - this.offset
  }

  /** Records the first failure, found at the cursor or `at` an offset before it; all reads after it yield nothing. */
  fail(expected: string, alert: CodecFailure["alert"] = "decode_error", at = this.offset): void {
    if (this.failure === undefined) {
      this.failure = { alert, offset: at, expected, path: [] }
      this.offset = this.end
    }
  }

  /** An unsigned integer of 1 to 6 bytes. */
  uint(size: number): number {
    if (this.remaining < size) {
      this.fail(`${size} more byte${size === 1 ? "" : "s"}`)
      return 0
    }
    let value = 0
    for (let i = 0; i < size; i++) value = value * 256 + (this.bytes[this.offset + i] ?? 0)
    this.offset += size
    return value
  }

  /** The next `size` bytes, as a view. */
  take(size: number): Uint8Array {
    if (this.remaining < size) {
      this.fail(`${size} more bytes`)
      return nothing
    }
    const start = this.offset
    this.offset += size
    return this.bytes.subarray(start, this.offset)
  }

  /** Everything up to the end of the innermost vector, as a view. */
  rest(): Uint8Array {
    return this.take(this.remaining)
  }

  /** Reads a named part; a failure inside it learns the name. */
  field<A>(name: string | number, read: (reader: Reader) => A): A {
    const start = this.offset
    const failed = this.failure !== undefined
    this.depth++
    const value = read(this)
    this.depth--
    if (failed) return value
    if (this.failure !== undefined) this.failure.path.unshift(name)
    else this.notes?.push({ name, depth: this.depth, start, end: this.offset, value })
    return value
  }

  /** A window of `length` bytes which `read` must use up exactly. */
  window<A>(length: number, read: (reader: Reader) => A): A {
    if (length > this.remaining) this.fail(`${length} more bytes, but ${this.remaining} are left`)
    const outer = this.end
    if (this.failure === undefined) this.end = this.offset + length
    const value = read(this)
    if (this.remaining > 0) this.fail(`nothing after the structure, but ${this.remaining} bytes are left`)
    this.end = outer
    if (this.failure !== undefined) this.offset = outer
    return value
  }

  /** A length of `prefix` bytes within `min..max`, then a window of that length. */
  vector<A>(prefix: number, min: number, max: number, read: (reader: Reader) => A): A {
    const length = this.uint(prefix)
    if (this.failure === undefined && (length < min || length > max)) {
      this.offset -= prefix
      this.fail(`a length from ${min} to ${max}`)
    }
    return this.window(this.failure === undefined ? length : 0, read)
  }
}

/** The buffer of a writer that has finished, wiped: messages are many, and each would allocate and grow its own. */
let idle: Uint8Array | undefined
const idleSize = 4096

/** Writes big-endian values into one growing buffer. */
export class Writer {
  private buffer: Uint8Array
  private length = 0
  failure: (CodecFailure & { readonly path: Array<string | number> }) | undefined = undefined

  constructor() {
    this.buffer = idle ?? new Uint8Array(idleSize)
    idle = undefined
  }

  get offset(): number {
    return this.length
  }

  fail(expected: string): void {
    this.failure ??= { alert: "decode_error", offset: this.length, expected, path: [] }
  }

  private reserve(size: number): number {
    const start = this.length
    this.length += size
    if (this.length > this.buffer.length) {
      const grown = new Uint8Array(Math.max(this.length, this.buffer.length * 2))
      grown.set(this.buffer.subarray(0, start))
      this.buffer = grown
    }
    return start
  }

  private poke(at: number, size: number, value: number): void {
    if (size === 1) this.buffer[at] = value
    else if (size === 2) {
      this.buffer[at] = value >> 8
      this.buffer[at + 1] = value
    } else this.pokeLong(at, size, value)
  }

  private pokeLong(at: number, size: number, value: number): void {
    for (let i = size - 1, rest = value; i >= 0; i--) {
      this.buffer[at + i] = rest % 256
      rest = Math.floor(rest / 256)
    }
  }

  /** An unsigned integer of 1 to 6 bytes. */
  uint(size: number, value: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** size) this.fail(`an unsigned integer of ${size} bytes`)
    else this.poke(this.reserve(size), size, value)
  }

  put(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length) // first, as it may take a larger buffer
    this.buffer.set(bytes, at)
  }

  field(name: string | number, write: () => void): void {
    const failed = this.failure !== undefined
    write()
    if (!failed && this.failure !== undefined) this.failure.path.unshift(name)
  }

  /** What `write` writes, behind a length of `prefix` bytes that must lie within `min..max`. */
  vector(prefix: number, min: number, max: number, write: () => void): void {
    const at = this.reserve(prefix)
    write()
    const length = this.length - at - prefix
    if (length < min || length > max) this.fail(`a length from ${min} to ${max}, not ${length}`)
    else this.poke(at, prefix, length)
  }

  /** The bytes written, in an array of their own; the writer is empty afterwards. */
  finish(): Uint8Array {
    const { buffer, length } = this
    const bytes = buffer.slice(0, length)
    this.buffer = nothing
    this.length = 0
    if (buffer.length === idleSize) idle = buffer.fill(0, 0, length)
    return bytes
  }
}
