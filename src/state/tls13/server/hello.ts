/** RECVD_CH, WAIT_CH_2: select parameters, or ask the client to try again (RFC 9846 sections 4.2.1 to 4.2.4). */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import type { OfferedPsks } from "../../../codec/extension/preSharedKey.ts"
import type { ClientHello } from "../../../codec/handshake/clientHello.ts"
import type { ExtensionType } from "../../../codec/registry/extensionType.ts"
import { NamedGroup } from "../../../codec/registry/namedGroup.ts"
import { type Returns, resultFn } from "../../../codec/resultFn.ts"
import { equal } from "../../../crypto/constantTime.ts"
import type { HelloResolved, SessionTaken, TakeSession } from "../../command.ts"
import type { ServerConfig } from "../../config.ts"
import type { Heard } from "../../event.ts"
import { type Failure, fail } from "../../failure.ts"
import { encodeHandshake, Flight } from "../../flight.ts"
import { land, type Of, type Stepped, type Steps } from "../../machine.ts"
import * as Alpn from "../../negotiation/alpn.ts"
import * as CertificateSchemes from "../../negotiation/certificateSchemes.ts"
import * as CertificateType from "../../negotiation/certificateType.ts"
import * as CipherSuite from "../../negotiation/cipherSuite.ts"
import { required } from "../../negotiation/extensions.ts"
import * as Group from "../../negotiation/group.ts"
import * as ServerName from "../../negotiation/serverName.ts"
import * as SignatureScheme from "../../negotiation/signatureScheme.ts"
import * as Transport from "../../negotiation/transport.ts"
import { resumingAs } from "../../session.ts"
import * as Transcript from "../../transcript.ts"
import { afterFirstMessage } from "../compatibility.ts"
import { maxIdentities } from "../limits.ts"
import * as EarlyData from "./earlyData.ts"
import { checkBinder, refuseUnknown, select, selectAgain } from "./resumption.ts"
import { encapsulate } from "./share.ts"
import type {
  Agreeing,
  Agreeing2,
  Authentication,
  Choices,
  Found,
  ReceivedClientHello,
  Resolved,
  Selected,
  TakingSession,
  WaitClientHello2
} from "./state.ts"

/**
 * The PSKs of a ClientHello, as far as they can be used here: with a key exchange (section 4.3.9), and where sessions
 * or keys are looked up at all.
 */
const offeredPsks = (
  config: ServerConfig,
  { extensions }: ClientHello
): Result.Result<OfferedPsks | undefined, Failure> => {
  const psks = find(extensions, "pre_shared_key")
  if (psks === undefined) return Result.succeed(undefined)
  const modes = required("ClientHello", "psk_key_exchange_modes", find(extensions, "psk_key_exchange_modes"))
  const wanted = config.resumption !== undefined || config.externalPsks !== undefined
  return Result.map(modes, ({ ke_modes }) => (wanted && ke_modes.includes("psk_dhe_ke") ? psks : undefined))
}

/** What a ClientHello of TLS 1.3 decides by itself. */
const choose = resultFn(function* (
  config: ServerConfig,
  hello: ClientHello,
  raw: Uint8Array
): Returns<Choices, Failure> {
  const { extensions } = hello
  const groups = yield* required("ClientHello", "supported_groups", find(extensions, "supported_groups"))
  const shares = yield* required("ClientHello", "key_share", find(extensions, "key_share"))
  const schemes = find(extensions, "signature_algorithms")?.supported_signature_algorithms
  yield* Group.listed(groups.named_group_list, shares.client_shares)
  const psks = yield* offeredPsks(config, hello)
  const suite = yield* CipherSuite.select(config.suites, hello.cipher_suites)
  const group = yield* Group.select(config.groups, groups.named_group_list, shares.client_shares)
  const offered = find(extensions, "application_layer_protocol_negotiation")?.protocol_name_list ?? []
  const protocol = yield* Alpn.select(config.protocols, offered, config.alpnPolicy)
  yield* Transport.client(config.transport, hello, protocol)
  const serverName = yield* ServerName.select(extensions, config.serverNamePolicy)
  const { clientAuthentication, clientCertificateType } = yield* CertificateType.asked(config, extensions)
  return {
    config: { ...config, clientAuthentication },
    hello,
    raw,
    suite,
    group,
    schemes,
    psks,
    protocol,
    serverName,
    clientCertificateType
  }
})

