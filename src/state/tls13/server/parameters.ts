/** AGREEING, AGREEING_2: ServerHello to Certificate, as one flight (RFC 9846 sections 4.2.3, 4.4 and 4.5.1). */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import type { Extension } from "../../../codec/extension/placement.ts"
import { type Returns, resultFn } from "../../../codec/resultFn.ts"
import type { SecretAgreed } from "../../command.ts"
import type { Failure } from "../../failure.ts"
import { Flight, installKeys, logKey } from "../../flight.ts"
import * as Grease from "../../hello/grease.ts"
import { land, type Stepped, type Steps } from "../../machine.ts"
import * as CertificateSchemes from "../../negotiation/certificateSchemes.ts"
import * as CertificateType from "../../negotiation/certificateType.ts"
import * as RecordSizeLimit from "../../negotiation/recordSizeLimit.ts"
import * as Transport from "../../negotiation/transport.ts"
import { type PskSelected, pskSelected } from "../../proof.ts"
import { certificateOf, kindOf } from "../authentication.ts"
import * as CertificateCompression from "../certificateCompression.ts"
import { signedContent } from "../certificateVerify.ts"
import { afterFirstMessage } from "../compatibility.ts"
import * as KeySchedule from "../keySchedule.ts"
import type { SelectedPsk } from "../psk.ts"
import { askClient } from "../stapling.ts"
import { accept, recordLimits, skip } from "./earlyData.ts"
import { establishedBy, sayFinished } from "./finished.ts"
import type {
  Agreeing,
  Agreeing2,
  Authentication,
  Choices,
  Handshake,
  Negotiated,
  Selected,
  WaitEndOfEarlyData,
  WaitFinished
} from "./state.ts"
import { ticketsFor } from "./tickets.ts"

type Extensions = ReadonlyArray<Extension<"EncryptedExtensions">>

const proofOf = (authentication: Authentication): PskSelected | undefined =>
  authentication._tag === "Psk" ? pskSelected(authentication.psk) : undefined

/** How many tickets a client may expect that asked for some (RFC 9149 section 3). */
const ticketHint = ({ choices, authentication }: Selected): Extensions =>
  choices.config.resumption === undefined || find(choices.hello.extensions, "ticket_request") === undefined
    ? []
    : [
        {
          type: "ticket_request",
          data: { expected_count: ticketsFor(choices, kindOf(proofOf(authentication), "full")) }
        }
      ]

const serverNameSeen = ({ serverName }: Choices): Extensions =>
  serverName === undefined ? [] : [{ type: "server_name", data: {} }]

const protocolChosen = ({ protocol }: Choices): Extensions =>
  protocol === undefined
    ? []
    : [{ type: "application_layer_protocol_negotiation", data: { protocol_name_list: [protocol] } }]

/** Which certificates there will be, where there will be some. */
const certificateTypes = ({ choices, authentication }: Selected): Extensions =>
  authentication._tag === "Psk"
    ? []
    : CertificateType.answered(
        choices.hello.extensions,
        choices.config.clientAuthentication,
        choices.clientCertificateType,
        authentication.credential
      )

const encryptedExtensions = (selected: Selected): Extensions => [
  ...serverNameSeen(selected.choices),
  ...protocolChosen(selected.choices),
  ...certificateTypes(selected),
  ...Transport.parameters(selected.choices.config.transport),
  ...RecordSizeLimit.answered(selected.choices.config, selected.choices.hello, "TLSv1.3"),
  ...ticketHint(selected),
  ...(selected.earlyData === "accepted" ? [{ type: "early_data", data: {} } as const] : [])
]

/** CertificateRequest, where the configuration wants one (section 4.4.2). */
const certificateRequest = ({ choices: { config }, entropy }: Selected, flight: Flight) => {
  const { clientAuthentication } = config
  if (clientAuthentication._tag === "None") return Result.succeed(undefined)
  const { authorities } = clientAuthentication
  const extensions: ReadonlyArray<Extension<"CertificateRequest">> = [
    { type: "signature_algorithms", data: { supported_signature_algorithms: config.schemes } },
    CertificateSchemes.accepted,
    ...askClient(config.stapling),
    ...CertificateCompression.offer(config.certificateCompression),
    ...(authorities.length === 0 ? [] : [{ type: "certificate_authorities", data: { authorities } } as const])
  ]
  return flight.say("handshake", {
    _tag: "CertificateRequest",
    body: {
      certificate_request_context: new Uint8Array(0),
      extensions:
        config.grease === "on" && entropy !== undefined ? Grease.certificateRequest(extensions, entropy) : extensions
    }
  })
}

