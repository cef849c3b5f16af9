/** WAIT_CLIENT_CHANGE_CIPHER_SPEC, WAIT_CLIENT_FINISHED, ESTABLISHED (RFC 5246 sections 7.1 and 7.4.9). */
import * as Result from "effect/Result"
import { resultFn } from "../../../codec/resultFn.ts"
import { type Established12, endPointOf } from "../../established.ts"
import type { ChangeCipherSpec, Heard12 } from "../../event.ts"
import { fail } from "../../failure.ts"
import { land, type Of, type Stepped, type Steps } from "../../machine.ts"
import { peerOf } from "../../proof.ts"
import { hear } from "../../transcript.ts"
import { verifyFinished } from "../finished.ts"
import { Flight12, installKeys12 } from "../flight.ts"
import { finish } from "./ending.ts"
import { sessionOf } from "./session.ts"
import type {
  ClientProof,
  EstablishedState,
  Keys,
  SealingTicket,
  WaitClientChangeCipherSpec,
  WaitClientFinished
} from "./state.ts"

/** WAIT_CLIENT_CHANGE_CIPHER_SPEC --ChangeCipherSpec--> WAIT_CLIENT_FINISHED */
export const changeCipherSpec = (
  { hs, proof, transcript }: WaitClientChangeCipherSpec,
  _event: ChangeCipherSpec
): Stepped<WaitClientFinished> =>
  Result.succeed(
    land({ _tag: "WAIT_CLIENT_FINISHED", hs, proof, transcript }, [
      installKeys12("read", hs.selected.suite, hs.keys.client)
    ])
  )

const establishedBy = ({ selected, master }: Keys, proof: ClientProof): Established12 => {
  const { choices, suite, group, scheme, credential, randoms } = selected
  return {
    version: "TLSv1.2",
    suite,
    group,
    scheme,
    protocol: choices.protocol,
    serverName: choices.serverName,
    kind: "full",
    earlyData: "none",
    peer: proof._tag === "Anonymous" ? undefined : peerOf(proof),
    staples: undefined,
    endPoint: endPointOf(credential.chain),
    exporter: choices.masterSecret === "extended" ? { master, randoms } : undefined
  }
}

/** WAIT_CLIENT_FINISHED --Finished--> SEALING_TICKET | ESTABLISHED */
export const finished = resultFn(function* (
  { hs, proof, transcript }: WaitClientFinished,
  event: Of<Heard12, "Finished">
): Steps<SealingTicket | EstablishedState> {
  const { kept, suite } = hs.selected
  yield* verifyFinished(event.body.verify_data, "client", suite.hash, hs.master, transcript)
  const heard = hear(transcript, event.raw)
  const established = establishedBy(hs, proof)
  if (kept._tag !== "Ticket") return yield* finish(new Flight12(heard), hs, established)
  const asks = { _tag: "SealTickets", sessions: [sessionOf(hs, established)] } as const
  return land({ _tag: "SEALING_TICKET", asks, hs, established, transcript: heard })
})

/** ESTABLISHED --ClientHello--> ESTABLISHED: there is no second handshake; once a warning says so, then an alert. */
export const renegotiation = (
  state: EstablishedState,
  _event: Of<Heard12, "ClientHello">
): Stepped<EstablishedState> =>
  state.renegotiations === "refused"
    ? fail("RenegotiationRefused", "the client asks for a new handshake again, and was refused already")
    : Result.succeed(land({ ...state, renegotiations: "refused" }, [{ _tag: "RefuseRenegotiation" }]))
