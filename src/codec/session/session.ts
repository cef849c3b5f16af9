/**
 * What a ticket or a store keeps of a session. No RFC fixes this structure: a ticket is opaque to everybody but the
 * server that made it (RFC 9846 section 4.7.1), so the form is our own and begins with its number.
 */
import { codec } from "../presentation/codec.ts"
import { closedEnum } from "../presentation/enum.ts"
import { uint8, uint32, uint64 } from "../presentation/number.ts"
import { constant, struct } from "../presentation/struct.ts"
import { opaque, text, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"
import { CertificateType } from "../registry/certificateType.ts"
import { CipherSuite } from "../registry/cipherSuite.ts"
import { NamedGroup } from "../registry/namedGroup.ts"
import { ProtocolVersion } from "../registry/protocolVersion.ts"

/** One certificate of the peer, DER. */
const certificate = opaque({ min: 1, max: 2 ** 24 - 1 })

/** A session: its secret, and everything that a resumption must not differ in. It holds a secret in the clear. */
export const StoredSession = codec(
  "StoredSession",
  struct({
    form: constant(uint8, 1),
    version: ProtocolVersion,
    cipher_suite: CipherSuite,
    /** The PSK of the ticket (RFC 9846 section 4.7.1), or the master secret of TLS 1.2. */
    secret: opaque({ min: 1, max: 255 }),
    /** Milliseconds since 1970. */
    created: uint64,
    expires: uint64,
    authenticated: uint64,
    ticket_age_add: uint32,
    /** Bytes; 0 where early data is not allowed. */
    max_early_data_size: uint32,
    group: NamedGroup,
    /** The name that the client asked for; empty for none. */
    server_name: text({ min: 0, max: 255 }),
    /** What ALPN settled on; empty for none. */
    protocol: text({ min: 0, max: 255 }),
    /** The fingerprint of the policy by which the peer was judged. */
    policy: opaque({ min: 0, max: 255 }),
    certificate_type: CertificateType,
    /** The peer's chain; empty when it did not say who it is. */
    chain: vector(certificate, { min: 0, max: 2 ** 24 - 1 }),
    /** When the first certificate of its path ends; 0 where nobody knows. */
    valid_until: uint64,
    /** How the verifier came to believe it, in UTF-8. */
    description: opaque({ min: 0, max: 2 ** 16 - 1 })
  })
)
export type StoredSession = Wire.Type<typeof StoredSession>

/** A session as a client keeps it, with the ticket that stands for it, or in TLS 1.2 perhaps the session ID. */
export const StoredTicket = codec(
  "StoredTicket",
  struct({
    session: StoredSession.wire,
    ticket: opaque({ min: 1, max: 2 ** 16 - 1 }),
    form: closedEnum(1, { ticket: 0, session_id: 1 })
  })
)
export type StoredTicket = Wire.Type<typeof StoredTicket>
