/** What the TLS 1.2 client refuses, by which reason and alert; most of it sent as a lie of a server that is a script. */
import { assert, describe, it } from "@effect/vitest"
import type { Extension } from "../../src/codec/extension/placement.ts"
import type { Message12 } from "../../src/codec/handshake/handshake.ts"
import { AlertDescription } from "../../src/codec/registry/alert.ts"
import type { ClientConfig } from "../../src/state/config.ts"
import { alertOf, type ReasonName } from "../../src/state/failure.ts"
import { Opener12, Sealer12 } from "../../src/state/record/protection12.ts"
import { RecordReader } from "../../src/state/record/reader.ts"
import { concat, credentials, fromHex, okay } from "../support/answers.ts"
import { clientEnd, clientWorld, type End, records } from "../support/pair.ts"
import { framed } from "../support/puppet.ts"
import { external, keeping } from "../support/resumption.ts"
import { client12, encode12, type Plan12, plans12, resuming, run12, suites, ticketOf12 } from "../support/tls12.ts"

type Hello = Extract<Message12, { readonly _tag: "ServerHello" }>
type Body = Hello["body"]

const hello =
  (change: (body: Body) => Partial<Body>): NonNullable<Plan12["ServerHello"]> =>
  (message) => ({ ...message, body: { ...message.body, ...change(message.body) } })

const adding = (...more: ReadonlyArray<Extension<"ServerHello">>) =>
  hello(({ extensions }) => ({ extensions: [...extensions, ...more] }))
const without = (name: string) =>
  hello(({ extensions }) => ({ extensions: extensions.filter(({ type }) => type !== name) }))
const replacing = (one: Extension<"ServerHello">) =>
  hello(({ extensions }) => ({ extensions: [...extensions.filter(({ type }) => type !== one.type), one] }))

const refuses = (name: string, plan: Plan12, reason: ReasonName, alert: string) =>
  it(name, () => {
    const { failure } = run12(plan)
    if (failure === undefined) assert.fail("it was not refused")
    assert.deepStrictEqual([failure.reason, alertOf(failure)], [reason, alert], failure.detail)
  })

const ending = (last: number) => Uint8Array.of(...new Uint8Array(24), 0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, last)
const rsa = suites.find(({ name }) => name === "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") ?? assert.fail("no suite")
const ticket = Uint8Array.of(1, 2, 3)

describe("the version (SECURITY 15 and 16)", () => {
  const version = (legacy_version: Body["legacy_version"]) => ({ ServerHello: hello(() => ({ legacy_version })) })
  refuses("TLS 1.1", version("TLSv1.1"), "UnsupportedVersion", "protocol_version")
  refuses("TLS 1.0", version("TLSv1.0"), "UnsupportedVersion", "protocol_version")
  refuses("TLS 1.3 in legacy_version", version("TLSv1.3"), "UnsupportedVersion", "protocol_version")
  refuses(
    "TLS 1.2 that was not offered",
    { client: { versions: ["TLSv1.3"] } },
    "UnsupportedVersion",
    "protocol_version"
  )
  refuses(
    "TLS 1.2, which knows nothing of the key that the client insists on",
    { client: { externalPsks: [external()], externalPskPolicy: "required" } },
    "UnsupportedVersion",
    "protocol_version"
  )
  refuses(
    "TLS 1.2 by supported_versions",
    { ServerHello: adding({ type: "supported_versions", data: { selected_version: "TLSv1.2" } }) },
    "UnofferedVersion",
    "illegal_parameter"
  )
  refuses(
    "TLS 1.3 that was not offered",
    {
      client: { versions: ["TLSv1.2"] },
      ServerHello: adding({ type: "supported_versions", data: { selected_version: "TLSv1.3" } })
    },
    "UnofferedVersion",
    "illegal_parameter"
  )
  for (const last of [0, 1]) {
    const downgraded = { ServerHello: hello(() => ({ random: ending(last) })) }
    refuses(`a random that ends with DOWNGRD ${last}`, downgraded, "Downgraded", "illegal_parameter")
  }
  it("DOWNGRD says nothing to a client that speaks TLS 1.2 only", () => {
    const said = hello(() => ({ random: ending(1) }))
    // The script signs another random than it says: the client has come as far as that.
    assert.throws(() => run12({ client: { versions: ["TLSv1.2"] }, ServerHello: said }), /SignatureMismatch/)
  })
})