/** ServerHello (section 4.2.3), and the keys of the handshake. */
const sayServerHello = resultFn(function* (
  state: Agreeing | Agreeing2,
  { share, secret }: SecretAgreed,
  flight: Flight
): Returns<Handshake, Failure> {
  const { selected, asks } = state
  const { suite, authentication } = selected
  const { hello } = selected.choices
  const psk = authentication._tag === "Psk" ? authentication.psk : undefined
  yield* flight.say("plaintext", {
    _tag: "ServerHello",
    body: {
      legacy_version: "TLSv1.2",
      random: selected.random,
      legacy_session_id_echo: hello.legacy_session_id,
      cipher_suite: suite.name,
      legacy_compression_method: 0,
      extensions: [
        { type: "supported_versions", data: { selected_version: "TLSv1.3" } },
        { type: "key_share", data: { server_share: { group: asks.group, key_exchange: share } } },
        ...(psk === undefined ? [] : [{ type: "pre_shared_key", data: { selected_identity: psk.index } } as const])
      ]
    }
  })
  if (state._tag === "AGREEING") flight.do(...afterFirstMessage(hello.legacy_session_id))

  const early = psk?.early ?? KeySchedule.earlySecret(suite.hash)
  const handshake = KeySchedule.handshakeSecret(suite.hash, early, secret)
  const hs: Handshake = {
    selected,
    group: asks.group,
    rounds: state._tag === "AGREEING" ? "full" : "retried",
    secret: handshake,
    client: KeySchedule.clientHandshakeTraffic(handshake, flight.transcript),
    server: KeySchedule.serverHandshakeTraffic(handshake, flight.transcript)
  }
  flight.do(
    logKey("CLIENT_HANDSHAKE_TRAFFIC_SECRET", hello.random, hs.client),
    logKey("SERVER_HANDSHAKE_TRAFFIC_SECRET", hello.random, hs.server),
    installKeys("write", "handshake", suite, hs.server),
    // Early data that is accepted is still to be read, with keys of its own.
    ...(selected.earlyData === "accepted" ? [] : [installKeys("read", "handshake", suite, hs.client)]),
    ...recordLimits(selected).filter(({ direction }) => direction === "write" || selected.earlyData !== "accepted")
  )
  yield* flight.say("handshake", {
    _tag: "EncryptedExtensions",
    body: { extensions: encryptedExtensions(selected) }
  })
  return hs
})

/** A certificate speaks for us: it is said, and what it signs is asked for. */
const sayCertificate = resultFn(function* (
  flight: Flight,
  hs: Handshake,
  { credential, scheme }: Extract<Authentication, { _tag: "Certificate" }>
): Steps<Negotiated> {
  const { config, hello } = hs.selected.choices
  yield* certificateRequest(hs.selected, flight)
  const certificate = certificateOf(credential, hello.extensions)
  yield* flight.say(
    "handshake",
    yield* CertificateCompression.pack(certificate, config.certificateCompression, hello.extensions)
  )
  const content = signedContent("Server", flight.transcript)
  return land(
    {
      _tag: "NEGOTIATED",
      asks: { _tag: "Sign", credential, scheme, content },
      hs,
      transcript: flight.transcript
    },
    flight.actions
  )
})

/** AGREEING --SecretAgreed--> NEGOTIATED, or past it where a PSK speaks for us. */
export const secretAgreed = resultFn(function* (
  state: Agreeing,
  event: SecretAgreed
): Steps<Negotiated | WaitEndOfEarlyData | WaitFinished> {
  const { selected } = state
  const { authentication } = selected
  const flight = new Flight(state.transcript)
  const hs = yield* sayServerHello(state, event, flight)
  if (selected.earlyData !== "accepted" || authentication._tag === "Certificate") {
    flight.do(...skip(selected))
    return yield* authentication._tag === "Certificate"
      ? sayCertificate(flight, hs, authentication)
      : finishAtOnce(flight, hs, authentication.psk)
  }
  const proof = pskSelected(authentication.psk)
  const ending = yield* sayFinished(flight, hs)
  flight.do(...accept(ending, state.transcript, establishedBy(ending, proof)))
  const { transcript } = flight
  if (selected.choices.config.transport === undefined) {
    return land({ _tag: "WAIT_EOED", ending, transcript, proof }, flight.actions)
  }
  // QUIC ends early data without a message (RFC 9001 section 8.3).
  flight.do(installKeys("read", "handshake", selected.suite, hs.client))
  return land({ _tag: "WAIT_FINISHED", ending, transcript, proof }, flight.actions)
})

/** AGREEING_2 --SecretAgreed--> NEGOTIATED, or past it: early data does not follow a retry. */
export const secretAgreed2 = resultFn(function* (
  state: Agreeing2,
  event: SecretAgreed
): Steps<Negotiated | WaitFinished> {
  const { authentication } = state.selected
  const flight = new Flight(state.transcript)
  const hs = yield* sayServerHello(state, event, flight)
  return yield* authentication._tag === "Certificate"
    ? sayCertificate(flight, hs, authentication)
    : finishAtOnce(flight, hs, authentication.psk)
})

/** A PSK speaks for us: our Finished ends the flight. */
const finishAtOnce = (flight: Flight, hs: Handshake, psk: SelectedPsk): Stepped<WaitFinished> =>
  Result.map(sayFinished(flight, hs), (ending) =>
    land({ _tag: "WAIT_FINISHED", ending, transcript: flight.transcript, proof: pskSelected(psk) }, flight.actions)
  )
