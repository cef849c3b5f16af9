/** What is refused about early data (SECURITY rows 13, 62 and 63; RFC 9846 4.3.10 and 4.6). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { certificateOf } from "../../src/state/tls13/authentication.ts"
import { concat, credentials, okay, toHex } from "../support/answers.ts"
import {
  before,
  behind,
  extended,
  extensions,
  followed,
  instead,
  inTheClear,
  interrupted,
  preceded,
  rewritten,
  twice
} from "../support/edits.ts"
import { clientEnd, clientWorld, type End, handshake, serverEnd, serverWorld, suites } from "../support/pair.ts"
import { encode, framed, lengthened, type Puppet, type } from "../support/puppet.ts"
import { copy, external, giving, keeping, openTickets } from "../support/resumption.ts"
import { againstClient, againstServer, type ClientScript, refused, type ServerScript } from "../support/script.ts"
import { ticketFrom } from "../support/travel.ts"

const ticket = ticketFrom({ client: keeping(), server: giving({ maxEarlyData: 1000 }) })
const psk = external()
const early = Uint8Array.of(1, 2, 3, 4, 5)
const heardEarly = ({ events }: End): string =>
  events.flatMap((event) => (event._tag === "EarlyData" ? [toHex(event.bytes)] : [])).join("")

const endOfEarlyData = encode({ _tag: "EndOfEarlyData", body: {} })
const ended = before(endOfEarlyData)

interface Plan {
  readonly hello?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  readonly verdict?: "fresh" | "replayed"
}

/** Our server, and a puppet that says something early. */
const saying = (script: ClientScript = {}, { hello, server, verdict = "fresh" }: Plan = {}) =>
  againstServer({
    config: giving({ maxEarlyData: 1000 }, server),
    world: serverWorld({ tickets: openTickets, judgeEarlyData: () => verdict }),
    hello: keeping({ earlyData: 5, ...hello }),
    helloWorld: clientWorld({ takeTicket: () => copy(ticket) }),
    ClientHello: ({ puppet, raw }) => puppet.say(raw).startEarlyData().record(type.application_data, early),
    ...script
  })

const finished = (run: ReturnType<typeof saying>, outcome: string) => {
  assert.strictEqual(run.end.connection.state, "CONNECTED", run.end.failure?.detail)
  assert.strictEqual(run.end.connection.established?.earlyData, outcome)
  assert.strictEqual(heardEarly(run.end), outcome === "accepted" ? toHex(early) : "")
}

describe("13: the end of early data", () => {
  it("is said by an honest puppet, after which its data is ordinary", () => {
    const run = saying({ after: (puppet) => puppet.record(type.application_data, Uint8Array.of(9)) })
    finished(run, "accepted")
    assert.deepStrictEqual([...run.end.data], [9])
  })

  it.each<readonly [string, NonNullable<ClientScript["EndOfEarlyData"]>, ReasonName, string]>([
    ["missing: what follows does not open under the early keys", () => undefined, "BadRecordMac", "bad_record_mac"],
    ["not empty", ({ puppet, raw }) => puppet.say(lengthened(raw, 0)), "DecodeFailed", "decode_error"],
    ["said twice: the second does not open", twice, "BadRecordMac", "bad_record_mac"],
    [
      "early: data behind it under the same keys does not open",
      ({ puppet, raw }) => puppet.say(raw).record(type.application_data, early),
      "BadRecordMac",
      "bad_record_mac"
    ],
    ["followed by a byte in its record", followed(20), "MessageAcrossKeyChange", "unexpected_message"],
    ["in the clear", inTheClear, "UnexpectedRecord", "unexpected_message"],
    [
      "cut in two by data",
      interrupted(2, (puppet: Puppet) => puppet.record(type.application_data, early)),
      "InterleavedRecord",
      "unexpected_message"
    ],
    [
      "with the type of a Finished",
      rewritten((raw) => concat(Uint8Array.of(20), raw.subarray(1))),
      "UnexpectedMessage",
      "unexpected_message"
    ]
  ])("%s", (_, EndOfEarlyData, reason, alert) => {
    refused(saying({ EndOfEarlyData }), reason, alert)
  })

  const finish = ({ puppet }: { readonly puppet: Puppet }) => encode(puppet.finished(puppet.client))
  it.each<readonly [string, NonNullable<ClientScript["EndOfEarlyData"]>]>([
    ["Finished", (slot) => slot.puppet.say(finish(slot))],
    ["a ClientHello", (slot) => slot.puppet.say(encode({ _tag: "ClientHello", body: slot.puppet.offer.hello }))],
    ["a Certificate", instead(encode({ _tag: "Certificate", body: certificateOf(credentials.clientEd25519) }))],
    ["a KeyUpdate", instead(framed("key_update", Uint8Array.of(0)))]
  ])("%s under early keys is unexpected_message", (_, EndOfEarlyData) => {
    refused(saying({ EndOfEarlyData }), "UnexpectedMessage", "unexpected_message")
  })

  it("data behind it, before Finished, is unexpected_message", () => {
    const Finished: ClientScript["Finished"] = ({ puppet, raw }) => puppet.record(type.application_data, early).say(raw)
    refused(saying({ Finished }), "UnexpectedRecord", "unexpected_message")
  })

  it.each<readonly [string, ClientScript]>([
    ["in a full handshake", { Finished: ended, helloWorld: clientWorld() }],
    ["in a resumed one without early data", { Finished: ended }],
    ["after the handshake", { after: (puppet) => puppet.say(endOfEarlyData) }]
  ])("that nobody asked for, %s, is unexpected_message", (_, script) => {
    const honest: ClientScript["ClientHello"] = ({ puppet, raw }) => puppet.say(raw)
    const run = saying({ ClientHello: honest, ...script }, { hello: { earlyData: undefined } })
    refused(run, "UnexpectedMessage", "unexpected_message")
  })

  it("under handshake keys, where early data was refused, is unexpected_message", () => {
    const run = saying({ Finished: ended }, { verdict: "replayed" })
    refused(run, "UnexpectedMessage", "unexpected_message")
  })
})

