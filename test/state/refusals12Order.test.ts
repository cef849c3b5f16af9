/** What a server of TLS 1.2 refuses: messages out of order, ChangeCipherSpec above all, and what is wrong in them. */
import { assert, describe, it } from "@effect/vitest"
import type { Message12 } from "../../src/codec/handshake/handshake.ts"
import { prf } from "../../src/crypto/prf.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { verifyDataSize } from "../../src/state/tls12/finished.ts"
import * as Transcript from "../../src/state/transcript.ts"
import { concat, credentials, fromHex } from "../support/answers.ts"
import {
  accepted12,
  both,
  encode12,
  having,
  hello12,
  Puppet12,
  refused12,
  run12,
  type Script12,
  ticketWish
} from "../support/client12.ts"
import { serverEnd, serverWorld } from "../support/pair.ts"
import { lengthened, retyped, type } from "../support/puppet.ts"
import { giving, openTickets } from "../support/resumption.ts"

const required = { clientAuthentication: { _tag: "Required", authorities: [] } } as const
const drop = () => {}
const twice = (_: Puppet12, say: () => void) => {
  say()
  say()
}
/** ChangeCipherSpec before what is due. */
const early = (puppet: Puppet12, say: () => void) => {
  puppet.changeCipherSpec()
  say()
}
const ccs = Uint8Array.of(1)
const clientHello: Message12 = { _tag: "ClientHello", body: hello12() }

type Row = readonly [promise: string, script: Script12, reason: ReasonName, alert?: string]
const rows = (all: ReadonlyArray<Row>) => {
  for (const [promise, script, reason, alert = "unexpected_message"] of all) {
    it(promise, () => refused12(run12(script), reason, alert))
  }
}

it("what is refused here is taken when nothing is wrong", () => {
  accepted12(run12())
  accepted12(run12({ config: required }))
})

describe("1 and 2: a message is skipped, or said twice", () => {
  rows([
    ["no Certificate", { config: required, Certificate: drop }, "UnexpectedMessage"],
    ["no ClientKeyExchange", { ClientKeyExchange: drop }, "UnexpectedMessage"],
    ["no ClientKeyExchange, after a Certificate", { config: required, ClientKeyExchange: drop }, "UnexpectedMessage"],
    ["no CertificateVerify", { config: required, CertificateVerify: drop }, "UnexpectedMessage"],
    [
      "no CertificateVerify, and Finished in the clear",
      { config: required, CertificateVerify: drop, ChangeCipherSpec: drop },
      "UnexpectedMessage"
    ],
    ["two Certificates", { config: required, Certificate: twice }, "UnexpectedMessage"],
    ["two ClientKeyExchanges", { ClientKeyExchange: twice }, "UnexpectedMessage"],
    ["two CertificateVerifies", { config: required, CertificateVerify: twice }, "UnexpectedMessage"],
    ["two Finisheds", { Finished: twice }, "UnexpectedMessage"],
    [
      "a Certificate that nobody asked for",
      {
        ClientKeyExchange: (puppet) =>
          puppet.say({ _tag: "Certificate", body: { certificate_list: credentials.clientEd25519.chain } })
      },
      "UnexpectedMessage"
    ],
    [
      "a CertificateVerify without a Certificate",
      {
        config: { clientAuthentication: { _tag: "Optional", authorities: [] } },
        credential: "none",
        ChangeCipherSpec: (puppet) => puppet.say(puppet.certificateVerify(credentials.clientEd25519))
      },
      "UnexpectedMessage"
    ],
    [
      "a second ClientHello in the handshake",
      { ClientKeyExchange: (puppet) => puppet.say(clientHello) },
      "UnexpectedMessage"
    ]
  ])
})

