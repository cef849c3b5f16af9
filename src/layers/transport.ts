/** What the inner socket says when it fails, in words, and in failures of the table. */
import * as Cause from "effect/Cause"
import type { Socket, SocketError } from "effect/socket/Socket"
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

/** Where a socket keeps its promise that arrays have one owner at a time. */
export const release: unique symbol = Symbol.for("effect-tls/release")

/** Gives back the memory of an array, if that is possible. */
export type Release = (bytes: Uint8Array) => void

/**
 * A socket that shares no array with anyone: what it yields is the reader's alone, and what was written is needed no
 * more when the write is done. So the memory of either can be given back at once, by its `release`; of a socket without
 * one nobody knows, and the garbage collector finds it in its time.
 */
export interface SoleOwner extends Socket {
  readonly [release]: Release
}

const isSoleOwner = (socket: Socket): socket is SoleOwner => release in socket

const keep = () => undefined

/** What to do with an array that came from this socket or went into it, and is needed no more. */
export const releaseOf = (socket: Socket): Release => (isSoleOwner(socket) ? socket[release] : keep)
