/** Sessions of TLS 1.2 at the server: by ticket and by session ID, and what may not be resumed (SECURITY rows 32, 58). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { World } from "../../src/core.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import { begin, decodeSession, encodeSession, type Session, type Session12 } from "../../src/state/session.ts"
import type { SealedBy } from "../../src/state/tls13/psk.ts"
import { now, toHex } from "../support/answers.ts"
import {
  accepted12,
  extensionOf,
  having,
  type Puppet12,
  refused12,
  run12,
  type Script12,
  suites,
  ticketWish,
  without
} from "../support/client12.ts"
import { serverWorld } from "../support/pair.ts"
import { giving, hour, openTickets } from "../support/resumption.ts"

/** Sessions that a server keeps by ID, as bytes. */
class Store {
  readonly kept = new Map<string, Uint8Array>()
  readonly asked: Array<string> = []

  readonly takeSession = (id: Uint8Array): Session | undefined => {
    const name = toHex(id)
    this.asked.push(name)
    const bytes = this.kept.get(name)
    this.kept.delete(name)
    return bytes && decodeSession(bytes)
  }

  put(id: Uint8Array, session: Session): void {
    this.kept.set(toHex(id), Result.getOrThrow(encodeSession(session)))
  }

  /** What the server gave out to be kept in a run. */
  keep({ end }: Puppet12): void {
    for (const event of end.events) {
      if (event._tag !== "KeepSession") continue
      const session = begin(event.draft, { now, lifetime: hour, ageAdd: 0 })
      this.put(event.id, { ...session, expires: event.expires ?? session.expires })
    }
  }
}

const world = (store?: Store, changes: Partial<World> = {}) =>
  serverWorld({ tickets: openTickets, ...(store === undefined ? {} : { takeSession: store.takeSession }), ...changes })

const secretOf = ({ master }: Puppet12) => master ?? assert.fail("no master secret")
const kindOf = (puppet: Puppet12) => accepted12(puppet).end.connection.established?.kind
const idOf = (puppet: Puppet12) => puppet.heard("ServerHello").body.legacy_session_id_echo
const random = new Uint8Array(32).fill(8)

/** A first handshake, and what the client has of it. */
const byTicket = (script: Script12 = {}) => {
  const puppet = accepted12(
    run12({ config: giving(), world: world(), hello: { extensions: having(ticketWish()) }, ...script })
  )
  return { ticket: puppet.heard("NewSessionTicket").body.ticket, session: secretOf(puppet), puppet }
}
const byId = (store: Store, script: Script12 = {}) => {
  const puppet = accepted12(run12({ config: giving(), world: world(store), ...script }))
  store.keep(puppet)
  return { id: idOf(puppet), session: secretOf(puppet), puppet }
}
const again = (ticket: Uint8Array, session: Secret<string>, script: Script12 = {}): Script12 => ({
  config: giving(),
  world: world(),
  session,
  ...script,
  hello: { legacy_session_id: random, extensions: having(ticketWish(ticket)), ...script.hello }
})
const againById = (store: Store, id: Uint8Array, session: Secret<string>, script: Script12 = {}): Script12 => ({
  config: giving(),
  world: world(store),
  session,
  ...script,
  hello: { legacy_session_id: id, ...script.hello }
})

