/** The sessions that a client may resume, by server, bounded: what every `ClientSessionStore` is made of. */
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import { equal } from "../crypto/constantTime.ts"
import type { Ticket } from "../state/session.ts"

/** How much is kept. */
export interface Limits {
  /** Servers at most; those not asked for the longest go first. */
  readonly servers: number
  /** Tickets of one server under one policy at most, so that no identity drives out another; the oldest go first. */
  readonly ticketsPerServer: number
}

interface Known {
  group: NamedGroup | undefined
  /** The newest last. */
  tickets: Array<Ticket>
}

/** What is received lies in buffers that are used again. */
const owned = ({ session, ticket, form }: Ticket): Ticket => ({
  session: {
    ...session,
    policy: session.policy.slice(),
    peer: session.peer && { ...session.peer, chain: session.peer.chain.map((certificate) => certificate.slice()) }
  },
  ticket: ticket.slice(),
  form
})

const wipe = ({ session }: Ticket): void => session.secret.wipe()

/** Mutable, with one owner. Secrets are wiped when they are dropped; what is taken belongs to the taker. */
export class SessionTable {
  readonly limits: Limits
  /** The server asked for last is the last. */
  readonly #servers = new Map<string, Known>()
  #revision = 0

  constructor(limits: Limits) {
    this.limits = limits
  }

  /** Grows with every change that is worth writing down. */
  get revision(): number {
    return this.#revision
  }

  /** The servers, those not asked for the longest first. */
  get entries(): Iterable<readonly [string, Readonly<Known>]> {
    return this.#servers
  }

  #find(server: string): Known | undefined {
    const known = this.#servers.get(server)
    if (known !== undefined) {
      this.#servers.delete(server)
      this.#servers.set(server, known)
    }
    return known
  }

  #make(server: string): Known {
    const known = this.#find(server) ?? { group: undefined, tickets: [] }
    this.#servers.set(server, known)
    for (const [oldest, { tickets }] of this.#servers) {
      if (this.#servers.size <= this.limits.servers) break
      tickets.forEach(wipe)
      this.#servers.delete(oldest)
    }
    this.#revision++
    return known
  }

  /** The newest ticket that is accepted, and not expired. It is forgotten by that. */
  take(server: string, accepts: (ticket: Ticket, now: number) => boolean, now: number): Ticket | undefined {
    const known = this.#find(server)
    if (known === undefined) return undefined
    const current = known.tickets.filter(({ session }) => session.expires > now)
    known.tickets.filter(({ session }) => session.expires <= now).forEach(wipe)
    const found = current.findLast((ticket) => accepts(ticket, now))
    const left = current.filter((ticket) => ticket !== found)
    if (left.length < known.tickets.length) this.#revision++
    known.tickets = left
    return found
  }

  put(server: string, ticket: Ticket, now: number): void {
    if (ticket.session.expires <= now) {
      wipe(ticket)
      return
    }
    const known = this.#make(server)
    known.tickets.push(owned(ticket))
    const alike = known.tickets.filter(({ session }) => equal(session.policy, ticket.session.policy))
    const dropped = new Set(alike.slice(0, -this.limits.ticketsPerServer))
    dropped.forEach(wipe)
    known.tickets = known.tickets.filter((kept) => !dropped.has(kept))
    this.#makeRoom()
  }

  /** As many tickets in all as one policy may have; the servers not asked for the longest lose their oldest first. */
  #makeRoom(): void {
    const all = [...this.#servers.values()]
    let excess = all.reduce((sum, { tickets }) => sum + tickets.length, 0)
    excess -= this.limits.servers * this.limits.ticketsPerServer
    for (const { tickets } of all) {
      if (excess <= 0) return
      const dropped = tickets.splice(0, excess)
      dropped.forEach(wipe)
      excess -= dropped.length
    }
  }

  group(server: string): NamedGroup | undefined {
    return this.#find(server)?.group
  }

  rememberGroup(server: string, group: NamedGroup): void {
    if (this.group(server) !== group) this.#make(server).group = group
  }

  /** Forgets everything. */
  clear(): void {
    for (const { tickets } of this.#servers.values()) tickets.forEach(wipe)
    this.#servers.clear()
  }
}
