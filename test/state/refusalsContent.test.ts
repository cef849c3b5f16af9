/** Lengths, Finished, and what comes after a failure (SECURITY rows 4, 9 and 14). */
import { assert, describe, it } from "@effect/vitest"
import { make as makeFailure, type ReasonName } from "../../src/state/failure.ts"
import {
  type AnyExtension,
  changed,
  drop,
  extended,
  extensions,
  lengthenedExtension,
  rewritten
} from "../support/edits.ts"
import { serverWorld } from "../support/pair.ts"
import { encode, framed, lengthened } from "../support/puppet.ts"
import { againstClient, againstServer, type ClientScript, refused, type ServerScript } from "../support/script.ts"
import { ticket } from "../support/travel.ts"

const required = { clientAuthentication: { _tag: "Required", authorities: [] } } as const

type Rows<S> = ReadonlyArray<readonly [promise: string, script: S, reason: ReasonName, alert: string]>
const clientRows = (rows: Rows<ServerScript>) =>
  it.each(rows)("a client refuses %s", (_, script, reason, alert) => refused(againstClient(script), reason, alert))
const serverRows = (rows: Rows<ClientScript>) =>
  it.each(rows)("a server refuses %s", (_, script, reason, alert) => refused(againstServer(script), reason, alert))

const serverSlots = [
  "ServerHello",
  "EncryptedExtensions",
  "CertificateRequest",
  "Certificate",
  "CertificateVerify",
  "Finished"
] as const
const clientSlots = ["ClientHello", "Certificate", "CertificateVerify", "Finished"] as const
const extra = rewritten((raw) => lengthened(raw, 0))
const short = rewritten((raw) => encodeShort(raw))
/** One byte fewer, the length of the message still right. */
const encodeShort = (raw: Uint8Array): Uint8Array => {
  const length = raw.length - 5
  return Uint8Array.of(raw[0] ?? 0, length >> 16, (length >> 8) & 255, length & 255, ...raw.subarray(4, -1))
}

describe("4: every byte of a message has its place", () => {
  for (const slot of serverSlots) {
    clientRows([
      [`a byte behind ${slot}`, { authenticate: "client", [slot]: extra }, "DecodeFailed", "decode_error"],
      [`${slot} without its last byte`, { authenticate: "client", [slot]: short }, "DecodeFailed", "decode_error"]
    ])
  }
  for (const slot of clientSlots) {
    serverRows([
      [`a byte behind ${slot}`, { config: required, [slot]: extra }, "DecodeFailed", "decode_error"],
      [`${slot} without its last byte`, { config: required, [slot]: short }, "DecodeFailed", "decode_error"]
    ])
  }
  clientRows([
    [
      "a byte behind HelloRetryRequest",
      { retry: { group: "secp256r1" }, HelloRetryRequest: extra },
      "DecodeFailed",
      "decode_error"
    ],
    ["a byte behind a ticket", { after: (p) => p.say(lengthened(ticket.raw, 0)) }, "DecodeFailed", "decode_error"],
    [
      "a byte behind KeyUpdate",
      { after: (puppet) => puppet.say(framed("key_update", Uint8Array.of(0, 0))) },
      "DecodeFailed",
      "decode_error"
    ]
  ])
  const named = (block: ReadonlyArray<AnyExtension>, at: number) => block[at]
  it.each([0, 1, 2, 3, 4, 5])("a server refuses a byte behind extension %i of ClientHello", (at) => {
    const run = againstServer({
      ClientHello: extensions((block) =>
        block.map((each, i) => (i === at ? lengthenedExtension("ClientHello", named(block, at) ?? each) : each))
      )
    })
    refused(run, "DecodeFailed", "decode_error")
  })
  it.each([0, 1])("a client refuses a byte behind extension %i of ServerHello", (at) => {
    const run = againstClient({
      ServerHello: extensions((block) =>
        block.map((each, i) => (i === at ? lengthenedExtension("ServerHello", each) : each))
      )
    })
    refused(run, "DecodeFailed", "decode_error")
  })
  clientRows([
    [
      "an acknowledged name with a byte in it",
      { EncryptedExtensions: extended(0, Uint8Array.of(0)) },
      "DecodeFailed",
      "decode_error"
    ]
  ])
})

describe("9: Finished", () => {
  const flipped = (bit: number) =>
    changed<"Finished">(({ verify_data }) => ({
      verify_data: verify_data.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
    }))
  const cut = (length: number) =>
    changed<"Finished">(({ verify_data }) => ({
      verify_data: Uint8Array.from({ length }, (_, i) => verify_data[i] ?? 0)
    }))
  it("is refused with any bit of it flipped, by either side", () => {
    for (let bit = 0; bit < 256; bit++) {
      refused(againstClient({ Finished: flipped(bit) }), "FinishedMismatch", "decrypt_error")
      refused(againstServer({ Finished: flipped(bit) }), "FinishedMismatch", "decrypt_error")
    }
  })
  it("is refused at every length but its own, by either side", () => {
    for (const length of Array.from({ length: 66 }, (_, i) => i).filter((each) => each !== 32)) {
      refused(againstClient({ Finished: cut(length) }), "DecodeFailed", "decode_error")
      refused(againstServer({ Finished: cut(length) }), "DecodeFailed", "decode_error")
    }
  })
  clientRows([
    [
      "the Finished of its own side, reflected",
      { Finished: ({ puppet }) => puppet.say(encode(puppet.finished(puppet.client))) },
      "FinishedMismatch",
      "decrypt_error"
    ]
  ])
})

describe("14: after a failure", () => {
  it("a thousand records change nothing, and every call tells the same", () => {
    const broken = [
      againstClient({ EncryptedExtensions: drop }).end,
      againstClient({ after: (puppet) => puppet.raw(Uint8Array.of(23, 3, 3, 0, 20, ...new Uint8Array(20))) }).end,
      againstServer({ Finished: drop, world: serverWorld(), after: drop }).end.receive(Uint8Array.of(99, 3, 3, 0, 0))
    ]
    for (const { connection, failure, events } of broken) {
      const [state, told] = [connection.state, events.length]
      assert.isDefined(failure)
      for (let i = 0; i < 1000; i++) {
        const record = Uint8Array.of(20 + (i % 4), 3, 3, 0, i % 7, ...new Uint8Array(i % 7).fill(i))
        const { out, events, asks } = connection.receive(record)
        assert.deepStrictEqual([out.length, events.length, asks], [0, 0, undefined])
      }
      for (const { out, events } of [
        connection.close(),
        connection.end(),
        connection.start(),
        connection.abort(makeFailure("HandshakeTimeout", "too late"))
      ]) {
        assert.deepStrictEqual([out.length, events.length], [0, 0])
      }
      for (const result of [connection.send(Uint8Array.of(1)), connection.updateKeys("update_requested")]) {
        assert.strictEqual(result._tag === "Failure" ? result.failure : undefined, failure)
      }
      assert.deepStrictEqual([connection.state, events.length, connection.failure], [state, told, failure])
    }
  })
})
