/** RFC 9846 section 4.7.3 and 7.2: one step of one direction, shared by both roles. */
import * as Result from "effect/Result"
import type { KeyUpdate } from "../../codec/handshake/keyUpdate.ts"
import type { Secret } from "../../crypto/secret.ts"
import type { CipherSuite13 } from "../../crypto/suite.ts"
import type { Action } from "../action.ts"
import type { UpdateKeys } from "../event.ts"
import type { Failure } from "../failure.ts"
import { encodeHandshake, installKeys } from "../flight.ts"
import { nextTraffic } from "./keySchedule.ts"

type Stage = "client application traffic" | "server application traffic"

/** The secrets of the application epoch, by direction; `Ours` and `Theirs` are the two stages. */
export interface Traffic<Ours extends Stage, Theirs extends Stage> {
  readonly suite: CipherSuite13
  readonly ours: Secret<Ours>
  readonly theirs: Secret<Theirs>
  /** Whether a KeyUpdate that we asked for is still to come; we ask for one at a time. */
  readonly asked: "nothing" | "update"
}

/** What a request leaves owed: one answer, however often it is asked while we are silent. */
export const answerOwed: UpdateKeys = { _tag: "UpdateKeys", request: "update_not_requested" }

type Updated<Ours extends Stage, Theirs extends Stage> = Result.Result<
  { readonly traffic: Traffic<Ours, Theirs>; readonly actions: ReadonlyArray<Action> },
  Failure
>

/** Says KeyUpdate under the old key, then changes to the new one. A second request waits for the first answer. */
export const updateOurs = <Ours extends Stage, Theirs extends Stage>(
  traffic: Traffic<Ours, Theirs>,
  request: KeyUpdate["request_update"]
): Updated<Ours, Theirs> => {
  const request_update = traffic.asked === "update" ? "update_not_requested" : request
  const message = { _tag: "KeyUpdate", body: { request_update } } as const
  return Result.map(encodeHandshake(message), (raw) => {
    const ours = nextTraffic(traffic.suite.hash, traffic.ours)
    return {
      traffic: { ...traffic, ours, asked: request_update === "update_requested" ? "update" : traffic.asked },
      actions: [
        { _tag: "Send", epoch: "application", message, raw },
        installKeys("write", "application", traffic.suite, ours)
      ]
    }
  })
}

/** Hears KeyUpdate: new keys for reading. An answer that it asks for is owed, not said at once. */
export const updateTheirs = <Ours extends Stage, Theirs extends Stage>(
  traffic: Traffic<Ours, Theirs>
): { readonly traffic: Traffic<Ours, Theirs>; readonly actions: ReadonlyArray<Action> } => {
  const theirs = nextTraffic(traffic.suite.hash, traffic.theirs)
  return {
    traffic: { ...traffic, theirs, asked: "nothing" },
    actions: [installKeys("read", "application", traffic.suite, theirs)]
  }
}