describe("ServerHello", () => {
  refuses(
    "a suite that was not offered, or is of the other version",
    { ServerHello: hello(() => ({ cipher_suite: "TLS_AES_128_GCM_SHA256" })) },
    "UnofferedCipherSuite",
    "illegal_parameter"
  )
  refuses(
    "a CBC suite",
    { ServerHello: hello(() => ({ cipher_suite: 0xc013 })) },
    "UnofferedCipherSuite",
    "illegal_parameter"
  )
  refuses(
    "compression (SECURITY 30)",
    { ServerHello: hello(() => ({ legacy_compression_method: 1 })) },
    "BadCompressionMethods",
    "illegal_parameter"
  )
  refuses(
    "the session ID of compatibility, which stands for nothing (SECURITY 19)",
    { ServerHello: hello(() => ({ legacy_session_id_echo: echo() })) },
    "SessionIdMismatch",
    "illegal_parameter"
  )
  refuses(
    "an extension that was not asked for",
    { ServerHello: adding({ type: "session_ticket", data: {} }) },
    "UnsolicitedExtension",
    "unsupported_extension"
  )
  refuses(
    "an extension of TLS 1.3",
    {
      ServerHello: adding({
        type: "key_share",
        data: { server_share: { group: "x25519", key_exchange: new Uint8Array(32) } }
      })
    },
    "MisplacedExtension",
    "illegal_parameter"
  )
  refuses(
    "points that are never uncompressed (SECURITY 31)",
    {
      ServerHello: adding({ type: "ec_point_formats", data: { ec_point_format_list: ["ansiX962_compressed_prime"] } })
    },
    "NoUncompressedPoints",
    "illegal_parameter"
  )
  refuses(
    "no renegotiation_info (SECURITY 11)",
    { ServerHello: without("renegotiation_info") },
    "NoSecureRenegotiation",
    "handshake_failure"
  )
  refuses(
    "renegotiation_info of an earlier handshake",
    { ServerHello: replacing({ type: "renegotiation_info", data: { renegotiated_connection: new Uint8Array(12) } }) },
    "RenegotiationInfoMismatch",
    "handshake_failure"
  )
  refuses(
    "no extended master secret (SECURITY 32)",
    { masterSecret: "plain" },
    "NoExtendedMasterSecret",
    "handshake_failure"
  )
  refuses(
    "no extended master secret, by a client that says that it wants one",
    { masterSecret: "plain", client: { extendedMasterSecret: "required" } },
    "NoExtendedMasterSecret",
    "handshake_failure"
  )
  refuses(
    "a raw public key, which is offered for TLS 1.3",
    {
      client: { serverCertificateTypes: ["X509", "RawPublicKey"] },
      ServerHello: adding({ type: "server_certificate_type", data: { certificate_type: "RawPublicKey" } })
    },
    "UnofferedCertificateType",
    "illegal_parameter"
  )
  refuses(
    "a protocol that was not offered",
    {
      ServerHello: replacing({
        type: "application_layer_protocol_negotiation",
        data: { protocol_name_list: ["spdy/1"] }
      })
    },
    "UnofferedProtocol",
    "illegal_parameter"
  )
})

/** The first ClientHello is always the same, its session ID too. */
const echo = () => run12().heard("ClientHello").body.legacy_session_id

