/** CONNECTED: what may still be heard after the handshake (RFC 9846 section 4.7); key updates stand in `keyUpdate.ts`. */
import * as Result from "effect/Result"
import type { Heard } from "../../event.ts"
import { land, type Of, type Stepped } from "../../machine.ts"
import type { Connected } from "./state.ts"

/** CONNECTED --NewSessionTicket--> CONNECTED: nothing is resumed yet, so a ticket is heard and let go. */
export const newSessionTicket = (state: Connected, _event: Of<Heard, "NewSessionTicket">): Stepped<Connected> =>
  Result.succeed(land(state))
