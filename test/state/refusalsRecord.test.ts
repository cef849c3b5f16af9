/** Records that may not be, seen from a whole connection (SECURITY rows 8, 10, 48, 50 and 51). */
import { assert, describe, it } from "@effect/vitest"
import type { ReasonName } from "../../src/state/failure.ts"
import { concat } from "../support/answers.ts"
import { connected, records, serverEnd } from "../support/pair.ts"
import { type Puppet, type } from "../support/puppet.ts"
import { againstClient, againstServer, refused } from "../support/script.ts"

/** What is put on the wire in front of EncryptedExtensions, to a client, or of Finished, to a server. */
type Insert = (puppet: Puppet) => unknown
type Rows = ReadonlyArray<readonly [promise: string, insert: Insert, reason: ReasonName, alert: string]>
const to = {
  client: (insert: Insert) =>
    againstClient({ EncryptedExtensions: ({ puppet, raw }) => (insert(puppet), puppet.say(raw)) }),
  server: (insert: Insert) => againstServer({ Finished: ({ puppet, raw }) => (insert(puppet), puppet.say(raw)) }),
  "connected client": (insert: Insert) => againstClient({ after: insert }),
  "connected server": (insert: Insert) => againstServer({ after: insert })
} as const
const everywhere = (table: Rows, ends: ReadonlyArray<keyof typeof to> = ["client", "server"]) => {
  for (const end of ends) {
    it.each(table)(`a ${end} refuses %s`, (_, insert, reason, alert) => refused(to[end](insert), reason, alert))
  }
}
const ends = ["client", "server", "connected client", "connected server"] as const
const connectedEnds = ["connected client", "connected server"] as const

const ccs = (puppet: Puppet, ...content: ReadonlyArray<number>) =>
  puppet.plain(type.change_cipher_spec, Uint8Array.from(content))
const zeros = (length: number) => new Uint8Array(length)
const header = (contentType: number, length: number) => Uint8Array.of(contentType, 3, 3, length >> 8, length & 255)

describe("8: change_cipher_spec", () => {
  everywhere([
    ["the value 0", (puppet) => ccs(puppet, 0), "UnexpectedRecord", "unexpected_message"],
    ["the value 2", (puppet) => ccs(puppet, 2), "UnexpectedRecord", "unexpected_message"],
    ["two bytes", (puppet) => ccs(puppet, 1, 1), "UnexpectedRecord", "unexpected_message"],
    ["no byte", (puppet) => ccs(puppet), "UnexpectedRecord", "unexpected_message"],
    [
      "a protected one",
      (p) => p.record(type.change_cipher_spec, Uint8Array.of(1)),
      "UnexpectedRecord",
      "unexpected_message"
    ],
    ["the third", (p) => ccs(ccs(ccs(p, 1), 1), 1), "TooManyChangeCipherSpecs", "unexpected_message"]
  ])
  everywhere(
    [
      ["one after the handshake", (puppet) => ccs(puppet, 1), "UnexpectedRecord", "unexpected_message"],
      [
        "a protected one",
        (p) => p.record(type.change_cipher_spec, Uint8Array.of(1)),
        "UnexpectedRecord",
        "unexpected_message"
      ]
    ],
    connectedEnds
  )
  it("a server refuses one before the ClientHello", () => {
    const end = serverEnd()
      .start()
      .receive(Uint8Array.of(20, 3, 3, 0, 1, 1))
    assert.strictEqual(end.failure?.reason, "UnexpectedRecord")
    assert.deepStrictEqual(end.flush(), Uint8Array.of(21, 3, 3, 0, 2, 2, 10))
  })
  it.each(["client", "server"] as const)("a %s drops two, and nothing else happens", (end) => {
    const run = to[end]((puppet) => ccs(ccs(puppet, 1), 1))
    assert.strictEqual(run.end.connection.state, "CONNECTED", run.end.failure?.detail)
  })
})

describe("10: an alert in the clear", () => {
  it("is no alert to a client that has the keys: a server has them before it speaks", () => {
    refused(
      to.client((puppet) => puppet.plain(type.alert, Uint8Array.of(2, 40))),
      "UnexpectedRecord",
      "unexpected_message"
    )
  })
  everywhere(
    [
      [
        "one after the handshake",
        (p) => p.plain(type.alert, Uint8Array.of(1, 0)),
        "UnexpectedRecord",
        "unexpected_message"
      ]
    ],
    connectedEnds
  )
})

