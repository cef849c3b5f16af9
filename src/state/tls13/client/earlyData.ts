/** 0-RTT as a client does it (RFC 9846 sections 2.3 and 4.3.10). */
import type { Action } from "../../action.ts"
import { installKeys, logKey } from "../../flight.ts"
import type { Offer } from "../../hello/clientHello.ts"
import * as Transcript from "../../transcript.ts"
import { beforeSecondFlight } from "../compatibility.ts"
import * as KeySchedule from "../keySchedule.ts"
import type { Handshake } from "./state.ts"

/** Behind the first ClientHello: the keys of early data, if it is offered, and leave to send it. */
export const offerEarlyData = ({ config, hello, earlyData }: Offer, heard: Transcript.Heard): ReadonlyArray<Action> => {
  if (earlyData._tag !== "Offered") return []
  const { psk, suite, limit } = earlyData
  const transcript = Transcript.hashing(heard, suite.hash)
  const traffic = KeySchedule.clientEarlyTraffic(psk.early, transcript)
  const exporter = KeySchedule.earlyExporter(psk.early, transcript)
  return [
    ...beforeSecondFlight(config),
    logKey("CLIENT_EARLY_TRAFFIC_SECRET", hello.random, traffic),
    logKey("EARLY_EXPORTER_SECRET", hello.random, exporter),
    installKeys("write", "early", suite, traffic),
    { _tag: "OfferEarlyData", limit, hash: suite.hash, exporter }
  ]
}

const refused: Action = { _tag: "EarlyDataJudged", outcome: "rejected" }
const accepted: Action = { _tag: "EarlyDataJudged", outcome: "accepted" }

/** A HelloRetryRequest refuses what was offered. */
export const refusedByRetry = ({ earlyData }: Offer): ReadonlyArray<Action> =>
  earlyData._tag === "Offered" ? [refused] : []

/** Whether the server, who took this PSK or none, can still say in EncryptedExtensions that it took early data. */
export const mayBeAccepted = ({ offer: { earlyData }, psk, suite }: Handshake): boolean =>
  earlyData._tag === "Offered" && psk === earlyData.psk && suite === earlyData.suite

/** Handshake keys for what we send; early data that was offered ends here, refused. */
export const handshakeKeys = ({ offer, suite, client }: Handshake): ReadonlyArray<Action> => [
  ...refusedByRetry(offer),
  // Appendix A.1 changes the write key at Finished; a client that must send an alert SHOULD do it before.
  installKeys("write", "handshake", suite, client)
]

/** What EncryptedExtensions say of early data that may have been accepted. */
export const judged = (hs: Handshake, outcome: "accepted" | "rejected"): ReadonlyArray<Action> =>
  outcome === "accepted" ? [accepted] : handshakeKeys(hs)