describe("62, 63: records among early data", () => {
  const among = (more: (puppet: Puppet) => unknown): ClientScript => ({
    EndOfEarlyData: ({ puppet, raw }) => {
      more(puppet)
      puppet.say(raw)
    }
  })
  const changeCipherSpec = (value: number) => (puppet: Puppet) =>
    puppet.plain(type.change_cipher_spec, Uint8Array.of(value))

  it("a change_cipher_spec is dropped, twice and not three times", () => {
    const one = changeCipherSpec(1)
    finished(saying(among((puppet) => [one(puppet), one(puppet)])), "accepted")
    const three = saying(among((puppet) => [one(puppet), one(puppet), one(puppet)]))
    assert.strictEqual(three.end.failure?.reason, "TooManyChangeCipherSpecs")
  })

  const rows: ReadonlyArray<readonly [string, (puppet: Puppet) => unknown, ReasonName, string]> = [
    ["a change_cipher_spec of 2", changeCipherSpec(2), "UnexpectedRecord", "unexpected_message"],
    ["a fatal alert", (puppet) => puppet.alert("internal_error"), "AlertReceived", "no alert"],
    ["close_notify", (puppet) => puppet.alert("close_notify", 1), "ClosedDuringHandshake", "no alert"],
    ["data in the clear", (puppet) => puppet.plain(type.application_data, early), "BadRecordMac", "bad_record_mac"],
    [
      "a record that was changed",
      (puppet) => puppet.raw(concat(Uint8Array.of(23, 3, 3, 0, 22), new Uint8Array(22))),
      "BadRecordMac",
      "bad_record_mac"
    ],
    [
      "more data than the session allows",
      (puppet) => puppet.record(type.application_data, new Uint8Array(996)),
      "TooMuchEarlyData",
      "unexpected_message"
    ],
    [
      "an alert in the clear",
      (puppet) => puppet.plain(type.alert, Uint8Array.of(2, 80)),
      "UnexpectedRecord",
      "unexpected_message"
    ],
    [
      "33 records that hold nothing",
      (puppet) => {
        for (let i = 0; i < 33; i++) puppet.record(type.application_data, new Uint8Array(0))
      },
      "TooManyEmptyRecords",
      "unexpected_message"
    ]
  ]
  it.each(rows)("%s", (_, more, reason, alert) => refused(saying(among(more)), reason, alert))

  it("as much data as the session allows is taken", () => {
    const run = saying(among((puppet) => puppet.record(type.application_data, new Uint8Array(995))))
    assert.strictEqual(run.end.connection.state, "CONNECTED", run.end.failure?.detail)
    assert.lengthOf(heardEarly(run.end), 2000)
  })
})

