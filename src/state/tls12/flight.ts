/** What one transition of a TLS 1.2 machine says and does, in order. Nothing is sent that the transcript does not hear. */
import * as Result from "effect/Result"
import { encodeMessage12, type Message12 } from "../../codec/handshake/handshake.ts"
import type { Secret } from "../../crypto/secret.ts"
import type { CipherSuite12 } from "../../crypto/suite.ts"
import type { Action, Direction, InstallKeys12 } from "../action.ts"
import type { Established12 } from "../established.ts"
import { type Failure, fromCodec } from "../failure.ts"
import { type Heard, hear } from "../transcript.ts"

/** A list of actions under construction, owned by one handler and gone when it returns. */
export class Flight12 {
  transcript: Heard
  readonly actions: Array<Action> = []

  constructor(transcript: Heard) {
    this.transcript = transcript
  }

  /** A message of ours: to the transcript and to the wire at once. Only Finished is said under the new keys. */
  say(message: Message12): Result.Result<void, Failure> {
    return Result.mapBoth(encodeMessage12(message), {
      onSuccess: (raw) => {
        this.transcript = hear(this.transcript, raw)
        const epoch = message._tag === "Finished" ? "application" : "plaintext"
        this.actions.push({ _tag: "Send12", epoch, message, raw })
      },
      onFailure: (failure) => ({ ...fromCodec(message._tag, failure), reason: "InternalError" as const })
    })
  }

  do(...actions: ReadonlyArray<Action>): void {
    this.actions.push(...actions)
  }

  /** RFC 5246 section 7.1: what follows our ChangeCipherSpec is protected with these keys. */
  changeCipherSpec(suite: CipherSuite12, secret: Secret<string>): void {
    this.do({ _tag: "SendChangeCipherSpec" }, installKeys12("write", suite, secret))
  }
}

export const installKeys12 = (direction: Direction, suite: CipherSuite12, secret: Secret<string>): InstallKeys12 => ({
  _tag: "InstallKeys12",
  direction,
  suite,
  secret
})

/** The end of a handshake: data may flow in both directions, and the owner is told. */
export const opened = (established: Established12): ReadonlyArray<Action> => [
  { _tag: "Open", direction: "read" },
  { _tag: "Open", direction: "write" },
  { _tag: "Established", established }
]
