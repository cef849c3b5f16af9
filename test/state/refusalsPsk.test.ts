/** What a server refuses of a PSK, and a client of a server that takes one (SECURITY rows 12, 20, 21, 46, 58 and 60). */
import { assert, describe, it } from "@effect/vitest"
import { find } from "../../src/codec/extension/extension.ts"
import type { TicketMaker } from "../../src/core.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import type { Session, Ticket } from "../../src/state/session.ts"
import { certificateOf } from "../../src/state/tls13/authentication.ts"
import { bind } from "../../src/state/tls13/binder.ts"
import { credentials, okay, toHex } from "../support/answers.ts"
import { type AnyExtension, before, behind, extended, extensions, replaced, without } from "../support/edits.ts"
import { clientWorld, serverWorld, suites } from "../support/pair.ts"
import { encode } from "../support/puppet.ts"
import { copy, external, giving, keeping, offeredBytes, openTickets } from "../support/resumption.ts"
import { againstClient, againstServer, type ClientScript, refused, type ServerScript } from "../support/script.ts"
import { ticketFrom } from "../support/travel.ts"

const ticket = ticketFrom({ client: keeping(), server: giving({ maxEarlyData: 1000 }) })
const psk = external()
const retrying = { groups: ["secp256r1"] } as const
const chacha = suites.filter(({ name }) => name === "TLS_CHACHA20_POLY1305_SHA256")
const aes256 = suites.filter(({ name }) => name === "TLS_AES_256_GCM_SHA384")

interface Offer {
  readonly hello?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  readonly tickets?: TicketMaker
  readonly ticket?: Ticket
}

/** Our server, and a puppet that offers a session; behind it perhaps a key that both were given. */
const offering = (script: ClientScript, { hello, server, tickets = openTickets, ticket: own = ticket }: Offer = {}) =>
  againstServer({
    config: giving({ maxEarlyData: 1000 }, { externalPsks: "lookup", ...server }),
    world: serverWorld({
      tickets,
      externalPsk: (identity) => (identity.length === psk.identity.length ? psk : undefined)
    }),
    hello: keeping(hello),
    helloWorld: clientWorld({ takeTicket: () => copy(own) }),
    ...script
  })

const connected = (run: ReturnType<typeof againstServer> | ReturnType<typeof againstClient>, kind: string) => {
  assert.strictEqual(run.end.connection.state, "CONNECTED", run.end.failure?.detail)
  assert.strictEqual(run.end.connection.established?.kind, kind)
  assert.deepStrictEqual(run.puppet.alerts, [])
  return run
}

interface Offered {
  readonly identities: ReadonlyArray<{ readonly identity: Uint8Array; readonly obfuscated_ticket_age: number }>
  readonly binders: ReadonlyArray<Uint8Array>
}
/** Changes what pre_shared_key holds; the binders stay as they were. */
const pskOf = (change: (offered: Offered) => object) =>
  extensions((block) =>
    block.map((each) =>
      each.type === "pre_shared_key" ? { type: each.type, data: change(each.data as Offered) } : each
    )
  )
/** What stands in the place of pre_shared_key, at the end. */
const written = (change: (offered: Offered) => AnyExtension) =>
  extensions((block) => block.map((each) => (each.type === "pre_shared_key" ? change(each.data as Offered) : each)))
const names = ({ identities }: Offered) => identities.map(({ identity }) => identity)
const flipped = (bytes: Uint8Array, at: number) => bytes.with(at, (bytes[at] ?? 0) ^ 1)
const bindersFlipped = (which: number, at = 0) =>
  pskOf(({ identities, binders }) => ({
    identities,
    binders: binders.map((binder, index) => (index === which ? flipped(binder, at) : binder))
  }))

const external2: Offer = { hello: { externalPsks: [psk] } }

