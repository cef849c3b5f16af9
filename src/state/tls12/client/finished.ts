/** From the server's ChangeCipherSpec to the end, in a full handshake and in a resumed one (RFC 5246 section 7.3). */
import * as Result from "effect/Result"
import { resultFn } from "../../../codec/resultFn.ts"
import type { Action } from "../../action.ts"
import { type Established12, endPointOf } from "../../established.ts"
import type { ChangeCipherSpec, Heard12 } from "../../event.ts"
import { type Failure, fail } from "../../failure.ts"
import { land, type Of, type Stepped, type Steps } from "../../machine.ts"
import { peerOf, staplesOf } from "../../proof.ts"
import { hear } from "../../transcript.ts"
import { verifyData, verifyFinished } from "../finished.ts"
import { Flight12, installKeys12, opened } from "../flight.ts"
import { keptById, keptByTicket, store } from "./resumption.ts"
import type {
  Established,
  Kept,
  Keyed,
  ResumedWaitChangeCipherSpec,
  ResumedWaitNewSessionTicket,
  ResumedWaitServerFinished,
  WaitChangeCipherSpec,
  WaitNewSessionTicket,
  WaitServerFinished
} from "./state.ts"

type Ticket = Of<Heard12, "NewSessionTicket">

/** WAIT_NEW_SESSION_TICKET --NewSessionTicket--> WAIT_CHANGE_CIPHER_SPEC */
export const newSessionTicket = (
  { keyed, server, transcript }: WaitNewSessionTicket,
  { body: { ticket, ticket_lifetime_hint }, raw }: Ticket
): Stepped<WaitChangeCipherSpec> => {
  const kept = keptByTicket(ticket, ticket_lifetime_hint, keptById(keyed))
  return Result.succeed(
    land({ _tag: "WAIT_CHANGE_CIPHER_SPEC", keyed, server, kept, transcript: hear(transcript, raw) })
  )
}

/** WAIT_CHANGE_CIPHER_SPEC --ChangeCipherSpec--> WAIT_SERVER_FINISHED: the only arrow that lets the server's keys in. */
export const changeCipherSpec = (
  { keyed, server, kept, transcript }: WaitChangeCipherSpec,
  _event: ChangeCipherSpec
): Stepped<WaitServerFinished> =>
  Result.succeed(
    land({ _tag: "WAIT_SERVER_FINISHED", keyed, kept, transcript }, [
      installKeys12("read", keyed.negotiated.suite, server)
    ])
  )

const check = (
  { negotiated, master }: Keyed,
  { transcript }: WaitServerFinished | ResumedWaitServerFinished,
  event: Of<Heard12, "Finished">
) => verifyFinished(event.body.verify_data, "server", negotiated.suite.hash, master, transcript)

/** What the handshake came to. */
const establishedBy = ({ negotiated, proof, group, master }: Keyed): Established12 => {
  const { suite, protocol, randoms, offer } = negotiated
  const { server } = offer.config
  const peer = peerOf(proof)
  return {
    version: "TLSv1.2",
    suite,
    group,
    scheme: proof._tag === "PeerAuthenticated" ? proof.scheme : undefined,
    protocol,
    serverName: server._tag === "DnsName" ? server.name : undefined,
    kind: proof._tag === "PeerAuthenticated" ? "full" : "resumed",
    earlyData: "none",
    peer,
    staples: staplesOf(proof),
    endPoint: endPointOf(peer?.chain ?? [], peer?.certificateType),
    exporter: negotiated.masterSecret === "extended" ? { master, randoms } : undefined
  }
}

/** Data may flow, in both directions. */
const open = (
  keyed: Keyed,
  kept: Kept,
  before: ReadonlyArray<Action>
): Result.Result<never, Failure> | Stepped<Established> => {
  const established = establishedBy(keyed)
  const { proof } = keyed
  return Result.succeed(
    land({ _tag: "ESTABLISHED", proof, established, renegotiation: "not asked for" }, [
      ...before,
      ...opened(established),
      ...store(keyed, kept, established)
    ])
  )
}

/** WAIT_SERVER_FINISHED --Finished--> ESTABLISHED */
export const finished = (state: WaitServerFinished, event: Of<Heard12, "Finished">): Stepped<Established> =>
  Result.flatMap(check(state.keyed, state, event), () => open(state.keyed, state.kept, []))

/** RESUMED_WAIT_NEW_SESSION_TICKET --NewSessionTicket--> RESUMED_WAIT_CHANGE_CIPHER_SPEC */
export const resumedNewSessionTicket = (
  { keyed, keys, transcript }: ResumedWaitNewSessionTicket,
  { body: { ticket, ticket_lifetime_hint }, raw }: Ticket
): Stepped<ResumedWaitChangeCipherSpec> => {
  const kept = keptByTicket(ticket, ticket_lifetime_hint, { _tag: "Nothing" })
  return Result.succeed(
    land({ _tag: "RESUMED_WAIT_CHANGE_CIPHER_SPEC", keyed, keys, kept, transcript: hear(transcript, raw) })
  )
}

/** RESUMED_WAIT_CHANGE_CIPHER_SPEC --ChangeCipherSpec--> RESUMED_WAIT_SERVER_FINISHED */
export const resumedChangeCipherSpec = (
  { keyed, keys, kept, transcript }: ResumedWaitChangeCipherSpec,
  _event: ChangeCipherSpec
): Stepped<ResumedWaitServerFinished> =>
  Result.succeed(
    land({ _tag: "RESUMED_WAIT_SERVER_FINISHED", keyed, keys, kept, transcript }, [
      installKeys12("read", keyed.negotiated.suite, keys.server)
    ])
  )

/** RESUMED_WAIT_SERVER_FINISHED --Finished--> ESTABLISHED: in a resumed handshake the client has the last word. */
export const resumedFinished = resultFn(function* (
  state: ResumedWaitServerFinished,
  event: Of<Heard12, "Finished">
): Steps<Established> {
  const { keyed, keys, kept } = state
  yield* check(keyed, state, event)
  const { suite } = keyed.negotiated
  const flight = new Flight12(hear(state.transcript, event.raw))
  const verify_data = verifyData("client", suite.hash, keyed.master, flight.transcript)
  flight.changeCipherSpec(suite, keys.client)
  yield* flight.say({ _tag: "Finished", body: { verify_data } })
  return yield* open(keyed, kept, flight.actions)
})

/** ESTABLISHED --HelloRequest--> ESTABLISHED: never again, and whoever asks twice is let go (RFC 5246 7.4.1.1). */
export const helloRequest = (state: Established, _event: Of<Heard12, "HelloRequest">): Stepped<Established> =>
  state.renegotiation === "not asked for"
    ? Result.succeed(land({ ...state, renegotiation: "refused" }, [{ _tag: "RefuseRenegotiation" }]))
    : fail("RenegotiationRefused", "the server asks for a new handshake again, and there is none on a connection")
