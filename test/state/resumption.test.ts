/** Sessions resumed and early data, end to end through the shell: what is agreed, what differs, what is refused. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { find } from "../../src/codec/extension/extension.ts"
import type { Message } from "../../src/codec/handshake/handshake.ts"
import type { World } from "../../src/core.ts"
import { Secret } from "../../src/crypto/secret.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import type { Session13, Ticket } from "../../src/state/session.ts"
import { credentials, now, toHex } from "../support/answers.ts"
import { clientEnd, clientWorld, type End, handshake, serverEnd, serverWorld, suites } from "../support/pair.ts"
import { altered, copy, external, giving, hour, keeping, kept, openTickets, session13 } from "../support/resumption.ts"

const required = { _tag: "Required", authorities: [] } as const

interface Second {
  readonly client?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  readonly clientWorld?: Partial<World>
  readonly serverWorld?: Partial<World>
  readonly ticket?: (ticket: Ticket) => Ticket
}

const ticketsOf = ({ events }: End): ReadonlyArray<Ticket> =>
  events.flatMap((event) => (event._tag === "StoreTicket" ? [kept(event)] : []))

/** A first handshake that leaves tickets. */
const first = (client: Partial<ClientConfig> = {}, server: Partial<ServerConfig> = giving()) => {
  const ends = handshake(clientEnd(keeping(client)), serverEnd(server, serverWorld({ tickets: openTickets })))
  assert.strictEqual(ends.client.failure ?? ends.server.failure, undefined)
  return ends
}

const someTicket = (client?: Partial<ClientConfig>, server?: Partial<ServerConfig>): Ticket =>
  ticketsOf(first(client, server).client)[0] ?? assert.fail("no ticket")

/** A second one that offers such a ticket. */
const second = (plan: Second = {}, from: Ticket = someTicket(plan.client, giving({}, plan.server))) => {
  const ticket = (plan.ticket ?? copy)(from)
  return handshake(
    clientEnd(keeping(plan.client), clientWorld({ takeTicket: () => ticket, ...plan.clientWorld })),
    serverEnd(giving({}, plan.server), serverWorld({ tickets: openTickets, ...plan.serverWorld }))
  )
}

const kinds = ({ client, server }: { readonly client: End; readonly server: End }) => {
  assert.strictEqual(client.failure ?? server.failure, undefined, JSON.stringify(client.failure ?? server.failure))
  return [client.connection.established?.kind, server.connection.established?.kind]
}

const heardOf = <T extends Message["_tag"]>({ events }: End, tag: T) =>
  events.flatMap((event) => (event._tag === "Message" && event.message._tag === tag ? [event.message] : []))

describe("a session", () => {
  it.each(suites.map(({ name }) => name))("is resumed with %s, without a certificate and with new secrets", (name) => {
    const chosen = suites.filter((suite) => suite.name === name)
    const ends = second({ client: { suites: chosen }, server: { suites: chosen } })
    assert.deepStrictEqual(kinds(ends), ["resumed", "resumed"])
    const { client, server } = ends
    assert.deepStrictEqual(heardOf(client, "Certificate"), [])
    assert.isUndefined(client.connection.established?.scheme)
    const material = (end: End) =>
      toHex(Result.getOrThrow(end.connection.exportKeyingMaterial("x", new Uint8Array(0), 32)))
    assert.strictEqual(material(client), material(server))
    client.send(Uint8Array.of(1, 2, 3))
    server.receive(client.flush())
    assert.deepStrictEqual([...server.data], [1, 2, 3])
    assert.lengthOf(ticketsOf(client), 1)
  })

  it("carries the server's identity to the client", () => {
    const { client } = second()
    assert.deepStrictEqual(client.connection.established?.peer?.chain, credentials.serverEd25519.chain)
  })

  it("carries the client's identity to the server, which asks for no certificate again", () => {
    const ends = second({ server: { clientAuthentication: required } })
    assert.deepStrictEqual(kinds(ends), ["resumed", "resumed"])
    assert.deepStrictEqual(heardOf(ends.client, "CertificateRequest"), [])
    assert.deepStrictEqual(ends.server.connection.established?.peer?.chain, credentials.clientEd25519.chain)
  })

  it("is resumed after a HelloRetryRequest, bound anew", () => {
    const ends = second({ server: { groups: ["secp256r1"] } }, someTicket())
    assert.deepStrictEqual(kinds(ends), ["resumed", "resumed"])
    assert.lengthOf(heardOf(ends.client, "HelloRetryRequest"), 1)
  })

  it("is resumed with another suite of the same hash", () => {
    const chacha = suites.filter(({ name }) => name === "TLS_CHACHA20_POLY1305_SHA256")
    const ends = second({ server: { suites: chacha } }, someTicket())
    assert.deepStrictEqual(kinds(ends), ["resumed", "resumed"])
    assert.strictEqual(ends.client.connection.established?.suite.name, "TLS_CHACHA20_POLY1305_SHA256")
  })

  it("is resumed by a server whose clock is behind that of the one that began it", () => {
    const ends = second({ serverWorld: { now: () => now - 2000 } }, someTicket())
    assert.deepStrictEqual(kinds(ends), ["resumed", "resumed"])
  })

  it("is resumed again and again, as one that began with the first", () => {
    let ticket = someTicket()
    const { authenticated } = ticket.session
    for (let i = 1; i <= 3; i++) {
      const later = { now: () => now + i * hour }
      const ends = second(
        { clientWorld: later, serverWorld: later, ticket: (t) => altered(t, { expires: now + 9 * hour }) },
        ticket
      )
      assert.deepStrictEqual(kinds(ends), ["resumed", "resumed"])
      ticket = ticketsOf(ends.client)[0] ?? assert.fail("no ticket")
      assert.strictEqual(ticket.session.authenticated, authenticated)
    }
  })
})

