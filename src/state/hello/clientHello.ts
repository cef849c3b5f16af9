/** What a client offers (RFC 9846 section 4.2.2), first and after a retry. */
import * as Result from "effect/Result"
import type { Extension } from "../../codec/extension/placement.ts"
import type { ClientHello } from "../../codec/handshake/clientHello.ts"
import type { NamedGroup } from "../../codec/registry/namedGroup.ts"
import type { KeyPair } from "../../crypto/primitives.ts"
import type { CipherSuite13 } from "../../crypto/suite.ts"
import type { HelloPrepared } from "../command.ts"
import type { ClientConfig } from "../config.ts"
import type { Failure } from "../failure.ts"
import * as CertificateSchemes from "../negotiation/certificateSchemes.ts"
import * as CertificateType from "../negotiation/certificateType.ts"
import * as RecordSizeLimit from "../negotiation/recordSizeLimit.ts"
import * as Transport from "../negotiation/transport.ts"
import { bind } from "../tls13/binder.ts"
import * as CertificateCompression from "../tls13/certificateCompression.ts"
import { type EarlyDataOffer, earlyDataOffer, type OfferedPsk, offeredPsks } from "../tls13/client/resumption.ts"
import { askServer } from "../tls13/stapling.ts"
import type { Hashing } from "../transcript.ts"
import * as Grease from "./grease.ts"
import { shuffled } from "./order.ts"

/** A ClientHello with the secrets behind it. Carried whole through the handshake. */
export interface Offer {
  readonly config: ClientConfig
  readonly hello: ClientHello
  readonly shares: ReadonlyArray<KeyPair>
  /** In the order of their identities. */
  readonly psks: ReadonlyArray<OfferedPsk>
  readonly earlyData: EarlyDataOffer
}

type Extensions = ReadonlyArray<Extension<"ClientHello">>

const keyShare = (shares: ReadonlyArray<KeyPair>): Extension<"ClientHello"> => ({
  type: "key_share",
  data: { client_shares: shares.map(({ group, share }) => ({ group, key_exchange: share })) }
})

/** RFC 6066 section 3: a DNS name only, never an address. */
const serverName = ({ server }: ClientConfig): Extensions =>
  server._tag === "DnsName"
    ? [{ type: "server_name", data: { server_name_list: [{ name_type: "host_name", name: server.name }] } }]
    : []

const protocols = ({ protocols }: ClientConfig): Extensions =>
  protocols.length === 0
    ? []
    : [{ type: "application_layer_protocol_negotiation", data: { protocol_name_list: protocols } }]

/** Section 4.3.4: whom we believe, for servers that have several certificates. */
const authorities = ({ authorities = [] }: ClientConfig): Extensions =>
  authorities.length === 0 ? [] : [{ type: "certificate_authorities", data: { authorities } }]

/** Section 4.3.9: a PSK only together with a key exchange. Who does not say it gets no tickets. */
const pskModes = ({ resumption, externalPsks = [] }: ClientConfig): Extensions =>
  resumption === undefined && externalPsks.length === 0
    ? []
    : [{ type: "psk_key_exchange_modes", data: { ke_modes: ["psk_dhe_ke"] } }]

/** RFC 9149 section 3. */
const ticketRequest = ({ resumption }: ClientConfig): Extensions =>
  resumption?.tickets === undefined
    ? []
    : [
        {
          type: "ticket_request",
          data: { new_session_count: resumption.tickets.fresh, resumption_count: resumption.tickets.resumed }
        }
      ]

const earlyData = ({ _tag }: EarlyDataOffer): Extensions =>
  _tag === "Offered" ? [{ type: "early_data", data: {} }] : []

const extensions = (config: ClientConfig, shares: ReadonlyArray<KeyPair>, early: EarlyDataOffer): Extensions => [
  ...serverName(config),
  { type: "supported_versions", data: { versions: ["TLSv1.3"] } },
  { type: "supported_groups", data: { named_group_list: config.groups } },
  { type: "signature_algorithms", data: { supported_signature_algorithms: config.schemes } },
  CertificateSchemes.accepted,
  ...authorities(config),
  ...CertificateType.offered(config),
  ...protocols(config),
  ...askServer(config.stapling),
  ...CertificateCompression.offer(config.certificateCompression),
  ...pskModes(config),
  ...ticketRequest(config),
  ...earlyData(early),
  ...Transport.parameters(config.transport),
  ...RecordSizeLimit.offered(config),
  keyShare(shares)
]

/** What differs from one connection to the next although it means nothing; the same again after a retry. */
const varied = (config: ClientConfig, hello: ClientHello, entropy: Uint8Array | undefined): ClientHello => {
  if (entropy === undefined) return hello
  const ordered =
    config.extensionOrder === "shuffled"
      ? { ...hello, extensions: shuffled(hello.extensions, entropy.subarray(Grease.greaseSize)) }
      : hello
  return config.grease === "on" ? Grease.clientHello(ordered, entropy) : ordered
}

/** The first ClientHello. */
export const first = (config: ClientConfig, prepared: HelloPrepared): Result.Result<Offer, Failure> => {
  const psks = offeredPsks(config, prepared)
  const early = earlyDataOffer(config, psks[0])
  const hello: ClientHello = {
    legacy_version: "TLSv1.2",
    random: prepared.random,
    legacy_session_id: config.compatibility === "middlebox" ? prepared.sessionId : new Uint8Array(0),
    cipher_suites: config.suites.map(({ name }) => name),
    legacy_compression_methods: Uint8Array.of(0),
    extensions: extensions(config, prepared.shares, early)
  }
  return Result.map(bind(varied(config, hello, prepared.entropy), psks, undefined), (hello) => ({
    config,
    hello,
    shares: prepared.shares,
    psks,
    earlyData: early
  }))
}

/** What a HelloRetryRequest makes of the offer. */
export interface Change {
  readonly suite: CipherSuite13
  readonly cookie: Uint8Array | undefined
  readonly shares: ReadonlyArray<KeyPair>
  /** The first ClientHello and the HelloRetryRequest. */
  readonly transcript: Hashing
}

/**
 * The second ClientHello: the same but for the share and the cookie that a HelloRetryRequest asks for, without early
 * data, and with the PSKs that fit the suite bound anew (section 4.2.2).
 */
export const second = (offer: Offer, { suite, cookie, shares, transcript }: Change): Result.Result<Offer, Failure> => {
  const psks = offer.psks.filter(({ hash }) => hash.name === suite.hash.name)
  const hello: ClientHello = {
    ...offer.hello,
    extensions: offer.hello.extensions
      .filter(({ type }) => type !== "early_data" && type !== "pre_shared_key")
      // A retry for a cookie alone keeps the shares as they are, with what no group goes by.
      .map((each) => (each.type === "key_share" && shares !== offer.shares ? keyShare(shares) : each))
      .concat(cookie === undefined ? [] : [{ type: "cookie", data: { cookie } }])
  }
  return Result.map(bind(hello, psks, transcript), (hello) => ({
    config: offer.config,
    hello,
    shares,
    psks,
    earlyData: offer.earlyData._tag === "Offered" ? { _tag: "Refused" } : offer.earlyData
  }))
}

/** The pair whose group the server chose, if a share was sent for it. */
export const shareFor = (offer: Offer, group: NamedGroup): KeyPair | undefined =>
  offer.shares.find((pair) => pair.group === group)
