/** The handshake as a loop, under a deadline: pull, receive, answer, until the application may begin. */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { Command } from "../state/command.ts"
import type { Progress } from "../state/connection.ts"
import { make as failure } from "../state/failure.ts"
import { bytesOf } from "./bytes.ts"
import type { Conversation } from "./conversation.ts"
import type { Receiver } from "./inbox.ts"
import type { TlsError } from "./TlsError.ts"

/** Tells the key log and the store of sessions. One that dies ends the connection and not the program. */
const tell = (conversation: Conversation, told: ReadonlyArray<Effect.Effect<void>>): Effect.Effect<void> =>
  told.length === 0
    ? Effect.void
    : Effect.catchCause(Effect.all(told, { discard: true }), (cause) => died(conversation, cause))

const died = (conversation: Conversation, cause: Cause.Cause<never>): Effect.Effect<void> => {
  conversation.take(
    conversation.connection.abort(failure("InternalError", "the key log or the store of sessions died"))
  )
  return Effect.logDebug("the key log or the store of sessions died", cause)
}

/** Takes a step's outcome. Fails when the connection has. */
const note = (conversation: Conversation, progress: Progress): Effect.Effect<void, TlsError> => {
  const told = conversation.take(progress)
  const outcome = Effect.suspend(() =>
    conversation.error === undefined ? Effect.void : Effect.fail(conversation.error)
  )
  return told.length === 0 ? outcome : Effect.andThen(tell(conversation, told), outcome)
}

/** Nobody interrupts between an answer and the step that takes it: until then what is in it belongs to its scope. */
const answer = ({ connection, endpoint }: Conversation, asks: Command): Effect.Effect<Progress> =>
  Effect.uninterruptibleMask((restore) => {
    const answered = Effect.map(restore(endpoint.answer(asks)), (answer) => connection.answer(answer))
    return Effect.catch(Effect.scoped(answered), (failure) => Effect.sync(() => connection.abort(failure)))
  })

/** Answers what is asked until nothing is. */
const answerAll = Effect.fnUntraced(function* (conversation: Conversation, first: Command) {
  let asks: Progress["asks"] = first
  while (asks !== undefined) {
    const progress: Progress = yield* answer(conversation, asks)
    yield* note(conversation, progress)
    asks = progress.asks
  }
})

/** Takes a step's outcome, and answers what it asks. */
const settle = (conversation: Conversation, progress: Progress): Effect.Effect<void, TlsError> => {
  const { asks } = progress
  const noted = note(conversation, progress)
  return asks === undefined
    ? noted
    : Effect.andThen(noted, conversation.endpoint.admit(Effect.suspend(() => answerAll(conversation, asks))))
}

/** What the peer says, until `done` says that it is enough. Bytes behind the handshake are taken too. */
const listen = Effect.fnUntraced(function* <A>(conversation: Conversation, done: () => A | undefined) {
  const { connection, inner } = conversation
  while (true) {
    const pulled = yield* Effect.result(inner.pull)
    if (Result.isFailure(pulled)) yield* settle(conversation, conversation.transportEnded(pulled.failure))
    else for (const chunk of pulled.success) yield* settle(conversation, connection.receive(bytesOf(chunk)))
    const enough = done()
    if (enough !== undefined) return enough
  }
})

/** Early data goes behind the ClientHello if it was offered there; if it was not, nobody is the wiser. */
const sayEarlyData = ({ connection, endpoint, outbox }: Conversation): void => {
  if (endpoint.earlyData === undefined) return
  const sent = connection.sendEarlyData(endpoint.earlyData)
  if (Result.isSuccess(sent)) outbox.push(sent.success.out)
}

/** From the first message to where the application may begin. */
export const handshake = Effect.fnUntraced(function* (conversation: Conversation) {
  const { connection } = conversation
  yield* settle(conversation, connection.start())
  sayEarlyData(conversation)
  return yield* listen(conversation, () => connection.established)
})

/** Why the rest of a handshake did not come, where it was not its own failure: this end was closed meanwhile. */
export const unfinished = (conversation: Conversation): TlsError =>
  conversation.error ??
  conversation.describe(failure("ConnectionClosed", "this end was closed before the handshake was done"))

/** What is left of a handshake when early data was taken, while the application reads that. */
export const finish = (conversation: Conversation, began: bigint): Effect.Effect<void, TlsError> => {
  const done = () => (conversation.connection.handshake === "done" ? true : undefined)
  // Whoever reads early data must not take the end of the connection for the end of what was said.
  return Effect.onExit(inTime(conversation, began, Effect.asVoid(listen(conversation, done))), (exit) =>
    Effect.sync(() => conversation.earlyData.end(Exit.isSuccess(exit) ? undefined : unfinished(conversation)))
  )
}

/** A part of the handshake, ended when the time of all of it is over; `began` is in nanoseconds. */
export const inTime = <A>(
  conversation: Conversation,
  began: bigint,
  work: Effect.Effect<A, TlsError>
): Effect.Effect<A, TlsError> => {
  const { handshakeTimeout } = conversation.endpoint
  const orElse = () => {
    const detail = `the handshake is not done after ${Duration.format(handshakeTimeout)}`
    conversation.take(conversation.connection.abort(failure("HandshakeTimeout", detail)))
    return Effect.fail(conversation.error ?? conversation.describe(failure("HandshakeTimeout", detail)))
  }
  return Effect.flatMap(Clock.currentTimeNanos, (now) => {
    const left = Duration.toMillis(handshakeTimeout) - Number(now - began) / 1e6
    return Effect.timeoutOrElse(work, { duration: Math.max(0, left), orElse })
  })
}

/** What the inbox does with what comes after the handshake. */
export const receiverOf = (conversation: Conversation): Receiver => ({
  takeReady: () => conversation.takeReady(),
  ended: () => conversation.ended,
  hear: (chunks) => {
    let asks: Progress["asks"]
    const told: Array<Effect.Effect<void>> = []
    for (const chunk of chunks) {
      const bytes = bytesOf(chunk)
      const progress = conversation.connection.receive(bytes)
      conversation.release(bytes)
      told.push(...conversation.take(progress))
      asks = progress.asks
    }
    if (told.length === 0 && asks === undefined) return undefined
    const answered = Effect.ignore(settle(conversation, { out: [], events: [], asks }))
    return Effect.andThen(tell(conversation, told), answered)
  },
  hearEnd: (error) => conversation.hearEnd(error)
})
