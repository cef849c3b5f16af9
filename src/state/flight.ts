/** What one transition says and does, in order. Nothing is sent that the transcript does not hear. */
import * as Result from "effect/Result"
import { encodeMessage, type Message } from "../codec/handshake/handshake.ts"
import type { Secret } from "../crypto/secret.ts"
import type { CipherSuite13 } from "../crypto/suite.ts"
import type { Action, Direction, Epoch, InstallKeys, KeyLogLabel } from "./action.ts"
import { type Failure, fromCodec } from "./failure.ts"
import { append, type Hashing } from "./transcript.ts"

/** Encodes a message once, for the wire and for the transcript. */
export const encodeHandshake = (message: Message): Result.Result<Uint8Array, Failure> =>
  Result.mapError(encodeMessage(message), (failure) => ({
    ...fromCodec(message._tag, failure),
    reason: "InternalError" as const
  }))

/** A list of actions under construction, owned by one handler and gone when it returns. */
export class Flight {
  transcript: Hashing
  readonly actions: Array<Action> = []

  constructor(transcript: Hashing) {
    this.transcript = transcript
  }

  /** A message of ours: to the transcript and to the wire at once. */
  say(epoch: Epoch, message: Message): Result.Result<void, Failure> {
    return Result.map(encodeHandshake(message), (raw) => {
      this.transcript = append(this.transcript, raw)
      this.actions.push({ _tag: "Send", epoch, message, raw })
    })
  }

  do(...actions: ReadonlyArray<Action>): void {
    this.actions.push(...actions)
  }
}

export const installKeys = (
  direction: Direction,
  epoch: InstallKeys["epoch"],
  suite: CipherSuite13,
  secret: Secret<string>
): InstallKeys => ({ _tag: "InstallKeys", direction, epoch, suite, secret })

export const logKey = (label: KeyLogLabel, clientRandom: Uint8Array, secret: Secret<string>): Action => ({
  _tag: "LogKey",
  label,
  clientRandom,
  secret
})
