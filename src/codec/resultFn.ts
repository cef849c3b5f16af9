/** `Effect.fn` for `Result`: a function that is written as a generator, and ends at the first failure. */
import * as Result from "effect/Result"

/** What the generator of {@link resultFn} returns, for whoever names it: `A` in the end, `E` on the way. */
export type Returns<A, E> = Generator<Result.Result<unknown, E>, A, unknown>

/**
 * A function whose `yield*` takes a success and ends it at a failure.
 *
 * Not `Result.gen` in an arrow function: for a generator function that is made anew at each call V8 makes a class anew,
 * which takes a microsecond and keeps alive, until the next full collection, all that the function closes over.
 *
 * @example
 * const half = resultFn(function* (text: string): Returns<number, CodecFailure> {
 *   const n = yield* parse(text)
 *   return n / 2
 * })
 */
export const resultFn =
  <Args extends ReadonlyArray<unknown>, A, E>(
    body: (...args: Args) => Returns<A, E>
  ): ((...args: Args) => Result.Result<A, E>) =>
  (...args) => {
    const steps = body(...args)
    let step = steps.next()
    while (step.done !== true) {
      if (Result.isFailure(step.value)) return Result.fail(step.value.failure)
      step = steps.next(step.value.success)
    }
    return Result.succeed(step.value)
  }