describe("62, 63: early data that is refused", () => {
  const garbage = (size: number, fill = 0x5a) =>
    concat(Uint8Array.of(23, 3, 3, size >> 8, size & 255), new Uint8Array(size).fill(fill))
  const strewn = (bytes: Uint8Array): ClientScript => ({
    ClientHello: ({ puppet, raw }) => puppet.say(raw).endRecord().raw(bytes)
  })

  it.each([1, 16, 17, 300, 16_384, 16_401])("a record of %i bytes of garbage is passed over", (size) => {
    finished(saying(strewn(garbage(size)), { verdict: "replayed" }), "rejected")
    finished(saying(strewn(garbage(size)), { server: { groups: ["secp256r1"] } }), "rejected")
  })

  it("a record longer than any may be is record_overflow, before it is buffered", () => {
    for (const plan of [{ verdict: "replayed" }, { server: { groups: ["secp256r1"] } }] as const) {
      refused(saying(strewn(Uint8Array.of(23, 3, 3, 0x41, 0x01)), plan), "RecordOverflow", "record_overflow")
    }
  })

  it("garbage that is accepted early data is bad_record_mac", () => {
    refused(saying(strewn(garbage(300))), "BadRecordMac", "bad_record_mac")
  })

  it("behind the first record that opens nothing more is passed over", () => {
    const Finished: ClientScript["Finished"] = ({ puppet, raw }) => {
      puppet.record(type.handshake, raw.subarray(0, 10)).raw(garbage(300))
      puppet.record(type.handshake, raw.subarray(10))
    }
    refused(saying({ Finished }, { verdict: "replayed" }), "BadRecordMac", "bad_record_mac")
  })

  it("behind the second ClientHello nothing more is passed over", () => {
    const Finished: ClientScript["Finished"] = ended
    const run = saying({ Finished }, { server: { groups: ["secp256r1"] } })
    refused(run, "UnexpectedMessage", "unexpected_message")
    const late: ClientScript["Finished"] = ({ puppet, raw }) => puppet.raw(garbage(300)).say(raw)
    refused(saying({ Finished: late }, { server: { groups: ["secp256r1"] } }), "BadRecordMac", "bad_record_mac")
  })

  it("a hello with early_data and no PSK means that there is early data to pass over", () => {
    const ClientHello: ClientScript["ClientHello"] = (slot) => {
      extensions((block) => block.filter(({ type }) => type !== "pre_shared_key"))(slot)
      slot.puppet.endRecord().raw(garbage(40))
    }
    finished(saying({ ClientHello }), "rejected")
  })

  it("early_data that is not empty is decode_error", () => {
    const ClientHello = extensions((block) =>
      block.map((each) => (each.type === "early_data" ? { type: 42, data: Uint8Array.of(0) } : each))
    )
    refused(saying({ ClientHello }), "DecodeFailed", "decode_error")
  })

  it("a PSK that is not the first is used, and early data is refused", () => {
    const lookup = { externalPsks: "lookup" } as const
    const run = saying(
      {
        ClientHello: ({ puppet, raw }) => puppet.say(raw).endRecord().raw(garbage(40)),
        world: serverWorld({
          judgeEarlyData: () => "fresh",
          externalPsk: (identity) => (identity.length === psk.identity.length ? psk : undefined)
        })
      },
      { hello: { externalPsks: [psk] }, server: lookup }
    )
    finished(run, "rejected")
    assert.strictEqual(run.end.connection.established?.kind, "external")
  })

  it("full records of early data are passed over behind a retry, as far as the bound goes", () => {
    const generous = ticketFrom({ client: keeping(), server: giving({ maxEarlyData: 40_000 }) })
    const say = (bytes: number) => {
      const client = clientEnd(keeping({ earlyData: 100 }), clientWorld({ takeTicket: () => copy(generous) })).start()
      client.take(okay(client.connection.sendEarlyData(new Uint8Array(bytes))))
      const server = serverEnd({ groups: ["secp256r1"] }).start()
      return handshake(client, server)
    }
    assert.strictEqual(say(16_384).server.failure, undefined)
    assert.strictEqual(say(16_385).server.failure?.reason, "TooMuchEarlyData")
  })
})

