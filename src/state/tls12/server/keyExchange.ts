/** OFFERING_KEY to DERIVING_SECRET: our certificate and share, the client's share, and the master secret. */
import * as Result from "effect/Result"
import type { Extension } from "../../../codec/extension/placement.ts"
import { resultFn } from "../../../codec/resultFn.ts"
import { acceptable12 } from "../../../crypto/signature.ts"
import type { KeyShareMade, SecretAgreed, Signed } from "../../command.ts"
import type { ServerConfig } from "../../config.ts"
import type { Heard12 } from "../../event.ts"
import type { Failure } from "../../failure.ts"
import { logKey } from "../../flight.ts"
import { land, type Of, type Stepped, type Steps } from "../../machine.ts"
import { staples } from "../../tls13/stapling.ts"
import { hear } from "../../transcript.ts"
import { certificateOf, signing } from "../authentication.ts"
import { Flight12 } from "../flight.ts"
import { signedParams } from "../keyExchange.ts"
import * as KeySchedule from "../keySchedule.ts"
import { common, recordLimits, serverHello, serverName, ticketPromise } from "./serverHello.ts"
import type {
  DerivingSecret,
  Keys,
  OfferingKey,
  Selected,
  SigningKey,
  WaitCertificateVerify,
  WaitClientCertificate,
  WaitClientChangeCipherSpec,
  WaitClientKeyExchange
} from "./state.ts"

const paramsOf = ({ group }: Selected, share: Uint8Array) => ({ namedcurve: group, public: share })

/** OFFERING_KEY --KeyShareMade--> SIGNING_KEY: what is signed binds the share to both hellos. */
export const keyShareMade = (state: OfferingKey, { share }: KeyShareMade): Stepped<SigningKey> => {
  const { selected, transcript } = state
  const { credential, scheme, randoms } = selected
  return Result.map(signedParams(randoms, paramsOf(selected, share.share)), (content) =>
    land({ _tag: "SIGNING_KEY", asks: signing(credential, scheme, content), selected, share, transcript })
  )
}

/** What is stapled: a status has its own message (RFC 6066 section 8), SCTs stand in ServerHello (RFC 6962 3.3.1). */
const stapled = ({ choices: { hello }, credential }: Selected) => {
  const all = staples(credential, hello.extensions)
  const status = all.flatMap((each) => (each.type === "status_request" ? [each.data] : []))[0]
  const timestamps = all.flatMap((each) => (each.type === "signed_certificate_timestamp" ? [each] : []))
  return { status, timestamps }
}

const extensions = (selected: Selected): ReadonlyArray<Extension<"ServerHello">> => {
  const { status, timestamps } = stapled(selected)
  return [
    ...serverName(selected.choices),
    ...common(selected.choices),
    ...(selected.kept._tag === "Ticket" ? ticketPromise : []),
    ...(status === undefined ? [] : [{ type: "status_request", data: {} } as const]),
    ...timestamps
  ]
}

/** The name of a session that is kept by it; of no bytes where none is (RFC 5246 section 7.4.1.3). */
const sessionId = ({ kept }: Selected): Uint8Array => (kept._tag === "Id" ? kept.id : new Uint8Array(0))

/** CertificateRequest, where the configuration wants one (section 7.4.4). */
const certificateRequest = (
  { clientAuthentication, schemes }: ServerConfig,
  flight: Flight12
): Result.Result<void, Failure> =>
  clientAuthentication._tag === "None"
    ? Result.succeed(undefined)
    : flight.say({
        _tag: "CertificateRequest",
        body: {
          certificate_types: ["ecdsa_sign", "rsa_sign"],
          supported_signature_algorithms: acceptable12(schemes),
          certificate_authorities: clientAuthentication.authorities
        }
      })

/** SIGNING_KEY --Signed--> WAIT_CLIENT_CERTIFICATE | WAIT_CLIENT_KEY_EXCHANGE: all of our first flight. */
export const signed = resultFn(function* (
  state: SigningKey,
  { signature }: Signed
): Steps<WaitClientCertificate | WaitClientKeyExchange> {
  const { selected, share } = state
  const { choices, suite, credential, scheme, randoms } = selected
  const { status } = stapled(selected)
  const flight = new Flight12(state.transcript)
  yield* flight.say(serverHello(randoms.server, sessionId(selected), suite, extensions(selected)))
  flight.do(...recordLimits(choices))
  yield* flight.say({ _tag: "Certificate", body: certificateOf(credential) })
  if (status !== undefined) yield* flight.say({ _tag: "CertificateStatus", body: status })
  yield* flight.say({
    _tag: "ServerKeyExchange",
    body: { params: paramsOf(selected, share.share), algorithm: scheme, signature }
  })
  yield* certificateRequest(choices.config, flight)
  yield* flight.say({ _tag: "ServerHelloDone", body: {} })
  const { transcript, actions } = flight
  return choices.config.clientAuthentication._tag === "None"
    ? land({ _tag: "WAIT_CLIENT_KEY_EXCHANGE", selected, share, auth: { _tag: "Anonymous" }, transcript }, actions)
    : land({ _tag: "WAIT_CLIENT_CERTIFICATE", selected, share, transcript }, actions)
})

/** WAIT_CLIENT_KEY_EXCHANGE --ClientKeyExchange--> DERIVING_SECRET */
export const clientKeyExchange = (
  { selected, share, auth, transcript }: WaitClientKeyExchange,
  event: Of<Heard12, "ClientKeyExchange">
): Stepped<DerivingSecret> =>
  Result.succeed(
    land({
      _tag: "DERIVING_SECRET",
      asks: { _tag: "AgreeSecret", key: share, peerShare: event.body.ecdh_Yc },
      selected,
      auth,
      transcript: hear(transcript, event.raw)
    })
  )

/** The master secret, and what both directions are protected with. */
const keysOf = ({ selected, transcript }: DerivingSecret, secret: Uint8Array): Keys => {
  const { choices, suite, randoms } = selected
  const master = KeySchedule.masterSecretOf(choices.masterSecret, suite, secret, randoms, transcript)
  return { selected, master, keys: KeySchedule.writeKeys(suite, master, randoms) }
}

/** DERIVING_SECRET --SecretAgreed--> WAIT_CERTIFICATE_VERIFY | WAIT_CLIENT_CHANGE_CIPHER_SPEC */
export const secretAgreed = (
  state: DerivingSecret,
  { secret }: SecretAgreed
): Stepped<WaitCertificateVerify | WaitClientChangeCipherSpec> => {
  const { auth, transcript, selected } = state
  const hs = keysOf(state, secret)
  const log = [logKey("CLIENT_RANDOM", selected.randoms.client, hs.master)]
  return Result.succeed(
    auth._tag === "Shown"
      ? land({ _tag: "WAIT_CERTIFICATE_VERIFY", hs, chain: auth.chain, transcript }, log)
      : land({ _tag: "WAIT_CLIENT_CHANGE_CIPHER_SPEC", hs, proof: auth, transcript }, log)
  )
}
