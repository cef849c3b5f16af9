/** RFC 9846 appendix B.3; IANA "TLS HandshakeType". */
import { type Open, openEnum } from "../presentation/enum.ts"

/** `uint8`: the messages of TLS 1.3 and those of TLS 1.2. `message_hash` exists in transcripts only. */
export const HandshakeType = openEnum(1, {
  hello_request: 0,
  client_hello: 1,
  server_hello: 2,
  new_session_ticket: 4,
  end_of_early_data: 5,
  encrypted_extensions: 8,
  certificate: 11,
  server_key_exchange: 12,
  certificate_request: 13,
  server_hello_done: 14,
  certificate_verify: 15,
  client_key_exchange: 16,
  finished: 20,
  certificate_status: 22,
  key_update: 24,
  compressed_certificate: 25,
  message_hash: 254
})
export type HandshakeType = Open<typeof HandshakeType.registry>