describe("a session that is resumed", () => {
  const other = suites.find(({ name }) => name === "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384") ?? assert.fail("no suite")
  const offered = ticketOf12({ ticket })
  refuses("with another suite", resuming(offered, { suite: other }), "SuiteChangedOnResumption", "illegal_parameter")
  refuses(
    "without its extended master secret (SECURITY 32)",
    resuming(offered, { masterSecret: "plain", client: keeping({ extendedMasterSecret: "optional" }) }),
    "ExtendedMasterSecretChanged",
    "handshake_failure"
  )
  refuses(
    "by a server that does not know its master secret",
    resuming(offered, { Finished: (message) => ({ ...message, body: { verify_data: new Uint8Array(12) } }) }),
    "FinishedMismatch",
    "decrypt_error"
  )
  it("is not offered under another policy, to another server, or once it has expired (SECURITY 58)", () => {
    const policy = new Uint8Array(32).fill(8)
    const changes: ReadonlyArray<Partial<Plan12>> = [
      { client: keeping({ resumption: { policy } }) },
      { client: keeping({ server: { _tag: "DnsName", name: "other.test" } }) },
      { client: keeping({ suites12: [other] }) },
      { client: keeping({ protocols: ["h2"], versions: ["TLSv1.3"] }) },
      { client: {} }
    ]
    for (const change of changes) {
      const { resume: _, ...plan } = resuming(offered, change)
      const { extensions, legacy_session_id } = run12(plan).heard("ClientHello").body
      assert.isFalse(
        extensions.some((e) => e.type === "session_ticket" && "ticket" in e.data && e.data.ticket.length > 0)
      )
      assert.notDeepEqual(legacy_session_id, ticket)
    }
  })
})

describe("the server's certificate and key exchange", () => {
  refuses(
    "no certificate",
    { Certificate: () => ({ _tag: "Certificate", body: { certificate_list: [] } }) },
    "EmptyCertificateList",
    "decode_error"
  )
  refuses(
    "a status that is no OCSP response",
    {
      ...plans12["1.2: full, with a status"],
      CertificateStatus: () => ({ _tag: "CertificateStatus", body: { status_type: 2, response: ticket } })
    },
    "IllegalValue",
    "illegal_parameter"
  )
  const exchange =
    (change: (body: Exchange) => Partial<Exchange>): NonNullable<Plan12["ServerKeyExchange"]> =>
    (message) => ({ ...message, body: { ...message.body, ...change(message.body) } })
  type Exchange = Extract<Message12, { readonly _tag: "ServerKeyExchange" }>["body"]
  refuses(
    "a group that was not offered",
    { ServerKeyExchange: exchange(({ params }) => ({ params: { ...params, namedcurve: "secp521r1" } })) },
    "UnofferedGroup",
    "illegal_parameter"
  )
  refuses(
    "a hybrid group, though it was offered for TLS 1.3 (SECURITY 36)",
    {
      client: { groups: ["X25519MLKEM768", "x25519"] },
      ServerKeyExchange: exchange(({ params }) => ({ params: { ...params, namedcurve: "X25519MLKEM768" } }))
    },
    "UnofferedGroup",
    "illegal_parameter"
  )
  for (const algorithm of ["rsa_pkcs1_sha1", "ecdsa_sha1", "ed448", 0x0101] as const) {
    refuses(
      `a signature by ${algorithm}`,
      { ServerKeyExchange: exchange(() => ({ algorithm })) },
      "UnofferedSignatureScheme",
      "illegal_parameter"
    )
  }
  refuses(
    "a scheme that is good, and was not offered",
    { client: { schemes: ["ecdsa_secp256r1_sha256"] } },
    "UnofferedSignatureScheme",
    "illegal_parameter"
  )
  refuses(
    "a key that is not of the suite's kind (SECURITY 39)",
    { suite: rsa },
    "UnofferedSignatureScheme",
    "illegal_parameter"
  )
  it("a signature that is wrong, of another share, of another connection", () => {
    for (const change of [
      (body: Exchange) => ({ signature: body.signature.map((byte) => byte ^ 1) }),
      ({ params }: Exchange) => ({ params: { ...params, public: params.public.map((byte) => byte ^ 1) } })
    ]) {
      assert.throws(() => run12({ ServerKeyExchange: exchange(change) }), /SignatureMismatch/)
    }
  })
  for (const curve of [1, 2, 4]) {
    it(`a curve of type ${curve}: only named curves are known (SECURITY 31)`, () => {
      const end = connecting()
      const [first, second, third] = script()
      const body = third.slice(4)
      body[0] = curve
      hearPlain(end, first, second, framed("server_key_exchange", body))
      assert.deepStrictEqual(failed(end), "IllegalValue")
    })
  }
})

