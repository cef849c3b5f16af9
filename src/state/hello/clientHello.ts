/** What a client offers (RFC 9846 section 4.2.2), first and after a retry. */

import type { Extension } from "../../codec/extension/placement.ts"
import type { ClientHello } from "../../codec/handshake/clientHello.ts"
import type { NamedGroup } from "../../codec/registry/namedGroup.ts"
import type { KeyPair } from "../../crypto/primitives.ts"
import type { HelloPrepared } from "../command.ts"
import type { ClientConfig } from "../config.ts"
import * as CertificateSchemes from "../negotiation/certificateSchemes.ts"
import * as CertificateType from "../negotiation/certificateType.ts"
import * as RecordSizeLimit from "../negotiation/recordSizeLimit.ts"
import * as Transport from "../negotiation/transport.ts"
import * as CertificateCompression from "../tls13/certificateCompression.ts"
import { askServer } from "../tls13/stapling.ts"
import * as Grease from "./grease.ts"
import { appended, shuffled } from "./order.ts"

/** A ClientHello with the secrets behind it. Carried whole through the handshake. */
export interface Offer {
  readonly config: ClientConfig
  readonly hello: ClientHello
  readonly shares: ReadonlyArray<KeyPair>
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

const extensions = (config: ClientConfig, shares: ReadonlyArray<KeyPair>): Extensions => [
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
export const first = (config: ClientConfig, prepared: HelloPrepared): Offer => {
  const hello: ClientHello = {
    legacy_version: "TLSv1.2",
    random: prepared.random,
    legacy_session_id: config.compatibility === "middlebox" ? prepared.sessionId : new Uint8Array(0),
    cipher_suites: config.suites.map(({ name }) => name),
    legacy_compression_methods: Uint8Array.of(0),
    extensions: extensions(config, prepared.shares)
  }
  return { config, shares: prepared.shares, hello: varied(config, hello, prepared.entropy) }
}

/** The second: the same but for the share and the cookie that a HelloRetryRequest asks for (section 4.2.2). */
export const second = (offer: Offer, shares: ReadonlyArray<KeyPair>, cookie: Uint8Array | undefined): Offer => ({
  config: offer.config,
  shares,
  hello: {
    ...offer.hello,
    extensions: appended(
      // A retry for a cookie alone keeps the shares as they are, with what no group goes by.
      shares === offer.shares
        ? offer.hello.extensions
        : offer.hello.extensions.map((each) => (each.type === "key_share" ? keyShare(shares) : each)),
      cookie === undefined ? [] : [{ type: "cookie", data: { cookie } }]
    )
  }
})

/** The pair whose group the server chose, if a share was sent for it. */
export const shareFor = (offer: Offer, group: NamedGroup): KeyPair | undefined =>
  offer.shares.find((pair) => pair.group === group)
