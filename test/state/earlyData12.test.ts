/** A server that speaks TLS 1.2 now, and a client that has sent it early data (RFC 9846 section 4.3.10). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { typeAt } from "../../src/codec/record/record.ts"
import { now, toHex } from "../support/answers.ts"
import { suites as suites12 } from "../support/client12.ts"
import { carry, clientEnd, clientWorld, type End, type Link, records, serverEnd, serverWorld } from "../support/pair.ts"
import { type } from "../support/puppet.ts"
import { copy, giving, keeping, openTickets } from "../support/resumption.ts"
import { ticketFrom } from "../support/travel.ts"

const ticket = ticketFrom({ client: keeping(), server: giving({ maxEarlyData: 1000 }) })
const early = Uint8Array.of(1, 2, 3, 4, 5)
const both = { versions: ["TLSv1.3", "TLSv1.2"], suites12 } as const
const only12 = { versions: ["TLSv1.2"], suites12 } as const

/** A client with a session that allows early data, and a server that has forgotten TLS 1.3. */
const pair = (said: Uint8Array | undefined): { readonly client: End; readonly server: End } => {
  const config = keeping({ ...both, ...(said === undefined ? {} : { earlyData: said.length }) })
  const client = clientEnd(config, clientWorld({ takeTicket: () => copy(ticket), now: () => now })).start()
  if (said !== undefined) client.take(Result.getOrThrow(client.connection.sendEarlyData(said)))
  return { client, server: serverEnd({ ...giving(), ...only12 }, serverWorld({ tickets: openTickets })).start() }
}

/** A server that passes over what is protected, so that it comes to say its ServerHello. */
const patient: Link = (flight, direction) =>
  direction === "toServer" ? records(flight).filter((record) => typeAt(record, 0) !== type.application_data) : [flight]

describe("a ServerHello of TLS 1.2 to a client that sent early data", () => {
  it("ends the connection, with protocol_version and a reason that tells why", () => {
    const { client, server } = pair(early)
    carry(client, server, patient)
    assert.include(
      server.events.flatMap((e) => (e._tag === "Message12" ? [`${e.direction} ${e.message._tag}`] : [])),
      "said ServerHello"
    )
    assert.strictEqual(client.failure?.reason, "UnsupportedVersion")
    assert.match(client.failure?.detail ?? "", /early data/)
    assert.isUndefined(client.connection.established)
    // Nothing of it is said again in another version.
    assert.notInclude(toHex(client.flush()), toHex(early))
    assert.strictEqual(server.data.length, 0)
  })

  it("that gets that far: our own refuses what comes before early data, where it means something", () => {
    const { client, server } = pair(early)
    carry(client, server)
    assert.strictEqual(server.failure?.reason, "UnexpectedMessage")
    assert.isDefined(client.failure)
  })

  it("is taken where none was sent, though the session would allow it", () => {
    const { client, server } = pair(undefined)
    carry(client, server)
    assert.strictEqual(client.failure, undefined, client.failure?.detail)
    assert.strictEqual(client.connection.established?.version, "TLSv1.2")
    assert.strictEqual(server.connection.state, "ESTABLISHED")
  })
})
