/** GREASE (RFC 8701) and the order of extensions: what is said, the same after a retry, and what nobody may choose. */
import { assert, describe, it } from "@effect/vitest"
import { find } from "../../src/codec/extension/extension.ts"
import type { Message } from "../../src/codec/handshake/handshake.ts"
import { type Extension, ExtensionType } from "../../src/codec/index.ts"
import { greaseModes, greaseValues, isGrease } from "../../src/codec/registry/grease.ts"
import { Fingerprint } from "../../src/core.ts"
import { hashes } from "../../src/crypto/noble/hash.ts"
import { deterministicRandom } from "../../src/layers/testing/deterministic.ts"
import { entropySize } from "../../src/state/command.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { first } from "../../src/state/hello/clientHello.ts"
import * as Grease from "../../src/state/hello/grease.ts"
import { appended, permuted, shuffled } from "../../src/state/hello/order.ts"
import { credentials, okay, pairOf, world } from "../support/answers.ts"
import { changed, extended } from "../support/edits.ts"
import {
  clientConfig,
  clientEnd,
  type End,
  handshake,
  retryingConfig,
  serverEnd,
  serverWorld
} from "../support/pair.ts"
import { decode, encode } from "../support/puppet.ts"
import { giving, keeping, openTickets } from "../support/resumption.ts"
import { againstClient, againstServer, refused, type ServerScript } from "../support/script.ts"

const both = { grease: "on", extensionOrder: "shuffled" } as const
const random = deterministicRandom("grease")
const prepared = (entropy: Uint8Array | undefined) => ({
  _tag: "HelloPrepared" as const,
  random: new Uint8Array(32),
  sessionId: new Uint8Array(32),
  shares: [pairOf("x25519", new Uint8Array(32).fill(3))],
  now: 0,
  entropy
})
const helloOf = (entropy: Uint8Array | undefined, changes: Parameters<typeof clientConfig>[0] = both) =>
  okay(first(clientConfig(changes), prepared(entropy))).hello

type Hello = Extract<Message, { readonly _tag: "ClientHello" }>["body"]
const hellosOf = ({ events }: End): ReadonlyArray<Hello> =>
  events.flatMap((e) => (e._tag === "Message" && e.message._tag === "ClientHello" ? [e.message.body] : []))
const unknown = (values: ReadonlyArray<string | number> | undefined) =>
  (values ?? []).filter((value) => typeof value === "number")
const types = ({ extensions }: { readonly extensions: ReadonlyArray<{ readonly type: string | number }> }) =>
  extensions.map(({ type }) => type)

/** The GREASE of each list of a ClientHello. */
const greaseIn = ({ cipher_suites, extensions }: Hello) => ({
  suites: unknown(cipher_suites),
  extensions: unknown(types({ extensions })),
  versions: unknown(find(extensions, "supported_versions")?.versions),
  groups: unknown(find(extensions, "supported_groups")?.named_group_list),
  shares: unknown(find(extensions, "key_share")?.client_shares.map(({ group }) => group)),
  schemes: unknown(find(extensions, "signature_algorithms")?.supported_signature_algorithms),
  certificateSchemes: unknown(find(extensions, "signature_algorithms_cert")?.supported_signature_algorithms)
})

const psk: Extension<"ClientHello"> = {
  type: "pre_shared_key",
  data: { identities: [{ identity: Uint8Array.of(1), obfuscated_ticket_age: 0 }], binders: [new Uint8Array(32)] }
}

