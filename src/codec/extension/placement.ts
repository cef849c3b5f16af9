/**
 * The table of RFC 9846 section 4.3: which extension may stand in which message, and what it holds there.
 *
 * It is both the check made at decode and the source of the types `Extension<"ServerHello">` and their kin.
 */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { remainder } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { ProtocolNameList } from "./alpn.ts"
import { CertificateAuthoritiesExtension, OIDFilterExtension } from "./certificateAuthorities.ts"
import { CertificateTypeList, SelectedCertificateType } from "./certificateType.ts"
import { CertificateCompressionAlgorithms } from "./compressCertificate.ts"
import { Cookie } from "./cookie.ts"
import { EarlyDataIndication } from "./earlyData.ts"
import { KeyShareClientHello, KeyShareHelloRetryRequest, KeyShareServerHello } from "./keyShare.ts"
import { Padding } from "./padding.ts"
import { OfferedPsks, PreSharedKeyServerHello, PskKeyExchangeModes } from "./preSharedKey.ts"
import { RecordSizeLimit } from "./recordSizeLimit.ts"
import { ServerNameList } from "./serverName.ts"
import { SignatureSchemeList } from "./signatureAlgorithms.ts"
import { SignedCertificateTimestampList } from "./signedCertificateTimestamp.ts"
import { CertificateStatus, CertificateStatusRequest } from "./statusRequest.ts"
import { NamedGroupList } from "./supportedGroups.ts"
import { SupportedVersionsClientHello, SupportedVersionsServerHello } from "./supportedVersions.ts"
import { ClientTicketRequest, ServerTicketRequestHint } from "./ticketRequest.ts"
import { ECPointFormatList, RenegotiationInfo, SessionTicket } from "./tls12.ts"

/** `struct {} Empty`: an extension that says all by being there. */
export const Empty = codec("Empty", struct({}))
export type Empty = Wire.Type<typeof Empty>

/** The bytes of an extension that has a name and a place, and into which this library does not look. */
export const Opaque = codec("Opaque", remainder)

/** The messages that have a block of extensions. */
export type MessageName =
  | "ClientHello"
  | "ServerHello"
  | "HelloRetryRequest"
  | "EncryptedExtensions"
  | "Certificate"
  | "CertificateRequest"
  | "NewSessionTicket"

/** RFC 9846 section 4.3, row by row; signed_certificate_timestamp, which left the table, as section 4.5.1.1 has it. */
export const placement = {
  server_name: { ClientHello: ServerNameList, EncryptedExtensions: Empty, CertificateRequest: ServerNameList },
  status_request: { ClientHello: CertificateStatusRequest, CertificateRequest: Empty, Certificate: CertificateStatus },
  supported_groups: { ClientHello: NamedGroupList, EncryptedExtensions: NamedGroupList },
  signature_algorithms: { ClientHello: SignatureSchemeList, CertificateRequest: SignatureSchemeList },
  use_srtp: { ClientHello: Opaque, EncryptedExtensions: Opaque },
  heartbeat: { ClientHello: Opaque, EncryptedExtensions: Opaque },
  application_layer_protocol_negotiation: { ClientHello: ProtocolNameList, EncryptedExtensions: ProtocolNameList },
  client_certificate_type: { ClientHello: CertificateTypeList, EncryptedExtensions: SelectedCertificateType },
  server_certificate_type: { ClientHello: CertificateTypeList, EncryptedExtensions: SelectedCertificateType },
  padding: { ClientHello: Padding },
  compress_certificate: {
    ClientHello: CertificateCompressionAlgorithms,
    CertificateRequest: CertificateCompressionAlgorithms
  },
  record_size_limit: { ClientHello: RecordSizeLimit, EncryptedExtensions: RecordSizeLimit },
  delegated_credential: { ClientHello: Opaque, CertificateRequest: Opaque, Certificate: Opaque },
  supported_ekt_ciphers: { ClientHello: Opaque, EncryptedExtensions: Opaque },
  pre_shared_key: { ClientHello: OfferedPsks, ServerHello: PreSharedKeyServerHello },
  early_data: { ClientHello: Empty, EncryptedExtensions: Empty, NewSessionTicket: EarlyDataIndication },
  supported_versions: {
    ClientHello: SupportedVersionsClientHello,
    ServerHello: SupportedVersionsServerHello,
    HelloRetryRequest: SupportedVersionsServerHello
  },
  cookie: { ClientHello: Cookie, HelloRetryRequest: Cookie },
  psk_key_exchange_modes: { ClientHello: PskKeyExchangeModes },
  certificate_authorities: {
    ClientHello: CertificateAuthoritiesExtension,
    CertificateRequest: CertificateAuthoritiesExtension
  },
  oid_filters: { CertificateRequest: OIDFilterExtension },
  post_handshake_auth: { ClientHello: Empty },
  signature_algorithms_cert: { ClientHello: SignatureSchemeList, CertificateRequest: SignatureSchemeList },
  key_share: {
    ClientHello: KeyShareClientHello,
    ServerHello: KeyShareServerHello,
    HelloRetryRequest: KeyShareHelloRetryRequest
  },
  transparency_info: { ClientHello: Opaque, CertificateRequest: Opaque, Certificate: Opaque },
  external_id_hash: { ClientHello: Opaque, EncryptedExtensions: Opaque },
  external_session_id: { ClientHello: Opaque, EncryptedExtensions: Opaque },
  quic_transport_parameters: { ClientHello: Opaque, EncryptedExtensions: Opaque },
  ticket_request: { ClientHello: ClientTicketRequest, EncryptedExtensions: ServerTicketRequestHint },
  ech_outer_extensions: { ClientHello: Opaque },
  encrypted_client_hello: { ClientHello: Opaque, HelloRetryRequest: Opaque, EncryptedExtensions: Opaque },
  signed_certificate_timestamp: {
    ClientHello: Empty,
    CertificateRequest: Empty,
    Certificate: SignedCertificateTimestampList
  }
} as const

