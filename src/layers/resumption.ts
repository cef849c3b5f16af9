/** What the services of sessions make of a configuration: who resumes, by which policy, and with how many tickets. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Hash, Primitives } from "../crypto/primitives.ts"
import type { StoreTicket } from "../state/action.ts"
import type { ClientAuthentication, ClientConfig, ServerConfig } from "../state/config.ts"
import { serverText } from "../state/path/host.ts"
import { begin } from "../state/session.ts"
import { AntiReplay } from "./AntiReplay.ts"
import { ClientSessionStore, type Shape as SessionStore } from "./ClientSessionStore.ts"
import type { Credentials } from "./Credentials.ts"
import { shownBy } from "./fingerprint.ts"
import { ServerSessionStore } from "./ServerSessionStore.ts"
import * as SessionsById from "./sessionsById.ts"
import { Tickets } from "./Tickets.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"
import type { Verifier } from "./Verifier.ts"

/** How a client resumes sessions. */
export interface ClientOptions {
  /** `off` offers no session and keeps none; by default they are, where a `ClientSessionStore` is provided. */
  readonly resumption?: "on" | "off" | undefined
  /**
   * How many tickets to ask for (RFC 9149), after a full handshake and after one that resumed; 0 to 255. By default the
   * server decides.
   */
  readonly tickets?: { readonly fresh: number; readonly resumed: number } | undefined
  /**
   * Said together with the ClientHello, if there is a session that allows so much: one round trip earlier than anything
   * else (RFC 9846 section 2.3). It has no forward secrecy, and whoever records it can say it again, so it must do no
   * harm when it is heard twice. Whether the server took it is told by `info.earlyData`: `none` when it was not sent,
   * `rejected` when it was lost; then it is for the application to say it again.
   */
  readonly earlyData?: Uint8Array | undefined
}

/** How a server resumes sessions. */
export interface ServerOptions {
  /**
   * `off` resumes nothing and gives no tickets; by default it does, where `Tickets` are provided. In TLS 1.2 a
   * `ServerSessionStore` is enough: clients that take no tickets resume by session ID.
   */
  readonly resumption?: "on" | "off" | undefined
  /** Tickets after a full handshake, 0 to 255, and one after a resumed one, unless the client asks for others; 2 by default. */
  readonly tickets?: number | undefined
  /**
   * Bytes of early data that a session may begin with; 0, the default, takes none. Needs an `AntiReplay` register.
   * Early data comes by `TlsConnection.earlyData`, before the handshake is done.
   */
  readonly maxEarlyData?: number | undefined
}

/** The default number of tickets. */
export const tickets = 2

/** How long a session of TLS 1.2 is kept by its ID where there are no tickets that would say. */
const sessionLifetime = Duration.hours(12)

const isCount = (count: number, most: number): boolean => Number.isInteger(count) && count >= 0 && count <= most

/** Names for credentials that have none: good for this process, and no two are the same. */
const names = new WeakMap<Credentials["Service"], Uint8Array>()

const nameOf = (credentials: Credentials["Service"], { random }: Primitives): Uint8Array => {
  const name = credentials.fingerprint ?? names.get(credentials) ?? random(32)
  names.set(credentials, name)
  return name
}

/**
 * A session stands for who both ends proved to be, so that it is resumed under the policy that judged the server, and
 * by the client that it began with (CVE-2016-5420 and its kin).
 */
const clientPolicy = (
  { fingerprint }: Verifier,
  credentials: Credentials["Service"] | undefined,
  primitives: Primitives
): Uint8Array | undefined =>
  fingerprint === undefined || credentials === undefined || credentials.certificateTypes?.length === 0
    ? fingerprint
    : shownBy(primitives, fingerprint, nameOf(credentials, primitives))

/**
 * What a client resumes by, as whoever it may show itself to be: nothing without a store, or with a verifier that does
 * not say what its policy is.
 */
export const client = Effect.fnUntraced(function* (
  { resumption = "on", tickets }: ClientOptions,
  verifier: Verifier,
  primitives: Primitives
): Effect.fn.Return<
  {
    readonly sessions: SessionStore
    readonly resumptionAs: (credentials: Credentials["Service"] | undefined) => ClientConfig["resumption"]
  },
  TlsError
> {
  const sessions = yield* ClientSessionStore
  const counts = tickets === undefined ? [] : [tickets.fresh, tickets.resumed]
  if (!counts.every((count) => isCount(count, 255))) return yield* misconfigured("0 to 255 tickets can be asked for")
  const off = resumption === "off" || sessions === ClientSessionStore.defaultValue()
  return {
    sessions,
    resumptionAs: (credentials) => {
      const policy = off ? undefined : clientPolicy(verifier, credentials, primitives)
      return policy && { policy, tickets }
    }
  }
})

/** Keeps the tickets of one server. */
export const keepTicket =
  (sessions: SessionStore, { server }: ClientConfig) =>
  ({ ticket, form, draft, lifetime, ageAdd }: StoreTicket): Effect.Effect<void> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      sessions.put(serverText(server), { ticket, form, session: begin(draft, { now, lifetime, ageAdd }) })
    )

const encoder = new TextEncoder()

/** A digest of what decides whether a client is let in: whether it is asked, and by whom it is judged. */
const policy = (hash: Hash, asked: ClientAuthentication, verifier: Verifier | undefined): Uint8Array | undefined => {
  const judge = verifier === undefined ? new Uint8Array(0) : verifier.fingerprint
  if (judge === undefined) return undefined
  const authorities = asked._tag === "None" ? [] : asked.authorities
  const parts = [encoder.encode(`clients: ${asked._tag}`), judge, ...authorities]
  return parts.reduce((digest, part) => hash.start.append(digest).append(hash.digest(part)).digest(), new Uint8Array(0))
}

/** What a server resumes by. */
export const server = Effect.fnUntraced(function* (
  { resumption = "on", tickets: count = tickets, maxEarlyData = 0 }: ServerOptions,
  hash: Hash,
  asked: ClientAuthentication,
  verifier: Verifier | undefined
) {
  const maker = yield* Tickets
  const antiReplay = yield* AntiReplay
  const fingerprint = policy(hash, asked, verifier)
  if (!isCount(count, 255)) return yield* misconfigured(`tickets is a number from 0 to 255, not ${count}`)
  if (!isCount(maxEarlyData, 2 ** 32 - 1)) {
    return yield* misconfigured(`maxEarlyData is a number of bytes below 2^32, not ${maxEarlyData}`)
  }
  const store = yield* ServerSessionStore
  const off = resumption === "off" || fingerprint === undefined || (maker === undefined && store === undefined)
  if (maxEarlyData > 0 && (off || maker === undefined || antiReplay === AntiReplay.defaultValue())) {
    return yield* misconfigured("maxEarlyData needs Tickets and AntiReplay, for example AntiReplay.layerMemory()")
  }
  const ours: ServerConfig["resumption"] = off
    ? undefined
    : {
        policy: fingerprint,
        tickets: maker === undefined ? 0 : count,
        maxEarlyData,
        freshness: Duration.toMillis(antiReplay.window)
      }
  const sessionsById =
    off || store === undefined ? undefined : SessionsById.make(store, maker?.lifetime ?? sessionLifetime)
  return { resumption: ours, tickets: off ? undefined : maker, antiReplay, sessionsById }
})