describe("a ClientHello with GREASE", () => {
  it("has one value in every list, two extensions, and no value twice but that of the share", () => {
    for (let n = 0; n < 100; n++) {
      const hello = helloOf(random(entropySize))
      const { shares, ...found } = greaseIn(hello)
      assert.deepStrictEqual(
        Object.values(found).map(({ length }) => length),
        [1, 2, 1, 1, 1, 1]
      )
      assert.deepStrictEqual(shares, found.groups)
      const protocols = find(hello.extensions, "application_layer_protocol_negotiation")?.protocol_name_list
      const [, , last = ""] = protocols ?? []
      assert.deepStrictEqual(protocols?.slice(0, 2), ["h2", "http/1.1"])
      const values = [...Object.values(found).flat(), Number.parseInt(Buffer.from(last, "latin1").toString("hex"), 16)]
      for (const value of values) assert.include(greaseValues, value)
      assert.strictEqual(new Set(values).size, 8)
      assert.deepStrictEqual(find(hello.extensions, "key_share")?.client_shares[0]?.key_exchange, Uint8Array.of(0))
    }
  })

  it("uses every value in every place", () => {
    const seen = new Map<string, Set<unknown>>()
    for (let n = 0; n < 400; n++) {
      for (const [list, values] of Object.entries(greaseIn(helloOf(random(entropySize))))) {
        for (const value of values) seen.set(list, (seen.get(list) ?? new Set()).add(value))
      }
    }
    for (const [list, values] of seen) assert.strictEqual(values.size, 16, list)
  })

  it("has an empty extension in front and one of 1 to 16 bytes behind, but for pre_shared_key", () => {
    const sizes = new Set<number>()
    for (let n = 0; n < 200; n++) {
      const hello = helloOf(random(entropySize))
      const front = hello.extensions[0]
      const back = hello.extensions.at(-1)
      assert.deepStrictEqual(front?.data, new Uint8Array(0))
      assert.isTrue([front, back].every((each) => each !== undefined && isGrease(ExtensionType.code(each.type))))
      if (back?.data instanceof Uint8Array) sizes.add(back.data.length)
      const resuming = Grease.clientHello({ ...hello, extensions: [...hello.extensions.slice(1, -1), psk] }, random(48))
      assert.deepStrictEqual(resuming.extensions.at(-1), psk)
    }
    assert.deepStrictEqual(
      [...sizes].sort((a, b) => a - b),
      Array.from({ length: 16 }, (_, n) => n + 1)
    )
  })

  it("has a mode nobody knows in psk_key_exchange_modes, where that is said", () => {
    const hello = helloOf(undefined)
    const modes: Extension<"ClientHello"> = { type: "psk_key_exchange_modes", data: { ke_modes: ["psk_dhe_ke"] } }
    const seen = new Set<unknown>()
    for (let n = 0; n < 200; n++) {
      const greased = Grease.clientHello({ ...hello, extensions: [...hello.extensions, modes] }, random(entropySize))
      const [mode, ...rest] = find(greased.extensions, "psk_key_exchange_modes")?.ke_modes ?? []
      assert.deepStrictEqual(rest, ["psk_dhe_ke"])
      seen.add(mode)
    }
    assert.deepStrictEqual(seen, new Set<unknown>(greaseModes))
  })

  it("survives a round trip, and its fingerprint is that of the same software without", () => {
    const fixed = Fingerprint.ja4(helloOf(undefined), hashes.sha256)
    for (let n = 0; n < 100; n++) {
      const body = helloOf(random(entropySize))
      const message = { _tag: "ClientHello", body } as const
      assert.deepStrictEqual(decode(encode(message)), message)
      assert.strictEqual(Fingerprint.ja4(body, hashes.sha256), fixed)
    }
  })

  it("is asked for: without the option, or without entropy, there is none", () => {
    const plain = helloOf(undefined, {})
    assert.deepStrictEqual(helloOf(random(entropySize), {}), plain)
    assert.deepStrictEqual(helloOf(random(entropySize), { grease: "off", extensionOrder: "fixed" }), plain)
    assert.deepStrictEqual(helloOf(undefined), plain)
    const greased = helloOf(random(entropySize), { grease: "on" })
    assert.deepStrictEqual(types(greased).slice(1, -1), types(plain))
    assert.notDeepEqual(types(greased), types(plain))
  })
})

describe("the order of extensions", () => {
  const names = [..."abcdefghijklmnopqrst"]

  it("is a permutation, whatever decides it", () => {
    for (const size of [0, 1, 2, 3, 7, 20]) {
      for (const entropy of [
        new Uint8Array(0),
        new Uint8Array(64),
        new Uint8Array(64).fill(255),
        random(64),
        random(5)
      ]) {
        assert.deepStrictEqual([...permuted(names.slice(0, size), entropy)].sort(), names.slice(0, size))
      }
    }
  })

  it("puts every extension in every place, about as often", () => {
    const counts = new Map<string, number>()
    for (let n = 0; n < 8000; n++) {
      for (const [place, name] of permuted(names.slice(0, 8), random(16)).entries()) {
        counts.set(name + place, (counts.get(name + place) ?? 0) + 1)
      }
    }
    assert.strictEqual(counts.size, 64)
    for (const [cell, count] of counts) assert.isTrue(count > 850 && count < 1150, `${cell}: ${count}`)
  })

  it("differs between connections, has the same extensions, and leaves pre_shared_key last", () => {
    const plain = helloOf(undefined, {})
    const seen = new Set<string>()
    for (let n = 0; n < 100; n++) {
      const hello = helloOf(random(entropySize), { extensionOrder: "shuffled" })
      assert.deepStrictEqual(types(hello).map(String).sort(), types(plain).map(String).sort())
      seen.add(types(hello).join())
      const block = shuffled([...plain.extensions, psk], random(64))
      assert.strictEqual(block.length, plain.extensions.length + 1)
      assert.strictEqual(block.at(-1), psk)
      assert.deepStrictEqual(types({ extensions: appended(block, [{ type: 7, data: Uint8Array.of() }]) }).slice(-2), [
        7,
        "pre_shared_key"
      ])
    }
    assert.isAbove(seen.size, 95)
  })
})

