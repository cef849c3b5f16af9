/** CONNECTED: what may still be heard after the handshake (RFC 9846 section 4.7.3). */
import * as Result from "effect/Result"
import type { Heard, UpdateKeys } from "../../event.ts"
import { land, type Of, type Stepped } from "../../machine.ts"
import { updateOurs, updateTheirs } from "../keyUpdate.ts"
import type { Connected } from "./state.ts"

/** CONNECTED --KeyUpdate--> CONNECTED */
export const keyUpdate = (state: Connected, event: Of<Heard, "KeyUpdate">): Stepped<Connected> =>
  Result.map(updateTheirs(state.traffic, event.body), ({ traffic, actions }) => land({ ...state, traffic }, actions))

/** CONNECTED --UpdateKeys--> CONNECTED */
export const updateKeys = (state: Connected, event: UpdateKeys): Stepped<Connected> =>
  Result.map(updateOurs(state.traffic, event.request), ({ traffic, actions }) => land({ ...state, traffic }, actions))