describe("a full handshake instead (SECURITY 58)", () => {
  const full = (name: string, plan: Second, from?: Ticket) =>
    it(name, () => {
      const ends = second(plan, from ?? someTicket())
      assert.deepStrictEqual(kinds(ends), ["full", "full"])
    })
  const inTicket = (session: Partial<Session13>): Second => ({
    // What the client keeps is as it was; what the server finds is not.
    ticket: (ticket) => ({ ...copy(ticket), ticket: altered(ticket, session).ticket })
  })
  const kept = (session: Partial<Session13>): Second => ({
    ticket: (ticket) => ({ ...copy(ticket), session: { ...session13(copy(ticket)), ...session } })
  })
  const other = new Uint8Array(32).fill(8)

  describe("for a server", () => {
    full("that knows nothing of the ticket", { serverWorld: { tickets: undefined } })
    full("that resumes nothing", { server: { resumption: undefined } })
    full("whose policy for clients is another", inTicket({ policy: other }))
    full("that is called by another name", inTicket({ serverName: "other.test" }))
    full("that was called by no name", inTicket({ serverName: undefined }))
    full("that agreed on another protocol", inTicket({ protocol: "http/1.1" }))
    full("that agreed on no protocol", inTicket({ protocol: undefined }))
    full("to which the session is over", inTicket({ expires: now }))
    full("to which the session is yet to come", inTicket({ created: now + 60_000 }))
    full("that asks clients who they are, of a session that does not say", {
      server: { clientAuthentication: required }
    })
    full("without a suite of the session's hash", {
      server: { suites: suites.filter(({ name }) => name === "TLS_AES_256_GCM_SHA384") }
    })
  })

  describe("for a client, which does not offer a session", () => {
    const notOffered = (name: string, plan: Second) =>
      it(name, () => {
        const ends = second(plan, someTicket())
        assert.deepStrictEqual(kinds(ends), ["full", "full"])
        const [hello] = heardOf(ends.server, "ClientHello")
        if (hello?._tag !== "ClientHello") assert.fail("no ClientHello")
        assert.isUndefined(find(hello.body.extensions, "pre_shared_key"))
      })
    notOffered("that another policy judged", kept({ policy: other }))
    notOffered("of another server", kept({ serverName: "other.test" }))
    notOffered("with a protocol that it does not offer", { client: { protocols: ["http/1.1"] } })
    notOffered("with a suite that it does not offer", { client: { suites: suites.slice(1) } })
    notOffered("that is over", kept({ expires: now }))
    notOffered("when it keeps none", { client: { resumption: undefined } })
  })
})