describe("62: answers to early data", () => {
  it("end with close_notify, and no ticket follows it", () => {
    const client = clientEnd(keeping({ earlyData: 5 }), clientWorld({ takeTicket: () => copy(ticket) })).start()
    client.take(okay(client.connection.sendEarlyData(early)))
    const world = serverWorld({ tickets: openTickets, judgeEarlyData: () => "fresh" })
    const server = serverEnd(giving({ maxEarlyData: 1000 }), world)
      .start()
      .receive(client.flush())
    server.send(Uint8Array.of(7))
    server.take(server.connection.close())
    client.receive(server.flush())
    assert.deepStrictEqual([...client.data], [7])
    assert.include(
      client.events.map(({ _tag }) => _tag),
      "PeerClosed"
    )
    server.receive(client.flush())
    assert.strictEqual(server.connection.state, "CONNECTED", server.failure?.detail)
    assert.strictEqual(server.flush().length, 0)
    assert.isTrue(Result.isFailure(server.connection.send(early)))
  })
})

const earlyData = (protocol?: string) =>
  extensions((block) => [
    ...block,
    { type: "early_data", data: {} },
    ...(protocol === undefined
      ? []
      : [{ type: "application_layer_protocol_negotiation", data: { protocol_name_list: [protocol] } }])
  ])

/** Our client, which offers early data, and a puppet that takes its ticket. */
const offered = (script: ServerScript = {}, config: Partial<ClientConfig> = {}) =>
  againstClient({
    config: keeping({ earlyData: 5, ...config }),
    world: clientWorld({ takeTicket: () => copy(ticket) }),
    psk: { index: 0, key: copy(ticket).session.secret },
    earlyData: "read",
    ...script
  })

describe("62: what a client refuses of a server that takes early data", () => {
  it("refuses nothing of an honest puppet", () => {
    const run = offered({ EncryptedExtensions: earlyData("h2") })
    assert.strictEqual(run.end.connection.state, "CONNECTED", run.end.failure?.detail)
    assert.strictEqual(run.end.connection.established?.earlyData, "accepted")
  })

  const [, , chacha] = suites
  const EncryptedExtensions = earlyData("h2")
  /** Who reads on under handshake keys: early data cannot have been accepted. */
  const other = { earlyData: undefined }
  const rows: ReadonlyArray<readonly [string, ServerScript, ReasonName, string, Partial<ClientConfig>?]> = [
    [
      "early data that it did not offer",
      { ...other, EncryptedExtensions },
      "UnsolicitedExtension",
      "unsupported_extension",
      { earlyData: undefined }
    ],
    [
      "early data after a retry, which took the offer back",
      { ...other, retry: { group: "secp256r1" }, EncryptedExtensions },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "early data with a PSK that is not the first",
      { ...other, psk: { index: 1, key: psk.secret }, EncryptedExtensions },
      "EarlyDataMismatch",
      "illegal_parameter",
      { externalPsks: [psk] }
    ],
    [
      "early data under another suite",
      { ...other, suite: chacha ?? assert.fail(), EncryptedExtensions },
      "EarlyDataMismatch",
      "illegal_parameter"
    ],
    [
      "early data under another protocol",
      { EncryptedExtensions: earlyData("http/1.1") },
      "EarlyDataMismatch",
      "illegal_parameter"
    ],
    ["early data under no protocol", { EncryptedExtensions: earlyData() }, "EarlyDataMismatch", "illegal_parameter"],
    [
      "early_data that is not empty",
      { EncryptedExtensions: extended(42, Uint8Array.of(0)) },
      "DecodeFailed",
      "decode_error"
    ],
    [
      "early_data in ServerHello",
      { ServerHello: preceded(42, new Uint8Array(0)) },
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "EndOfEarlyData in place of Finished",
      { ...other, EncryptedExtensions: behind(endOfEarlyData) },
      "UnexpectedMessage",
      "unexpected_message"
    ],
    [
      "EndOfEarlyData after the handshake",
      { EncryptedExtensions, after: (puppet) => puppet.say(endOfEarlyData) },
      "UnexpectedMessage",
      "unexpected_message"
    ]
  ]
  for (const [what, script, reason, alert, config] of rows) {
    it(what, () => refused(offered(script, config), reason, alert))
  }

  it("early data without the PSK that it was offered with", () => {
    refused(offered({ ...other, psk: undefined, EncryptedExtensions }), "EarlyDataMismatch", "illegal_parameter")
  })
})