describe("3 and 4: a message of another type, and bytes behind one", () => {
  const types = [0, 1, 2, 4, 5, 8, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 67, 99, 254]

  it.each(types.filter((code) => code !== 16))("type %i in the place of ClientKeyExchange", (code) => {
    const puppet = run12({
      ClientKeyExchange: (puppet) =>
        puppet.say(
          retyped(encode12({ _tag: "ClientKeyExchange", body: { ecdh_Yc: new Uint8Array(32).fill(9) } }), code)
        )
    })
    refused12(puppet, "UnexpectedMessage", "unexpected_message")
  })

  it.each(types.filter((code) => code !== 20))("type %i in the place of Finished", (code) => {
    const puppet = run12({ Finished: (puppet) => puppet.say(retyped(encode12(puppet.finished()), code)) })
    refused12(puppet, "UnexpectedMessage", "unexpected_message")
  })

  rows([
    [
      "a byte behind ClientKeyExchange",
      {
        ClientKeyExchange: (puppet) =>
          puppet.say(lengthened(encode12({ _tag: "ClientKeyExchange", body: { ecdh_Yc: new Uint8Array(32) } }), 0))
      },
      "DecodeFailed",
      "decode_error"
    ],
    [
      "a byte behind CertificateVerify",
      {
        config: required,
        CertificateVerify: (puppet) =>
          puppet.say(lengthened(encode12(puppet.certificateVerify(credentials.clientEd25519)), 0))
      },
      "DecodeFailed",
      "decode_error"
    ],
    [
      "a byte behind Certificate",
      {
        config: required,
        Certificate: (puppet) =>
          puppet.say(lengthened(encode12({ _tag: "Certificate", body: { certificate_list: [] } }), 0))
      },
      "DecodeFailed",
      "decode_error"
    ]
  ])
})

describe("5 and 6: messages in pieces, and across the change of keys", () => {
  const pieces = (between: (puppet: Puppet12) => unknown): Script12 => ({
    ClientKeyExchange: (puppet) => {
      const raw = encode12({ _tag: "ClientKeyExchange", body: { ecdh_Yc: new Uint8Array(32).fill(9) } })
      puppet.plain(type.handshake, raw.subarray(0, 7))
      between(puppet)
    }
  })
  rows([
    ["a ChangeCipherSpec inside a message", pieces((puppet) => puppet.changeCipherSpec()), "InterleavedRecord"],
    ["an alert inside a message", pieces((puppet) => puppet.plain(type.alert, fromHex("0100"))), "InterleavedRecord"],
    [
      "application data inside a message",
      pieces((puppet) => puppet.plain(type.application_data, Uint8Array.of(1))),
      "InterleavedRecord"
    ],
    [
      "a part of Finished before ChangeCipherSpec",
      {
        ChangeCipherSpec: (puppet) => {
          puppet.plain(type.handshake, encode12(puppet.finished()).subarray(0, 4))
          puppet.changeCipherSpec()
        }
      },
      "InterleavedRecord"
    ]
  ])

  it("takes a message of a byte a record", () => {
    const whole = run12({
      ClientKeyExchange: (puppet, say) => {
        const raw = encode12({ _tag: "ClientKeyExchange", body: { ecdh_Yc: keyShareOf(say, puppet) } })
        puppet.note(raw)
        for (const byte of raw) puppet.plain(type.handshake, Uint8Array.of(byte))
      }
    })
    accepted12(whole)
  })
})

/** The share that would have been said. */
const keyShareOf = (say: () => void, puppet: Puppet12): Uint8Array => {
  let share: Uint8Array = new Uint8Array(0)
  const { say: own } = puppet
  puppet.say = (message) => {
    if (!(message instanceof Uint8Array) && message._tag === "ClientKeyExchange") share = message.body.ecdh_Yc
    return puppet
  }
  say()
  puppet.say = own
  return share
}

