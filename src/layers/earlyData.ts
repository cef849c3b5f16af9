/** Early data on its way to the application of a server: a stream of its own, never mixed with other data. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { TlsError } from "./TlsError.ts"

/** Bounded by what the session allows (RFC 9846 section 4.7.1), so that nobody needs to hold the client back. */
export class EarlyDataQueue {
  #chunks: Array<Uint8Array> = []
  #end: Effect.Effect<never, TlsError | Cause.Done> | undefined
  #waiting: Array<() => void> = []

  push(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
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
      const [first, ...more] = this.#chunks
      if (first !== undefined) {
        this.#chunks = []
        return Effect.succeed([first, ...more] as const)
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
