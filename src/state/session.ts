/** A session that may be resumed (RFC 9846 section 2.2, RFC 5246 section 7.3), as both roles know it, and its bytes. */
import * as Result from "effect/Result"
import type { CodecFailure } from "../codec/presentation/cursor.ts"
import { decode, encode } from "../codec/presentation/wire.ts"
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import { StoredSession, StoredTicket } from "../codec/session/session.ts"
import { Secret, unsafeBytes } from "../crypto/secret.ts"
import { type CipherSuite12Name, type CipherSuite13Name, suiteNames12 } from "../crypto/suite.ts"
import type { ServerConfig } from "./config.ts"
import type { Peer } from "./proof.ts"

/** The key of a session: the PSK that a ticket stands for, or the master secret of TLS 1.2. */
export type SessionSecret = Secret<"session">

/** Everything that a resumption takes over, and everything in which the two handshakes must agree. */
interface Common {
  readonly secret: SessionSecret
  /** Milliseconds since 1970: for a server when the ticket was issued, for a client when it came. */
  readonly created: number
  /** Milliseconds since 1970. Never more than seven days after `created` (RFC 9846 section 4.7.1). */
  readonly expires: number
  /** When the peer proved who it is, or the first handshake was: resuming again and again does not prolong it. */
  readonly authenticated: number
  /** Obscures the age of the ticket on the wire; 32 bits, and 0 in TLS 1.2. */
  readonly ageAdd: number
  /** Bytes of early data that the server takes; 0 for none, and in TLS 1.2. */
  readonly maxEarlyData: number
  /** The group of the key exchange, so that a client can begin with the right share. */
  readonly group: NamedGroup
  /** The server's name or address as the client called it; `undefined` for a server that was not told. */
  readonly serverName: string | undefined
  readonly protocol: string | undefined
  /**
   * A digest of the policy that judged the peer: roots, verifier, whether and how clients are asked; for a server one
   * of the names that it showed, too.
   */
  readonly policy: Uint8Array
  /** Who the peer proved to be in the handshake that began it all. */
  readonly peer: Peer | undefined
}

/** A session of TLS 1.3. */
export interface Session13 extends Common {
  readonly version: "TLSv1.3"
  readonly suite: CipherSuite13Name
}

/** A session of TLS 1.2, whose master secret is extended: others are never resumed (RFC 7627 section 5.3). */
export interface Session12 extends Common {
  readonly version: "TLSv1.2"
  readonly suite: CipherSuite12Name
}

/** A session that may be resumed, by its `version`. */
export type Session = Session13 | Session12

/** What stands for a session at the server; in TLS 1.2 it may be a session ID (RFC 5246 section 7.4.1.3). */
export type TicketForm = "ticket" | "session_id"

/** A session as a client keeps it: the ticket stands for it at the server. It is to be used once. */
export interface Ticket {
  readonly session: Session
  readonly ticket: Uint8Array
  /** `ticket` when absent. */
  readonly form?: TicketForm | undefined
}

/** What the end of a handshake knows of a session; time and chance are still to come. */
type Draft<S> = Omit<S, "created" | "expires" | "ageAdd" | "authenticated"> & {
  /** `undefined` when that was in this very handshake. */
  readonly authenticated: number | undefined
}
/** A session of TLS 1.3, as the handshake leaves it. */
export type SessionDraft13 = Draft<Session13>
/** A session of TLS 1.2, as the handshake leaves it. */
export type SessionDraft12 = Draft<Session12>
/** A session before a clock has said when it begins. */
export type SessionDraft = SessionDraft13 | SessionDraft12

/**
 * The settings of a server for a client that it would show this name to: a session of another name is not resumed, as
 * its client never heard of this one (virtual host confusion), and a renewed certificate has the same.
 */
export const resumingAs = (config: ServerConfig, name: Uint8Array | undefined): ServerConfig => {
  const { resumption } = config
  if (resumption === undefined || name === undefined) return config
  return { ...config, resumption: { ...resumption, policy: Uint8Array.of(...resumption.policy, ...name) } }
}

/** No ticket lives longer, whatever its server says (RFC 9846 section 4.7.1). */
export const maxLifetime = 7 * 24 * 3600 * 1000