describe("48: oversized records", () => {
  everywhere(
    [
      [
        "a protected one that claims 2^14 + 257 bytes, by its header alone",
        (p) => p.raw(header(23, 2 ** 14 + 257)),
        "RecordOverflow",
        "record_overflow"
      ],
      [
        "a plain one that claims 2^14 + 1 bytes, by its header alone",
        (p) => p.raw(header(22, 2 ** 14 + 1)),
        "RecordOverflow",
        "record_overflow"
      ],
      ["one of 65535 bytes", (p) => p.raw(header(23, 65_535)), "RecordOverflow", "record_overflow"],
      [
        "one that decrypts to 2^14 + 2 bytes",
        (p) => p.record(type.application_data, zeros(2 ** 14 + 1)),
        "RecordOverflow",
        "record_overflow"
      ],
      [
        "one that padding makes too long",
        (p) => p.record(0, concat(Uint8Array.of(1, 23), zeros(2 ** 14))),
        "RecordOverflow",
        "record_overflow"
      ]
    ],
    ends
  )
  it.each(connectedEnds)("a %s takes a full one, and one that padding fills", (end) => {
    const run = to[end]((p) => {
      p.record(type.application_data, zeros(2 ** 14))
      p.record(0, concat(Uint8Array.of(7, 23), zeros(2 ** 14 - 2)))
    })
    assert.isUndefined(run.end.failure)
    assert.strictEqual(run.end.data.length, 2 ** 14 + 1)
  })
})

describe("50: records that hold nothing", () => {
  everywhere(
    [
      ["an empty handshake record", (p) => p.record(type.handshake, zeros(0)), "EmptyFragment", "unexpected_message"],
      ["an empty alert", (p) => p.record(type.alert, zeros(0)), "EmptyFragment", "unexpected_message"],
      [
        "an empty handshake record with padding",
        (p) => p.record(0, Uint8Array.of(22, 0, 0)),
        "EmptyFragment",
        "unexpected_message"
      ],
      ["padding without a type", (p) => p.record(0, zeros(40)), "MissingContentType", "unexpected_message"],
      ["no bytes at all under the tag", (p) => p.record(0, zeros(0)), "MissingContentType", "unexpected_message"],
      [
        "a type inside that nobody knows",
        (p) => p.record(99, Uint8Array.of(1)),
        "UnexpectedRecord",
        "unexpected_message"
      ],
      [
        "a type outside that nobody knows",
        (p) => p.plain(24, Uint8Array.of(1)),
        "UnexpectedRecord",
        "unexpected_message"
      ]
    ],
    ends
  )
  const empty =
    (count: number): Insert =>
    (p) => {
      for (let i = 0; i < count; i++) p.record(type.application_data, zeros(0))
    }
  everywhere(
    [["33 empty records of data in a row", empty(33), "TooManyEmptyRecords", "unexpected_message"]],
    connectedEnds
  )
  it.each(connectedEnds)("a %s takes 32 of them, again and again when data comes between", (end) => {
    const run = to[end]((p) => {
      for (let i = 0; i < 3; i++) {
        empty(32)(p)
        p.record(type.application_data, Uint8Array.of(i))
      }
    })
    assert.isUndefined(run.end.failure, run.end.failure?.detail)
    assert.deepStrictEqual(run.end.data, Uint8Array.of(0, 1, 2))
  })
  it("a server refuses an empty handshake record in the clear, and an empty alert", () => {
    for (const [contentType, reason] of [
      [22, "EmptyFragment"],
      [21, "DecodeFailed"]
    ] as const) {
      assert.strictEqual(serverEnd().start().receive(header(contentType, 0)).failure?.reason, reason)
    }
  })
})

describe("51: a record that was changed", () => {
  const sealed = (): readonly [ReturnType<typeof connected>, Uint8Array] => {
    const pair = connected()
    pair.server.send(Uint8Array.from({ length: 40 }, (_, i) => i))
    return [pair, records(pair.server.flush())[0] ?? assert.fail("no record")]
  }
  it("is bad_record_mac wherever the byte is: one alert, one error, no data", () => {
    const [, honest] = sealed()
    const told = new Set<string>()
    for (let at = 0; at < honest.length; at++) {
      // The length and the type say something else about the record; all other bytes are under the tag.
      if (at === 0 || at === 3 || at === 4) continue
      const [{ client, server }, record] = sealed()
      client.receive(record.map((byte, i) => (i === at ? byte ^ 0x40 : byte)))
      assert.strictEqual(client.failure?.reason, "BadRecordMac", `byte ${at}`)
      assert.strictEqual(client.data.length, 0)
      told.add(JSON.stringify(client.failure))
      server.receive(client.flush())
      assert.strictEqual(server.failure?.received, "bad_record_mac")
    }
    assert.strictEqual(told.size, 1)
  })
  it("is refused when it is shorter than a tag, repeated, or out of order", () => {
    const [{ client }, record] = sealed()
    client.receive(record)
    assert.strictEqual(client.data.length, 40)
    assert.strictEqual(client.receive(record).failure?.reason, "BadRecordMac")
    const [other, first] = sealed()
    other.server.send(Uint8Array.of(1))
    assert.strictEqual(other.client.receive(other.server.flush()).failure?.reason, "BadRecordMac")
    assert.isAbove(first.length, 0)
    const [third] = sealed()
    assert.strictEqual(third.client.receive(concat(header(23, 3), zeros(3))).failure?.reason, "BadRecordMac")
  })
})
