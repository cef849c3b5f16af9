/** record_size_limit in TLS 1.2 (RFC 8449): the limit is of content alone, and holds for all that is protected. */
import { assert, describe, it } from "@effect/vitest"
import type { Extension } from "../../src/codec/extension/placement.ts"
import { lengthAt, typeAt } from "../../src/codec/record/record.ts"
import type { Ticket } from "../../src/state/session.ts"
import { accepted12, both, extensionOf, having, type Puppet12, refused12, run12, suites } from "../support/client12.ts"
import { records as sealing } from "../support/keys12.ts"
import {
  carry,
  clientEnd,
  clientWorld,
  type End,
  handshake,
  type Link,
  records,
  serverEnd,
  serverWorld
} from "../support/pair.ts"
import { type } from "../support/puppet.ts"
import { copy, giving, keeping, kept, openTickets } from "../support/resumption.ts"
import { reasonOf12, run12 as runClient } from "../support/tls12.ts"
import { pattern } from "./recordSupport.ts"

const only12 = { versions: ["TLSv1.2"], suites12: suites.slice(0, 1) } as const
/** The explicit nonce and the tag of AES-GCM. */
const overhead = 24
const say = (record_size_limit: number) => ({ type: "record_size_limit", data: { record_size_limit } }) as const

const limitIn = (end: End, name: "ClientHello" | "ServerHello") => {
  const limits = end.events.flatMap((event) => {
    if (event._tag !== "Message" && event._tag !== "Message12") return []
    if (event.direction !== "said" || event.message._tag !== name) return []
    const extensions: ReadonlyArray<Extension<"ClientHello"> | Extension<"ServerHello">> = event.message.body.extensions
    return extensions.flatMap((each) => (each.type === "record_size_limit" ? [each.data.record_size_limit] : []))
  })
  return limits[0]
}

/** Both, with data both ways; the longest content of each direction, of all records behind ChangeCipherSpec. */
const run = (client: number | undefined, server: number | undefined, ticket?: Ticket) => {
  const longest = { toServer: 0, toClient: 0 }
  const covered = { toServer: false, toClient: false }
  const watch: Link = (flight, direction) => {
    for (const record of records(flight)) {
      if (covered[direction]) longest[direction] = Math.max(longest[direction], lengthAt(record, 0) - overhead)
      if (typeAt(record, 0) === type.change_cipher_spec) covered[direction] = true
    }
    return [flight]
  }
  const ends = {
    client: clientEnd(
      { ...only12, ...keeping(), recordSizeLimit: client },
      clientWorld({ takeTicket: () => (ticket === undefined ? undefined : copy(ticket)) })
    ),
    server: serverEnd({ ...only12, ...giving(), recordSizeLimit: server }, serverWorld({ tickets: openTickets }))
  }
  handshake(ends.client, ends.server, watch)
  ends.client.send(pattern(40_000, 1))
  ends.server.send(pattern(40_000, 2))
  carry(ends.client, ends.server, watch)
  assert.isUndefined(ends.client.failure ?? ends.server.failure)
  assert.deepStrictEqual(ends.server.data, pattern(40_000, 1))
  assert.deepStrictEqual(ends.client.data, pattern(40_000, 2))
  return { ...ends, longest }
}

describe("49: record_size_limit in TLS 1.2", () => {
  it("is answered where it is offered, and never said to be more than 2^14", () => {
    for (const [client, server, offered, answered] of [
      [undefined, 500, undefined, undefined],
      [500, undefined, 500, undefined],
      [64, 700, 64, 700],
      [16_385, 16_385, 16_384, 16_384]
    ] as const) {
      const ends = run(client, server)
      assert.strictEqual(limitIn(ends.client, "ClientHello"), offered)
      assert.strictEqual(limitIn(ends.server, "ServerHello"), answered)
    }
  })

  it("a client of both versions may say what TLS 1.3 allows", () => {
    const client = clientEnd({ recordSizeLimit: 16_385, versions: ["TLSv1.3", "TLSv1.2"], suites12: suites })
    assert.strictEqual(limitIn(client.start(), "ClientHello"), 16_385)
  })

  it("holds the content of each direction, without a byte for its type", () => {
    assert.deepStrictEqual(run(100, 333).longest, { toServer: 333, toClient: 100 })
    assert.deepStrictEqual(run(64, 64).longest, { toServer: 64, toClient: 64 })
    assert.deepStrictEqual(run(100, undefined).longest, { toServer: 16_384, toClient: 16_384 })
    assert.deepStrictEqual(run(16_385, 16_385).longest, { toServer: 16_384, toClient: 16_384 })
  })

  it("is agreed anew by a handshake that resumes", () => {
    const first = run(100, 333)
    const [stored] = first.client.events.flatMap((event) => (event._tag === "StoreTicket" ? [event] : []))
    const ticket = kept(stored ?? assert.fail("no ticket"))
    const second = run(200, 150, ticket)
    assert.strictEqual(second.client.connection.established?.kind, "resumed")
    assert.deepStrictEqual(second.longest, { toServer: 150, toClient: 200 })
    assert.deepStrictEqual(run(undefined, 150, ticket).longest, { toServer: 16_384, toClient: 16_384 })
  })
})

