/** RFC 9846 section 4.3; IANA "TLS ExtensionType Values". */
import { type Open, openEnum } from "../presentation/enum.ts"

/** `uint16`: the extensions of TLS 1.3, then those which only TLS 1.2 and RFC 6962 use. */
export const ExtensionType = openEnum(2, {
  server_name: 0,
  status_request: 5,
  supported_groups: 10,
  signature_algorithms: 13,
  use_srtp: 14,
  heartbeat: 15,
  application_layer_protocol_negotiation: 16,
  client_certificate_type: 19,
  server_certificate_type: 20,
  padding: 21,
  compress_certificate: 27,
  record_size_limit: 28,
  delegated_credential: 34,
  supported_ekt_ciphers: 39,
  pre_shared_key: 41,
  early_data: 42,
  supported_versions: 43,
  cookie: 44,
  psk_key_exchange_modes: 45,
  certificate_authorities: 47,
  oid_filters: 48,
  post_handshake_auth: 49,
  signature_algorithms_cert: 50,
  key_share: 51,
  transparency_info: 52,
  external_id_hash: 55,
  external_session_id: 56,
  quic_transport_parameters: 57,
  ticket_request: 58,
  ech_outer_extensions: 64768,
  encrypted_client_hello: 65037,

  ec_point_formats: 11,
  signed_certificate_timestamp: 18,
  extended_master_secret: 23,
  session_ticket: 35,
  renegotiation_info: 65281
})
export type ExtensionType = Open<typeof ExtensionType.registry>
