/** The sessions that a client may resume (RFC 9846 section 2.2), and what it remembers of servers. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { Ticket } from "../state/session.ts"
import { type Limits, SessionTable } from "./sessionTable.ts"

/** A store never fails: what it cannot keep or find is a session that is not resumed. */
export interface Shape {
  /**
   * The newest ticket for `server` that has not expired and that `accepts` is content with; `now` is in milliseconds
   * since 1970. It is forgotten by that: no ticket is ever handed out twice (RFC 9846 section C.4), and its secret
   * belongs to who took it.
   */
  readonly take: (
    server: string,
    accepts: (ticket: Ticket, now: number) => boolean
  ) => Effect.Effect<Ticket | undefined>
  /** Keeps a ticket. Its secret belongs to the store from now on, which wipes it when the ticket is dropped. */
  readonly put: (server: string, ticket: Ticket) => Effect.Effect<void>
  /** The group that `server` chose last, so that the first ClientHello has a share of it. */
  readonly group: (server: string) => Effect.Effect<NamedGroup | undefined>
  readonly rememberGroup: (server: string, group: NamedGroup) => Effect.Effect<void>
}

const none: Shape = {
  take: () => Effect.undefined,
  put: (_, { session }) => Effect.sync(() => session.secret.wipe()),
  group: () => Effect.undefined,
  rememberGroup: () => Effect.void
}

/** The store in use. By default nothing is kept, and every handshake is a full one. */
export const ClientSessionStore: Context.Reference<Shape> = Context.Reference("effect-tls/layers/ClientSessionStore", {
  defaultValue: () => none
})

/** Any store. */
export const layer = (store: Shape): Layer.Layer<never> => Layer.succeed(ClientSessionStore, store)

/** Keeps nothing. */
export const layerNone: Layer.Layer<never> = layer(none)

/** How much is kept. */
export interface Options {
  /** Servers at most; those not asked for the longest go first. 256 by default. */
  readonly servers?: number | undefined
  /** Tickets of one server for one identity and one policy at most; the oldest go first. 8 by default. */
  readonly ticketsPerServer?: number | undefined
}

/** The limits that are meant. */
export const limitsOf = ({ servers = 256, ticketsPerServer = 8 }: Options): Limits => ({ servers, ticketsPerServer })

/** Runs `use` on the table while nobody else does; `otherwise` where there is no table to be had. */
export type Access = <A>(use: (table: SessionTable, now: number) => A, otherwise: A) => Effect.Effect<A>

/** The store that a table is, wherever it is kept. */
export const make = (access: Access): Shape => ({
  take: (server, accepts) => access<Ticket | undefined>((table, now) => table.take(server, accepts, now), undefined),
  put: (server, ticket) => access((table, now) => table.put(server, ticket, now), undefined),
  group: (server) => access<NamedGroup | undefined>((table) => table.group(server), undefined),
  rememberGroup: (server, group) => access((table) => table.rememberGroup(server, group), undefined)
})

/**
 * Keeps sessions in the memory of this process, bounded in number and time. Their secrets are wiped when they are
 * dropped and when the layer ends.
 *
 * @example
 * Effect.provide(program, ClientSessionStore.layerMemory())
 */
export const layerMemory = (options: Options = {}): Layer.Layer<never> =>
  Layer.effect(
    ClientSessionStore,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new SessionTable(limitsOf(options))),
        (table) => Effect.sync(() => table.clear())
      ),
      (table) => make((use) => Effect.map(Clock.currentTimeMillis, (now) => use(table, now)))
    )
  )
