/** Sessions and early data inside QUIC: what the host hears, the keys of 0-RTT, the limit that there is not (RFC 9001). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { find } from "../../src/codec/extension/extension.ts"
import type { World } from "../../src/core.ts"
import type { Secret } from "../../src/crypto/secret.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import type { Ticket } from "../../src/state/session.ts"
import { okay, toHex } from "../support/answers.ts"
import { clientWorld, serverConfig, serverWorld, suites } from "../support/pair.ts"
import { assertConnected, clientHost, connect, type Host, pieces, serverHost } from "../support/quic.ts"
import { altered, copy, giving, keeping, kept, openTickets } from "../support/resumption.ts"

const unlimited = 0xffffffff
const none = new Uint8Array(0)
/** Whatever a host configures, a ticket in QUIC says the one thing that it may. */
const early = giving({ maxEarlyData: 16_384 })

const tickets = ({ events }: Host): ReadonlyArray<Ticket> =>
  events.flatMap((event) => (event._tag === "StoreTicket" ? [kept(event)] : []))
const tags = ({ events }: Host) => events.flatMap(({ _tag }) => (/Early/.test(_tag) ? [_tag] : []))
const outcomes = ({ events }: Host) => events.flatMap((e) => (e._tag === "EarlyDataJudged" ? [e.outcome] : []))
const messages = ({ events }: Host) => events.flatMap((e) => (e._tag === "Message" ? [e.message._tag] : []))

const first = (server: Partial<ServerConfig> = giving()) => {
  const pair = connect(clientHost(keeping()), serverHost(server, serverWorld({ tickets: openTickets })))
  assertConnected(pair)
  return pair
}
const ticketOf = (server?: Partial<ServerConfig>) => tickets(first(server).client)[0] ?? assert.fail("no ticket")

interface Second {
  readonly client?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  readonly serverWorld?: Partial<World>
  readonly ticket?: Ticket
  readonly size?: number
}
const second = ({
  client,
  server = early,
  serverWorld: changes,
  ticket = ticketOf(early),
  size = 2 ** 20
}: Second = {}) =>
  connect(
    clientHost(keeping({ earlyData: 1, ...client }), clientWorld({ takeTicket: () => copy(ticket) })),
    serverHost(server, serverWorld({ tickets: openTickets, judgeEarlyData: () => "fresh", ...changes })),
    (data) => pieces(data, size)
  )

describe("a session inside QUIC", () => {
  it("comes to the host as a ticket, and is resumed", () => {
    assert.lengthOf(tickets(first().client), 2)
    const pair = second({ client: { earlyData: undefined }, server: giving(), ticket: ticketOf() })
    assertConnected(pair)
    assert.strictEqual(pair.client.connection.established?.kind, "resumed")
    assert.strictEqual(pair.server.connection.established?.kind, "resumed")
    assert.notInclude(messages(pair.client), "Certificate")
    assert.deepStrictEqual([tags(pair.client), tags(pair.server)], [[], []])
    assert.lengthOf(tickets(pair.client), 1)
  })

  it("leaves no secret in what was asked or answered", () => {
    const known: Array<Secret<string>> = []
    const ticket = ticketOf()
    const used = copy(ticket)
    known.push(used.session.secret)
    const client = clientHost(keeping(), clientWorld({ takeTicket: () => used }))
    const world = serverWorld({
      tickets: {
        ...openTickets,
        issue: (session) => {
          known.push(session.secret)
          return openTickets.issue(session)
        },
        redeem: (bytes) => {
          const session = openTickets.redeem(bytes)
          if (session !== undefined) known.push(session.secret)
          return session
        }
      }
    })
    assertConnected(connect(client, serverHost(giving(), world)))
    assert.lengthOf(known, 3)
    assert.deepStrictEqual(
      known.map((secret) => secret.wiped),
      [true, true, true]
    )
  })

  it("that is not used is wiped too", () => {
    const used = copy(ticketOf())
    const client = clientHost({}, clientWorld({ takeTicket: () => used }))
    assertConnected(connect(client, serverHost()))
    assert.isTrue(used.session.secret.wiped)
  })
})