describe("46: what a server refuses of pre_shared_key", () => {
  it("refuses nothing of an honest puppet", () => {
    connected(offering({}), "resumed")
    connected(offering({}, external2), "resumed")
    connected(offering({}, { server: retrying }), "resumed")
  })

  it("a binder with any byte flipped is decrypt_error", () => {
    for (let at = 0; at < 32; at++) {
      refused(offering({ ClientHello: bindersFlipped(0, at) }), "BinderMismatch", "decrypt_error")
    }
  })

  /** The binders cut, or made longer with zeros. */
  const sized = (length: number) =>
    written((o) =>
      offeredBytes(
        names(o),
        o.binders.map((binder) => Uint8Array.from({ length }, (_, i) => binder[i] ?? 0))
      )
    )
  const none = new Uint8Array(0)
  const rows: ReadonlyArray<readonly [string, ClientScript["ClientHello"], ReasonName, string, Offer?]> = [
    ["a binder of 31 bytes", sized(31), "DecodeFailed", "decode_error"],
    ["a binder with a byte behind it", sized(33), "BinderMismatch", "decrypt_error"],
    ["a binder of 255 bytes", sized(255), "BinderMismatch", "decrypt_error"],
    ["no binders", written((o) => offeredBytes(names(o), [])), "DecodeFailed", "decode_error"],
    ["no identities", written((o) => offeredBytes([], o.binders)), "DecodeFailed", "decode_error"],
    ["an empty identity", written((o) => offeredBytes([none], o.binders)), "DecodeFailed", "decode_error"],
    [
      "an empty identity behind a good one",
      written((o) => offeredBytes([...names(o), none], [...o.binders, ...o.binders])),
      "DecodeFailed",
      "decode_error"
    ],
    [
      "bytes behind the binders",
      written((o) => offeredBytes(names(o), o.binders, Uint8Array.of(0))),
      "DecodeFailed",
      "decode_error"
    ],
    [
      "two identities and one binder",
      written((o) => offeredBytes([...names(o), ...names(o)], o.binders)),
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "one identity and two binders",
      written((o) => offeredBytes(names(o), [...o.binders, ...o.binders])),
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "another ClientHello under the same binder",
      extensions((block) => block.filter(({ type }) => type !== "signature_algorithms_cert")),
      "BinderMismatch",
      "decrypt_error"
    ],
    [
      "the binder of the other PSK",
      pskOf(({ identities, binders }) => ({ identities, binders: [...binders].reverse() })),
      "BinderMismatch",
      "decrypt_error",
      external2
    ],
    ["psk_key_exchange_modes missing", without("psk_key_exchange_modes"), "MissingExtension", "missing_extension"],
    [
      "psk_key_exchange_modes without a mode",
      extensions((block) =>
        block.map((each) => (each.type === "psk_key_exchange_modes" ? { type: 45, data: Uint8Array.of(0) } : each))
      ),
      "DecodeFailed",
      "decode_error"
    ]
  ]
  for (const [what, ClientHello, reason, alert, offer] of rows) {
    it(what, () => refused(offering(ClientHello === undefined ? {} : { ClientHello }, offer), reason, alert))
  }

  it("pre_shared_key anywhere but at the end is illegal_parameter, and so is a second one", () => {
    const size = ticketHelloSize()
    for (let at = 0; at < size - 1; at++) {
      const moved = extensions((block) => {
        const offered = block.at(-1)?.data as Offered
        const rest = block.slice(0, -1)
        return [...rest.slice(0, at), offeredBytes(names(offered), offered.binders), ...rest.slice(at)]
      })
      refused(offering({ ClientHello: moved }), "IllegalValue", "illegal_parameter")
    }
    const twice = extensions((block) => {
      const offered = block.at(-1)?.data as Offered
      return [...block.slice(0, -1), offeredBytes(names(offered), offered.binders), ...block.slice(-1)]
    })
    refused(offering({ ClientHello: twice }), "IllegalValue", "illegal_parameter")
  })

  it("missing_extension is said by a server too that resumes nothing", () => {
    const ClientHello = without("psk_key_exchange_modes")
    refused(offering({ ClientHello, config: {} }), "MissingExtension", "missing_extension")
  })
})

