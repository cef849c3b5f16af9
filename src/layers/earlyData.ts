/** Early data on its way to the application of a server: a stream of its own, never mixed with other data. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { TlsError } from "./TlsError.ts"

/**
 * Bounded by what the session allows (RFC 9846 section 4.7.1), so that nobody needs to hold the client back. It copies:
 * a record may be 2^14 bytes of padding around one of data, and is not to be kept for that.
 */
export class EarlyDataQueue {
  #held = new Uint8Array(0)
  #length = 0
  #end: Effect.Effect<never, TlsError | Cause.Done> | undefined
  #waiting: Array<() => void> = []

  push(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.#held.length) {
      const old = this.#held
      this.#held = new Uint8Array(Math.max(length, 2 * old.length))
      this.#held.set(old)
    }
    this.#held.set(bytes, this.#length)
    this.#length = length
    this.#wake()
  }

  /** No more will come: EndOfEarlyData was heard, or the connection failed. */
  end(error?: TlsError): void {
    this.#end ??= error === undefined ? Cause.done() : Effect.fail(error)
    this.#wake()
  }

  /** What came, as often as the stream is run: each byte once. */
  get stream(): Stream.Stream<Uint8Array, TlsError> {
    const pull: Effect.Effect<NonEmptyReadonlyArray<Uint8Array>, TlsError | Cause.Done> = Effect.suspend(() => {
      if (this.#length > 0) {
        const chunk = this.#held.subarray(0, this.#length)
        this.#held = new Uint8Array(0)
        this.#length = 0
        return Effect.succeed([chunk] as const)
      }
      return this.#end ?? Effect.andThen(this.#arrival(), pull)
    })
    return Stream.fromPull(Effect.succeed(pull))
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }

  #arrival(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.#waiting.push(() => resume(Effect.void))
    })
  }
}