describe("0-RTT", () => {
  it.each([1, 50, 2 ** 20])(
    "is taken: both hosts have its keys, and no message ends it, in pieces of %i bytes",
    (size) => {
      const pair = second({ size })
      assertConnected(pair)
      const { client, server } = pair
      assert.deepStrictEqual([tags(client), outcomes(client)], [["OfferEarlyData", "EarlyDataJudged"], ["accepted"]])
      assert.deepStrictEqual(tags(server), ["AcceptEarlyData"])
      assert.strictEqual(client.connection.established?.earlyData, "accepted")
      assert.strictEqual(server.connection.established?.earlyData, "accepted")
      assert.strictEqual(client.keys["early write"], server.keys["early read"] ?? assert.fail("no key"))
      assert.notInclude([...messages(client), ...messages(server)], "EndOfEarlyData")
    }
  )

  it("begins behind the ClientHello: its key is there before anything is heard", () => {
    const client = clientHost(keeping({ earlyData: 1 }), clientWorld({ takeTicket: () => ticketOf(early) })).start()
    assert.deepStrictEqual(Object.keys(client.keys), ["early write"])
    assert.strictEqual(client.connection.reading, "initial")
    assert.deepStrictEqual(tags(client), ["OfferEarlyData"])
  })

  it("has an exporter of its own, which ends with the connection", () => {
    const { client, server } = second()
    const exported = ({ connection }: Host) => connection.exportEarlyKeyingMaterial("EXPORTER-t", none, 32)
    assert.strictEqual(toHex(okay(exported(client))), toHex(okay(exported(server))))
    client.connection.dispose()
    assert.isTrue(Result.isFailure(exported(client)))
    const never = exported(first().client)
    assert.strictEqual(Result.isFailure(never) && never.failure.reason, "NoEarlyData")
  })

  const refused = (name: string, plan: Second, kind = "resumed") =>
    it(`is refused ${name}, and the server has no keys for it`, () => {
      const pair = second(plan)
      assertConnected(pair)
      assert.deepStrictEqual(outcomes(pair.client), ["rejected"])
      assert.deepStrictEqual(tags(pair.server), [])
      assert.notProperty(pair.server.keys, "early read")
      assert.strictEqual(pair.client.connection.established?.earlyData, "rejected")
      assert.strictEqual(pair.client.connection.established?.kind, kind)
    })
  refused("as a replay", { serverWorld: { judgeEarlyData: () => "replayed" } })
  refused("where none is wanted", { server: giving() })
  refused("by a retry", { server: giving({ maxEarlyData: 1 }, { groups: ["secp256r1"] }) })
  refused("with a session that is forgotten", { serverWorld: { tickets: undefined } }, "full")
  refused("under another suite", { server: { ...early, suites: suites.slice(2) } })

  it("stays refused where a chosen configuration wants none, and may be taken where it does", () => {
    for (const [config, outcome] of [
      [giving(), "rejected"],
      [early, "accepted"]
    ] as const) {
      const chosen = serverConfig({ ...config, protocols: ["h3"] })
      const pair = second({ server: giving(), serverWorld: { configure: () => Result.succeed(chosen) } })
      assertConnected(pair)
      assert.deepStrictEqual(outcomes(pair.client), [outcome])
    }
  })
})

describe("4.6.1: max_early_data_size", () => {
  it("is 0xffffffff in every ticket that allows early data, whatever was configured, and else not there", () => {
    for (const [maxEarlyData, expected] of [
      [0, undefined],
      [1, unlimited],
      [16_384, unlimited],
      [unlimited, unlimited]
    ] as const) {
      const { client } = first(giving({ maxEarlyData }))
      const sizes = client.events.flatMap((event) =>
        event._tag === "Message" && event.message._tag === "NewSessionTicket"
          ? [find(event.message.body.extensions, "early_data")?.max_early_data_size]
          : []
      )
      assert.deepStrictEqual(sizes, [expected, expected])
    }
  })

  it("is not kept from a session outside of QUIC: such a one is resumed, and gives tickets of its own", () => {
    const ticket = altered(ticketOf(early), { maxEarlyData: 1000 })
    const pair = second({ ticket })
    assertConnected(pair)
    assert.isTrue(tickets(pair.client).every(({ session }) => session.maxEarlyData === unlimited))
  })
})
