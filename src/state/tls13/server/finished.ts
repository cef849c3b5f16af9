/** Our Finished, WAIT_FINISHED and the client's: both ends of the handshake (RFC 9846 section 4.5.3). */
import * as Result from "effect/Result"
import { resultFn } from "../../../codec/resultFn.ts"
import { type Established13, endPointOf } from "../../established.ts"
import type { Heard } from "../../event.ts"
import type { Failure } from "../../failure.ts"
import { type Flight, installKeys, logKey } from "../../flight.ts"
import { land, type Of, type Steps } from "../../machine.ts"
import { givenOf, peerOf, staplesOf } from "../../proof.ts"
import { append, type Hashing } from "../../transcript.ts"
import { kindOf } from "../authentication.ts"
import { verifyData, verifyFinished } from "../finished.ts"
import * as KeySchedule from "../keySchedule.ts"
import type { ClientProof, Connected, Ending, Handshake, SealingTickets, WaitFinished } from "./state.ts"
import { sessionsOf } from "./tickets.ts"

const ending = (hs: Handshake, toFinished: Hashing): Ending => {
  const { suite } = hs.selected
  const main = KeySchedule.mainSecret(suite.hash, hs.secret)
  return {
    hs,
    main,
    exporter: KeySchedule.exporterSecret(main, toFinished),
    traffic: {
      suite,
      ours: KeySchedule.serverApplicationTraffic(main, toFinished),
      theirs: KeySchedule.clientApplicationTraffic(main, toFinished),
      asked: "nothing"
    }
  }
}

/** The end of our flight: Finished, and application keys for what we send. */
export const sayFinished = (flight: Flight, hs: Handshake): Result.Result<Ending, Failure> =>
  Result.map(
    flight.say("handshake", { _tag: "Finished", body: { verify_data: verifyData(hs.server, flight.transcript) } }),
    () => {
      const { choices, suite } = hs.selected
      const { random } = choices.hello
      const end = ending(hs, flight.transcript)
      flight.do(
        logKey("CLIENT_TRAFFIC_SECRET_0", random, end.traffic.theirs),
        logKey("SERVER_TRAFFIC_SECRET_0", random, end.traffic.ours),
        logKey("EXPORTER_SECRET", random, end.exporter),
        installKeys("write", "application", suite, end.traffic.ours)
      )
      return end
    }
  )

/** What the handshake came to, once the client is known. */
export const establishedBy = ({ hs, exporter }: Ending, proof: ClientProof): Established13 => {
  const { choices, suite, authentication, earlyData } = hs.selected
  const known = proof._tag === "Anonymous" ? undefined : proof
  return {
    version: "TLSv1.3",
    suite,
    group: hs.group,
    scheme: authentication._tag === "Certificate" ? authentication.scheme : undefined,
    protocol: choices.protocol,
    serverName: choices.serverName,
    kind: kindOf(known?._tag === "PskSelected" ? known : undefined, hs.rounds),
    earlyData,
    peer: known === undefined ? undefined : peerOf(known),
    staples: known === undefined ? undefined : staplesOf(known),
    given: known === undefined ? undefined : givenOf(known),
    endPoint:
      authentication._tag === "Psk"
        ? undefined
        : endPointOf(authentication.credential.chain, authentication.credential.certificateType),
    exporter
  }
}

/** WAIT_FINISHED --Finished--> SEALING_TICKETS | CONNECTED */
export const finished = resultFn(function* (
  state: WaitFinished,
  event: Of<Heard, "Finished">
): Steps<SealingTickets | Connected> {
  const { proof, ending } = state
  const { hs, main, traffic } = ending
  const { suite, choices } = hs.selected
  yield* verifyFinished(event.body.verify_data, hs.client, state.transcript)

  const established = establishedBy(ending, proof)
  const heard = append(state.transcript, event.raw)
  const sessions = sessionsOf(choices, proof, established, () => KeySchedule.resumptionSecret(main, heard))
  const actions = [
    installKeys("read", "application", suite, traffic.theirs),
    { _tag: "Open", direction: "read" },
    { _tag: "Open", direction: "write" },
    { _tag: "Established", established }
  ] as const
  if (sessions.length === 0) {
    return land({ _tag: "CONNECTED", proof, established, traffic, owes: undefined }, actions)
  }
  const asks = { _tag: "SealTickets", sessions } as const
  const entropy = choices.config.grease === "on" ? hs.selected.entropy : undefined
  return land({ _tag: "SEALING_TICKETS", asks, proof, established, traffic, entropy }, actions)
})