/** How many extensions a hello with a ticket has. */
const ticketHelloSize = (): number => offering({}).puppet.offer.hello.extensions.length

describe("46: what is no reason to refuse", () => {
  it("the binder of a PSK that was not selected is not looked at (RFC 9846 4.3.11)", () => {
    connected(offering({ ClientHello: bindersFlipped(1) }, external2), "resumed")
    const unknown: Offer = { ...external2, tickets: { ...openTickets, redeem: () => undefined } }
    // That of the second one was made over the identities only, so it is still good.
    connected(offering({ ClientHello: bindersFlipped(0) }, unknown), "external")
    refused(offering({ ClientHello: bindersFlipped(1) }, unknown), "BinderMismatch", "decrypt_error")
  })

  it("psk_ke alone, or modes that nobody knows, mean a full handshake without tickets", () => {
    for (const ke_modes of [["psk_ke"], [0x0b, 0xe4]]) {
      const ClientHello = replaced("psk_key_exchange_modes", { ke_modes })
      const { puppet } = connected(offering({ ClientHello }), "full")
      const said = puppet.read.flatMap((read) => (read._tag === "Message" ? [read.message._tag] : []))
      assert.include(said, "Certificate")
      assert.notInclude(said, "NewSessionTicket")
    }
  })

  const counting = () => {
    let lookups = 0
    const tickets: TicketMaker = {
      ...openTickets,
      redeem: (bytes) => {
        lookups++
        return openTickets.redeem(bytes)
      }
    }
    return { tickets, lookups: () => lookups }
  }
  it("1500 identities, as many as a ClientHello holds, cost four lookups and a full handshake", () => {
    const { tickets, lookups } = counting()
    const many = Array.from({ length: 1500 }, (_, i) => Uint8Array.of(i >> 8, i & 255))
    const { type, data } = offeredBytes(
      many,
      many.map(() => new Uint8Array(32))
    )
    const ClientHello: ClientScript["ClientHello"] = ({ puppet, message }) => {
      const block = [...message.body.extensions.slice(0, -1), { type, data }]
      const raw = encode({ _tag: "ClientHello", body: { ...message.body, extensions: block } })
      puppet.note(raw)
      for (let at = 0; at < raw.length; at += 16_384) puppet.record(22, raw.subarray(at, at + 16_384))
    }
    const began = performance.now()
    connected(offering({ ClientHello }, { tickets }), "full")
    assert.strictEqual(lookups(), 4)
    assert.isBelow(performance.now() - began, 2000)
  })

  it("a good ticket in the fourth place is resumed, and one in the fifth is not", () => {
    for (const [place, kind] of [
      [3, "resumed"],
      [4, "full"]
    ] as const) {
      // The binders are made anew by `bind`, as the honest client would.
      const filler = Array.from({ length: place }, (_, i) => ({ ...external(), identity: Uint8Array.of(i) }))
      const offer: Offer = { hello: { externalPsks: filler } }
      const run = offering(
        {
          ClientHello: ({ puppet, message }) => {
            const [resumed, ...others] = puppet.offer.psks
            if (resumed === undefined) return assert.fail("no ticket")
            const bare = { ...message.body, extensions: message.body.extensions.slice(0, -1) }
            const psks = [...others, resumed]
            puppet.offer = { ...puppet.offer, psks }
            return puppet.say(encode({ _tag: "ClientHello", body: okay(bind(bare, psks, undefined)) }))
          }
        },
        offer
      )
      connected(run, kind)
    }
  })

  it("a ticket for another hash than that of any common suite means a full handshake", () => {
    const other = ticketFrom({ client: keeping({ suites: aes256 }), server: giving({}, { suites: aes256 }) })
    connected(offering({}, { ticket: other, server: { suites: suites.slice(0, 1).concat(chacha) } }), "full")
  })

  it("60: a ticket with any byte changed is unknown: a full handshake, and no alert", () => {
    const names = new Map<string, Session>()
    const name = Uint8Array.from({ length: 32 }, (_, i) => i * 7)
    const tickets: TicketMaker = { ...openTickets, redeem: (bytes) => names.get(toHex(bytes)) }
    for (let at = -1; at < name.length; at++) {
      const own = copy(ticket)
      names.set(toHex(name), copy(ticket).session)
      const identity = at < 0 ? name : flipped(name, at)
      const run = offering({}, { tickets, ticket: { ...own, ticket: identity } })
      connected(run, at < 0 ? "resumed" : "full")
    }
  })
})

