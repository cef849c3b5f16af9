/** 0-RTT as a server does it (RFC 9846 sections 4.3.10 and 8): what is asked about it, WAIT_EOED. */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import type { Action, LimitRecords } from "../../action.ts"
import type { EarlyDataOffered } from "../../command.ts"
import type { Established13 } from "../../established.ts"
import type { Heard } from "../../event.ts"
import { installKeys, logKey } from "../../flight.ts"
import { land, type Of, type Stepped } from "../../machine.ts"
import * as RecordSizeLimit from "../../negotiation/recordSizeLimit.ts"
import { append, type Hashing } from "../../transcript.ts"
import * as KeySchedule from "../keySchedule.ts"
import { maxSkipped } from "../limits.ts"
import type { Choices, Ending, Found, Selected, WaitEndOfEarlyData, WaitFinished } from "./state.ts"

/** Whether there is early data behind a ClientHello, which is to be read or passed over. */
export const offered = ({ hello }: Choices): boolean => find(hello.extensions, "early_data") !== undefined

/**
 * What has to be asked before early data is taken; nothing where it cannot be: for a PSK that is not the first, for
 * another suite than it began with, before a retry, where the session allows more than is taken now, and when the
 * client's idea of the ticket's age is off (section 8.3).
 */
export const question = (choices: Choices, found: Found, now: number): EarlyDataOffered | undefined => {
  const { resumption } = choices.config
  const binder = choices.psks?.binders[0]
  const identity = choices.psks?.identities[0]
  if (resumption === undefined || resumption.maxEarlyData === 0 || !offered(choices)) return undefined
  if (choices.group._tag === "Missing") return undefined
  if (found.psk.index > 0 || binder === undefined || identity === undefined) return undefined
  const { origin } = found.psk
  if (origin._tag === "External" || origin.session.suite !== found.suite.name) return undefined
  const { session } = origin
  const age = (identity.obfuscated_ticket_age - session.ageAdd + 2 ** 32) % 2 ** 32
  const expected = session.created + age
  const allowed = session.maxEarlyData > 0 && session.maxEarlyData <= resumption.maxEarlyData
  return allowed && Math.abs(now - expected) <= resumption.freshness
    ? { binder, until: expected + resumption.freshness }
    : undefined
}

/** Passes over what is refused: so much as a client may have been promised, and something for those who guess. */
export const skip = ({ choices: { config }, authentication, earlyData }: Selected): ReadonlyArray<Action> => {
  if (earlyData !== "rejected") return []
  const origin = authentication._tag === "Psk" ? authentication.psk.origin : undefined
  const promised = origin?._tag === "Session" ? origin.session.maxEarlyData : 0
  return [{ _tag: "SkipEarlyData", limit: Math.max(maxSkipped, config.resumption?.maxEarlyData ?? 0, promised) }]
}

/** Behind our Finished: early keys for reading, and leave to answer what is read (appendix A.2). */
export const accept = ({ hs }: Ending, toClientHello: Hashing, established: Established13): ReadonlyArray<Action> => {
  const { selected } = hs
  const { authentication, suite, choices } = selected
  if (authentication._tag !== "Psk" || authentication.psk.origin._tag !== "Session") return []
  const { maxEarlyData } = authentication.psk.origin.session
  const traffic = KeySchedule.clientEarlyTraffic(authentication.psk.early, toClientHello)
  const exporter = KeySchedule.earlyExporter(authentication.psk.early, toClientHello)
  return [
    logKey("CLIENT_EARLY_TRAFFIC_SECRET", choices.hello.random, traffic),
    logKey("EARLY_EXPORTER_SECRET", choices.hello.random, exporter),
    installKeys("read", "early", suite, traffic),
    { _tag: "AcceptEarlyData", limit: maxEarlyData, exporter, established }
  ]
}

/** What both sides agreed on about the length of records (RFC 8449); it cannot hold for early data, which came before. */
export const recordLimits = ({ choices: { config, hello } }: Selected): ReadonlyArray<LimitRecords> =>
  RecordSizeLimit.agreed(config, find(hello.extensions, "record_size_limit"))

/** WAIT_EOED --EndOfEarlyData--> WAIT_FINISHED */
export const endOfEarlyData = (
  { ending, transcript, proof }: WaitEndOfEarlyData,
  event: Of<Heard, "EndOfEarlyData">
): Stepped<WaitFinished> => {
  const { selected, client } = ending.hs
  return Result.succeed(
    land({ _tag: "WAIT_FINISHED", ending, transcript: append(transcript, event.raw), proof }, [
      installKeys("read", "handshake", selected.suite, client),
      ...recordLimits(selected).filter(({ direction }) => direction === "read")
    ])
  )
}