describe("tickets", () => {
  it.each([
    [undefined, 2, 1],
    [{ fresh: 1, resumed: 0 }, 1, 0],
    [{ fresh: 0, resumed: 1 }, 0, 1],
    [{ fresh: 9, resumed: 9 }, 2, 2]
  ] as const)("are as many as %o asks for, and no more than two (RFC 9149)", (tickets, fresh, resumed) => {
    const client = { resumption: { policy: new Uint8Array(32).fill(7), tickets } }
    const one = first(client)
    assert.lengthOf(ticketsOf(one.client), fresh)
    const ends = second({ client }, someTicket())
    assert.deepStrictEqual(kinds(ends), ["resumed", "resumed"])
    assert.lengthOf(ticketsOf(ends.client), resumed)
    const [message] = heardOf(ends.client, "EncryptedExtensions")
    if (message?._tag !== "EncryptedExtensions") assert.fail("no EncryptedExtensions")
    const hint = find(message.body.extensions, "ticket_request")?.expected_count
    assert.strictEqual(hint, tickets === undefined ? undefined : resumed)
  })

  it("are not given to a client that does not say how it would use them", () => {
    const ends = handshake(clientEnd(), serverEnd(giving(), serverWorld({ tickets: openTickets })))
    assert.deepStrictEqual(kinds(ends), ["full", "full"])
    assert.deepStrictEqual(heardOf(ends.client, "NewSessionTicket"), [])
  })

  it("differ in secret, nonce and age", () => {
    const tickets = ticketsOf(first().client)
    assert.lengthOf(tickets, 2)
    const values = (of: (ticket: Ticket) => unknown) => new Set(tickets.map(of)).size
    assert.strictEqual(
      values(({ ticket }) => toHex(ticket)),
      2
    )
    assert.strictEqual(
      values(({ session }) => session.ageAdd),
      2
    )
  })

  it("do not outlive the certificate of the peer", () => {
    const verify: World["verify"] = ({ chain }) =>
      Result.succeed({ chain, description: "a client whose time is short", validUntil: now + 60_000 })
    const ends = handshake(
      clientEnd(keeping()),
      serverEnd(giving({}, { clientAuthentication: required }), serverWorld({ tickets: openTickets, verify }))
    )
    const [ticket] = ticketsOf(ends.client)
    assert.strictEqual(ticket?.session.expires, now + 60_000)
  })
})

describe("a key that both were given", () => {
  const given = (client = external(), server: typeof client | undefined = client, config: Second = {}) =>
    handshake(
      clientEnd({ externalPsks: [client], ...config.client }),
      serverEnd({ externalPsks: "lookup", ...config.server }, serverWorld({ externalPsk: () => server }))
    )

  it("speaks for both, and no certificate does", () => {
    const ends = given()
    assert.deepStrictEqual(kinds(ends), ["external", "external"])
    assert.isUndefined(ends.client.connection.established?.peer)
    assert.deepStrictEqual(heardOf(ends.client, "Certificate"), [])
    assert.deepStrictEqual(heardOf(ends.client, "NewSessionTicket"), [])
  })

  it("is not wiped by a connection that used it", () => {
    const psk = external()
    const ends = given(psk)
    ends.client.connection.dispose()
    ends.server.connection.dispose()
    assert.isFalse(psk.secret.wiped)
    assert.deepStrictEqual(kinds(given(psk)), ["external", "external"])
  })

  it("decides the suite by its hash", () => {
    const ends = given(external({ hash: "sha384" }))
    assert.deepStrictEqual(kinds(ends), ["external", "external"])
    assert.strictEqual(ends.client.connection.established?.suite.name, "TLS_AES_256_GCM_SHA384")
  })

  it("that the server does not know is passed over", () => {
    const ends = handshake(clientEnd({ externalPsks: [external()] }), serverEnd({ externalPsks: "lookup" }))
    assert.deepStrictEqual(kinds(ends), ["full", "full"])
  })

  it("stands behind a session", () => {
    const psk = external()
    const ends = second({
      client: { externalPsks: [psk] },
      server: { externalPsks: "lookup" },
      serverWorld: { externalPsk: (identity) => (identity.length === psk.identity.length ? psk : undefined) }
    })
    assert.deepStrictEqual(kinds(ends), ["resumed", "resumed"])
  })

  it("of another label is another key: an imported one is bound as such (RFC 9258 section 5.2)", () => {
    const ends = given(external(), external({ kind: "imported" }))
    assert.strictEqual(ends.server.failure?.reason, "BinderMismatch")
    assert.strictEqual(ends.client.failure?.received, "decrypt_error")
  })

  it("that differs is found out by its binder", () => {
    const ends = given(external(), external({ secret: new Secret("external PSK", new Uint8Array(32).fill(8)) }))
    assert.strictEqual(ends.server.failure?.reason, "BinderMismatch")
    assert.strictEqual(ends.client.failure?.received, "decrypt_error")
  })
})