describe("7: ChangeCipherSpec (CVE-2014-0224)", () => {
  rows([
    ["before ClientKeyExchange", { ClientKeyExchange: early }, "UnexpectedMessage"],
    ["before Certificate", { config: required, Certificate: early }, "UnexpectedMessage"],
    ["before CertificateVerify", { config: required, CertificateVerify: early }, "UnexpectedMessage"],
    ["not at all, and Finished in the clear", { ChangeCipherSpec: drop }, "UnexpectedMessage"],
    [
      "not at all, and Finished protected",
      { ChangeCipherSpec: (puppet) => puppet.protect() },
      // Its explicit nonce is 0, which is the type of HelloRequest.
      "UnexpectedMessage"
    ],
    ["of no bytes", { ChangeCipherSpec: (puppet) => puppet.plain(20, new Uint8Array(0)) }, "UnexpectedRecord"],
    ["of two bytes", { ChangeCipherSpec: (puppet) => puppet.plain(20, Uint8Array.of(1, 1)) }, "UnexpectedRecord"],
    ["of another value", { ChangeCipherSpec: (puppet) => puppet.plain(20, Uint8Array.of(2)) }, "UnexpectedRecord"],
    ["of a zero", { ChangeCipherSpec: (puppet) => puppet.plain(20, Uint8Array.of(0)) }, "UnexpectedRecord"],
    [
      "twice, in the clear",
      { ChangeCipherSpec: (puppet) => puppet.changeCipherSpec().changeCipherSpec() },
      "UnexpectedRecord"
    ],
    [
      "twice, the second time protected",
      { ChangeCipherSpec: (puppet) => puppet.changeCipherSpec().protect().record(20, ccs) },
      "UnexpectedRecord"
    ],
    [
      "and Finished in the clear",
      { ChangeCipherSpec: (puppet) => puppet.changeCipherSpec() },
      "BadRecordMac",
      "bad_record_mac"
    ],
    [
      "and data before Finished",
      { Finished: (puppet) => puppet.record(type.application_data, Uint8Array.of(1)) },
      "UnexpectedRecord"
    ],
    [
      "and another message before Finished",
      { Finished: (puppet) => puppet.say({ _tag: "HelloRequest", body: {} }) },
      "UnexpectedMessage"
    ],
    ["after the handshake, protected", { after: (puppet) => puppet.record(20, ccs) }, "UnexpectedRecord"],
    ["after the handshake, in the clear", { after: (puppet) => puppet.plain(20, ccs) }, "UnexpectedRecord"]
  ])

  it("before the ClientHello", () => {
    const puppet = new Puppet12(serverEnd(both).start(), hello12())
    refused12(puppet.changeCipherSpec(), "UnexpectedRecord", "unexpected_message")
  })
})

describe("9: Finished", () => {
  it.each(Array.from({ length: verifyDataSize }, (_, i) => i))("with another byte %i", (i) => {
    for (const bit of [1, 0x80]) {
      const puppet = run12({
        Finished: (puppet) => {
          const message = puppet.finished()
          message.body.verify_data[i] = (message.body.verify_data[i] ?? 0) ^ bit
          puppet.say(message)
        }
      })
      refused12(puppet, "FinishedMismatch", "decrypt_error")
    }
  })

  it.each([0, 1, 11, 13, 32])("of %i bytes", (length) => {
    const puppet = run12({
      Finished: (puppet) => {
        const whole = concat(puppet.finished().body.verify_data, new Uint8Array(32))
        puppet.say(concat(Uint8Array.of(20, 0, 0, length), whole.subarray(0, length)))
      }
    })
    refused12(puppet, "DecodeFailed", "decode_error")
  })

  /** RFC 5246 section 7.4.9, with the PRF alone. */
  const labelled = ({ suite: { hash }, master, transcript }: Puppet12, label: string, without = 0) => {
    const { messages } = transcript
    const heard = { _tag: "Heard", messages: messages.slice(0, messages.length - without) } as const
    return prf(hash, master ?? assert.fail("no secret"), label, Transcript.digestOf(heard, hash), verifyDataSize)
  }

  it("of the client's label is taken, and the server's has a label of its own", () => {
    const puppet = run12({
      Finished: (puppet) => puppet.say({ _tag: "Finished", body: { verify_data: labelled(puppet, "client finished") } })
    })
    const { verify_data } = accepted12(puppet).heard("Finished").body
    assert.deepStrictEqual(verify_data, labelled(puppet, "server finished", 1))
  })

  it("of the server's label is refused, though everything else is right", () => {
    const puppet = run12({
      Finished: (puppet) => puppet.say({ _tag: "Finished", body: { verify_data: labelled(puppet, "server finished") } })
    })
    refused12(puppet, "FinishedMismatch", "decrypt_error")
  })
})