describe("by ticket", () => {
  it("a session is resumed, again and again, under the client's session ID, and without a new ticket while it is young", () => {
    const { ticket, session } = byTicket()
    for (let i = 0; i < 3; i++) {
      const puppet = accepted12(run12(again(ticket, session)))
      assert.strictEqual(kindOf(puppet), "resumed")
      assert.deepStrictEqual(idOf(puppet), random)
      assert.isFalse(puppet.has("NewSessionTicket"))
      assert.isFalse(puppet.end.events.some(({ _tag }) => _tag === "KeepSession"))
    }
  })

  const late = world(undefined, { now: () => now + hour / 2 })
  const early = world(undefined, { now: () => now + hour / 2 - 1 })
  const under = (sealed: SealedBy) => world(undefined, { tickets: { ...openTickets, sealedBy: () => sealed } })

  it("is renewed in the second half of its life, or when its key is an older one (RFC 5077 section 3.3)", () => {
    const { ticket, session } = byTicket()
    for (const [sameWorld, renewed] of [
      [early, false],
      [late, true],
      [under("current key"), false],
      [under("older key"), true]
    ] as const) {
      const puppet = accepted12(run12(again(ticket, session, { world: sameWorld })))
      assert.strictEqual(kindOf(puppet), "resumed")
      assert.strictEqual(extensionOf(puppet, "session_ticket" as "server_name") !== undefined, renewed)
      assert.deepStrictEqual(
        puppet.messages.map(({ _tag }) => _tag),
        renewed ? ["ServerHello", "NewSessionTicket", "Finished"] : ["ServerHello", "Finished"]
      )
    }
  })

  it("that was renewed resumes the same session, and so does the old one", () => {
    const { ticket, session, puppet: first } = byTicket({ world: world(undefined, {}) })
    const second = accepted12(run12(again(ticket, session, { world: late })))
    const { ticket: another, ticket_lifetime_hint: hint } = second.heard("NewSessionTicket").body
    assert.notDeepEqual(another, ticket)
    assert.strictEqual(hint, hour / 1000)
    for (const each of [ticket, another]) {
      assert.strictEqual(kindOf(run12(again(each, session, { world: late }))), "resumed")
    }
    const [old, renewed] = [ticket, another].map((each) => decodeSession(each) ?? assert.fail("no session"))
    assert.deepStrictEqual([renewed?.authenticated, renewed?.created], [old?.authenticated, now + hour / 2])
    assert.deepStrictEqual(renewed && unsafeBytes(renewed.secret), old && unsafeBytes(old.secret))
    assert.isUndefined(first.end.failure)
  })

  it("that is renewed ends its session seven days after the first handshake all the same", () => {
    const { ticket, session } = byTicket()
    const old = decodeSession(ticket) ?? assert.fail("no session")
    const days = 24 * hour
    const aged = openTickets.issue({ ...old, created: now, expires: now + 7 * days, authenticated: now })
    const tickets = { ...openTickets, lifetime: 7 * days }
    const sixth = world(undefined, { tickets, now: () => now + 6 * days })
    const puppet = accepted12(run12(again(aged ?? assert.fail("no ticket"), session, { world: sixth })))
    assert.strictEqual(puppet.heard("NewSessionTicket").body.ticket_lifetime_hint, (24 * hour) / 1000)
    const renewed = decodeSession(puppet.heard("NewSessionTicket").body.ticket)
    assert.strictEqual(renewed?.expires, now + 7 * days)
  })

  it("that cannot be renewed is not promised, nor where no tickets are given", () => {
    const { ticket, session } = byTicket()
    const none = world(undefined, { tickets: { ...openTickets, issue: () => undefined }, now: () => now + hour / 2 })
    for (const script of [{ world: none }, { world: late, config: giving({ tickets: 0 }) }]) {
      const puppet = accepted12(run12(again(ticket, session, script)))
      assert.strictEqual(kindOf(puppet), "resumed")
      assert.isFalse(puppet.has("NewSessionTicket"))
      assert.isUndefined(extensionOf(puppet, "session_ticket" as "server_name"))
    }
  })

  it("is given only to who takes one, once, and by a server that has any to give", () => {
    assert.isFalse(accepted12(run12({ config: giving(), world: world() })).has("NewSessionTicket"))
    const hello = { extensions: having(ticketWish()) }
    assert.isFalse(accepted12(run12({ config: giving({ tickets: 0 }), world: world(), hello })).has("NewSessionTicket"))
    assert.isFalse(accepted12(run12({ world: world(), hello })).has("NewSessionTicket"))
    const given = accepted12(run12({ config: giving({ tickets: 5 }), world: world(), hello }))
    assert.lengthOf(
      given.messages.filter(({ _tag }) => _tag === "NewSessionTicket"),
      1
    )
    assert.strictEqual(given.heard("NewSessionTicket").body.ticket_lifetime_hint, hour / 1000)
  })

  it("that cannot be made is an empty one (RFC 5077 section 3.3)", () => {
    const none = { ...openTickets, issue: () => undefined }
    const puppet = accepted12(
      run12({
        config: giving(),
        world: world(undefined, { tickets: none }),
        hello: { extensions: having(ticketWish()) }
      })
    )
    assert.lengthOf(puppet.heard("NewSessionTicket").body.ticket, 0)
  })

  it("that nobody knows leads to a full handshake, and to a ticket that is good", () => {
    const puppet = run12(again(Uint8Array.of(1, 2, 3), new Secret("x", new Uint8Array(48))))
    assert.strictEqual(kindOf(puppet), "full")
    assert.lengthOf(idOf(puppet), 0)
    const { ticket } = puppet.heard("NewSessionTicket").body
    assert.strictEqual(kindOf(run12(again(ticket, secretOf(puppet)))), "resumed")
  })

  it("beats a session ID, which is not looked at (RFC 5077 section 3.4)", () => {
    const store = new Store()
    const known = byId(store)
    const script = again(Uint8Array.of(1), known.session, {
      world: world(store),
      hello: { legacy_session_id: known.id }
    })
    assert.strictEqual(kindOf(run12(script)), "full")
    assert.deepStrictEqual(store.asked, [])
  })
})

