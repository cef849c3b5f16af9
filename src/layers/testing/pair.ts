/**
 * Two sockets in memory, joined by a link that can do what networks do: split, merge, delay, corrupt and cut.
 *
 * They behave as TCP sockets of Node do, also where that hurts: a write on one that was closed on this side never
 * returns.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Socket from "effect/socket/Socket"
import { bytesOf, joined } from "../bytes.ts"

/** What becomes of bytes on their way in one direction. All of it is applied in this order. */
export interface LinkOptions {
  /** Any change of a chunk; `offset` counts the bytes before it. */
  readonly alter?: ((chunk: Uint8Array, offset: number) => Uint8Array) | undefined
  /** The offset of one byte that arrives with all its bits turned around. */
  readonly corrupt?: number | undefined
  /** Bytes that arrive before the connection breaks off, as an end without any goodbye. */
  readonly cut?: number | undefined
  /** Bytes of a chunk at most; 1 gives one byte at a time. */
  readonly split?: number | undefined
  /** Whether a pull gets all that is there as one chunk, or chunks as they were sent. */
  readonly merge?: boolean | undefined
  /** How long bytes are under way. */
  readonly delay?: Duration.Input | undefined
  /** Bytes that wait to be pulled before a write suspends; 64 KiB by default. */
  readonly capacity?: number | undefined
}

/** What each direction does to bytes. */
export interface PairOptions {
  readonly leftToRight?: LinkOptions | undefined
  readonly rightToLeft?: LinkOptions | undefined
}

type Chunks = NonEmptyReadonlyArray<Uint8Array>
type Resume<A> = (effect: Effect.Effect<A, Socket.SocketError>) => void

const closed = (code: number): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketCloseError({ code }) })

const writeError = new Socket.SocketError({
  reason: new Socket.SocketWriteError({ cause: new Error("socket closed") })
})

const split = (bytes: Uint8Array, size: number): ReadonlyArray<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size))
  return parts
}

/** One direction. */
class Link {
  readonly #options: LinkOptions
  #waiting: Array<Uint8Array> = []
  #size = 0
  #sent = 0
  #end: Socket.SocketError | undefined
  #reader: Resume<Chunks> | undefined
  #writers: Array<Resume<void>> = []

  constructor(options: LinkOptions) {
    this.#options = options
  }

  /** Bytes that were written so far, before `cut`. */
  get sent(): number {
    return this.#sent
  }

  write(chunk: Uint8Array): Effect.Effect<void, Socket.SocketError> {
    const { delay } = this.#options
    const bytes = this.#onTheWay(chunk)
    if (delay === undefined) return this.#arrive(bytes)
    return Effect.andThen(
      Effect.sleep(delay),
      Effect.suspend(() => this.#arrive(bytes))
    )
  }

  /** No more will come: `code` 1000 for an end, 1006 for a teardown on the reader's own side. */
  end(code: number): void {
    this.#end ??= closed(code)
    if (code === 1006) this.#waiting = []
    for (const resume of this.#writers.splice(0)) resume(Effect.fail(writeError))
    this.#deliver()
  }

  get pull(): Effect.Effect<Chunks, Socket.SocketError> {
    return Effect.callback((resume) => {
      this.#reader = resume
      this.#deliver()
      return Effect.sync(() => {
        if (this.#reader === resume) this.#reader = undefined
      })
    })
  }

  #onTheWay(chunk: Uint8Array): Uint8Array {
    const { alter, corrupt, cut } = this.#options
    const offset = this.#sent
    this.#sent += chunk.length
    // A copy: what the writer does with its array afterwards is its own business.
    const bytes = alter === undefined ? chunk.slice() : alter(chunk.slice(), offset)
    if (corrupt !== undefined && corrupt >= offset && corrupt < offset + bytes.length) {
      bytes[corrupt - offset] = (bytes[corrupt - offset] ?? 0) ^ 0xff
    }
    return cut === undefined ? bytes : bytes.subarray(0, Math.max(0, cut - offset))
  }

  #arrive(bytes: Uint8Array): Effect.Effect<void, Socket.SocketError> {
    const { cut, split: size, capacity = 2 ** 16 } = this.#options
    // What is sent to a peer that is gone vanishes.
    if (this.#end !== undefined) return Effect.void
    if (bytes.length > 0) {
      this.#waiting.push(...(size === undefined ? [bytes] : split(bytes, size)))
      this.#size += bytes.length
    }
    if (cut !== undefined && this.#sent >= cut) this.end(1000)
    this.#deliver()
    if (this.#size <= capacity) return Effect.void
    return Effect.callback((resume) => {
      this.#writers.push(resume)
      return Effect.sync(() => {
        this.#writers = this.#writers.filter((writer) => writer !== resume)
      })
    })
  }

  #deliver(): void {
    const reader = this.#reader
    if (reader === undefined) return
    const [first, ...rest] = this.#options.split === undefined ? this.#waiting : this.#waiting.slice(0, 1)
    if (first !== undefined) {
      const taken: Chunks = this.#options.merge === true ? [joined([first, ...rest])] : [first, ...rest]
      this.#waiting = this.#waiting.slice(1 + rest.length)
      this.#size -= taken.reduce((size, chunk) => size + chunk.length, 0)
      this.#reader = undefined
      const writers = this.#writers.splice(0)
      reader(Effect.succeed(taken))
      for (const resume of writers) resume(Effect.void)
    } else if (this.#end !== undefined) {
      this.#reader = undefined
      reader(Effect.fail(this.#end))
    }
  }
}

const socketOf = (incoming: Link, outgoing: Link): Socket.Socket => {
  let state: "open" | "half-closed" | "closed" = "open"
  const close = () => {
    state = "closed"
    outgoing.end(1000)
    incoming.end(1006)
  }
  const send = (chunk: Uint8Array | string): Effect.Effect<void, Socket.SocketError> =>
    state !== "open" ? Effect.never : outgoing.write(bytesOf(chunk))
  const writer: Socket.Writer = {
    write: (chunk) => Effect.suspend(() => (Socket.isCloseEvent(chunk) ? Effect.sync(close) : send(chunk))),
    writeAll: (chunks) => Effect.forEach(chunks, send, { discard: true })
  }
  return Socket.make({
    reader: Effect.acquireRelease(
      Effect.suspend(() =>
        state === "closed"
          ? Effect.fail(closed(1000))
          : Effect.succeed({ pull: incoming.pull, upgrade: Socket.SocketUpgradeError.unsupported })
      ),
      () => Effect.sync(close)
    ),
    writer: Effect.acquireRelease(Effect.succeed(writer), () =>
      Effect.sync(() => {
        if (state === "open") state = "half-closed"
        outgoing.end(1000)
      })
    )
  })
}

/** Both ends of one connection in memory; `sent` counts what went into it. */
export interface Pair {
  readonly left: Socket.Socket
  readonly right: Socket.Socket
  readonly sent: () => { readonly leftToRight: number; readonly rightToLeft: number }
}

/**
 * A new pair.
 *
 * @example
 * const { left, right } = Pair.make({ leftToRight: { split: 1 }, rightToLeft: { cut: 2000 } })
 */
export const make = (options: PairOptions = {}): Pair => {
  const leftToRight = new Link(options.leftToRight ?? {})
  const rightToLeft = new Link(options.rightToLeft ?? {})
  return {
    left: socketOf(rightToLeft, leftToRight),
    right: socketOf(leftToRight, rightToLeft),
    sent: () => ({ leftToRight: leftToRight.sent, rightToLeft: rightToLeft.sent })
  }
}
