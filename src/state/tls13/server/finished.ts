/** WAIT_FINISHED: the client's Finished ends the handshake (RFC 9846 section 4.5.3). */
import * as Result from "effect/Result"
import { type Established, endPointOf } from "../../established.ts"
import type { Heard } from "../../event.ts"
import { installKeys } from "../../flight.ts"
import { land, type Of, type Stepped } from "../../machine.ts"
import { append } from "../../transcript.ts"
import { verifyFinished } from "../finished.ts"
import { resumptionSecret } from "../keySchedule.ts"
import type { Connected, WaitFinished } from "./state.ts"

/** WAIT_FINISHED --Finished--> CONNECTED */
export const finished = (state: WaitFinished, event: Of<Heard, "Finished">): Stepped<Connected> =>
  Result.gen(function* () {
    const { proof, ending } = state
    const { hs, main, traffic, exporter } = ending
    const { choices, credential, scheme, kind } = hs.selected
    yield* verifyFinished(event.body.verify_data, hs.client, state.transcript)

    const resumption = resumptionSecret(main, append(state.transcript, event.raw))
    const established: Established = {
      version: "TLSv1.3",
      suite: choices.suite,
      group: hs.group,
      scheme,
      protocol: choices.protocol,
      serverName: choices.serverName,
      kind,
      peer: proof._tag === "Anonymous" ? undefined : proof,
      endPoint: endPointOf(credential.chain, credential.certificateType),
      exporter
    }

    return land({ _tag: "CONNECTED", proof, established, traffic, resumption, owes: undefined }, [
      installKeys("read", "application", choices.suite, traffic.theirs),
      { _tag: "Open", direction: "read" },
      { _tag: "Open", direction: "write" },
      { _tag: "Established", established }
    ])
  })