/** `ticket_age_add` out of four random bytes. */
export const ageAddOf = (random: Uint8Array): number =>
  new DataView(random.buffer, random.byteOffset, random.byteLength).getUint32(0)

/** The session that begins now. `lifetime` in milliseconds; a peer's certificate does not outlive its validity. */
export const begin = (
  draft: SessionDraft,
  { now, lifetime, ageAdd }: { readonly now: number; readonly lifetime: number; readonly ageAdd: number }
): Session => {
  const authenticated = draft.authenticated ?? now
  const mostly = Math.min(authenticated + maxLifetime, draft.peer?.validUntil ?? Number.POSITIVE_INFINITY)
  return { ...draft, created: now, expires: Math.min(now + lifetime, mostly), authenticated, ageAdd }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const stored = ({ secret, created, expires, authenticated, peer, ...session }: Session): StoredSession => ({
  form: 1,
  version: session.version,
  cipher_suite: session.suite,
  secret: unsafeBytes(secret),
  created: BigInt(Math.floor(created)),
  expires: BigInt(Math.floor(expires)),
  authenticated: BigInt(Math.floor(authenticated)),
  ticket_age_add: session.ageAdd,
  max_early_data_size: session.maxEarlyData,
  group: session.group,
  server_name: session.serverName ?? "",
  protocol: session.protocol ?? "",
  policy: session.policy,
  certificate_type: peer?.certificateType ?? "X509",
  chain: peer?.chain ?? [],
  valid_until: BigInt(Math.floor(peer?.validUntil ?? 0)),
  description: encoder.encode(peer?.description ?? "")
})

const suites: ReadonlyArray<CipherSuite13Name> = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256"
]

/** A session of a version or a suite that is not known any more is no session. */
const restored = (kept: StoredSession): Session | undefined => {
  const common = restoredCommon(kept)
  const suite13 = suites.find((name) => name === kept.cipher_suite)
  const suite12 = suiteNames12.find((name) => name === kept.cipher_suite)
  if (kept.version === "TLSv1.3" && suite13 !== undefined) return { ...common(), version: kept.version, suite: suite13 }
  return kept.version === "TLSv1.2" && suite12 !== undefined
    ? { ...common(), version: kept.version, suite: suite12 }
    : undefined
}

const restoredCommon = (kept: StoredSession) => (): Common => ({
  secret: new Secret("session", kept.secret.slice()),
  created: Number(kept.created),
  expires: Number(kept.expires),
  authenticated: Number(kept.authenticated),
  ageAdd: kept.ticket_age_add,
  maxEarlyData: kept.max_early_data_size,
  group: kept.group,
  serverName: kept.server_name === "" ? undefined : kept.server_name,
  protocol: kept.protocol === "" ? undefined : kept.protocol,
  policy: kept.policy.slice(),
  peer:
    kept.chain.length === 0
      ? undefined
      : {
          chain: kept.chain.map((certificate) => certificate.slice()),
          description: decoder.decode(kept.description),
          validUntil: kept.valid_until === 0n ? undefined : Number(kept.valid_until),
          certificateType: kept.certificate_type === "RawPublicKey" ? "RawPublicKey" : "X509"
        }
})

/** The bytes of a session, its secret among them: for a sealed ticket or a store, and to be wiped after use. */
export const encodeSession = (session: Session): Result.Result<Uint8Array, CodecFailure> =>
  encode(StoredSession.wire, stored(session))

/** The session of these bytes, which may be wiped afterwards; `undefined` for bytes that are none. */
export const decodeSession = (bytes: Uint8Array): Session | undefined =>
  Result.match(decode(StoredSession.wire, bytes), { onSuccess: restored, onFailure: () => undefined })

/** The bytes of a client's ticket with its session and secret. */
export const encodeTicket = ({ session, ticket, form = "ticket" }: Ticket): Result.Result<Uint8Array, CodecFailure> =>
  encode(StoredTicket.wire, { session: stored(session), ticket, form })

/** The ticket of these bytes; `undefined` for bytes that are none. */
export const decodeTicket = (bytes: Uint8Array): Ticket | undefined =>
  Result.match(decode(StoredTicket.wire, bytes), {
    onSuccess: (kept) => {
      const session = restored(kept.session)
      return session === undefined ? undefined : { session, ticket: kept.ticket.slice(), form: kept.form }
    },
    onFailure: () => undefined
  })
