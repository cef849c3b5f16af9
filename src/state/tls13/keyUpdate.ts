/** RFC 9846 section 4.7.3 and 7.2: new keys, one direction at a time; the handlers of both roles. */
import * as Result from "effect/Result"
import type { Secret } from "../../crypto/secret.ts"
import type { CipherSuite13 } from "../../crypto/suite.ts"
import { type Heard, ownUpdate, type UpdateKeys } from "../event.ts"
import { encodeHandshake, installKeys } from "../flight.ts"
import { land, type Of, type Stepped } from "../machine.ts"
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

/** CONNECTED of either role, as far as a key update is concerned. */
interface Updatable {
  readonly traffic: Traffic<Stage, Stage>
  readonly owes: UpdateKeys | undefined
}

/**
 * CONNECTED --KeyUpdate--> CONNECTED: new keys for reading. An answer that it asks for is owed, not said at once: one,
 * however often it is asked while we are silent.
 */
export const keyUpdate = <S extends Updatable>(state: S, event: Of<Heard, "KeyUpdate">): Stepped<S> => {
  const { suite, theirs: previous } = state.traffic
  const theirs = nextTraffic(suite.hash, previous)
  const owes = event.body.request_update === "update_requested" ? ownUpdate : state.owes
  return Result.succeed(
    land<S>({ ...state, traffic: { ...state.traffic, theirs, asked: "nothing" }, owes }, [
      installKeys("read", "application", suite, theirs)
    ])
  )
}

/**
 * CONNECTED --UpdateKeys--> CONNECTED: says KeyUpdate under the old key, then changes to the new one. While an update
 * that we asked for is still to come, another is not asked for.
 */
export const updateKeys = <S extends Updatable>(state: S, event: UpdateKeys): Stepped<S> => {
  const { suite, ours: previous, asked } = state.traffic
  const request_update = asked === "update" ? "update_not_requested" : event.request
  const message = { _tag: "KeyUpdate", body: { request_update } } as const
  return Result.map(encodeHandshake(message), (raw) => {
    const ours = nextTraffic(suite.hash, previous)
    const traffic = { ...state.traffic, ours, asked: request_update === "update_requested" ? "update" : asked }
    return land<S>({ ...state, traffic, owes: undefined }, [
      { _tag: "Send", epoch: "application", message, raw },
      installKeys("write", "application", suite, ours)
    ])
  })
}