describe("21: the second ClientHello and its PSK", () => {
  const again = (
    SecondClientHello: NonNullable<ClientScript["SecondClientHello"]>,
    reason: ReasonName,
    alert: string,
    offer: Offer = {}
  ) => refused(offering({ SecondClientHello }, { ...offer, server: retrying }), reason, alert)

  it.each([
    ["without it", without("pre_shared_key"), "HelloChangedAfterRetry", "illegal_parameter"],
    [
      "with another one instead",
      pskOf(({ binders }) => ({
        identities: [{ identity: psk.identity, obfuscated_ticket_age: 0 }],
        binders
      })),
      "HelloChangedAfterRetry",
      "illegal_parameter"
    ],
    ["with a wrong binder", bindersFlipped(0, 31), "BinderMismatch", "decrypt_error"],
    [
      "with the binder of the first ClientHello",
      pskOf(({ identities }) => ({ identities, binders: [firstBinder()] })),
      "BinderMismatch",
      "decrypt_error"
    ],
    [
      "without psk_key_exchange_modes",
      without("psk_key_exchange_modes"),
      "HelloChangedAfterRetry",
      "illegal_parameter"
    ],
    [
      "with another mode",
      replaced("psk_key_exchange_modes", { ke_modes: ["psk_ke", "psk_dhe_ke"] }),
      "HelloChangedAfterRetry",
      "illegal_parameter"
    ],
    [
      "with early_data",
      extensions((block) => [{ type: "early_data", data: {} }, ...block]),
      "HelloChangedAfterRetry",
      "illegal_parameter"
    ]
  ] as const)("%s is refused", (_, edit, reason, alert) => again(edit, reason, alert))

  it("in another place there, it is taken from there", () => {
    const run = offering(
      {
        SecondClientHello: ({ puppet, message }) => {
          const bare = { ...message.body, extensions: message.body.extensions.slice(0, -1) }
          const psks = [...puppet.offer.psks].reverse()
          puppet.offer = { ...puppet.offer, psks }
          return puppet.say(encode({ _tag: "ClientHello", body: okay(bind(bare, psks, puppet.transcript)) }))
        }
      },
      { ...external2, server: retrying }
    )
    const { puppet } = connected(run, "resumed")
    const [hello] = puppet.read.flatMap((r) =>
      r._tag === "Message" && r.message._tag === "ServerHello" ? [r.message] : []
    )
    assert.strictEqual(hello && find(hello.body.extensions, "pre_shared_key")?.selected_identity, 1)
  })
})

/** The binder of the first ClientHello of every puppet here, all of whose randomness is fixed. */
const firstBinder = (): Uint8Array =>
  find(offering({}).puppet.offer.hello.extensions, "pre_shared_key")?.binders[0] ?? assert.fail("no binder")

/** Our client, which has a ticket, and a puppet that takes it. */
const taking = (script: ServerScript = {}, config: Partial<ClientConfig> = {}) => {
  const own = copy(ticket)
  const key = copy(ticket).session.secret
  return againstClient({
    config: keeping(config),
    world: clientWorld({ takeTicket: () => own }),
    psk: { index: 0, key },
    ...script
  })
}
const replacedBytes = (data: Uint8Array) =>
  extensions((block) => block.map((each) => (each.type === "pre_shared_key" ? { type: 41, data } : each)))
