/** RFC 9846 section 6 and appendix B.2; IANA "TLS Alerts". */
import { type Open, openEnum } from "../presentation/enum.ts"

/** `uint8`: how severe an alert is. TLS 1.3 ignores it: severity follows from the description. */
export const AlertLevel = openEnum(1, { warning: 1, fatal: 2 })
export type AlertLevel = Open<typeof AlertLevel.registry>

/** `uint8`: what an alert says. Names that end in `_RESERVED` are of older versions: they are shown and never sent. */
export const AlertDescription = openEnum(1, {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  decryption_failed_RESERVED: 21,
  record_overflow: 22,
  decompression_failure_RESERVED: 30,
  handshake_failure: 40,
  no_certificate_RESERVED: 41,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  export_restriction_RESERVED: 60,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  no_renegotiation_RESERVED: 100,
  missing_extension: 109,
  unsupported_extension: 110,
  certificate_unobtainable_RESERVED: 111,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  bad_certificate_hash_value_RESERVED: 114,
  unknown_psk_identity: 115,
  certificate_required: 116,
  general_error: 117,
  no_application_protocol: 120
})
export type AlertDescription = Open<typeof AlertDescription.registry>
