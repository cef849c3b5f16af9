/** How a primitive refuses: a value, never a throw. */
import * as Result from "effect/Result"
import type { CryptoFailure } from "./primitives.ts"

/** A refusal. `detail` is for people and must hold neither key material nor peer bytes. */
export const refuse = (reason: CryptoFailure["reason"], detail: string): Result.Result<never, CryptoFailure> =>
  Result.fail({ _tag: "CryptoFailure", reason, detail })

/**
 * Runs a library call that may throw, and makes the throw a refusal. What was thrown is dropped: libraries put
 * inputs into their messages.
 */
export const attempt = <A>(
  reason: CryptoFailure["reason"],
  detail: string,
  call: () => A
): Result.Result<A, CryptoFailure> => {
  try {
    return Result.succeed(call())
  } catch {
    return refuse(reason, detail)
  }
}

/** Runs a function whose promise may be rejected; a rejection is this failure. */
export const attemptAsync = async <A>(
  reason: CryptoFailure["reason"],
  detail: string,
  call: () => Promise<A>
): Promise<Result.Result<A, CryptoFailure>> => {
  try {
    return Result.succeed(await call())
  } catch {
    return refuse(reason, detail)
  }
}
