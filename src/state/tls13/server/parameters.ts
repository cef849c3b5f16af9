/** AGREEING, AGREEING_2: ServerHello to Certificate, as one flight (RFC 9846 sections 4.2.3, 4.4 and 4.5.1). */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import type { Extension } from "../../../codec/extension/placement.ts"
import type { SecretAgreed } from "../../command.ts"
import { Flight, installKeys, logKey } from "../../flight.ts"
import * as Grease from "../../hello/grease.ts"
import { land, type Stepped } from "../../machine.ts"
import * as CertificateSchemes from "../../negotiation/certificateSchemes.ts"
import * as CertificateType from "../../negotiation/certificateType.ts"
import * as RecordSizeLimit from "../../negotiation/recordSizeLimit.ts"
import * as Transport from "../../negotiation/transport.ts"
import { certificateOf } from "../authentication.ts"
import * as CertificateCompression from "../certificateCompression.ts"
import { signedContent } from "../certificateVerify.ts"
import { afterFirstMessage } from "../compatibility.ts"
import * as KeySchedule from "../keySchedule.ts"
import { askClient } from "../stapling.ts"
import type { Agreeing, Agreeing2, Handshake, Negotiated, Selected } from "./state.ts"

const encryptedExtensions = ({ choices, credential }: Selected): ReadonlyArray<Extension<"EncryptedExtensions">> => [
  ...(choices.serverName === undefined ? [] : [{ type: "server_name", data: {} } as const]),
  ...(choices.protocol === undefined
    ? []
    : [
        {
          type: "application_layer_protocol_negotiation",
          data: { protocol_name_list: [choices.protocol] }
        } as const
      ]),
  ...CertificateType.answered(
    choices.hello.extensions,
    choices.config.clientAuthentication,
    choices.clientCertificateType,
    credential
  ),
  ...Transport.parameters(choices.config.transport),
  ...RecordSizeLimit.answered(choices.config, choices.hello)
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

/** AGREEING | AGREEING_2 --SecretAgreed--> NEGOTIATED */
export const secretAgreed = (state: Agreeing | Agreeing2, { share, secret }: SecretAgreed): Stepped<Negotiated> =>
  Result.gen(function* () {
    const { selected } = state
    const { suite, hello } = selected.choices
    const { group } = state.asks

    const flight = new Flight(state.transcript)
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
          { type: "key_share", data: { server_share: { group, key_exchange: share } } }
        ]
      }
    })
    if (selected.kind === "full") flight.do(...afterFirstMessage(hello.legacy_session_id))

    const handshake = KeySchedule.handshakeSecret(suite.hash, KeySchedule.earlySecret(suite.hash), secret)
    const hs: Handshake = {
      selected,
      group,
      secret: handshake,
      client: KeySchedule.clientHandshakeTraffic(handshake, flight.transcript),
      server: KeySchedule.serverHandshakeTraffic(handshake, flight.transcript)
    }
    flight.do(
      logKey("CLIENT_HANDSHAKE_TRAFFIC_SECRET", hello.random, hs.client),
      logKey("SERVER_HANDSHAKE_TRAFFIC_SECRET", hello.random, hs.server),
      installKeys("write", "handshake", suite, hs.server),
      installKeys("read", "handshake", suite, hs.client),
      ...RecordSizeLimit.agreed(selected.choices.config, find(hello.extensions, "record_size_limit"))
    )

    yield* flight.say("handshake", {
      _tag: "EncryptedExtensions",
      body: { extensions: encryptedExtensions(selected) }
    })
    yield* certificateRequest(selected, flight)
    const { credential, scheme } = selected
    const certificate = certificateOf(credential, hello.extensions)
    const { certificateCompression } = selected.choices.config
    yield* flight.say(
      "handshake",
      yield* CertificateCompression.pack(certificate, certificateCompression, hello.extensions)
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