/** START hears ClientHello of TLS 1.3: --ClientHello--> RECVD_CH */
export const clientHello = (config: ServerConfig, event: Of<Heard, "ClientHello">): Stepped<ReceivedClientHello> =>
  Result.map(choose(config, event.body, event.raw), (choices) =>
    land({
      _tag: "RECVD_CH",
      asks: {
        _tag: "ResolveHello",
        serverName: choices.serverName,
        serverNamePolicy: config.serverNamePolicy,
        protocols: find(event.body.extensions, "application_layer_protocol_negotiation")?.protocol_name_list ?? [],
        schemes: choices.schemes ?? [],
        ...CertificateSchemes.ofPeer(event.body.extensions, choices.schemes ?? []),
        certificateTypes: CertificateType.accepted(event.body.extensions),
        identities: (choices.psks?.identities ?? []).slice(0, maxIdentities).map(({ identity }) => identity)
      },
      choices,
      transcript: Transcript.heard(event.raw)
    })
  )

/** A certificate to show, where no PSK speaks for us. */
const certificate = resultFn(function* ({
  choices,
  credential,
  certificateTypes
}: Resolved): Returns<Authentication, Failure> {
  if (choices.config.externalPsks === "only") return yield* refuseUnknown(choices)
  const schemes = yield* required("ClientHello", "signature_algorithms", choices.schemes)
  yield* ServerName.served(credential, choices.config.serverNamePolicy)
  const presentable = yield* CertificateType.presentable(credential, certificateTypes)
  const scheme = yield* SignatureScheme.select(presentable.schemes, schemes)
  return { _tag: "Certificate", credential: presentable, scheme }
})

/** Goes on with a PSK, or with a certificate. */
const goOn = resultFn(function* (
  received: Resolved,
  found: Found | undefined,
  verdict: SessionTaken["earlyData"]
): Steps<Agreeing | WaitClientHello2> {
  const { choices, random, entropy } = received
  const { group } = choices
  const accepted = found !== undefined && verdict === "fresh"
  const selected: Selected = {
    choices,
    suite: found?.suite ?? choices.suite,
    authentication: found === undefined ? yield* certificate(received) : { _tag: "Psk", psk: found.psk },
    random,
    entropy,
    earlyData: !EarlyData.offered(choices) ? "none" : accepted ? "accepted" : "rejected"
  }
  if (group._tag === "Missing") return yield* askAgain(selected, group.group, received)
  const transcript = Transcript.hashing(received.transcript, selected.suite.hash)
  return land({ _tag: "AGREEING", asks: encapsulate(group.share), selected, transcript })
})

/** RECVD_CH --HelloResolved--> TAKING_SESSION | AGREEING | WAIT_CH_2 */
export const helloResolved = resultFn(function* (
  { choices: asked, asks, transcript }: ReceivedClientHello,
  event: HelloResolved
): Steps<TakingSession | Agreeing | WaitClientHello2> {
  const { credential, random, entropy } = event
  const choices = { ...asked, config: resumingAs(asked.config, event.name) }
  const received = { choices, transcript, certificateTypes: asks.certificateTypes, credential, random, entropy }
  const found = select(choices, event)
  if (found !== undefined) yield* checkBinder(choices, found)
  if (found?.psk.origin._tag !== "Session") return yield* goOn(received, found, "replayed")
  const earlyData = EarlyData.question(choices, found, event.now)
  const take: TakeSession = { _tag: "TakeSession", ticket: found.psk.identity, earlyData }
  return land({ _tag: "TAKING_SESSION", asks: take, received, found })
})