describe("messages left out (SECURITY 1)", () => {
  const left: ReadonlyArray<[string, Plan12]> = [
    ["Certificate", { Certificate: () => undefined }],
    ["ServerKeyExchange", { ServerKeyExchange: () => undefined }],
    ["NewSessionTicket that was promised", { ticket, client: keeping(), NewSessionTicket: () => undefined }],
    ["ChangeCipherSpec", { ChangeCipherSpec: "left out" }],
    ["ChangeCipherSpec of a resumed session", resuming(ticketOf12({ ticket }), { ChangeCipherSpec: "left out" })]
  ]
  for (const [name, plan] of left) refuses(name, plan, "UnexpectedMessage", "unexpected_message")
  refuses(
    "a Finished of another handshake",
    { Finished: (message) => ({ ...message, body: { verify_data: new Uint8Array(12) } }) },
    "FinishedMismatch",
    "decrypt_error"
  )
  for (const size of [0, 11, 13, 32]) {
    refuses(
      `a Finished of ${size} bytes`,
      { Finished: (message) => ({ ...message, body: { verify_data: new Uint8Array(size) } }) },
      "DecodeFailed",
      "decode_error"
    )
  }
  refuses(
    "a second HelloRequest (SECURITY 11)",
    {
      then: [
        { _tag: "HelloRequest", body: {} },
        { _tag: "HelloRequest", body: {} }
      ]
    },
    "RenegotiationRefused",
    "unexpected_message"
  )
})

const none = new Uint8Array(0)
const failed = ({ failure }: End): ReasonName | undefined => failure?.reason

/** The server's first flight, message by message; the client is the same in every run. */
const script = (): [Uint8Array, Uint8Array, Uint8Array, Uint8Array] => {
  const [first, second, third, fourth] = run12().said
  if (first === undefined || second === undefined || third === undefined || fourth === undefined)
    assert.fail("no flight")
  return [first, second, third, fourth]
}
const connecting = (config: Partial<ClientConfig> = {}): End => {
  const end = clientEnd(client12(config), clientWorld()).start()
  end.flush()
  return end
}
const plainRecord = (type: number, content: Uint8Array): Uint8Array =>
  concat(Uint8Array.of(type, 3, 3, content.length >> 8, content.length & 255), content)
const hearPlain = (end: End, ...messages: ReadonlyArray<Uint8Array>): void => {
  for (const message of messages) end.receive(plainRecord(22, message))
}
const ccs = plainRecord(20, Uint8Array.of(1))

/** A client that has said its flight, with the server's keys at hand. */
const waiting = (config: Partial<ClientConfig> = {}) => {
  const end = connecting(config)
  hearPlain(end, ...script())
  const run = run12()
  const sealer = new Sealer12(run.suite, run.keys.server)
  const seal = (type: number, content: Uint8Array): Uint8Array => {
    const out = new Uint8Array(5 + content.length + sealer.expansion)
    okay(sealer.seal(type, content, out, 0))
    return out
  }
  const finished = run.said.at(-1) ?? assert.fail("no Finished")
  return { end, seal, finished, run }
}
/** The same, connected. */
const connected12 = (config: Partial<ClientConfig> = {}) => {
  const all = waiting(config)
  all.end.receive(ccs).receive(all.seal(22, all.finished))
  assert.strictEqual(all.end.connection.state, "ESTABLISHED")
  all.end.flush()
  return all
}
const alertIn = (end: End): string => {
  const last = records(end.flush()).at(-1) ?? assert.fail("nothing was said")
  return AlertDescription.show(AlertDescription.of(last[6] ?? 0))
}

