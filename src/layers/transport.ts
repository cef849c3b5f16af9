/** What the inner socket says when it fails, in words, and in failures of the table. */
import * as Cause from "effect/Cause"
import type { SocketError } from "effect/socket/Socket"
import { escape, type Failure, make as failure } from "../state/failure.ts"

/** The message of any error, or of the one that caused it; one line, short. */
export const describeError = (error: unknown): string => {
  if (!(error instanceof Error)) return escape(String(error))
  const cause = error.cause ?? ("reason" in error ? error.reason : undefined)
  return cause instanceof Error ? describeError(cause) : escape(error.message === "" ? error.name : error.message)
}

export const describeCause = (cause: Cause.Cause<unknown>): string => describeError(Cause.squash(cause))

/** The transport failed, or could not be opened. */
export const transportFailed = (error: SocketError): Failure => failure("TransportFailed", describeError(error))