const selecting = (selected_identity: number) => replaced("pre_shared_key", { selected_identity })
const certificate = encode({ _tag: "Certificate", body: certificateOf(credentials.serverEd25519) })
const request = encode({
  _tag: "CertificateRequest",
  body: {
    certificate_request_context: new Uint8Array(0),
    extensions: [{ type: "signature_algorithms", data: { supported_signature_algorithms: ["ed25519"] } }]
  }
})

describe("46, 12: what a client refuses of a server that takes a PSK", () => {
  it("refuses nothing of an honest puppet", () => {
    connected(taking(), "resumed")
    connected(taking({ retry: { group: "secp256r1" } }), "resumed")
    connected(taking({ psk: { index: 1, key: psk.secret } }, { externalPsks: [psk] }), "external")
  })

  const rows: ReadonlyArray<readonly [string, ServerScript, ReasonName, string, Partial<ClientConfig>?]> = [
    ["an identity just out of range", { ServerHello: selecting(1) }, "UnofferedPsk", "illegal_parameter"],
    ["an identity far out of range", { ServerHello: selecting(65_535) }, "UnofferedPsk", "illegal_parameter"],
    ["a suite of another hash", { suite: aes256[0] ?? assert.fail() }, "PskHashMismatch", "illegal_parameter"],
    ["a PSK without a key share", { ServerHello: without("key_share") }, "PskWithoutKeyShare", "illegal_parameter"],
    [
      "a PSK where none was offered",
      { world: clientWorld(), ServerHello: selecting(0) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "a PSK after a retry with a suite that none had the hash of",
      { suite: aes256[0] ?? assert.fail(), retry: { group: "secp256r1" } },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    ["selected_identity of one byte", { ServerHello: replacedBytes(Uint8Array.of(0)) }, "DecodeFailed", "decode_error"],
    [
      "selected_identity with a byte behind it",
      { ServerHello: replacedBytes(Uint8Array.of(0, 0, 0)) },
      "DecodeFailed",
      "decode_error"
    ],
    [
      "pre_shared_key in HelloRetryRequest",
      { retry: { group: "secp256r1" }, HelloRetryRequest: extended(41, Uint8Array.of(0, 0)) },
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "pre_shared_key in EncryptedExtensions",
      { EncryptedExtensions: extended(41, Uint8Array.of(0, 0)) },
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "psk_key_exchange_modes in EncryptedExtensions",
      { EncryptedExtensions: extended(45, Uint8Array.of(1, 1)) },
      "IllegalValue",
      "illegal_parameter"
    ],
    ["12: a CertificateRequest", { EncryptedExtensions: behind(request) }, "UnexpectedMessage", "unexpected_message"],
    ["12: a Certificate", { EncryptedExtensions: behind(certificate) }, "UnexpectedMessage", "unexpected_message"],
    [
      "12: a CertificateRequest, where no other PSK is",
      { Finished: before(request), psk: { index: 1, key: psk.secret } },
      "UnexpectedMessage",
      "unexpected_message",
      { externalPsks: [psk] }
    ]
  ]
  for (const [what, script, reason, alert, config] of rows) {
    it(what, () => refused(taking(script, config), reason, alert))
  }

  it("12: a CertificateVerify in a PSK handshake", () => {
    const EncryptedExtensions: ServerScript["EncryptedExtensions"] = ({ puppet, raw }) => {
      puppet.say(raw).endRecord()
      puppet.say(encode(puppet.certificateVerify("Server", credentials.serverEd25519)))
    }
    refused(taking({ EncryptedExtensions }), "UnexpectedMessage", "unexpected_message")
  })

  it("a server that takes the ticket and has not its key shares no keys with the client either", () => {
    connected(taking({ psk: { index: 0, key: copy(ticket).session.secret } }), "resumed")
    assert.throws(() => taking({ psk: { index: 0, key: psk.secret } }), /BadRecordMac/)
  })
})