describe("after a retry", () => {
  const unshared = (hello: Hello) => ({
    ...hello,
    extensions: hello.extensions.filter(({ type }) => type !== "key_share" && type !== "cookie")
  })

  it("for a group, everything is the same but the share, of which there is one", () => {
    const { client, server } = handshake(clientEnd(both), serverEnd({ ...retryingConfig(), grease: "on" }))
    assert.strictEqual(server.connection.established?.kind, "retried", server.failure?.detail)
    assert.strictEqual(client.connection.established?.group, "secp256r1")
    const [before, after] = hellosOf(client)
    if (before === undefined || after === undefined) assert.fail("two hellos")
    assert.deepStrictEqual(unshared(after), unshared(before))
    assert.deepStrictEqual(types(after), types(before))
    assert.deepStrictEqual(
      find(after.extensions, "key_share")?.client_shares.map(({ group }) => group),
      ["secp256r1"]
    )
    assert.strictEqual(greaseIn(before).shares.length, 1)
  })

  it("for a cookie alone, the shares too", () => {
    const { puppet, end } = againstClient({ config: both, retry: { cookie: Uint8Array.of(1, 2, 3) } })
    assert.strictEqual(end.connection.state, "CONNECTED", end.failure?.detail)
    const [before, after] = puppet.hellos
    if (before === undefined || after === undefined) assert.fail("two hellos")
    assert.deepStrictEqual(after.extensions.slice(0, -1), before.extensions)
    assert.deepStrictEqual(after.extensions.at(-1), { type: "cookie", data: { cookie: Uint8Array.of(1, 2, 3) } })
  })

  it("for a group and a cookie", () => {
    const retry = { group: "secp256r1", cookie: Uint8Array.of(1) } as const
    const { puppet, end } = againstClient({ config: both, retry })
    assert.strictEqual(end.connection.state, "CONNECTED", end.failure?.detail)
    const [before, after] = puppet.hellos
    if (before === undefined || after === undefined) assert.fail("two hellos")
    assert.deepStrictEqual(types(after), [...types(before), "cookie"])
  })
})

/** The client's own GREASE, picked by the server. */
const offered = (puppet: { readonly hello: Hello }) => {
  const found = greaseIn(puppet.hello)
  const pick = (values: ReadonlyArray<string | number>) => Number(values[0] ?? assert.fail("no GREASE was offered"))
  return {
    suite: pick(found.suites),
    version: pick(found.versions),
    group: pick(found.groups),
    scheme: pick(found.schemes),
    extension: pick(found.extensions),
    protocol: find(puppet.hello.extensions, "application_layer_protocol_negotiation")?.protocol_name_list.at(-1) ?? ""
  }
}
type Offered = ReturnType<typeof offered>
type Slot = Parameters<NonNullable<ServerScript["ServerHello"]>>[0]

/** An edit that knows what the client offers. */
const knowing =
  (edit: (offer: Offered) => (slot: never) => unknown) =>
  (slot: Pick<Slot, "puppet">): unknown =>
    edit(offered(slot.puppet))(slot as never)
const serverShare = (group: number) =>
  changed<"ServerHello">((b) => ({
    ...b,
    extensions: b.extensions.map((each) =>
      each.type === "key_share"
        ? { type: each.type, data: { server_share: { group, key_exchange: Uint8Array.of(0) } } }
        : each
    )
  }))
const version = (selected_version: number) =>
  changed<"ServerHello" | "HelloRetryRequest">((b) => ({
    ...b,
    extensions: b.extensions.map((each) =>
      each.type === "supported_versions" ? { type: each.type, data: { selected_version } } : each
    )
  }))
