/** The tickets of a server (RFC 9846 section 4.7.1): how sessions become tickets, and tickets sessions again. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { nonceSize, type Primitives, tagSize } from "../crypto/primitives.ts"
import { decodeSession, encodeSession, maxLifetime, type Session } from "../state/session.ts"
import { maxTicket } from "../state/tls13/limits.ts"
import type { SealedBy } from "../state/tls13/psk.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { ServerSessionStore, type Shape as Store } from "./ServerSessionStore.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"
import { idSize, TicketKeys } from "./ticketKeys.ts"

/** What makes tickets of sessions, and sessions of tickets. */
export interface Shape {
  /** How long a ticket is valid; never more than 7 days. */
  readonly lifetime: Duration.Duration
  /**
   * A ticket for this session; `undefined` when it cannot be kept, because it is too large for one. The session stays
   * the caller's, its secret too.
   */
  readonly issue: (session: Session) => Effect.Effect<Uint8Array | undefined>
  /**
   * The session of a ticket, which stays where it is. What is unknown, changed on the way or expired by Effect's
   * `Clock` is `undefined`, and then the handshake is a full one; nobody is told why.
   */
  readonly redeem: (ticket: Uint8Array) => Effect.Effect<Session | undefined>
  /**
   * Whether a ticket that was redeemed is under the key that seals new ones; a client of TLS 1.2 gets another one if it
   * is not (RFC 5077 section 3.3). Absent where there are no such keys: then only its age counts.
   */
  readonly sealedBy?: ((ticket: Uint8Array) => Effect.Effect<SealedBy>) | undefined
  /**
   * Takes the session of TLS 1.3 away that a ticket stands for, once the client has shown that it has its key: of many
   * who ask at once, one hears `true`. Absent where a ticket may be used again.
   */
  readonly take?: ((ticket: Uint8Array) => Effect.Effect<boolean>) | undefined
}

/** How tickets are made. By default there are none, and no session is resumed. */
export const Tickets: Context.Reference<Shape | undefined> = Context.Reference("effect-tls/layers/Tickets", {
  defaultValue: (): Shape | undefined => undefined
})

/** Any way of making tickets. */
export const layer = (tickets: Shape): Layer.Layer<never> => Layer.succeed(Tickets, tickets)

/** No tickets. */
export const layerNone: Layer.Layer<never> = Layer.succeed(Tickets, undefined)

/** What tickets of either kind have in common. */
export interface Options {
  /** How long a ticket is valid; 12 hours by default, 7 days at most (RFC 9846 section 4.7.1). */
  readonly lifetime?: Duration.Input | undefined
}

/** What sealed tickets may have besides. */
export interface SealedOptions extends Options {
  /**
   * At least 32 random bytes, of which the keys are made. Servers with the same secret open each other's tickets,
   * without talking to each other; their clocks should agree to within hours. Whoever has it can read the sessions of
   * all their tickets, old ones too: replace it from time to time. Without it, keys are random, and die with the layer.
   */
  readonly secret?: Redacted.Redacted<Uint8Array> | undefined
}

const lifetimeOf = ({ lifetime = "12 hours" }: Options): Effect.Effect<Duration.Duration, TlsError> => {
  const duration = Duration.fromInput(lifetime)
  const millis = duration._tag === "None" ? 0 : Duration.toMillis(duration.value)
  return millis > 0 && millis <= maxLifetime
    ? Effect.succeed(Duration.millis(millis))
    : Effect.fail(misconfigured("the lifetime of tickets is longer than nothing, and 7 days at most (RFC 9846 4.7.1)"))
}

const minSecret = 32

/** A secret that is no secret protects nothing, and nobody would notice (GnuTLS, CVE-2020-13777). */
const secretOf = ({ secret }: SealedOptions): Effect.Effect<Uint8Array | undefined, TlsError> => {
  if (secret === undefined) return Effect.undefined
  const bytes = Redacted.value(secret)
  if (bytes.length < minSecret) {
    return Effect.fail(misconfigured(`the secret of ticket keys has ${bytes.length} bytes; it needs ${minSecret}`))
  }
  return bytes.every((byte) => byte === bytes[0])
    ? Effect.fail(misconfigured("the secret of ticket keys is one byte over and over; it needs to be random"))
    : Effect.succeed(bytes)
}

const empty = new Uint8Array(0)
const headSize = idSize + nonceSize

/** `key id[16] ‖ nonce[12] ‖ AES-256-GCM(session)`, with the key id as additional data. */
const seal = (keys: TicketKeys, { random }: Primitives, session: Session, now: number): Uint8Array | undefined => {
  const sealing = keys.sealing(now)
  const encoded = encodeSession(session)
  if (Result.isFailure(encoded)) return undefined
  const plaintext = encoded.success
  const size = headSize + plaintext.length + tagSize
  const ticket = sealing === undefined || size > maxTicket ? undefined : new Uint8Array(size)
  if (sealing !== undefined && ticket !== undefined) {
    const nonce = random(nonceSize)
    ticket.set(sealing.id)
    ticket.set(nonce, idSize)
    sealing.key.seal(nonce, sealing.id, plaintext, empty, ticket, headSize)
  }
  plaintext.fill(0)
  return ticket
}

