/** What may come when: messages skipped, said twice, of another type, interleaved, across keys (SECURITY rows 1 to 13). */
import { assert, describe, it } from "@effect/vitest"
import { HandshakeType } from "../../src/codec/registry/handshakeType.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { behind, drop, echoed, followed, instead, inTheClear, interrupted, rewritten, twice } from "../support/edits.ts"
import { decode, encode, framed, lengthened, type Puppet, retyped, type } from "../support/puppet.ts"
import { againstClient, againstServer, type ClientScript, refused, type ServerScript } from "../support/script.ts"
import { ticket } from "../support/travel.ts"

const required = { clientAuthentication: { _tag: "Required", authorities: [] } } as const
const keyUpdate = encode({ _tag: "KeyUpdate", body: { request_update: "update_not_requested" } })

const serverSlots = [
  "ServerHello",
  "EncryptedExtensions",
  "CertificateRequest",
  "Certificate",
  "CertificateVerify",
  "Finished"
] as const
const clientSlots = ["ClientHello", "Certificate", "CertificateVerify", "Finished"] as const

type Rows<S> = ReadonlyArray<readonly [promise: string, script: S, reason: ReasonName]>

/** Everything in this file is an unexpected_message. */
const clientRows = (rows: Rows<ServerScript>) =>
  it.each(rows)("a client refuses %s", (_, script, reason) =>
    refused(againstClient(script), reason, "unexpected_message")
  )
const serverRows = (rows: Rows<ClientScript>) =>
  it.each(rows)("a server refuses %s", (_, script, reason) =>
    refused(againstServer(script), reason, "unexpected_message")
  )

describe("1: a message is skipped", () => {
  clientRows([
    ["no ServerHello", { ServerHello: drop }, "UnexpectedRecord"],
    [
      "no ServerHello, the rest in the clear",
      { ServerHello: drop, EncryptedExtensions: inTheClear },
      "UnexpectedMessage"
    ],
    ["no EncryptedExtensions", { EncryptedExtensions: drop }, "UnexpectedMessage"],
    ["no Certificate", { Certificate: drop }, "UnexpectedMessage"],
    ["no Certificate after a request", { authenticate: "client", Certificate: drop }, "UnexpectedMessage"],
    ["no CertificateVerify", { CertificateVerify: drop }, "UnexpectedMessage"],
    ["neither Certificate nor CertificateVerify", { Certificate: drop, CertificateVerify: drop }, "UnexpectedMessage"],
    ["no Finished, and a ticket", { Finished: instead(ticket.raw) }, "UnexpectedMessage"],
    [
      "no Finished, and data",
      { Finished: ({ puppet }) => puppet.record(type.application_data, Uint8Array.of(1)) },
      "UnexpectedRecord"
    ]
  ])
  serverRows([
    ["no ClientHello", { ClientHello: instead(framed("finished", new Uint8Array(32))) }, "UnexpectedMessage"],
    ["no Certificate", { config: required, Certificate: drop }, "UnexpectedMessage"],
    ["no CertificateVerify", { config: required, CertificateVerify: drop }, "UnexpectedMessage"],
    [
      "neither Certificate nor CertificateVerify",
      { config: required, Certificate: drop, CertificateVerify: drop },
      "UnexpectedMessage"
    ],
    [
      "no Finished, and data",
      { Finished: ({ puppet }) => puppet.record(type.application_data, Uint8Array.of(1)) },
      "UnexpectedRecord"
    ]
  ])
})

describe("2: a message is said twice", () => {
  clientRows([
    ["ServerHello", { ServerHello: echoed }, "UnexpectedRecord"],
    [
      "ServerHello, the second one protected",
      {
        ServerHello: ({ puppet, raw }) => puppet.say(raw),
        EncryptedExtensions: ({ puppet }) => puppet.say(framed("server_hello", new Uint8Array(40)))
      },
      "UnexpectedMessage"
    ],
    ["EncryptedExtensions", { EncryptedExtensions: twice }, "UnexpectedMessage"],
    ["CertificateRequest", { authenticate: "client", CertificateRequest: twice }, "UnexpectedMessage"],
    ["Certificate", { Certificate: twice }, "UnexpectedMessage"],
    ["CertificateVerify", { CertificateVerify: twice }, "UnexpectedMessage"],
    ["Finished", { Finished: ({ puppet, raw }) => puppet.say(raw, raw) }, "MessageAcrossKeyChange"],
    ["HelloRetryRequest", { retry: { group: "secp256r1" }, HelloRetryRequest: twice }, "UnexpectedMessage"]
  ])
  serverRows([
    ["ClientHello", { ClientHello: echoed }, "UnexpectedRecord"],
    ["Certificate", { config: required, Certificate: twice }, "UnexpectedMessage"],
    ["CertificateVerify", { config: required, CertificateVerify: twice }, "UnexpectedMessage"],
    ["Finished", { Finished: ({ puppet, raw }) => puppet.say(raw, raw) }, "MessageAcrossKeyChange"]
  ])
})

