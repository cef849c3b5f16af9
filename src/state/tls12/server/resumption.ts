/** Sessions resumed in TLS 1.2 (RFC 5246 figure 2, RFC 5077): RESUMED_… and on. */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import { resultFn } from "../../../codec/resultFn.ts"
import { Secret, unsafeBytes } from "../../../crypto/secret.ts"
import type { CipherSuite12 } from "../../../crypto/suite.ts"
import type { Action } from "../../action.ts"
import type { HelloResolved, SealedTicket, TicketsSealed } from "../../command.ts"
import type { Established12 } from "../../established.ts"
import type { ChangeCipherSpec, Heard12 } from "../../event.ts"
import { type Failure, fail } from "../../failure.ts"
import { logKey } from "../../flight.ts"
import { land, type Of, type Stepped, type Steps } from "../../machine.ts"
import { acceptable } from "../../negotiation/resumption.ts"
import type { Session12, SessionDraft12 } from "../../session.ts"
import type { SealedBy } from "../../tls13/psk.ts"
import type { Heard } from "../../transcript.ts"
import { verifyData, verifyFinished } from "../finished.ts"
import { Flight12, installKeys12, opened } from "../flight.ts"
import { type Randoms, writeKeys } from "../keySchedule.ts"
import { common, recordLimits, serverHello, ticketPromise } from "./serverHello.ts"
import type {
  Choices,
  EstablishedState,
  Kept,
  Resumed,
  ResumedSealingTicket,
  ResumedWaitClientChangeCipherSpec,
  ResumedWaitClientFinished
} from "./state.ts"
import { newSessionTicket } from "./ticket.ts"

interface Found {
  readonly session: Session12
  readonly suite: CipherSuite12
  /** What stands for it. */
  readonly kept: Kept
  /** By what its ticket is sealed, where there is one and that is known. */
  readonly sealed?: SealedBy | undefined
}

/** The session of the client's ticket or session ID; what began in TLS 1.3 is none here. */
const known = ({ hello }: Choices, { psks = [], session }: HelloResolved): Omit<Found, "suite"> | undefined => {
  const [byTicket] = psks
  if (byTicket?._tag === "Session12") {
    return { session: byTicket.session, kept: { _tag: "Ticket" }, sealed: byTicket.sealed }
  }
  return session?.version === "TLSv1.2" ? { session, kept: { _tag: "Id", id: hello.legacy_session_id } } : undefined
}

/** The session to resume, with its own suite and no other, if it may be. */
export const select = (choices: Choices, resolved: HelloResolved): Found | undefined => {
  const found = known(choices, resolved)
  if (found === undefined || !acceptable(choices, found.session, resolved.now)) return undefined
  const suite = choices.suites.find(({ name }) => name === found.session.suite)
  return suite === undefined ? undefined : { ...found, suite }
}

/**
 * What will stand for a new session: a ticket for clients that take one, or else an ID of ours, never one that the
 * client made up. Without an extended master secret there is nothing (RFC 7627 section 5.4).
 */
export const keptBy = ({ config, hello, masterSecret }: Choices, { sessionId }: HelloResolved): Kept => {
  if (config.resumption === undefined || masterSecret === "plain") return { _tag: "Nothing" }
  const takesTickets = find(hello.extensions, "session_ticket") !== undefined
  if (takesTickets && config.resumption.tickets > 0) return { _tag: "Ticket" }
  return sessionId === undefined ? { _tag: "Nothing" } : { _tag: "Id", id: sessionId.slice() }
}

/** RFC 7627 section 5.3: a session with an extended master secret is never resumed without one. */
const stillExtended = ({ masterSecret }: Choices): Result.Result<void, Failure> =>
  masterSecret === "extended"
    ? Result.succeed(undefined)
    : fail("ExtendedMasterSecretChanged", "the session began with extended_master_secret, and the client gave that up")

/**
 * RFC 5077 section 3.3: whose ticket is in the second half of its life, or under an older key, gets another one. The
 * session ends seven days after its first handshake all the same.
 */
const renewalDue = ({ config }: Choices, { session, kept, sealed }: Found, now: number): boolean =>
  kept._tag === "Ticket" &&
  (config.resumption?.tickets ?? 0) > 0 &&
  (sealed === "older key" || now - session.created >= (session.expires - session.created) / 2)

/** The session for another ticket, with a secret of its own. */
const draftOf = ({ session, master }: Resumed): SessionDraft12 => ({
  ...session,
  secret: new Secret("session", unsafeBytes(master).slice())
})

