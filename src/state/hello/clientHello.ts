/** What a client offers (RFC 9846 section 4.2.2), first and after a retry. */
import * as Result from "effect/Result"
import type { Extension } from "../../codec/extension/placement.ts"
import type { ClientHello } from "../../codec/handshake/clientHello.ts"
import type { NamedGroup } from "../../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../../codec/registry/signatureScheme.ts"
import type { KeyPair } from "../../crypto/primitives.ts"
import { acceptable12 } from "../../crypto/signature.ts"
import type { AnyCipherSuite, CipherSuite13 } from "../../crypto/suite.ts"
import type { HelloPrepared } from "../command.ts"
import type { ClientConfig, Version } from "../config.ts"
import { type Failure, fail } from "../failure.ts"
import * as CertificateSchemes from "../negotiation/certificateSchemes.ts"
import * as CertificateType from "../negotiation/certificateType.ts"
import * as RecordSizeLimit from "../negotiation/recordSizeLimit.ts"
import * as Transport from "../negotiation/transport.ts"
import { offeredVersions } from "../negotiation/version.ts"
import * as Tls12 from "../tls12/client/clientHello.ts"
import { offeredSession } from "../tls12/client/resumption.ts"
import type { OfferedSession } from "../tls12/client/state.ts"
import { groups12 } from "../tls12/keyExchange.ts"
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
  /** A session of TLS 1.2; where there is one there is none of TLS 1.3. */
  readonly session12?: OfferedSession | undefined
}

type Extensions = ReadonlyArray<Extension<"ClientHello">>

const offers = (config: ClientConfig, version: Version): boolean => offeredVersions(config).includes(version)

/** Hybrid groups, and who knows which to come, are of TLS 1.3 only. */
const groupsOf = (config: ClientConfig): ReadonlyArray<NamedGroup> =>
  offers(config, "TLSv1.3") ? config.groups : groups12(config.groups)

/** TLS 1.2 takes PKCS#1 v1.5 too; TLS 1.3 takes the same words to be about certificates (section 4.3.3). */
const schemesOf = (config: ClientConfig): ReadonlyArray<SignatureScheme> =>
  offers(config, "TLSv1.2") ? acceptable12(config.schemes) : config.schemes

/** The cipher suites of each version, in the order of the versions. */
const suitesOf = (config: ClientConfig): ReadonlyArray<AnyCipherSuite> =>
  offeredVersions(config).flatMap(
    (version): ReadonlyArray<AnyCipherSuite> => (version === "TLSv1.2" ? (config.suites12 ?? []) : config.suites)
  )

/** What stands for a session of TLS 1.2, a random one beside a ticket (RFC 5077 section 3.4), or for nothing (E.4). */
const sessionId = (
  config: ClientConfig,
  { sessionId: random }: HelloPrepared,
  session: OfferedSession | undefined
): Uint8Array => {
  if (session?.ticket.form === "session_id") return session.ticket.ticket
  const says = session !== undefined || (config.compatibility === "middlebox" && offers(config, "TLSv1.3"))
  return says ? random : new Uint8Array(0)
}

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

/** What TLS 1.3 alone has: a key exchange at once, and what it can be done without. */
const of13 = (config: ClientConfig, shares: ReadonlyArray<KeyPair>, early: EarlyDataOffer): Extensions => [
  ...CertificateCompression.offer(config.certificateCompression),
  ...pskModes(config),
  ...ticketRequest(config),
  ...earlyData(early),
  ...Transport.parameters(config.transport),
  keyShare(shares)
]

const extensions = (
  config: ClientConfig,
  shares: ReadonlyArray<KeyPair>,
  early: EarlyDataOffer,
  session: OfferedSession | undefined
): Extensions => [
  ...serverName(config),
  { type: "supported_versions", data: { versions: offeredVersions(config) } },
  { type: "supported_groups", data: { named_group_list: groupsOf(config) } },
  { type: "signature_algorithms", data: { supported_signature_algorithms: schemesOf(config) } },
  CertificateSchemes.accepted,
  ...authorities(config),
  ...CertificateType.offered(config),
  ...protocols(config),
  ...askServer(config.stapling),
  ...RecordSizeLimit.offered(config),
  ...(offers(config, "TLSv1.2") ? Tls12.extensions(config, session) : []),
  ...(offers(config, "TLSv1.3") ? of13(config, shares, early) : [])
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
  if (offeredVersions(config).length === 0) {
    return fail(
      "InvalidConfiguration",
      "no version is left to offer: TLS 1.2 has no given keys and no raw public keys here"
    )
  }
  const psks = offers(config, "TLSv1.3") ? offeredPsks(config, prepared) : []
  const session12 = offeredSession(config, prepared)
  const early = earlyDataOffer(config, psks[0])
  const hello: ClientHello = {
    legacy_version: "TLSv1.2",
    random: prepared.random,
    legacy_session_id: sessionId(config, prepared, session12),
    cipher_suites: suitesOf(config).map(({ name }) => name),
    legacy_compression_methods: Uint8Array.of(0),
    extensions: extensions(config, prepared.shares, early, session12)
  }
  return Result.map(bind(varied(config, hello, prepared.entropy), psks, undefined), (hello) => ({
    config,
    hello,
    shares: prepared.shares,
    psks,
    earlyData: early,
    session12
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
    earlyData: offer.earlyData._tag === "Offered" ? { _tag: "Refused" } : offer.earlyData,
    session12: offer.session12
  }))
}

/** The pair whose group the server chose, if a share was sent for it. */
export const shareFor = (offer: Offer, group: NamedGroup): KeyPair | undefined =>
  offer.shares.find((pair) => pair.group === group)