/**
 * TAKING_SESSION --SessionTaken--> AGREEING | WAIT_CH_2: a ClientHello that was seen before loses its early data only,
 * a ticket that was used meanwhile is none.
 */
export const sessionTaken = (
  { asks, received, found }: TakingSession,
  { session, earlyData }: SessionTaken
): Stepped<Agreeing | WaitClientHello2> =>
  goOn(received, session === "taken" ? found : undefined, asks.earlyData === undefined ? "replayed" : earlyData)

/** Says HelloRetryRequest (section 4.2.4). */
const askAgain = resultFn(function* (selected: Selected, group: NamedGroup, state: Resolved): Steps<WaitClientHello2> {
  const { suite } = selected
  const { hello } = selected.choices
  const flight = new Flight(Transcript.messageHash(state.transcript, suite.hash))
  yield* flight.say("plaintext", {
    _tag: "HelloRetryRequest",
    body: {
      legacy_version: "TLSv1.2",
      legacy_session_id_echo: hello.legacy_session_id,
      cipher_suite: suite.name,
      legacy_compression_method: 0,
      extensions: [
        { type: "supported_versions", data: { selected_version: "TLSv1.3" } },
        { type: "key_share", data: { selected_group: group } }
      ]
    }
  })
  flight.do(...afterFirstMessage(hello.legacy_session_id), ...EarlyData.skip(selected))
  return land({ _tag: "WAIT_CH_2", selected, group, transcript: flight.transcript }, flight.actions)
})

/** What section 4.2.2 lets a second ClientHello change, and RFC 9849 section 6.1.5 for an encrypted one. */
const changeable: ReadonlySet<ExtensionType> = new Set([
  "key_share",
  "early_data",
  "cookie",
  "pre_shared_key",
  "padding",
  "encrypted_client_hello"
])

const unchanged = (hello: ClientHello) =>
  encodeHandshake({
    _tag: "ClientHello",
    body: { ...hello, extensions: hello.extensions.filter(({ type }) => !changeable.has(type)) }
  })

/** What speaks for us stays the same; a PSK is bound to the second ClientHello as it was to the first. */
const reauthenticate = (
  { selected, transcript }: WaitClientHello2,
  { body, raw }: Of<Heard, "ClientHello">
): Result.Result<Authentication, Failure> => {
  const { authentication } = selected
  const offered = find(body.extensions, "pre_shared_key")
  return authentication._tag === "Certificate"
    ? Result.succeed(authentication)
    : Result.map(selectAgain(authentication.psk, offered, raw, transcript), (psk) => ({ _tag: "Psk", psk }))
}

/** WAIT_CH_2 --ClientHello--> AGREEING_2 */
export const clientHello2 = resultFn(function* (
  state: WaitClientHello2,
  event: Of<Heard, "ClientHello">
): Steps<Agreeing2> {
  const { body: hello, raw } = event
  const [before, after] = [yield* unchanged(state.selected.choices.hello), yield* unchanged(hello)]
  if (!equal(before, after)) {
    return yield* fail("HelloChangedAfterRetry", "the second ClientHello differs in more than its share")
  }
  if (find(hello.extensions, "early_data") !== undefined) {
    return yield* fail("HelloChangedAfterRetry", "early_data after a HelloRetryRequest")
  }
  if (find(hello.extensions, "cookie") !== undefined) {
    return yield* fail("HelloChangedAfterRetry", "a cookie, which the HelloRetryRequest did not hold")
  }
  const { client_shares } = yield* required("ClientHello", "key_share", find(hello.extensions, "key_share"))
  const [share, ...more] = client_shares
  if (share === undefined || share.group !== state.group || more.length > 0) {
    return yield* fail(
      "HelloChangedAfterRetry",
      `HelloRetryRequest asked for one share, for ${NamedGroup.show(state.group)}`
    )
  }
  return land({
    _tag: "AGREEING_2",
    asks: encapsulate(share),
    selected: { ...state.selected, authentication: yield* reauthenticate(state, event) },
    transcript: Transcript.append(state.transcript, raw)
  })
})
