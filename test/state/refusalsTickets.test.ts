/** Tickets that a client does not keep or refuses, and that a server does not send (SECURITY rows 58b and 60). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { World } from "../../src/core.ts"
import { unsafeBytes } from "../../src/crypto/secret.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { maxTicket, maxTickets } from "../../src/state/tls13/limits.ts"
import { fromHex, now, toHex } from "../support/answers.ts"
import { clientEnd, handshake, serverEnd, serverWorld } from "../support/pair.ts"
import { encode, framed, lengthened, type } from "../support/puppet.ts"
import { external, giving, keeping, kept, openTickets } from "../support/resumption.ts"
import { againstClient, againstServer, refused } from "../support/script.ts"

const psk = external()
const day = 24 * 3600

describe("58b: NewSessionTicket", () => {
  interface Body {
    readonly ticket_lifetime: number
    readonly ticket_age_add: number
    readonly ticket_nonce: Uint8Array
    readonly ticket: Uint8Array
    readonly extensions: ReadonlyArray<{
      readonly type: "early_data"
      readonly data: { readonly max_early_data_size: number }
    }>
  }
  const honest: Body = {
    ticket_lifetime: 7200,
    ticket_age_add: 0xfedcba98,
    ticket_nonce: Uint8Array.of(0),
    ticket: Uint8Array.of(1, 2, 3),
    extensions: []
  }
  const said = (changes: Partial<Body> = {}) => encode({ _tag: "NewSessionTicket", body: { ...honest, ...changes } })
  /** lifetime, age_add, nonce, ticket and extensions by hand. */
  const byHand = (...hex: ReadonlyArray<string>) => framed("new_session_ticket", fromHex(hex.join("")))
  const hearing = (messages: ReadonlyArray<Uint8Array>, config = keeping()) =>
    againstClient({
      config,
      after: (puppet) => {
        for (const raw of messages) {
          for (let at = 0; at < raw.length; at += 16_384) puppet.record(type.handshake, raw.subarray(at, at + 16_384))
        }
      }
    })
  const tickets = ({ end }: ReturnType<typeof hearing>) => {
    assert.isUndefined(end.failure, end.failure?.detail)
    return end.events.flatMap((event) => (event._tag === "StoreTicket" ? [kept(event)] : []))
  }

  const refusedRows: ReadonlyArray<readonly [string, Uint8Array, ReasonName, string]> = [
    ["without a ticket", byHand("00001c20", "00000000", "0100", "0000", "0000"), "DecodeFailed", "decode_error"],
    ["with bytes behind it", lengthened(said(), 0), "DecodeFailed", "decode_error"],
    ["without extensions", byHand("00001c20", "00000000", "0100", "000101"), "DecodeFailed", "decode_error"],
    [
      "with a size of early data of 3 bytes",
      byHand("00001c20", "00000000", "0100", "000101", "0007", "002a", "0003", "000001"),
      "DecodeFailed",
      "decode_error"
    ],
    [
      "with early_data twice",
      byHand("00001c20", "00000000", "0100", "000101", "0010", "002a0004", "00000001", "002a0004", "00000001"),
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "with an unknown extension twice",
      byHand("00001c20", "00000000", "0100", "000101", "0008", "1a1a0000", "1a1a0000"),
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "with an extension of another message",
      byHand("00001c20", "00000000", "0100", "000101", "0004", "00000000"),
      "IllegalValue",
      "illegal_parameter"
    ]
  ]
  it.each(refusedRows)("%s is refused, also where no session is kept", (_, raw, reason, alert) => {
    refused(hearing([raw]), reason, alert)
    refused(hearing([raw], {}), reason, alert)
  })

  it("of no lifetime is dropped, and one of a year lasts seven days", () => {
    assert.lengthOf(tickets(hearing([said({ ticket_lifetime: 0 })])), 0)
    for (const ticket_lifetime of [7 * day, 7 * day + 1, 365 * day, 0xffffffff]) {
      const [ticket] = tickets(hearing([said({ ticket_lifetime })]))
      assert.strictEqual(ticket?.session.expires, now + 7 * day * 1000)
    }
    const [short] = tickets(hearing([said({ ticket_lifetime: 1 })]))
    assert.strictEqual(short?.session.expires, now + 1000)
  })

  it("is kept sixteen times, and not a seventeenth", () => {
    const many = Array.from({ length: maxTickets + 1 }, (_, i) => said({ ticket: Uint8Array.of(i + 1) }))
    assert.strictEqual(maxTickets, 16)
    const all = tickets(hearing(many))
    assert.deepStrictEqual(
      all.map(({ ticket }) => ticket[0]),
      Array.from({ length: 16 }, (_, i) => i + 1)
    )
  })

  it("that would not fit into a ClientHello is dropped", () => {
    assert.lengthOf(tickets(hearing([said({ ticket: new Uint8Array(maxTicket) })])), 1)
    assert.lengthOf(tickets(hearing([said({ ticket: new Uint8Array(maxTicket + 1) })])), 0)
  })

  it("is kept with what it allows, and what nobody knows in it is ignored", () => {
    const raw = byHand("00001c20", "fedcba98", "0100", "000101", "000d", "1a1a000100", "002a0004", "00000400")
    const [ticket] = tickets(hearing([raw]))
    assert.strictEqual(ticket?.session.maxEarlyData, 1024)
    assert.strictEqual(ticket?.session.ageAdd, 0xfedcba98)
    const [none] = tickets(hearing([said()]))
    assert.strictEqual(none?.session.maxEarlyData, 0)
  })

  it("with other nonces has other secrets; none and 255 bytes are nonces too", () => {
    const nonces = [new Uint8Array(0), Uint8Array.of(0), new Uint8Array(255)]
    const all = tickets(hearing(nonces.map((ticket_nonce) => said({ ticket_nonce }))))
    assert.strictEqual(new Set(all.map(({ session }) => toHex(unsafeBytes(session.secret)))).size, 3)
  })

  it("is ignored by a client that keeps no sessions, and by one that used a key that was given", () => {
    assert.lengthOf(tickets(hearing([said()], {})), 0)
    const run = againstClient({
      config: keeping({ externalPsks: [psk] }),
      psk: { index: 0, key: psk.secret },
      after: (puppet) => puppet.say(said())
    })
    assert.lengthOf(tickets(run), 0)
  })

  it("to a server is unexpected_message", () => {
    refused(againstServer({ after: (puppet) => puppet.say(said()) }), "UnexpectedMessage", "unexpected_message")
  })
})

