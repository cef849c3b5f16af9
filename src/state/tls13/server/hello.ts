/** RECVD_CH, WAIT_CH_2: select parameters, or ask the client to try again (RFC 9846 sections 4.2.1 to 4.2.4). */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import type { KeyShareEntry } from "../../../codec/extension/keyShare.ts"
import type { ClientHello } from "../../../codec/handshake/clientHello.ts"
import type { ExtensionType } from "../../../codec/registry/extensionType.ts"
import { NamedGroup } from "../../../codec/registry/namedGroup.ts"
import { equal } from "../../../crypto/constantTime.ts"
import type { EncapsulateSecret, HelloResolved } from "../../command.ts"
import type { ServerConfig } from "../../config.ts"
import type { Heard } from "../../event.ts"
import { type Failure, fail } from "../../failure.ts"
import { encodeHandshake, Flight } from "../../flight.ts"
import { land, type Of, type Stepped } from "../../machine.ts"
import * as Alpn from "../../negotiation/alpn.ts"
import * as CertificateSchemes from "../../negotiation/certificateSchemes.ts"
import * as CertificateType from "../../negotiation/certificateType.ts"
import * as CipherSuite from "../../negotiation/cipherSuite.ts"
import { required } from "../../negotiation/extensions.ts"
import * as Group from "../../negotiation/group.ts"
import * as ServerName from "../../negotiation/serverName.ts"
import * as SignatureScheme from "../../negotiation/signatureScheme.ts"
import * as Transport from "../../negotiation/transport.ts"
import * as Transcript from "../../transcript.ts"
import { afterFirstMessage } from "../compatibility.ts"
import type { Agreeing, Agreeing2, Choices, ReceivedClientHello, Selected, WaitClientHello2 } from "./state.ts"

/** What a ClientHello of TLS 1.3 decides by itself. */
const choose = (config: ServerConfig, hello: ClientHello): Result.Result<Choices, Failure> =>
  Result.gen(function* () {
    const { extensions } = hello
    const groups = yield* required("ClientHello", "supported_groups", find(extensions, "supported_groups"))
    const shares = yield* required("ClientHello", "key_share", find(extensions, "key_share"))
    const schemes = yield* required("ClientHello", "signature_algorithms", find(extensions, "signature_algorithms"))
    const listed = new Set(groups.named_group_list)
    const stray = shares.client_shares.find(({ group }) => !listed.has(group))
    if (stray !== undefined) {
      return yield* fail(
        "ShareOutsideGroups",
        `a share for ${NamedGroup.show(stray.group)}, which is not in supported_groups`
      )
    }
    // No PSK is taken here, but a client that offers one must say how it may be used (section 4.3.9).
    if (find(extensions, "pre_shared_key") !== undefined) {
      yield* required("ClientHello", "psk_key_exchange_modes", find(extensions, "psk_key_exchange_modes"))
    }
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
      suite,
      group,
      schemes: schemes.supported_signature_algorithms,
      protocol,
      serverName,
      clientCertificateType
    }
  })

/** START hears ClientHello of TLS 1.3: --ClientHello--> RECVD_CH */
export const clientHello = (config: ServerConfig, event: Of<Heard, "ClientHello">): Stepped<ReceivedClientHello> =>
  Result.map(choose(config, event.body), (choices) =>
    land({
      _tag: "RECVD_CH",
      asks: {
        _tag: "ResolveHello",
        serverName: choices.serverName,
        serverNamePolicy: config.serverNamePolicy,
        protocols: find(event.body.extensions, "application_layer_protocol_negotiation")?.protocol_name_list ?? [],
        schemes: choices.schemes,
        ...CertificateSchemes.ofPeer(event.body.extensions, choices.schemes),
        certificateTypes: CertificateType.accepted(event.body.extensions)
      },
      choices,
      transcript: Transcript.heard(event.raw)
    })
  )

const encapsulate = ({ group, key_exchange }: KeyShareEntry): EncapsulateSecret => ({
  _tag: "EncapsulateSecret",
  group,
  peerShare: key_exchange
})

/** RECVD_CH --HelloResolved--> AGREEING | WAIT_CH_2 */
export const helloResolved = (
  state: ReceivedClientHello,
  resolved: HelloResolved
): Stepped<Agreeing | WaitClientHello2> =>
  Result.gen(function* () {
    const { choices } = state
    const { random, entropy } = resolved
    yield* ServerName.served(resolved.credential, choices.config.serverNamePolicy)
    const credential = yield* CertificateType.presentable(resolved.credential, state.asks.certificateTypes)
    const scheme = yield* SignatureScheme.select(credential.schemes, choices.schemes)
    switch (choices.group._tag) {
      case "Shared":
        return land({
          _tag: "AGREEING",
          asks: encapsulate(choices.group.share),
          selected: { choices, credential, scheme, random, entropy, kind: "full" },
          transcript: Transcript.hashing(state.transcript, choices.suite.hash)
        })
      case "Missing":
        return yield* askAgain(
          { choices, credential, scheme, random, entropy, kind: "retried" },
          choices.group.group,
          state
        )
    }
  })

/** Says HelloRetryRequest (section 4.2.4). */
const askAgain = (selected: Selected, group: NamedGroup, state: ReceivedClientHello): Stepped<WaitClientHello2> =>
  Result.gen(function* () {
    const { suite, hello } = selected.choices
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
    flight.do(...afterFirstMessage(hello.legacy_session_id))
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

/** WAIT_CH_2 --ClientHello--> AGREEING_2 */
export const clientHello2 = (state: WaitClientHello2, event: Of<Heard, "ClientHello">): Stepped<Agreeing2> =>
  Result.gen(function* () {
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
      selected: state.selected,
      transcript: Transcript.append(state.transcript, raw)
    })
  })