const unlessExpired = (session: Session | undefined, now: number): Session | undefined => {
  if (session === undefined || session.expires > now) return session
  session.secret.wipe()
  return undefined
}

/** The session of bytes that are of no use afterwards. */
const restore = (bytes: Uint8Array | undefined, now: number): Session | undefined => {
  if (bytes === undefined) return undefined
  const session = decodeSession(bytes)
  bytes.fill(0)
  return unlessExpired(session, now)
}

const open = (keys: TicketKeys, ticket: Uint8Array, now: number): Session | undefined => {
  if (ticket.length < headSize + tagSize) return undefined
  const opening = keys.opening(ticket.subarray(0, idSize), now)
  if (opening === undefined) return undefined
  const nonce = ticket.subarray(idSize, headSize)
  return restore(opening.key.open(nonce, opening.id, ticket.subarray(headSize)), now)
}

/** In a fleet another server may be ahead by a key already: that one is no older one. */
const sealedBy = (keys: TicketKeys, ticket: Uint8Array, now: number): SealedBy =>
  keys.isOld(ticket.subarray(0, idSize), now) ? "older key" : "current key"

/**
 * Tickets that hold the session themselves, sealed: the server keeps nothing. Keys rotate every six hours by Effect's
 * `Clock`, and old ones open until the lifetime of their tickets has passed. Such a ticket can be redeemed more than
 * once; for early data there is `AntiReplay`. Fails with `InvalidConfiguration`.
 *
 * @example
 * const Resumption = Tickets.layerSealed({ secret: Redacted.make(bytesOfTheFleet) })
 */
export const layerSealed = (options: SealedOptions = {}): Layer.Layer<never, TlsError, CryptoProvider> =>
  Layer.effect(
    Tickets,
    Effect.gen(function* () {
      const { primitives } = yield* CryptoProvider
      const lifetime = yield* lifetimeOf(options)
      const secret = yield* secretOf(options)
      const keys = yield* Effect.acquireRelease(
        Effect.sync(() => new TicketKeys(primitives, Duration.toMillis(lifetime), secret)),
        (keys) => Effect.sync(() => keys.close())
      )
      return {
        lifetime,
        issue: (session: Session) => Effect.map(Clock.currentTimeMillis, (now) => seal(keys, primitives, session, now)),
        redeem: (ticket: Uint8Array) => Effect.map(Clock.currentTimeMillis, (now) => open(keys, ticket, now)),
        sealedBy: (ticket: Uint8Array) => Effect.map(Clock.currentTimeMillis, (now) => sealedBy(keys, ticket, now))
      }
    })
  )

/** Bytes of a ticket that is the name of a session: nobody guesses one. */
const nameSize = 32

const stateful = (store: Store, primitives: Primitives, lifetime: Duration.Duration): Shape => ({
  lifetime,
  issue: Effect.fnUntraced(function* (session: Session) {
    const encoded = encodeSession(session)
    if (Result.isFailure(encoded)) return undefined
    const name = primitives.random(nameSize)
    yield* Effect.ensuring(
      store.put(name, encoded.success, session.expires),
      Effect.sync(() => encoded.success.fill(0))
    )
    return name
  }),
  redeem: Effect.fnUntraced(function* (ticket: Uint8Array) {
    if (ticket.length !== nameSize) return undefined
    return restore(yield* store.get(ticket), yield* Clock.currentTimeMillis)
  }),
  take: (ticket) =>
    Effect.map(store.take(ticket), (bytes) => {
      bytes?.fill(0)
      return bytes !== undefined
    })
})

/**
 * Tickets that are names of sessions in the `ServerSessionStore`. One is taken out when it is resumed, so that each is
 * used once (RFC 9846 section 8.1); those of TLS 1.2 may be used again, as clients do there. Fails with
 * `InvalidConfiguration` when there is no store.
 *
 * @example
 * const Resumption = Tickets.layerStateful().pipe(Layer.provide(ServerSessionStore.layerMemory()))
 */
export const layerStateful = (options: Options = {}): Layer.Layer<never, TlsError, CryptoProvider> =>
  Layer.effect(
    Tickets,
    Effect.gen(function* () {
      const { primitives } = yield* CryptoProvider
      const lifetime = yield* lifetimeOf(options)
      const store = yield* ServerSessionStore
      return store === undefined
        ? yield* misconfigured("stateful tickets need a ServerSessionStore, layerMemory for example")
        : stateful(store, primitives, lifetime)
    })
  )