describe("60: the tickets of a server", () => {
  const sealing = (issue: () => Uint8Array, verify?: World["verify"]) => {
    const world = serverWorld({ tickets: { ...openTickets, issue }, ...(verify === undefined ? {} : { verify }) })
    const asking = { clientAuthentication: { _tag: "Required", authorities: [] } } as const
    return handshake(clientEnd(keeping()), serverEnd(giving({}, verify === undefined ? {} : asking), world))
  }
  const heardTickets = ({ client, server }: ReturnType<typeof sealing>) => {
    assert.isUndefined(client.failure ?? server.failure, JSON.stringify(server.failure))
    assert.strictEqual(server.connection.state, "CONNECTED")
    return client.messages.filter((message) => message === "heard NewSessionTicket").length
  }

  it("are left out where they are too long or empty, and the connection goes on", () => {
    assert.strictEqual(heardTickets(sealing(() => new Uint8Array(maxTicket))), 2)
    for (const size of [0, maxTicket + 1, 2 ** 16, 2 ** 17]) {
      assert.strictEqual(heardTickets(sealing(() => new Uint8Array(size))), 0)
    }
  })

  it("are left out where the client's certificate has ended, or ends within the second", () => {
    for (const [left, count] of [
      [-day * 1000, 0],
      [999, 0],
      [1000, 2]
    ] as const) {
      const verify: World["verify"] = ({ chain }) =>
        Result.succeed({ chain, description: "somebody whose time is over", validUntil: now + left })
      assert.strictEqual(heardTickets(sealing(() => Uint8Array.of(1), verify)), count)
    }
  })
})