describe("a ServerHello that is malformed", () => {
  const said = (id: number, extensions: string) => {
    const block = fromHex(extensions.replaceAll(" ", ""))
    const head = concat(Uint8Array.of(3, 3), new Uint8Array(32).fill(5), Uint8Array.of(id), new Uint8Array(id))
    return framed("server_hello", concat(head, Uint8Array.of(0xc0, 0x2b, 0, 0, block.length), block))
  }
  it.each([
    ["a session ID of 33 bytes", 33, "0017 0000 ff01 0001 00"],
    ["extended_master_secret with a byte in it", 0, "0017 0001 00 ff01 0001 00"],
    ["a ticket in session_ticket", 0, "0017 0000 ff01 0001 00 0023 0001 00"],
    ["renegotiation_info of no bytes", 0, "0017 0000 ff01 0000"],
    ["ec_point_formats of none", 0, "0017 0000 ff01 0001 00 000b 0001 00"],
    ["a protocol of no bytes", 0, "0017 0000 ff01 0001 00 0010 0003 0001 00"]
  ])("by %s", (_, id, extensions) => {
    const end = connecting(keeping())
    hearPlain(end, said(id, extensions))
    assert.strictEqual(failed(end), "DecodeFailed", end.failure?.detail)
    assert.strictEqual(alertIn(end), "decode_error")
  })
  it("and one that is not", () => {
    const end = connecting(keeping())
    hearPlain(end, said(32, "0017 0000 ff01 0001 00 0023 0000"))
    assert.strictEqual(failed(end), undefined, end.failure?.detail)
    assert.strictEqual(end.connection.state, "WAIT_SERVER_CERTIFICATE")
  })
})

describe("ChangeCipherSpec in records (SECURITY 7)", () => {
  for (let heard = 1; heard < 4; heard++) {
    it(`after ${heard} messages of the server's flight it is an unexpected_message`, () => {
      const end = connecting()
      hearPlain(end, ...script().slice(0, heard))
      end.receive(ccs)
      assert.strictEqual(failed(end), "UnexpectedMessage")
      assert.strictEqual(alertIn(end), "unexpected_message")
    })
  }

  it("twice, with another byte, with more bytes, inside a message, or followed by a plain Finished", () => {
    const bad: ReadonlyArray<[ReadonlyArray<Uint8Array>, ReasonName]> = [
      [[ccs, ccs], "UnexpectedRecord"],
      [[plainRecord(20, Uint8Array.of(2))], "UnexpectedRecord"],
      [[plainRecord(20, Uint8Array.of(1, 1))], "UnexpectedRecord"],
      [[plainRecord(20, new Uint8Array(0))], "UnexpectedRecord"],
      [[plainRecord(22, Uint8Array.of(20, 0)), ccs], "InterleavedRecord"],
      [[ccs, plainRecord(22, waiting().finished)], "BadRecordMac"],
      [[plainRecord(22, waiting().finished)], "UnexpectedMessage"]
    ]
    for (const [said, reason] of bad) {
      const { end } = waiting()
      for (const record of said) end.receive(record)
      assert.strictEqual(failed(end), reason)
    }
  })

  it("before a ServerHello of TLS 1.2, to a client that could have had TLS 1.3, where it means nothing, and to another", () => {
    for (const versions of [["TLSv1.3", "TLSv1.2"], ["TLSv1.2"]] as const) {
      const end = connecting({ versions })
      end.receive(ccs)
      hearPlain(end, ...script().slice(0, 2))
      assert.strictEqual(failed(end), "UnexpectedRecord")
      assert.strictEqual(alertIn(end), "unexpected_message")
    }
  })

  it("protected, where it means nothing any more", () => {
    const { end, seal } = waiting()
    end.receive(ccs).receive(seal(20, Uint8Array.of(1)))
    assert.strictEqual(failed(end), "UnexpectedRecord")
    const later = connected12()
    later.end.receive(later.seal(20, Uint8Array.of(1)))
    assert.strictEqual(failed(later.end), "UnexpectedRecord")
  })

  it("application data before Finished is refused, and a Finished that spans the change too", () => {
    const early = waiting()
    early.end.receive(ccs).receive(early.seal(23, Uint8Array.of(1)))
    assert.strictEqual(failed(early.end), "UnexpectedRecord")
    const before = waiting()
    before.end.receive(plainRecord(23, Uint8Array.of(1)))
    assert.strictEqual(failed(before.end), "UnexpectedRecord")
  })
})