describe("11: renegotiation", () => {
  it("is refused with one warning, after which the connection goes on", () => {
    const puppet = accepted12(
      run12({
        after: (puppet) => puppet.record(type.handshake, encode12(clientHello)).record(type.application_data, ccs)
      })
    )
    assert.deepStrictEqual(puppet.alerts, ["1 no_renegotiation_RESERVED"])
    assert.deepStrictEqual(puppet.end.data, ccs)
  })

  it("that is asked for again is the end", () => {
    const puppet = run12({
      after: (puppet) =>
        puppet.record(type.handshake, encode12(clientHello)).record(type.handshake, encode12(clientHello))
    })
    assert.strictEqual(puppet.end.failure?.reason, "RenegotiationRefused")
    assert.deepStrictEqual(puppet.alerts, ["1 no_renegotiation_RESERVED", "2 unexpected_message"])
  })
})

describe("51 and 55: records and alerts", () => {
  it("a bad record is told by one alert, wherever it was changed", () => {
    for (const at of [5, 12, 13, 20, 28]) {
      const puppet = run12({
        after: (puppet) => {
          const sent = puppet.raw
          puppet.raw = (bytes: Uint8Array) => {
            bytes[at] = (bytes[at] ?? 0) ^ 1
            return sent.call(puppet, bytes)
          }
          puppet.record(type.application_data, fromHex("000102"))
        }
      })
      refused12(puppet, "BadRecordMac", "bad_record_mac")
    }
  })

  it("warnings are passed over, but not again and again", () => {
    const warn = (count: number) =>
      run12({
        after: (puppet) => {
          for (let i = 0; i < count; i++) puppet.record(type.alert, fromHex("0170"))
        }
      })
    accepted12(warn(1))
    accepted12(warn(4))
    refused12(warn(5), "TooManyWarnings", "unexpected_message")
    const between = run12({
      after: (puppet) => {
        for (let i = 0; i < 12; i++) puppet.record(type.alert, fromHex("0170")).record(type.application_data, ccs)
      }
    })
    assert.lengthOf(accepted12(between).end.data, 12)
  })
})

describe("a session that is resumed", () => {
  /** The ticket of a first handshake, and its master secret. */
  const first = () => {
    const puppet = accepted12(
      run12({
        config: giving(),
        world: serverWorld({ tickets: openTickets }),
        hello: { extensions: having(ticketWish()) }
      })
    )
    return { ticket: puppet.heard("NewSessionTicket").body.ticket, session: puppet.master ?? assert.fail("no secret") }
  }
  const resumed = (script: Script12 = {}) => {
    const { ticket, session } = first()
    return run12({
      config: giving(),
      world: serverWorld({ tickets: openTickets }),
      hello: { legacy_session_id: new Uint8Array(32).fill(8), extensions: having(ticketWish(ticket)) },
      session,
      ...script
    })
  }

  it("comes to its end", () => {
    const puppet = accepted12(resumed())
    assert.strictEqual(puppet.end.connection.established?.kind, "resumed")
    assert.isFalse(puppet.has("Certificate"))
  })

  it.each<readonly [string, Script12, ReasonName, string]>([
    ["Finished in the clear", { ChangeCipherSpec: drop }, "UnexpectedMessage", "unexpected_message"],
    [
      "a ClientKeyExchange",
      { ChangeCipherSpec: (p) => p.say({ _tag: "ClientKeyExchange", body: { ecdh_Yc: ccs } }) },
      "UnexpectedMessage",
      "unexpected_message"
    ],
    [
      "a Certificate",
      { ChangeCipherSpec: (p) => p.say({ _tag: "Certificate", body: { certificate_list: [] } }) },
      "UnexpectedMessage",
      "unexpected_message"
    ],
    [
      "data before Finished",
      { Finished: (p) => p.record(type.application_data, ccs) },
      "UnexpectedRecord",
      "unexpected_message"
    ],
    [
      "a Finished that does not fit",
      { Finished: (p) => p.say({ _tag: "Finished", body: { verify_data: new Uint8Array(12) } }) },
      "FinishedMismatch",
      "decrypt_error"
    ],
    ["two Finisheds", { Finished: twice }, "UnexpectedMessage", "unexpected_message"]
  ])("is refused with %s", (_, script, reason, alert) => refused12(resumed(script), reason, alert))
})