describe("3: a message is of another type", () => {
  const { registry } = HandshakeType
  const codes = [...Object.values(registry), 3, 99, 255]
  /** What the state of each slot takes; a body that does not fit those is another matter. */
  const taken: { readonly [slot: string]: ReadonlyArray<number> } = {
    Certificate: [registry.certificate, registry.compressed_certificate, registry.certificate_request]
  }
  const takenByServer: { readonly [slot: string]: number } = { Certificate: registry.compressed_certificate }
  const others = (slot: string, own: number) => codes.filter((code) => !(taken[slot] ?? [own]).includes(code))

  it.each(serverSlots)("a client refuses every other type in the place of %s", (slot) => {
    const honest: Array<number> = []
    againstClient({ authenticate: "client", [slot]: rewritten((raw) => (honest.push(raw[0] ?? 0), raw)) })
    const own = honest[0] ?? assert.fail("the slot was not played")
    // Without a request the state before Certificate takes both.
    const authenticate = slot === "CertificateRequest" ? { authenticate: "client" as const } : {}
    for (const code of others(slot === "CertificateRequest" ? "Certificate" : slot, own)) {
      refused(
        againstClient({ ...authenticate, [slot]: rewritten((raw) => retyped(raw, code)) }),
        "UnexpectedMessage",
        "unexpected_message"
      )
    }
  })

  it.each(clientSlots)("a server refuses every other type in the place of %s", (slot) => {
    const honest: Array<number> = []
    againstServer({ config: required, [slot]: rewritten((raw) => (honest.push(raw[0] ?? 0), raw)) })
    const own = honest[0] ?? assert.fail("the slot was not played")
    for (const code of codes.filter((each) => each !== own && each !== takenByServer[slot])) {
      refused(
        againstServer({ config: required, [slot]: rewritten((raw) => retyped(raw, code)) }),
        "UnexpectedMessage",
        "unexpected_message"
      )
    }
  })
})

describe("5: a record of another type stands inside a message", () => {
  const interrupts: ReadonlyArray<readonly [string, (puppet: Puppet) => unknown]> = [
    ["application data", (puppet) => puppet.record(type.application_data, Uint8Array.of(1))],
    ["a warning", (puppet) => puppet.alert("user_canceled", 1)],
    ["close_notify", (puppet) => puppet.alert("close_notify", 1)],
    ["a change_cipher_spec", (puppet) => puppet.plain(type.change_cipher_spec, Uint8Array.of(1))]
  ]
  /** Every place in short messages, every 13th in long ones. */
  const places = (length: number) =>
    Array.from({ length }, (_, at) => at).filter((at) => at > 0 && (length < 60 || at % 13 === 1))

  for (const [what, interrupt] of interrupts) {
    it.each(serverSlots)(`a client refuses ${what} inside %s`, (slot) => {
      let length = 0
      againstClient({ authenticate: "client", [slot]: rewritten((raw) => ((length = raw.length), raw)) })
      assert.isAbove(length, 0)
      for (const at of places(length)) {
        const run = againstClient({ authenticate: "client", [slot]: interrupted(at, interrupt) })
        refused(run, "InterleavedRecord", "unexpected_message")
      }
    })
    it.each(clientSlots)(`a server refuses ${what} inside %s`, (slot) => {
      let length = 0
      againstServer({ config: required, [slot]: rewritten((raw) => ((length = raw.length), raw)) })
      assert.isAbove(length, 0)
      for (const at of places(length)) {
        // Before the first message there is no handshake for a change_cipher_spec to belong to.
        const early = slot === "ClientHello" && what === "a change_cipher_spec"
        const run = againstServer({ config: required, [slot]: interrupted(at, interrupt) })
        refused(run, early ? "UnexpectedRecord" : "InterleavedRecord", "unexpected_message")
      }
    })
  }
})