describe("a connection of TLS 1.2", () => {
  it("carries data both ways, under explicit nonces that count", () => {
    const { end, seal, run } = connected12()
    end.receive(seal(23, Uint8Array.of(1, 2)))
    assert.deepStrictEqual(end.data, Uint8Array.of(1, 2))
    const reader = new RecordReader()
    reader.protect(new Opener12(run.suite, run.keys.client, 1))
    const said = end.send(Uint8Array.of(3)).send(Uint8Array.of(4)).flush()
    okay(reader.push(said))
    assert.deepStrictEqual(okay(reader.next())?.fragment, Uint8Array.of(3))
    assert.deepStrictEqual(okay(reader.next())?.fragment, Uint8Array.of(4))
    assert.deepStrictEqual(said.slice(5, 13), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1))
  })

  it("answers one HelloRequest with a warning, and goes on (SECURITY 11)", () => {
    const { end, seal, run } = connected12()
    const request = encode12({ _tag: "HelloRequest", body: {} })
    end.receive(seal(22, request))
    assert.strictEqual(failed(end), undefined)
    const reader = new RecordReader()
    reader.protect(new Opener12(run.suite, run.keys.client, 1))
    okay(reader.push(end.flush()))
    assert.deepStrictEqual(okay(reader.next())?.fragment, Uint8Array.of(1, 100))
    end.receive(seal(23, Uint8Array.of(7)))
    assert.deepStrictEqual(end.data, Uint8Array.of(7))
    end.receive(seal(22, request))
    assert.strictEqual(failed(end), "RenegotiationRefused")
  })

  it("says nothing behind its close_notify, not even that it does not renegotiate", () => {
    const { end, seal } = connected12()
    end.take(end.connection.close())
    assert.lengthOf(records(end.flush()), 1)
    end.receive(seal(22, encode12({ _tag: "HelloRequest", body: {} })))
    assert.strictEqual(failed(end), undefined)
    assert.lengthOf(end.flush(), 0)
  })

  it("passes over 4 warnings and no more; a fatal alert is its end (SECURITY 55)", () => {
    const { end, seal } = connected12()
    for (let i = 0; i < 4; i++) end.receive(seal(21, Uint8Array.of(1, 100)))
    assert.strictEqual(failed(end), undefined)
    end.receive(seal(21, Uint8Array.of(1, 100)))
    assert.strictEqual(failed(end), "TooManyWarnings")
    const long = connected12()
    for (let i = 0; i < 12; i++) {
      long.end.receive(long.seal(21, Uint8Array.of(1, 100)))
      if (i % 4 === 3) long.end.receive(long.seal(23, Uint8Array.of(i)))
    }
    assert.strictEqual(failed(long.end), undefined, "they are counted between data")
    for (let i = 0; i < 5; i++) long.end.receive(long.seal(21, Uint8Array.of(1, 100))).receive(long.seal(23, none))
    assert.strictEqual(failed(long.end), "TooManyWarnings", "and no bytes are no data")
    const other = connected12()
    other.end.receive(other.seal(21, Uint8Array.of(2, 40)))
    assert.strictEqual(failed(other.end), "AlertReceived")
  })

  it("has no KeyUpdate, and no keys to hand over", () => {
    const { end, seal } = connected12()
    for (const outcome of [
      end.connection.updateKeys("update_requested"),
      end.connection.dangerouslyExtractTrafficSecrets()
    ]) {
      assert.strictEqual(outcome._tag === "Failure" && outcome.failure.reason, "NotInThisVersion")
    }
    assert.strictEqual(failed(end), undefined)
    end.receive(seal(22, framed("key_update", Uint8Array.of(0))))
    assert.strictEqual(failed(end), "UnexpectedMessage")
  })

  it("is closed where its write key has done enough, for it cannot be changed (SECURITY 53)", () => {
    const few = { updateAfter: 4, stopAfter: 8 }
    const { end } = connected12({
      suites12: suites.map((suite) => ({ ...suite, aead: { ...suite.aead, limits: few } }))
    })
    // Finished was the first record.
    for (let i = 0; i < 3; i++) end.send(Uint8Array.of(i))
    end.flush()
    const sent = end.connection.send(Uint8Array.of(4))
    assert.strictEqual(sent._tag === "Failure" && sent.failure.reason, "WriteLimitReached")
    assert.strictEqual(failed(end), "WriteLimitReached")
    const [alert, ...more] = records(end.take(end.connection.close()).flush())
    assert.deepStrictEqual([alert?.[0], more.length], [21, 0], "an alert, and nothing behind it")
  })

  it("ends with close_notify, and is not closed without", () => {
    const { end, seal } = connected12()
    end.receive(seal(21, Uint8Array.of(1, 0)))
    assert.isTrue(end.events.some(({ _tag }) => _tag === "PeerClosed"))
    const cut = connected12()
    cut.end.take(cut.end.connection.end())
    assert.strictEqual(failed(cut.end), "UncleanClose")
  })

  it("exports nothing without an extended master secret, and not what TLS uses itself (SECURITY 32)", () => {
    const { end } = connected12()
    const exported = end.connection.exportKeyingMaterial("label", new Uint8Array(0), 20)
    assert.strictEqual(okay(exported).length, 20)
    const own = end.connection.exportKeyingMaterial("key expansion", new Uint8Array(0), 20)
    assert.strictEqual(own._tag === "Failure" && own.failure.reason, "InvalidConfiguration")
    const plain = run12(plans12["1.2: full, with a plain master secret"] ?? {})
    assert.isTrue(plain.state._tag === "ESTABLISHED" && plain.state.established.exporter === undefined)
  })
})