describe("by session ID", () => {
  it("a session is kept once the handshake is done, under an ID of 32 bytes of chance", () => {
    const store = new Store()
    const one = byId(store)
    const two = byId(store, { world: serverWorld({ takeSession: store.takeSession, primitives: world().primitives }) })
    assert.lengthOf(one.id, 32)
    assert.isAtLeast(new Set(one.id).size, 8)
    assert.isDefined(two.id)
    const [kept] = one.puppet.end.events.flatMap((event) => (event._tag === "KeepSession" ? [event] : []))
    assert.deepStrictEqual(kept?.id, one.id)
    assert.strictEqual(toHex(unsafeBytes(kept?.draft.secret ?? assert.fail())), toHex(unsafeBytes(one.session)))
  })

  it("nothing is kept of a handshake that fails", () => {
    const puppet = run12({
      config: giving(),
      world: world(new Store()),
      Finished: (puppet) => puppet.say({ _tag: "Finished", body: { verify_data: new Uint8Array(12) } })
    })
    assert.isDefined(puppet.end.failure)
    assert.isFalse(puppet.end.events.some(({ _tag }) => _tag === "KeepSession"))
  })

  it("is resumed, again and again, and lives no longer for it", () => {
    const store = new Store()
    const { id, session } = byId(store)
    const before = store.kept.get(toHex(id))
    for (let i = 0; i < 3; i++) {
      const puppet = run12(againById(store, id, session))
      assert.strictEqual(kindOf(puppet), "resumed")
      assert.deepStrictEqual(idOf(puppet), id)
      store.keep(puppet)
    }
    const [first, last] = [before, store.kept.get(toHex(id))].map((bytes) => bytes && decodeSession(bytes))
    assert.deepStrictEqual([last?.expires, last?.authenticated], [first?.expires, first?.authenticated])
  })

  it("is resumed without a ticket, however old it is", () => {
    const store = new Store()
    const { id, session } = byId(store)
    const late = run12(againById(store, id, session, { world: world(store, { now: () => now + hour - 1 }) }))
    assert.strictEqual(kindOf(late), "resumed")
    assert.isFalse(late.has("NewSessionTicket"))
    assert.isUndefined(extensionOf(late, "session_ticket"))
  })

  it("is forgotten when the handshake that would resume it fails (RFC 5246 section 7.2.2)", () => {
    const store = new Store()
    const { id, session } = byId(store)
    const broken = run12(
      againById(store, id, session, {
        Finished: (puppet) => puppet.say({ _tag: "Finished", body: { verify_data: new Uint8Array(12) } })
      })
    )
    refused12(broken, "FinishedMismatch", "decrypt_error")
    store.keep(broken)
    assert.strictEqual(kindOf(run12(againById(store, id, session))), "full")
  })

  it("that nobody knows leads to a full handshake under another one", () => {
    const puppet = run12(againById(new Store(), random, new Secret("x", new Uint8Array(48))))
    assert.strictEqual(kindOf(puppet), "full")
    assert.lengthOf(idOf(puppet), 32)
    assert.notDeepEqual(idOf(puppet), random)
  })

  it("needs somebody who keeps sessions, and resumption not to be off", () => {
    assert.lengthOf(idOf(accepted12(run12({ config: giving() }))), 0)
    const store = new Store()
    const off = accepted12(run12({ world: world(store), hello: { legacy_session_id: random } }))
    assert.lengthOf(idOf(off), 0)
    assert.deepStrictEqual(store.asked, [])
  })
})

