/** The end of a full handshake, with a ticket before it or without (RFC 5246 section 7.3, figure 1). */
import * as Result from "effect/Result"
import type { Established12 } from "../../established.ts"
import { land, type Stepped } from "../../machine.ts"
import { verifyData } from "../finished.ts"
import { type Flight12, opened } from "../flight.ts"
import { sessionOf } from "./session.ts"
import type { EstablishedState, Keys } from "./state.ts"

/** ChangeCipherSpec and Finished, and the handshake is over. */
export const finish = (flight: Flight12, hs: Keys, established: Established12): Stepped<EstablishedState> => {
  const { selected, master, keys } = hs
  const { suite, kept } = selected
  flight.changeCipherSpec(suite, keys.server)
  const verify_data = verifyData("server", suite.hash, master, flight.transcript)
  return Result.map(flight.say({ _tag: "Finished", body: { verify_data } }), () => {
    flight.do(...opened(established))
    if (kept._tag === "Id") {
      flight.do({ _tag: "KeepSession", id: kept.id, draft: sessionOf(hs, established), expires: undefined })
    }
    return land({ _tag: "ESTABLISHED", established, renegotiations: "none" }, flight.actions)
  })
}
