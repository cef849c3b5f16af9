/** EXCHANGING_KEY, SIGNING_TRANSCRIPT: our flight (RFC 5246 sections 7.4.6 to 7.4.9). */
import { resultFn } from "../../../codec/resultFn.ts"
import type { SecretAgreed, Signed } from "../../command.ts"
import { logKey } from "../../flight.ts"
import { land, type Steps } from "../../machine.ts"
import { spoken } from "../../transcript.ts"
import { certificateOf, signing } from "../authentication.ts"
import { verifyData } from "../finished.ts"
import { Flight12 } from "../flight.ts"
import { masterSecretOf, writeKeys } from "../keySchedule.ts"
import { keptById } from "./resumption.ts"
import type { ExchangingKey, Keyed, SigningTranscript, WaitChangeCipherSpec, WaitNewSessionTicket } from "./state.ts"

/** ChangeCipherSpec and Finished, the end of our flight. */
const finish = resultFn(function* (flight: Flight12, keyed: Keyed): Steps<WaitNewSessionTicket | WaitChangeCipherSpec> {
  const { negotiated, master } = keyed
  const { suite, randoms } = negotiated
  const keys = writeKeys(suite, master, randoms)
  const verify_data = verifyData("client", suite.hash, master, flight.transcript)
  flight.changeCipherSpec(suite, keys.client)
  yield* flight.say({ _tag: "Finished", body: { verify_data } })
  const { transcript, actions } = flight
  return negotiated.ticket === "promised"
    ? land({ _tag: "WAIT_NEW_SESSION_TICKET", keyed, server: keys.server, transcript }, actions)
    : land({ _tag: "WAIT_CHANGE_CIPHER_SPEC", keyed, server: keys.server, kept: keptById(keyed), transcript }, actions)
})

/** EXCHANGING_KEY --SecretAgreed--> SIGNING_TRANSCRIPT | WAIT_NEW_SESSION_TICKET | WAIT_CHANGE_CIPHER_SPEC */
export const secretAgreed = resultFn(function* (
  { exchange, auth, transcript }: ExchangingKey,
  { secret, share }: SecretAgreed
): Steps<SigningTranscript | WaitNewSessionTicket | WaitChangeCipherSpec> {
  const { negotiated, proof } = exchange
  const flight = new Flight12(transcript)
  if (auth._tag !== "NotRequested") {
    const shown = auth._tag === "Chosen" ? auth.credential : undefined
    yield* flight.say({ _tag: "Certificate", body: certificateOf(shown) })
  }
  yield* flight.say({ _tag: "ClientKeyExchange", body: { ecdh_Yc: share } })
  const { suite, randoms, masterSecret } = negotiated
  const master = masterSecretOf(masterSecret, suite, secret, randoms, flight.transcript)
  flight.do(logKey("CLIENT_RANDOM", randoms.client, master))
  const keyed: Keyed = { negotiated, proof, group: exchange.share.group, master }
  if (auth._tag !== "Chosen") return yield* finish(flight, keyed)
  const { credential, scheme } = auth
  const asks = signing(credential, scheme, spoken(flight.transcript))
  return land({ _tag: "SIGNING_TRANSCRIPT", asks, keyed, transcript: flight.transcript }, flight.actions)
})

/** SIGNING_TRANSCRIPT --Signed--> WAIT_NEW_SESSION_TICKET | WAIT_CHANGE_CIPHER_SPEC */
export const signed = resultFn(function* (
  { asks, keyed, transcript }: SigningTranscript,
  { signature }: Signed
): Steps<WaitNewSessionTicket | WaitChangeCipherSpec> {
  const flight = new Flight12(transcript)
  yield* flight.say({ _tag: "CertificateVerify", body: { algorithm: asks.scheme, signature } })
  return yield* finish(flight, keyed)
})
