import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import {
  ClientHello,
  decode,
  decodeMessage,
  describe as describeFailure,
  downgradeSentinel,
  encode,
  encodeMessage,
  explain,
  find,
  Handshake,
  HelloRetryRequest,
  messageHash,
  render,
  ServerHello,
  truncatedLength
} from "../../src/codec/index.ts"
import { concat, fromHex, helloWith, opensslHello, vector } from "./support.ts"

const hello = (): ClientHello => {
  const message = Result.getOrThrow(decodeMessage(opensslHello))
  return message._tag === "ClientHello" ? message.body : assert.fail(message._tag)
}

describe("a ClientHello of OpenSSL 3.0", () => {
  it("has the fields that OpenSSL's own trace shows", () => {
    const { legacy_version, random, legacy_session_id, cipher_suites, legacy_compression_methods, extensions } = hello()
    assert.strictEqual(legacy_version, "TLSv1.2")
    assert.deepStrictEqual(random, fromHex("ec520dc8 7db4b76a7778d9f070f5c21a8e61d65ec30eeeca3a18313f47ce075c"))
    assert.deepStrictEqual(
      legacy_session_id,
      fromHex("bf6cd92ea71bfb92828bffe0c3852720bafb22dcd9f230660936757a3e6ed4e7")
    )
    assert.strictEqual(cipher_suites.length, 31)
    assert.deepStrictEqual(cipher_suites.slice(0, 4), [
      "TLS_AES_256_GCM_SHA384",
      "TLS_CHACHA20_POLY1305_SHA256",
      "TLS_AES_128_GCM_SHA256",
      "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    ])
    assert.deepStrictEqual(cipher_suites.slice(-2), [0x002f, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"])
    assert.deepStrictEqual(legacy_compression_methods, Uint8Array.of(0))
    assert.deepStrictEqual(
      extensions.map(({ type }) => type),
      [
        "server_name",
        "ec_point_formats",
        "supported_groups",
        "session_ticket",
        "status_request",
        "application_layer_protocol_negotiation",
        22, // encrypt_then_mac
        "extended_master_secret",
        "signature_algorithms",
        "supported_versions",
        "psk_key_exchange_modes",
        "key_share"
      ]
    )
  })

  it("has the extensions that OpenSSL's own trace shows", () => {
    const { extensions } = hello()
    assert.deepStrictEqual(find(extensions, "server_name"), {
      server_name_list: [{ name_type: "host_name", name: "example.org" }]
    })
    assert.deepStrictEqual(find(extensions, "ec_point_formats")?.ec_point_format_list, [
      "uncompressed",
      "ansiX962_compressed_prime",
      "ansiX962_compressed_char2"
    ])
    assert.deepStrictEqual(find(extensions, "supported_groups"), { named_group_list: ["x25519", "secp256r1"] })
    assert.deepStrictEqual(find(extensions, "status_request"), {
      status_type: "ocsp",
      request: { responder_id_list: [], request_extensions: new Uint8Array(0) }
    })
    assert.deepStrictEqual(find(extensions, "application_layer_protocol_negotiation"), {
      protocol_name_list: ["h2", "http/1.1"]
    })
    const schemes = find(extensions, "signature_algorithms")?.supported_signature_algorithms ?? []
    assert.deepStrictEqual(
      [schemes[0], schemes[3], schemes[14], schemes.at(-1)],
      ["ecdsa_secp256r1_sha256", "ed25519", 0x0303, 0x0602]
    )
    assert.deepStrictEqual(find(extensions, "supported_versions"), {
      versions: ["TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1.0"]
    })
    assert.deepStrictEqual(find(extensions, "psk_key_exchange_modes"), { ke_modes: ["psk_dhe_ke"] })
    assert.deepStrictEqual(find(extensions, "key_share"), {
      client_shares: [
        {
          group: "x25519",
          key_exchange: fromHex("f5601fca4f186f01f1a25e2c0116a0abc676d3d7a90ec92daf586620c51a716c")
        }
      ]
    })
    assert.isUndefined(find(extensions, "pre_shared_key"))
  })

  it("is written as it was read", () => {
    const message = Result.getOrThrow(decodeMessage(opensslHello))
    assert.deepStrictEqual(Result.getOrThrow(encodeMessage(message)), opensslHello)
  })

  it("is explained byte by byte", () => {
    const lines = explain(Handshake.wire, opensslHello)
    const covered = new Uint8Array(opensslHello.length)
    for (const { start, bytes } of lines) for (let i = 0; i < bytes.length; i++) covered[start + i] = 1
    assert.isFalse(covered.includes(0))
    const line = (name: string) => lines.find((found) => found.name === name)
    assert.deepInclude(line("msg_type"), { start: 0, end: 1, depth: 0, value: "client_hello" })
    assert.deepInclude(line("ClientHello"), { start: 4, end: opensslHello.length, depth: 0 })
    assert.deepInclude(line("legacy_version"), { start: 4, depth: 1, value: "TLSv1.2" })
    assert.deepInclude(line("name"), { value: "example.org" })
    assert.isTrue(lines.every(({ failure }) => failure === undefined))
    assert.match(render(lines), /^0004 {2}03 03 +legacy_version: TLSv1\.2$/m)
  })

  it("is explained up to the failure when it is broken", () => {
    const at = opensslHello.length - 32 - 2 // the length of the x25519 share
    const broken = opensslHello.slice()
    broken[at + 1] = 33
    const lines = explain(Handshake.wire, broken)
    const last = lines.at(-1)
    assert.strictEqual(last?.failure?.alert, "decode_error")
    assert.strictEqual(last?.start, at + 2)
    const path = lines.filter(({ start, end }) => start <= at && end > at).map(({ name }) => name)
    assert.deepStrictEqual(path, ["ClientHello", "extensions", 11, "key_share", "client_shares", 0, "key_exchange"])
    const result = decodeMessage(broken)
    assert.deepStrictEqual(Result.isFailure(result) ? result.failure.path : [], path)
    assert.include(render(lines), "✗ expected 33 more bytes, but 32 are left (decode_error)")
    for (let length = 0; length <= opensslHello.length; length++) {
      assert.isAbove(render(explain(Handshake.wire, opensslHello.subarray(0, length))).length, 0)
    }
  })

  it("is explained without the control characters of its sender", () => {
    const name = fromHex("0000 0006 0004 00 0001 41")
    const evil = helloWith([16, vector(2, vector(1, Uint8Array.of(0x1b, 0x5b, 0x32, 0x4a, 0xff)))], [0x0a0a, name])
    const text = render(explain(ClientHello.wire, evil))
    assert.notMatch(text.replaceAll("\n", ""), /[^\x20-\x7e…✗]/)
    assert.include(text, "\\x1b[2J\\xff")
  })
})

describe("extensions", () => {
  const x25519 = fromHex("001d 0002 abcd")
  const psk = concat(
    vector(2, concat(vector(2, Uint8Array.of(7)), new Uint8Array(4))),
    vector(2, vector(1, new Uint8Array(32)))
  )
  const refused: ReadonlyArray<
    readonly [string, "decode_error" | "illegal_parameter", Uint8Array, ReadonlyArray<string | number>]
  > = [
    ["a type twice", "illegal_parameter", helloWith([45, fromHex("01 01")], [45, fromHex("01 01")]), ["extensions"]],
    [
      "an unknown type twice",
      "illegal_parameter",
      helloWith([0x0a0a, fromHex("")], [0x0a0a, fromHex("")]),
      ["extensions"]
    ],
    ["pre_shared_key before another", "illegal_parameter", helloWith([41, psk], [0x0a0a, fromHex("")]), ["extensions"]],
    [
      "oid_filters, which is not the client's",
      "illegal_parameter",
      helloWith([48, fromHex("0000")]),
      ["extensions", 0]
    ],
    [
      "a byte after the structure",
      "decode_error",
      helloWith([45, fromHex("01 01 00")]),
      ["extensions", 0, "psk_key_exchange_modes"]
    ],
    ["a byte in an empty structure", "decode_error", helloWith([42, fromHex("00")]), ["extensions", 0, "early_data"]],
    [
      "a group twice",
      "illegal_parameter",
      helloWith([10, fromHex("0004 001d 001d")]),
      ["extensions", 0, "supported_groups", "named_group_list"]
    ],
    [
      "an odd list of groups",
      "decode_error",
      helloWith([10, fromHex("0003 001d 00")]),
      ["extensions", 0, "supported_groups", "named_group_list", 1]
    ],
    [
      "no groups",
      "decode_error",
      helloWith([10, fromHex("0000")]),
      ["extensions", 0, "supported_groups", "named_group_list"]
    ],
    [
      "two shares of a group",
      "illegal_parameter",
      helloWith([51, vector(2, concat(x25519, x25519))]),
      ["extensions", 0, "key_share", "client_shares"]
    ],
    [
      "an empty share",
      "decode_error",
      helloWith([51, vector(2, fromHex("001d 0000"))]),
      ["extensions", 0, "key_share", "client_shares", 0, "key_exchange"]
    ],
    [
      "an identity without a binder",
      "illegal_parameter",
      helloWith([
        41,
        concat(
          vector(2, concat(fromHex("0001 07 00000000"), fromHex("0001 08 00000000"))),
          vector(2, vector(1, new Uint8Array(32)))
        )
      ]),
      ["extensions", 0, "pre_shared_key"]
    ],
    [
      "a short binder",
      "decode_error",
      helloWith([
        41,
        concat(
          vector(2, fromHex("0001 07 00000000")),
          vector(2, concat(vector(1, new Uint8Array(31)), Uint8Array.of(0)))
        )
      ]),
      ["extensions", 0, "pre_shared_key", "binders", 0]
    ],
    [
      "two host names",
      "illegal_parameter",
      helloWith([0, fromHex("0008 00 0001 61 00 0001 62")]),
      ["extensions", 0, "server_name", "server_name_list"]
    ],
    [
      "an empty host name",
      "decode_error",
      helloWith([0, fromHex("0003 00 0000")]),
      ["extensions", 0, "server_name", "server_name_list", 0, "name"]
    ],
    [
      "a host name with a NUL",
      "illegal_parameter",
      helloWith([0, fromHex("0005 00 0002 6100")]),
      ["extensions", 0, "server_name", "server_name_list", 0, "name"]
    ],
    [
      "an empty protocol name",
      "decode_error",
      helloWith([16, fromHex("0003 00 01 61")]),
      ["extensions", 0, "application_layer_protocol_negotiation", "protocol_name_list", 0]
    ],
    [
      "no protocol names",
      "decode_error",
      helloWith([16, fromHex("0000")]),
      ["extensions", 0, "application_layer_protocol_negotiation", "protocol_name_list"]
    ],
    ["an empty cookie", "decode_error", helloWith([44, fromHex("0000")]), ["extensions", 0, "cookie", "cookie"]],
    [
      "a record size limit of 63",
      "illegal_parameter",
      helloWith([28, fromHex("003f")]),
      ["extensions", 0, "record_size_limit", "record_size_limit"]
    ]
  ]
  for (const [what, alert, bytes, path] of refused) {
    it(`${what}: ${alert}`, () => {
      const result = decode(ClientHello.wire, bytes)
      assert.deepInclude(Result.isFailure(result) ? result.failure : { alert: "none", path: [] }, { alert, path })
    })
  }

  it("what is refused to read is refused to write", () => {
    const modes = { type: "psk_key_exchange_modes", data: { ke_modes: ["psk_ke"] } } as const
    assert.isTrue(Result.isFailure(encode(ClientHello.wire, { ...hello(), extensions: [modes, modes] })))
    const offered = { type: "pre_shared_key", data: { identities: [], binders: [] } } as const
    const group = "x25519"
    for (const extension of [
      { type: "supported_groups", data: { named_group_list: [group, group] } },
      { type: "record_size_limit", data: { record_size_limit: 63 } },
      { type: "server_name", data: { server_name_list: [{ name_type: "host_name", name: "a b" }] } }
    ] as const) {
      assert.isTrue(Result.isFailure(encode(ClientHello.wire, { ...hello(), extensions: [extension] })), extension.type)
    }
    const failure = encode(ClientHello.wire, { ...hello(), extensions: [offered, modes] })
    assert.match(Result.isFailure(failure) ? describeFailure(failure.failure) : "", /pre_shared_key as the last/)
  })

  it("a ClientHello of TLS 1.2 may have none", () => {
    const bare = helloWith().subarray(0, -2)
    assert.deepStrictEqual(Result.getOrThrow(decode(ClientHello.wire, bare)).extensions, [])
    assert.deepStrictEqual(Result.getOrThrow(decode(ClientHello.wire, helloWith())).extensions, [])
  })
})

describe("binders", () => {
  it("are not in the truncated ClientHello, whose end is where their list begins", () => {
    const binders = [new Uint8Array(32).fill(1), new Uint8Array(48).fill(2)]
    const identities = binders.map((_, i) => ({ identity: Uint8Array.of(i), obfuscated_ticket_age: i }))
    const body: ClientHello = {
      ...hello(),
      extensions: [...hello().extensions, { type: "pre_shared_key", data: { identities, binders } }]
    }
    const raw = Result.getOrThrow(encodeMessage({ _tag: "ClientHello", body }))
    const list = vector(2, concat(...binders.map((binder) => vector(1, binder))))
    assert.strictEqual(truncatedLength(raw), raw.length - list.length)
    assert.deepStrictEqual(raw.subarray(truncatedLength(raw)), list)
  })

  it("have no place in a ClientHello without pre_shared_key, nor in a piece of one", () => {
    for (let length = 0; length <= opensslHello.length; length++) {
      assert.isUndefined(truncatedLength(opensslHello.subarray(0, length)))
    }
  })
})

describe("ServerHello", () => {
  const random = new Uint8Array(32).fill(9)
  const magic = fromHex("cf21ad74e59a6111be1d8c021e65b891 c2a211167abb8c5e079e09e2c8a8339c")
  const answer = (of: Uint8Array, ...extensions: ReadonlyArray<Uint8Array>) =>
    concat(fromHex("0303"), of, fromHex("00 1301 00"), vector(2, concat(...extensions)))
  const message13 = (type: string, body: Uint8Array) => concat(fromHex(type), vector(3, body))
  const message = (body: Uint8Array) => message13("02", body)

  it("and HelloRetryRequest are told apart by the random", () => {
    const sh = Result.getOrThrow(decodeMessage(message(answer(random, fromHex("002b 0002 0304")))))
    assert.strictEqual(sh._tag, "ServerHello")
    const raw = message(answer(magic, fromHex("002b 0002 0304"), fromHex("0033 0002 0017")))
    const hrr = Result.getOrThrow(decodeMessage(raw))
    assert.deepStrictEqual(hrr, {
      _tag: "HelloRetryRequest",
      body: {
        legacy_version: "TLSv1.2",
        legacy_session_id_echo: new Uint8Array(0),
        cipher_suite: "TLS_AES_128_GCM_SHA256",
        legacy_compression_method: 0,
        extensions: [
          { type: "supported_versions", data: { selected_version: "TLSv1.3" } },
          { type: "key_share", data: { selected_group: "secp256r1" } }
        ]
      }
    })
    assert.deepStrictEqual(Result.getOrThrow(encodeMessage(hrr)), raw)
    assert.isTrue(Result.isFailure(decode(ServerHello.wire, answer(magic))))
    assert.isTrue(Result.isFailure(decode(HelloRetryRequest.wire, answer(random))))
  })

  it("refuses what may stand in no ServerHello, and reads what TLS 1.2 puts there", () => {
    const cookie = decode(ServerHello.wire, answer(random, fromHex("002c 0003 0001 61")))
    assert.deepInclude(Result.isFailure(cookie) ? cookie.failure : {}, {
      alert: "illegal_parameter",
      path: ["extensions", 0]
    })
    const tls12 = Result.getOrThrow(decode(ServerHello.wire, answer(random, fromHex("ff01 0001 00 0017 0000"))))
    assert.deepStrictEqual(find(tls12.extensions, "renegotiation_info")?.renegotiated_connection.length, 0)
    assert.isTrue(Result.isFailure(decode(HelloRetryRequest.wire, answer(magic, fromHex("ff01 0001 00")))))
  })

  it("a KeyUpdate of another value is an illegal_parameter", () => {
    const result = decodeMessage(fromHex("18 000001 02"))
    assert.strictEqual(Result.isFailure(result) && result.failure.alert, "illegal_parameter")
    assert.deepStrictEqual(Result.getOrThrow(decodeMessage(fromHex("18 000001 01"))), {
      _tag: "KeyUpdate",
      body: { request_update: "update_requested" }
    })
    assert.deepStrictEqual(Result.getOrThrow(decodeMessage(fromHex("18 000001 00"))), {
      _tag: "KeyUpdate",
      body: { request_update: "update_not_requested" }
    })
  })

  it("a CertificateRequest with an OID twice is an illegal_parameter", () => {
    const request = (filters: string) =>
      message13("0d", concat(fromHex("00"), vector(2, concat(fromHex("0030"), vector(2, vector(2, fromHex(filters)))))))
    assert.isTrue(Result.isSuccess(decodeMessage(request("01 61 0000 01 62 0000"))))
    const twice = decodeMessage(request("01 61 0000 01 61 0001 00"))
    assert.strictEqual(Result.isFailure(twice) && twice.failure.alert, "illegal_parameter")
  })

  it("has a random that tells of a downgrade", () => {
    const ending = (hex: string) => concat(new Uint8Array(24), fromHex(hex))
    assert.strictEqual(downgradeSentinel(ending("444f574e47524401")), "TLSv1.2")
    assert.strictEqual(downgradeSentinel(ending("444f574e47524400")), "TLSv1.1")
    assert.isUndefined(downgradeSentinel(ending("444f574e47524402")))
    assert.isUndefined(downgradeSentinel(ending("454f574e47524401")))
    assert.isUndefined(downgradeSentinel(random))
  })
})

const rfc8448 = new URL("../../../shared/rfc/rfc8448.txt", import.meta.url)

describe.skipIf(!existsSync(rfc8448))("the traces of RFC 8448", () => {
  const page = /\n+Thomson .*\n\f?\n*RFC 8448 .*\n+/g
  const text = existsSync(rfc8448) ? readFileSync(rfc8448, "utf8").replaceAll(page, "\n") : ""
  const traced = [...text.matchAll(/^ +(\w+) \((\d+) octets\): +((?:[0-9a-f]{2}\s+)+)/gm)].flatMap(
    ([, tag, length, hex]) => {
      const bytes = fromHex(hex ?? "")
      return bytes.length === Number(length) && tag !== undefined
        ? [{ tag, bytes, whole: bytes.length === 4 + ((bytes[2] ?? 0) << 8) + (bytes[3] ?? 0) }]
        : []
    }
  )
  const named = (tag: string) => traced.filter((message) => message.tag === tag && message.whole)

  it("are read as the messages they are, and written as they were", () => {
    for (const tag of ["ClientHello", "ServerHello", "EncryptedExtensions", "Certificate"]) {
      assert.isAbove(named(tag).length, 0, tag)
      for (const { bytes } of named(tag)) {
        const message = Result.getOrThrow(decodeMessage(bytes))
        const retry = tag === "ServerHello" && bytes[6] === 0xcf // which the trace calls by its structure
        assert.strictEqual(message._tag, retry ? "HelloRetryRequest" : tag)
        assert.deepStrictEqual(Result.getOrThrow(encodeMessage(message)), bytes)
      }
    }
    for (const { tag, bytes } of traced.filter(({ tag }) =>
      /^(CertificateVerify|Finished|NewSessionTicket|CertificateRequest|EndOfEarlyData)$/.test(tag)
    )) {
      assert.strictEqual(Result.getOrThrow(decodeMessage(bytes))._tag, tag)
    }
  })

  it("end before the binders where the trace ends the prefix that is signed", () => {
    const binders = vector(2, vector(1, new Uint8Array(32)))
    const prefixes = traced.filter(({ tag, whole }) => tag === "ClientHello" && !whole)
    assert.deepStrictEqual(
      prefixes.map(({ bytes }) => truncatedLength(concat(bytes, binders))),
      [477]
    )
  })
})

describe("message_hash", () => {
  it("is a message of type 254 around a hash", () => {
    assert.deepStrictEqual(messageHash(new Uint8Array(48).fill(1)).subarray(0, 6), fromHex("fe 000030 0101"))
    assert.strictEqual(messageHash(new Uint8Array(48)).length, 52)
  })
})