describe("a CertificateRequest that no key of ours answers", () => {
  type Request = Extract<Message12, { readonly _tag: "CertificateRequest" }>["body"]
  const asking =
    (change: Partial<Request>): NonNullable<Plan12["CertificateRequest"]> =>
    (message) => ({ ...message, body: { ...message.body, ...change } })
  const shown = (plan: Plan12) => {
    const run = run12({ request: "client", ...plan })
    assert.strictEqual(run.state._tag, "ESTABLISHED", run.failure?.detail)
    return run.heard("Certificate").body.certificate_list.length
  }
  const bare = { ...credentials.clientEd25519, certificateType: "RawPublicKey" } as const

  it("is declined with an empty Certificate (RFC 5246 section 7.4.6)", () => {
    assert.isAbove(shown({}), 0)
    assert.strictEqual(shown({ CertificateRequest: asking({ certificate_types: ["rsa_sign"] }) }), 0, "of another type")
    assert.strictEqual(shown({ CertificateRequest: asking({ certificate_types: [3, 65] }) }), 0, "of unknown types")
    const others = asking({ supported_signature_algorithms: ["ecdsa_secp256r1_sha256", "ecdsa_sha1"] })
    assert.strictEqual(shown({ CertificateRequest: others }), 0, "of other algorithms")
    assert.strictEqual(shown({ world: () => clientWorld({ choose: () => bare }) }), 0, "a key without a certificate")
  })

  for (const [what, body] of [
    ["certificate types", "00 0002 0807 0000"],
    ["signature algorithms", "01 40 0000 0000"],
    ["a name of no bytes", "01 40 0002 0807 0002 0000"]
  ] as const) {
    it(`is malformed with an empty list: ${what}`, () => {
      const end = connecting()
      hearPlain(end, ...script().slice(0, 3), framed("certificate_request", fromHex(body.replaceAll(" ", ""))))
      assert.strictEqual(failed(end), "DecodeFailed")
      assert.strictEqual(alertIn(end), "decode_error")
    })
  }
})

it("the server's certificate is the one that is judged", () => {
  const run = run12()
  const asked = run.trip.map(({ from }) => from).find(({ _tag }) => _tag === "AUTHENTICATING_KEY")
  if (asked?._tag !== "AUTHENTICATING_KEY") assert.fail("nobody was asked")
  assert.deepStrictEqual(asked.asks.chain, credentials.serverEd25519.chain)
  assert.strictEqual(asked.asks.algorithm, "ed25519")
})
