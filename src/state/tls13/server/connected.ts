/** CONNECTED: what may still be heard after the handshake (RFC 9846 section 4.7.3). */
import * as Result from "effect/Result"
import type { Heard, UpdateKeys } from "../../event.ts"
import { land, type Of, type Stepped } from "../../machine.ts"
import { answerOwed, updateOurs, updateTheirs } from "../keyUpdate.ts"
import type { Connected } from "./state.ts"

/** CONNECTED --KeyUpdate--> CONNECTED */
export const keyUpdate = (state: Connected, event: Of<Heard, "KeyUpdate">): Stepped<Connected> => {
  const { traffic, actions } = updateTheirs(state.traffic)
  const owes = event.body.request_update === "update_requested" ? answerOwed : state.owes
  return Result.succeed(land({ ...state, traffic, owes }, actions))
}

/** CONNECTED --UpdateKeys--> CONNECTED */
export const updateKeys = (state: Connected, event: UpdateKeys): Stepped<Connected> =>
  Result.map(updateOurs(state.traffic, event.request), ({ traffic, actions }) =>
    land({ ...state, traffic, owes: undefined }, actions)
  )