/** The session of a ticket, changed. */
const altered = (ticket: Uint8Array, change: Partial<Session12>): Uint8Array => {
  const session = decodeSession(ticket)
  if (session?.version !== "TLSv1.2") return assert.fail("a session of TLS 1.2")
  return Result.getOrThrow(encodeSession({ ...session, ...change }))
}

describe("what differs from the session gets a full handshake (58)", () => {
  const full = (name: string, script: Script12, change: Partial<Session12> = {}, first: Script12 = {}) =>
    it(name, () => {
      const { ticket, session } = byTicket(first)
      const resumed = again(altered(ticket, change), session, script)
      assert.strictEqual(kindOf(run12(resumed)), "full")
    })
  const optional = { clientAuthentication: { _tag: "Optional", authorities: [] } } as const
  const required = { clientAuthentication: { _tag: "Required", authorities: [] } } as const

  full("another name", {}, { serverName: "another.test" })
  it("no name any more", () => {
    const { ticket, session } = byTicket()
    const hello = { extensions: [...without("server_name"), ticketWish(ticket)] }
    assert.strictEqual(kindOf(run12(again(ticket, session, { hello }))), "full")
  })
  full("another protocol", {}, { protocol: "h2" })
  full("another policy", { config: giving({ policy: new Uint8Array(32).fill(8) }) })
  full("time that is over", { world: world(undefined, { now: () => now + hour + 1 }) })
  full("a time before it began", { world: world(undefined, { now: () => now - 10_001 }) })
  it("but not the time of a server whose clock is 10 s behind", () => {
    const { ticket, session } = byTicket()
    assert.strictEqual(
      kindOf(run12(again(ticket, session, { world: world(undefined, { now: () => now - 10_000 }) }))),
      "resumed"
    )
  })
  full("a client that has to say who it is, and did not", { config: giving({}, required) })
  full("a suite that the client does not offer any more", {
    hello: { cipher_suites: suites.slice(1).map(({ name }) => name) }
  })
  full("a suite that we do not have any more", { config: giving({}, { suites12: suites.slice(1) }) })

  it("and a client is known by what it showed first", () => {
    const { ticket, session, puppet } = byTicket({ config: giving({}, optional) })
    const resumed = accepted12(run12(again(ticket, session, { config: giving({}, required) })))
    assert.strictEqual(kindOf(resumed), "resumed")
    const [before, after] = [puppet, resumed].map(({ end }) => end.connection.established?.peer)
    assert.isDefined(before)
    assert.deepStrictEqual([after?.chain, after?.description], [before?.chain, before?.description])
  })

  it("sessions of TLS 1.3 are none here, nor are those of TLS 1.2 there", () => {
    const { session, ticket } = byTicket()
    const found = decodeSession(ticket) ?? assert.fail("no session")
    const newer = { ...found, version: "TLSv1.3", suite: "TLS_AES_128_GCM_SHA256" } as const
    const store = new Store()
    store.put(random, newer)
    assert.strictEqual(kindOf(run12(again(Result.getOrThrow(encodeSession(newer)), session))), "full")
    assert.strictEqual(kindOf(run12(againById(store, random, session))), "full")
  })
})

describe("32: the extended master secret of a session", () => {
  it("is not given up", () => {
    const { ticket, session } = byTicket()
    const script = again(ticket, session, {
      config: giving({}, { extendedMasterSecret: "optional" }),
      hello: { legacy_session_id: random, extensions: [...without("extended_master_secret"), ticketWish(ticket)] }
    })
    refused12(run12(script), "ExtendedMasterSecretChanged", "handshake_failure")
  })

  it("is not given up by whoever says the session's ID, nor has another ID anything to do with it", () => {
    const store = new Store()
    const { id, session } = byId(store)
    const plain: Script12 = {
      config: giving({}, { extendedMasterSecret: "optional" }),
      masterSecret: "plain",
      hello: { extensions: without("extended_master_secret") }
    }
    const compatible = { ...plain, hello: { ...plain.hello, legacy_session_id: random } }
    assert.strictEqual(kindOf(run12({ ...compatible, world: world(store) })), "full")
    const gaveUp = againById(store, id, session, plain)
    refused12(run12(gaveUp), "ExtendedMasterSecretChanged", "handshake_failure")
  })
})