describe("6: bytes follow a message after which the keys change, or the other side speaks", () => {
  const half = [HandshakeType.registry.encrypted_extensions, 0, 0]
  clientRows([
    ["half a message behind ServerHello", { ServerHello: followed(...half) }, "MessageAcrossKeyChange"],
    ["a whole message behind ServerHello", { ServerHello: followed(8, 0, 0, 2, 0, 0) }, "MessageAcrossKeyChange"],
    ["half a message behind Finished", { Finished: followed(4, 0, 0) }, "MessageAcrossKeyChange"],
    ["a ticket behind Finished", { Finished: followed(...ticket.raw) }, "MessageAcrossKeyChange"],
    [
      "a ticket behind Finished when it answers with a certificate",
      { authenticate: "client", Finished: followed(...ticket.raw) },
      "MessageAcrossKeyChange"
    ],
    [
      "half a message behind HelloRetryRequest",
      { retry: { group: "secp256r1" }, HelloRetryRequest: followed(2, 0, 0) },
      "MessageAcrossKeyChange"
    ],
    [
      "half a message behind HelloRetryRequest for a cookie",
      { retry: { cookie: Uint8Array.of(1) }, HelloRetryRequest: followed(2, 0, 0) },
      "MessageAcrossKeyChange"
    ],
    [
      "half a message behind KeyUpdate",
      { after: (puppet) => puppet.say(keyUpdate, Uint8Array.of(4, 0)) },
      "MessageAcrossKeyChange"
    ],
    ["two KeyUpdates in one record", { after: (puppet) => puppet.say(keyUpdate, keyUpdate) }, "MessageAcrossKeyChange"],
    [
      "a ServerHello in two records, of which the second holds more",
      {
        ServerHello: ({ puppet, raw }) => {
          puppet.say(raw.subarray(0, 50)).endRecord()
          puppet.say(raw.subarray(50), Uint8Array.from(half))
        }
      },
      "MessageAcrossKeyChange"
    ]
  ])
  serverRows([
    ["half a message behind ClientHello", { ClientHello: followed(20, 0, 0) }, "MessageAcrossKeyChange"],
    [
      "half a second ClientHello behind the first",
      { config: { groups: ["secp256r1"] }, ClientHello: followed(1, 0, 0) },
      "MessageAcrossKeyChange"
    ],
    [
      "half a message behind the second ClientHello",
      { config: { groups: ["secp256r1"] }, SecondClientHello: followed(20, 0, 0) },
      "MessageAcrossKeyChange"
    ],
    ["half a message behind Finished", { Finished: followed(24, 0, 0) }, "MessageAcrossKeyChange"],
    [
      "half a message behind KeyUpdate",
      { after: (puppet) => puppet.say(keyUpdate, Uint8Array.of(24, 0)) },
      "MessageAcrossKeyChange"
    ]
  ])
})

describe("10: a record in the clear when there are keys", () => {
  for (const slot of serverSlots.filter((name) => name !== "ServerHello")) {
    clientRows([[slot, { authenticate: "client", [slot]: inTheClear }, "UnexpectedRecord"]])
  }
  for (const slot of clientSlots.filter((name) => name !== "ClientHello")) {
    serverRows([[slot, { config: required, [slot]: inTheClear }, "UnexpectedRecord"]])
  }
  serverRows([
    [
      "an alert in the clear after a protected record",
      {
        config: required,
        Certificate: ({ puppet, raw }) => puppet.say(raw).plain(type.alert, Uint8Array.of(2, 40))
      },
      "UnexpectedRecord"
    ]
  ])
  it("a server takes the alert of a client that failed before it had the keys", () => {
    const run = againstServer({ Finished: ({ puppet }) => puppet.plain(type.alert, Uint8Array.of(2, 48)) })
    refused(run, "AlertReceived", "no alert")
    assert.strictEqual(run.end.failure?.received, "unknown_ca")
  })
})

describe("11 to 13: messages that have no place in this handshake", () => {
  const hello = framed("client_hello", new Uint8Array(60))
  const eoed = framed("end_of_early_data", new Uint8Array(0))
  const request = framed("certificate_request", Uint8Array.of(0, 0, 8, 0, 13, 0, 4, 0, 2, 8, 7))
  assert.strictEqual(decode(request)._tag, "CertificateRequest")
  clientRows([
    [
      "HelloRequest",
      { after: (puppet) => puppet.say(framed("hello_request", new Uint8Array(0))) },
      "UnexpectedMessage"
    ],
    ["ClientHello", { after: (puppet) => puppet.say(hello) }, "UnexpectedMessage"],
    ["CertificateRequest after the handshake", { after: (puppet) => puppet.say(request) }, "UnexpectedMessage"],
    [
      "Finished after the handshake",
      { after: (p) => p.say(framed("finished", new Uint8Array(32))) },
      "UnexpectedMessage"
    ],
    ["KeyUpdate before Finished", { Finished: instead(keyUpdate) }, "UnexpectedMessage"],
    ["EndOfEarlyData", { Finished: instead(eoed) }, "UnexpectedMessage"],
    ["a ticket before Finished", { EncryptedExtensions: behind(ticket.raw) }, "UnexpectedMessage"]
  ])
  serverRows([
    ["a second ClientHello, protected", { after: (puppet) => puppet.say(hello) }, "UnexpectedMessage"],
    ["EndOfEarlyData without early data", { Finished: instead(eoed) }, "UnexpectedMessage"],
    ["EndOfEarlyData with a body", { Finished: instead(lengthened(eoed, 0)) }, "UnexpectedMessage"],
    ["KeyUpdate before Finished", { Finished: instead(keyUpdate) }, "UnexpectedMessage"],
    [
      "a Certificate that nobody asked for",
      { Finished: instead(framed("certificate", Uint8Array.of(0, 0, 0, 0))) },
      "UnexpectedMessage"
    ],
    [
      "a Certificate after the handshake",
      { after: (p) => p.say(framed("certificate", Uint8Array.of(0, 0, 0, 0))) },
      "UnexpectedMessage"
    ],
    ["a ticket", { after: (puppet) => puppet.say(ticket.raw) }, "UnexpectedMessage"]
  ])
})
