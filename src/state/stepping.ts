/** What the shell of records and the shell of QUIC have in common: one machine, the messages it hears, its answers. */
import * as Result from "effect/Result"
import { decodeMessage, decodeMessage12 } from "../codec/handshake/handshake.ts"
import type { CodecFailure } from "../codec/presentation/cursor.ts"
import { forget, secretsOf } from "../crypto/secret.ts"
import type { Action } from "./action.ts"
import { type Answer, type Asking, answerOf, type Command } from "./command.ts"
import type { Version } from "./config.ts"
import type { ConnectionEvent } from "./connection.ts"
import type { Event, UpdateKeys } from "./event.ts"
import { type Failure, fail, fromCodec } from "./failure.ts"
import type { Step } from "./machine.ts"

/** A reducer with the state it begins in, as a shell runs it. */
export interface Runnable<S> {
  readonly role: "client" | "server"
  readonly start: S
  /** Which version a state speaks, and hears messages of; TLS 1.3 where that is not known yet. */
  readonly speaks: (state: S) => Version
  readonly step: (state: S, event: Event) => Result.Result<Step<S, Action>, Failure>
  readonly expects: (state: S, event: string) => Result.Result<void, Failure>
}

export type AnyState = { readonly _tag: string; readonly owes?: UpdateKeys | undefined } | Asking<string, Command>

/** What a state owes its peer and has yet to say; it is paid when the input is used up. */
export const owesOf = (state: AnyState): UpdateKeys | undefined => ("owes" in state ? state.owes : undefined)

/** The question that a state waits with. */
export const asksOf = (state: AnyState): Command | undefined => ("asks" in state ? state.asks : undefined)

/**
 * A whole message of the peer, decoded as its version has it. A message that may not come now is unexpected, whatever
 * else is wrong with it.
 */
export const hear = <S, M>(
  machine: Runnable<S>,
  state: S,
  raw: Uint8Array,
  decode: (raw: Uint8Array) => Result.Result<M, CodecFailure>
): Result.Result<M, Failure> => {
  const message = decode(raw)
  if (Result.isSuccess(message)) return Result.succeed(message.success)
  // The path of what is malformed begins with the name of the message.
  return Result.flatMap(machine.expects(state, String(message.failure.path[0])), () =>
    Result.fail(fromCodec("handshake message", message.failure))
  )
}

/** {@link hear} by the version that the state speaks: the event for the machine, and what is told to who watches. */
export const hearEither = <S>(
  machine: Runnable<S>,
  state: S,
  raw: Uint8Array
): Result.Result<{ readonly event: Event; readonly told: ConnectionEvent }, Failure> =>
  machine.speaks(state) === "TLSv1.2"
    ? Result.map(hear(machine, state, raw, decodeMessage12), (message) => ({
        event: { ...message, raw },
        told: { _tag: "Message12", direction: "heard", message, raw }
      }))
    : Result.map(hear(machine, state, raw, decodeMessage), (message) => ({
        event: { ...message, raw },
        told: { _tag: "Message", direction: "heard", message, raw }
      }))

/** An answer to a question that is not open is a fault of the driver, not of the peer. */
export const answers = (state: AnyState & { readonly _tag: string }, answer: Answer): Result.Result<void, Failure> => {
  const asks = asksOf(state)
  return asks !== undefined && answerOf[asks._tag] === answer._tag
    ? Result.succeed(undefined)
    : fail("InternalError", `${answer._tag} answers no question that is open in state ${state._tag}`)
}

/**
 * RFC 9846 section 5.1: nothing of the peer's may wait where its keys change. Nor where we answer in the handshake,
 * for what we answer ended a flight.
 */
const aligned = (action: Action, joiner: { readonly empty: boolean }): Result.Result<void, Failure> => {
  if (joiner.empty) return Result.succeed(undefined)
  if ((action._tag === "InstallKeys" || action._tag === "InstallKeys12") && action.direction === "read") {
    return fail("MessageAcrossKeyChange", "handshake bytes follow a message that changes the keys")
  }
  return (action._tag === "Send" || action._tag === "Send12") && action.epoch !== "application"
    ? fail("MessageAcrossKeyChange", "handshake bytes follow a message that ends a flight")
    : Result.succeed(undefined)
}

/** Does the actions of a step in order, until one of them fails. */
export const perform = (
  actions: ReadonlyArray<Action>,
  joiner: { readonly empty: boolean },
  act: (action: Action) => Result.Result<void, Failure>
): Result.Result<void, Failure> => {
  let done: Result.Result<void, Failure> = Result.succeed(undefined)
  for (const action of actions) {
    if (Result.isSuccess(done)) done = Result.flatMap(aligned(action, joiner), () => act(action))
  }
  return done
}

/** Wipes the secrets of a question and of its answer, but for those that the next state keeps. */
export const forgetAnswered = (asked: Command | undefined, answer: Answer, state: AnyState): void => {
  if (answer._tag === "SecretAgreed") answer.secret.fill(0)
  // Sessions that came, or that went into tickets, have served their purpose.
  forget([asked, answer], state)
}

/** Wipes the secrets of a state that no other follows. What it asks about is lent, but for sessions to be sealed. */
export const wipeState = (state: AnyState): void => {
  for (const secret of secretsOf([state, asksOf(state)])) secret.wipe()
}