describe("48: a record longer than the limit, of a hostile peer", () => {
  const script = {
    config: { ...both, recordSizeLimit: 100 },
    hello: { extensions: having(say(1000)) }
  }
  it("is record_overflow to our server, and one of the limit is not", () => {
    const puppet = accepted12(
      run12({ ...script, after: (it: Puppet12) => it.record(type.application_data, pattern(100, 1)) })
    )
    assert.strictEqual(puppet.end.data.length, 100)
    puppet.record(type.application_data, pattern(101, 1))
    assert.strictEqual(puppet.end.failure?.reason, "RecordOverflow")
    assert.deepStrictEqual(puppet.alerts, ["2 record_overflow"])
  })

  it("is record_overflow to our client, and one of the limit is not", () => {
    const client = clientEnd({ ...only12, recordSizeLimit: 100 })
    const { server } = handshake(
      client,
      serverEnd({ ...only12, recordSizeLimit: 500 }, serverWorld(), { keyLog: "on" })
    )
    const { seal } = sealing(server, "server")
    client.receive(seal(type.application_data, pattern(100, 1)))
    assert.strictEqual(client.data.length, 100)
    client.receive(seal(type.application_data, pattern(101, 1)))
    assert.strictEqual(client.failure?.reason, "RecordOverflow")
    assert.strictEqual(client.data.length, 100)
  })

  it("is no overflow where the client said no limit", () => {
    const puppet = accepted12(run12({ config: script.config }))
    puppet.record(type.application_data, pattern(101, 1))
    assert.strictEqual(puppet.end.data.length, 101)
    assert.isUndefined(extensionOf(puppet, "record_size_limit" as "server_name"))
  })

  it("a limit below 64 is refused, by both roles", () => {
    const tooLow = { type: 28, data: Uint8Array.of(0, 63) } as const
    refused12(run12({ ...script, hello: { extensions: having(tooLow) } }), "IllegalValue", "illegal_parameter")
  })

  it("a limit that our client did not ask for is refused; one that it asked for holds both ways", () => {
    const reason = reasonOf12({
      ServerHello: (message) => ({
        ...message,
        body: { ...message.body, extensions: [...message.body.extensions, say(100)] }
      })
    })
    assert.strictEqual(reason, "UnsolicitedExtension")
    const { failure, trip } = runClient({
      client: { recordSizeLimit: 200 },
      ServerHello: (message) => ({
        ...message,
        body: { ...message.body, extensions: [...message.body.extensions, say(100)] }
      })
    })
    assert.isUndefined(failure)
    const limits = trip.flatMap(({ actions }) => actions).filter(({ _tag }) => _tag === "LimitRecords")
    assert.deepStrictEqual(limits, [
      { _tag: "LimitRecords", direction: "write", size: 100 },
      { _tag: "LimitRecords", direction: "read", size: 200 }
    ])
  })

  it("max_fragment_length beside it is none that our client asked for", () => {
    const reason = reasonOf12({
      client: { recordSizeLimit: 200 },
      ServerHello: (message) => ({
        ...message,
        body: {
          ...message.body,
          extensions: [...message.body.extensions, say(100), { type: 1, data: Uint8Array.of(1) }]
        }
      })
    })
    assert.strictEqual(reason, "UnsolicitedExtension")
  })
})