const retryGroup = (selected_group: number) =>
  changed<"HelloRetryRequest">((b) => ({
    ...b,
    extensions: b.extensions.map((each) =>
      each.type === "key_share" ? { type: each.type, data: { selected_group } } : each
    )
  }))
const inLeaf = (type: number) =>
  changed<"Certificate">((b) => ({
    ...b,
    certificate_list: b.certificate_list.map((entry) => ({ ...entry, extensions: [{ type, data: new Uint8Array(0) }] }))
  }))
const signedBy = (algorithm: number) => changed<"CertificateVerify">((b) => ({ ...b, algorithm }))
const chosenProtocol = (protocol: string) =>
  extended("application_layer_protocol_negotiation", { protocol_name_list: [protocol] })

describe("a client refuses its own GREASE when a server chooses it (RFC 8701 section 3.1)", () => {
  const retry = { group: "secp256r1" } as const
  const empty = new Uint8Array(0)
  const rows: ReadonlyArray<readonly [string, ServerScript, ReasonName, string]> = [
    [
      "suite",
      { ServerHello: knowing(({ suite }) => changed<"ServerHello">((b) => ({ ...b, cipher_suite: suite }))) },
      "UnofferedCipherSuite",
      "illegal_parameter"
    ],
    ["version", { ServerHello: knowing((o) => version(o.version)) }, "UnofferedVersion", "illegal_parameter"],
    ["group", { ServerHello: knowing((o) => serverShare(o.group)) }, "UnofferedGroup", "illegal_parameter"],
    [
      "extension of ServerHello",
      { ServerHello: knowing((o) => extended(o.extension, empty)) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "suite of a retry",
      {
        retry,
        HelloRetryRequest: knowing(({ suite }) => changed<"HelloRetryRequest">((b) => ({ ...b, cipher_suite: suite })))
      },
      "UnofferedCipherSuite",
      "illegal_parameter"
    ],
    [
      "version of a retry",
      { retry, HelloRetryRequest: knowing((o) => version(o.version)) },
      "UnofferedVersion",
      "illegal_parameter"
    ],
    [
      "group of a retry",
      { retry, HelloRetryRequest: knowing((o) => retryGroup(o.group)) },
      "UnofferedGroup",
      "illegal_parameter"
    ],
    [
      "extension of a retry",
      { retry, HelloRetryRequest: knowing((o) => extended(o.extension, empty)) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "extension of EncryptedExtensions",
      { EncryptedExtensions: knowing((o) => extended(o.extension, empty)) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "protocol",
      { EncryptedExtensions: knowing((o) => chosenProtocol(o.protocol)) },
      "UnofferedProtocol",
      "illegal_parameter"
    ],
    [
      "extension of Certificate",
      { Certificate: knowing((o) => inLeaf(o.extension)) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "scheme",
      { CertificateVerify: knowing((o) => signedBy(o.scheme)) },
      "UnofferedSignatureScheme",
      "illegal_parameter"
    ]
  ]
  it.each(rows)("%s", (_, script, reason, alert) => {
    refused(againstClient({ ...script, config: both }), reason, alert)
  })
})

describe("a server with GREASE", () => {
  const required = { clientAuthentication: { _tag: "Required", authorities: [Uint8Array.of(0x30, 0)] } } as const
  const requestOf = ({ events }: End) =>
    events.flatMap((e) =>
      e._tag === "Message" && e.message._tag === "CertificateRequest" ? [e.message.body] : []
    )[0] ?? assert.fail("no CertificateRequest")

  it("has it in CertificateRequest, and a client passes over it", () => {
    const { client, server } = handshake(clientEnd(both), serverEnd({ ...required, grease: "on" }))
    assert.strictEqual(server.connection.established?.peer?.certificateType, "X509", server.failure?.detail)
    const { extensions } = requestOf(client)
    assert.deepStrictEqual(types({ extensions }).slice(1, -1), [
      "signature_algorithms",
      "signature_algorithms_cert",
      "certificate_authorities"
    ])
    const values = [
      ...unknown(types({ extensions })),
      ...unknown(find(extensions, "signature_algorithms")?.supported_signature_algorithms),
      ...unknown(find(extensions, "signature_algorithms_cert")?.supported_signature_algorithms)
    ]
    assert.strictEqual(new Set(values).size, 4)
    for (const value of values) assert.include(greaseValues, value)
  })

  it("is asked for it", () => {
    const { client } = handshake(clientEnd(), serverEnd(required))
    assert.strictEqual(requestOf(client).extensions.length, 3)
  })

  it.each([
    ["extension of Certificate", "Certificate", "UnsolicitedExtension", "unsupported_extension"],
    ["scheme of CertificateVerify", "CertificateVerify", "UnofferedSignatureScheme", "illegal_parameter"]
  ] as const)("refuses it as a client's %s (section 4.1)", (_, message, reason, alert) => {
    const run = againstServer({
      config: { ...required, grease: "on" },
      [message]: (slot: Parameters<ReturnType<typeof inLeaf>>[0]) => {
        const extensions = slot.puppet instanceof Object && "request" in slot.puppet ? slot.puppet.request : undefined
        const { body } = extensions as { readonly body: ReturnType<typeof requestOf> }
        const type = Number(unknown(types(body))[0])
        const scheme = Number(unknown(find(body.extensions, "signature_algorithms")?.supported_signature_algorithms)[0])
        return message === "Certificate" ? inLeaf(type)(slot) : signedBy(scheme)(slot as never)
      }
    })
    refused(run, reason, alert)
  })

  it("answers a ClientHello of GREASE alone with what it lacks", () => {
    const run = againstServer({ ClientHello: changed<"ClientHello">((b) => ({ ...b, cipher_suites: [0x0a0a] })) })
    refused(run, "NoCommonCipherSuite", "handshake_failure")
  })

  it("may have it in NewSessionTicket, and a client passes over it", () => {
    const ticket = (entropy: Uint8Array): Message => ({
      _tag: "NewSessionTicket",
      body: {
        ticket_lifetime: 60,
        ticket_age_add: 0,
        ticket_nonce: Uint8Array.of(0),
        ticket: Uint8Array.of(1),
        extensions: Grease.newSessionTicket([{ type: "early_data", data: { max_early_data_size: 16 } }], entropy)
      }
    })
    const message = ticket(random(entropySize))
    assert.deepStrictEqual(decode(encode(message)), message)
    const { end } = againstClient({
      after: (puppet) =>
        puppet
          .say(encode(message))
          .endRecord()
          .say(encode(ticket(random(entropySize))))
    })
    assert.isUndefined(end.failure)
    assert.strictEqual(end.messages.filter((each) => each === "heard NewSessionTicket").length, 2)
  })
})

describe("a server's NewSessionTicket with GREASE", () => {
  const tickets = (config: Parameters<typeof giving>[1]) => {
    const server = serverEnd(giving({ maxEarlyData: 16, tickets: 4 }, config), serverWorld({ tickets: openTickets }))
    const { client } = handshake(clientEnd(keeping()), server)
    assert.isUndefined(client.failure ?? server.failure)
    assert.strictEqual(client.events.filter(({ _tag }) => _tag === "StoreTicket").length, 4)
    return client.events.flatMap((event) =>
      event._tag === "Message" && event.message._tag === "NewSessionTicket" ? [event.message.body] : []
    )
  }

  it("has one unknown extension, another one in each ticket, which a client passes over", () => {
    const values = tickets({ grease: "on" }).map((body) => {
      assert.deepStrictEqual(find(body.extensions, "early_data"), { max_early_data_size: 16 })
      const [value, ...more] = unknown(types(body))
      assert.deepStrictEqual(more, [])
      assert.isTrue(isGrease(Number(value)))
      return value
    })
    assert.isAbove(new Set(values).size, 1)
  })

  it("is asked for: without the option there is none", () => {
    for (const body of tickets({})) assert.deepStrictEqual(types(body), ["early_data"])
    for (const body of tickets({ grease: "off" })) assert.deepStrictEqual(types(body), ["early_data"])
  })
})

describe("everything at once", () => {
  it("connects whatever values are drawn, also with a retry and client certificates", () => {
    for (let n = 0; n < 24; n++) {
      const groups = n % 2 === 0 ? (["x25519"] as const) : (["secp256r1"] as const)
      const clientAuthentication =
        n % 3 === 0 ? ({ _tag: "Required", authorities: [] } as const) : ({ _tag: "None" } as const)
      const { client, server } = handshake(
        clientEnd(both, world(`client ${n}`, credentials.clientEd25519)),
        serverEnd({ groups, clientAuthentication, grease: "on" }, world(`server ${n}`, credentials.serverEd25519))
      )
      assert.strictEqual(client.connection.state, "CONNECTED", client.failure?.detail)
      assert.strictEqual(server.connection.established?.protocol, "h2", server.failure?.detail)
    }
  })
})