/**
 * What TLS 1.2 adds. A ClientHello speaks to servers of both versions, and a ServerHello is decoded before its version
 * is known, so both may hold these; the handshake of TLS 1.3 refuses them in a ServerHello by `placedIn13`.
 */
export const placement12 = {
  server_name: { ServerHello: Empty },
  status_request: { ServerHello: Empty },
  supported_groups: { ServerHello: NamedGroupList }, // against RFC 8422, but servers do it and nobody minds
  use_srtp: { ServerHello: Opaque },
  heartbeat: { ServerHello: Opaque },
  application_layer_protocol_negotiation: { ServerHello: ProtocolNameList },
  client_certificate_type: { ServerHello: SelectedCertificateType },
  server_certificate_type: { ServerHello: SelectedCertificateType },
  record_size_limit: { ServerHello: RecordSizeLimit },
  signed_certificate_timestamp: { ServerHello: SignedCertificateTimestampList },
  ec_point_formats: { ClientHello: ECPointFormatList, ServerHello: ECPointFormatList },
  extended_master_secret: { ClientHello: Empty, ServerHello: Empty },
  session_ticket: { ClientHello: SessionTicket, ServerHello: Empty },
  renegotiation_info: { ClientHello: RenegotiationInfo, ServerHello: RenegotiationInfo }
} as const

type Table13 = typeof placement
type Table12 = typeof placement12
type Entry<T, M> = {
  [E in keyof T & string]: M extends keyof T[E] ? { readonly type: E; readonly data: Wire.Type<T[E][M]> } : never
}[keyof T & string]

/** An extension that stands in message `M`, known by name. */
export type Placed<M extends MessageName> = Entry<Table13, M> | Entry<Table12, M>

/** An extension whose type has no name here; its bytes survive. */
export interface UnknownExtension {
  readonly type: number
  readonly data: Uint8Array
}

/** An extension of message `M`: `{ type, data }`, where `data` follows from `type`. */
export type Extension<M extends MessageName> = Placed<M> | UnknownExtension

/** The extensions of message `M`. */
export type ExtensionsOf<M extends MessageName> = ReadonlyArray<Extension<M>>

/** Whether TLS 1.2 lets an extension stand in a message, where only ServerHello has extensions that answer. */
export const placedIn12 = (type: string | number, message: MessageName): boolean => {
  const rows: { readonly [type: string]: { readonly [message: string]: unknown } } = placement12
  return typeof type === "string" && rows[type]?.[message] !== undefined
}

/** Whether TLS 1.3 lets an extension stand in a message: false for what only TLS 1.2 places there, and for unknowns. */
export const placedIn13 = (type: string | number, message: MessageName): boolean => {
  const rows: { readonly [type: string]: { readonly [message: string]: unknown } } = placement
  return typeof type === "string" && rows[type]?.[message] !== undefined
}