/** ServerHello, NewSessionTicket if there is one, ChangeCipherSpec, Finished: we go first. */
const flightOf = resultFn(function* (
  resumed: Resumed,
  transcript: Heard,
  renewed: SealedTicket | undefined
): Steps<ResumedWaitClientChangeCipherSpec> {
  const { choices, suite, randoms, master, keys } = resumed
  const flight = new Flight12(transcript)
  const extensions = [...common(choices), ...(renewed === undefined ? [] : ticketPromise)]
  // Our echo says that the session is resumed, by a ticket too (RFC 5077 section 3.4).
  yield* flight.say(serverHello(randoms.server, choices.hello.legacy_session_id, suite, extensions))
  flight.do(...recordLimits(choices), logKey("CLIENT_RANDOM", randoms.client, master))
  if (renewed !== undefined) yield* flight.say({ _tag: "NewSessionTicket", body: newSessionTicket(renewed) })
  flight.changeCipherSpec(suite, keys.server)
  const verify_data = verifyData("server", suite.hash, master, flight.transcript)
  yield* flight.say({ _tag: "Finished", body: { verify_data } })
  return land(
    { _tag: "RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC", resumed, transcript: flight.transcript },
    flight.actions
  )
})

/** RECVD_CLIENT_HELLO --HelloResolved--> RESUMED_SEALING_TICKET | RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC */
export const resume = resultFn(function* (
  choices: Choices,
  found: Found,
  { randoms, now }: { readonly randoms: Randoms; readonly now: number },
  transcript: Heard
): Steps<ResumedSealingTicket | ResumedWaitClientChangeCipherSpec> {
  yield* stillExtended(choices)
  const { session, suite, kept } = found
  const master = new Secret("master", unsafeBytes(session.secret).slice())
  const keys = writeKeys(suite, master, randoms)
  const resumed: Resumed = { choices, suite, session, kept, randoms, master, keys }
  if (!renewalDue(choices, found, now)) return yield* flightOf(resumed, transcript, undefined)
  const asks = { _tag: "SealTickets", sessions: [draftOf(resumed)] } as const
  return land({ _tag: "RESUMED_SEALING_TICKET", asks, resumed, transcript })
})

/** RESUMED_SEALING_TICKET --TicketsSealed--> RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC: what cannot be made is not promised. */
export const ticketRenewed = (
  { resumed, transcript }: ResumedSealingTicket,
  { tickets }: TicketsSealed
): Stepped<ResumedWaitClientChangeCipherSpec> =>
  tickets.length > 1
    ? fail("InternalError", "one ticket was asked for, and several were made")
    : flightOf(resumed, transcript, tickets[0])

/** RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC --ChangeCipherSpec--> RESUMED_WAIT_CLIENT_FINISHED */
export const changeCipherSpec = (
  { resumed, transcript }: ResumedWaitClientChangeCipherSpec,
  _event: ChangeCipherSpec
): Stepped<ResumedWaitClientFinished> =>
  Result.succeed(
    land({ _tag: "RESUMED_WAIT_CLIENT_FINISHED", resumed, transcript }, [
      installKeys12("read", resumed.suite, resumed.keys.client)
    ])
  )

const establishedBy = ({ choices, suite, session, master, randoms }: Resumed): Established12 => ({
  version: "TLSv1.2",
  suite,
  group: session.group,
  scheme: undefined,
  protocol: choices.protocol,
  serverName: choices.serverName,
  kind: "resumed",
  earlyData: "none",
  peer: session.peer,
  staples: undefined,
  exporter: { master, randoms }
})

/** A session goes back under its ID: had the handshake failed, it would be forgotten (RFC 5246 section 7.2.2). */
const keepAgain = (resumed: Resumed): ReadonlyArray<Action> => {
  const { session, kept } = resumed
  return kept._tag === "Id"
    ? [{ _tag: "KeepSession", id: kept.id.slice(), draft: draftOf(resumed), expires: session.expires }]
    : []
}

/** RESUMED_WAIT_CLIENT_FINISHED --Finished--> ESTABLISHED */
export const finished = (
  { resumed, transcript }: ResumedWaitClientFinished,
  event: Of<Heard12, "Finished">
): Stepped<EstablishedState> =>
  Result.map(verifyFinished(event.body.verify_data, "client", resumed.suite.hash, resumed.master, transcript), () => {
    const established = establishedBy(resumed)
    return land({ _tag: "ESTABLISHED", established, renegotiations: "none" }, [
      ...opened(established),
      ...keepAgain(resumed)
    ])
  })
