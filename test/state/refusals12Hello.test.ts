/** What a server of TLS 1.2 makes of a ClientHello: versions, downgrades, what must be offered, and what is refused. */
import { assert, describe, it } from "@effect/vitest"
import { find } from "../../src/codec/extension/extension.ts"
import { CipherSuite } from "../../src/codec/registry/cipherSuite.ts"
import type { Credential } from "../../src/state/command.ts"
import { fail, type ReasonName } from "../../src/state/failure.ts"
import { concat, credentials, fromHex, toHex } from "../support/answers.ts"
import {
  accepted12,
  both,
  encode12,
  extensions12,
  having,
  hello12,
  Puppet12,
  refused12,
  run12,
  type Script12,
  suites,
  ticketWish,
  without
} from "../support/client12.ts"
import { connected, serverEnd, serverWorld } from "../support/pair.ts"
import { framed, type } from "../support/puppet.ts"
import { giving, openTickets } from "../support/resumption.ts"

type Row = readonly [promise: string, script: Script12, reason: ReasonName, alert: string]
const rows = (all: ReadonlyArray<Row>) => {
  for (const [promise, script, reason, alert] of all) it(promise, () => refused12(run12(script), reason, alert))
}
const only12: Script12["config"] = { versions: ["TLSv1.2"] }
const required = { clientAuthentication: { _tag: "Required", authorities: [] } } as const
const named = (start: string) => suites.filter(({ name }) => name.startsWith(start)).map(({ name }) => name)
const last8 = (bytes: Uint8Array) => toHex(bytes.subarray(-8))
const sentinel = "444f574e47524401"

describe("15: versions", () => {
  rows([
    ["an old client", { hello: { legacy_version: "TLSv1.1" } }, "UnsupportedVersion", "protocol_version"],
    ["an older one", { hello: { legacy_version: 0x0300 } }, "UnsupportedVersion", "protocol_version"],
    [
      "a list of old ones, whatever legacy_version says",
      { hello: { extensions: having({ type: "supported_versions", data: { versions: ["TLSv1.1", 0x0301] } }) } },
      "UnsupportedVersion",
      "protocol_version"
    ],
    [
      "a list without TLS 1.2, whatever legacy_version says",
      {
        config: only12,
        hello: { extensions: having({ type: "supported_versions", data: { versions: ["TLSv1.3"] } }) }
      },
      "UnsupportedVersion",
      "protocol_version"
    ],
    ["TLS 1.2 where it is not spoken", { config: { versions: ["TLSv1.3"] } }, "UnsupportedVersion", "protocol_version"],
    ["TLS 1.2 by default, of the core", { config: { versions: undefined } }, "UnsupportedVersion", "protocol_version"],
    ["TLS 1.2 without a suite of it", { config: { suites12: [] } }, "UnsupportedVersion", "protocol_version"],
    [
      "TLS 1.2 where there are groups of TLS 1.3 only",
      { config: { groups: ["X25519MLKEM768"] } },
      "UnsupportedVersion",
      "protocol_version"
    ],
    [
      "TLS 1.2 where nobody is served without a key that was given",
      { config: { externalPsks: "only" } },
      "UnsupportedVersion",
      "protocol_version"
    ]
  ])

  it("chosen by the list, not by legacy_version, which a newer client may leave at anything", () => {
    const listed = having({ type: "supported_versions", data: { versions: [0x0a0a, "TLSv1.2", "TLSv1.1"] } })
    accepted12(run12({ hello: { extensions: listed } }))
    accepted12(run12({ hello: { legacy_version: "TLSv1.3" } }))
  })

  it("the newest of both, in whatever order they were named", () => {
    const pair = connected({ server: { ...both, versions: ["TLSv1.2", "TLSv1.3"] } })
    assert.strictEqual(pair.server.connection.established?.version, "TLSv1.3")
  })
})

describe("16: the sentinel of a downgrade", () => {
  it("stands at the end of the random of a server that could do better", () => {
    const puppet = accepted12(run12())
    const { random } = puppet.heard("ServerHello").body
    assert.strictEqual(last8(random), sentinel)
    assert.notStrictEqual(toHex(random.subarray(0, 24)), "00".repeat(24))
    const otherOrder = accepted12(run12({ config: { versions: ["TLSv1.2", "TLSv1.3"] } }))
    assert.strictEqual(last8(otherOrder.heard("ServerHello").body.random), sentinel)
  })

  it("and in a session that is resumed", () => {
    const world = () => serverWorld({ tickets: openTickets })
    const first = accepted12(run12({ config: giving(), world: world(), hello: { extensions: having(ticketWish()) } }))
    const again = run12({
      config: giving(),
      world: world(),
      hello: { extensions: having(ticketWish(first.heard("NewSessionTicket").body.ticket)) },
      session: first.master ?? assert.fail("no secret")
    })
    assert.strictEqual(accepted12(again).end.connection.established?.kind, "resumed")
    assert.strictEqual(last8(again.heard("ServerHello").body.random), sentinel)
  })

  it("and nowhere else: not where TLS 1.2 is all there is, nor in TLS 1.3", () => {
    const puppet = accepted12(run12({ config: only12 }))
    assert.notStrictEqual(last8(puppet.heard("ServerHello").body.random), sentinel)
    const { server } = connected({ server: both })
    for (const event of server.events) {
      if (event._tag === "Message" && event.message._tag === "ServerHello") {
        assert.notStrictEqual(last8(event.message.body.random), sentinel)
      }
    }
  })
})

describe("17: TLS_FALLBACK_SCSV", () => {
  const cipher_suites = [...suites.map(({ name }) => name), "TLS_FALLBACK_SCSV" as const]
  rows([["where TLS 1.3 is spoken", { hello: { cipher_suites } }, "InappropriateFallback", "inappropriate_fallback"]])
  it("is as good as nothing where TLS 1.2 is the best there is", () => {
    accepted12(run12({ config: only12, hello: { cipher_suites } }))
  })
})

describe("19: session IDs", () => {
  it("that clients make up are never said back in a full handshake", () => {
    const id = new Uint8Array(32).fill(7)
    const puppet = accepted12(run12({ config: giving(), hello: { legacy_session_id: id } }))
    assert.lengthOf(puppet.heard("ServerHello").body.legacy_session_id_echo, 0)
    const store = accepted12(
      run12({
        config: giving(),
        world: serverWorld({ takeSession: () => undefined }),
        hello: { legacy_session_id: id }
      })
    )
    const own = store.heard("ServerHello").body.legacy_session_id_echo
    assert.lengthOf(own, 32)
    assert.notStrictEqual(toHex(own), toHex(id))
  })
})

describe("24 to 27: extensions and lists", () => {
  it("unknown values are passed over", () => {
    accepted12(
      run12({
        hello: {
          cipher_suites: [0x0a0a, ...suites.map(({ name }) => name), 0x00ff, 0x1234],
          extensions: [
            { type: 0x1a1a, data: new Uint8Array(0) },
            ...having({ type: "supported_groups", data: { named_group_list: [0x2a2a, "secp256r1", 0x6399] } }),
            { type: 0x3a3a, data: Uint8Array.of(0) }
          ]
        }
      })
    )
  })

  it("an extension that stands there twice is refused", () => {
    const raw = encode12({ _tag: "ClientHello", body: hello12() })
    const again = fromHex("00170000")
    const twice = concat(raw, again)
    const size = twice.length - 4
    twice[3] = size & 255
    twice[2] = size >> 8
    const at = 4 + 2 + 32 + 1 + 2 + 2 * suites.length + 2
    const length = ((raw[at] ?? 0) << 8) + (raw[at + 1] ?? 0) + again.length
    twice[at] = length >> 8
    twice[at + 1] = length & 255
    const puppet = new Puppet12(serverEnd(both).start(), hello12())
    puppet.plain(type.handshake, twice)
    assert.include(["IllegalValue", "DecodeFailed"], puppet.end.failure?.reason)
  })

  rows([
    [
      "no signature_algorithms, which means SHA-1",
      { hello: { extensions: without("signature_algorithms") } },
      "NoCommonSignatureScheme",
      "handshake_failure"
    ],
    [
      "SHA-1 alone",
      {
        hello: {
          extensions: having({
            type: "signature_algorithms",
            data: { supported_signature_algorithms: ["ecdsa_sha1", "rsa_pkcs1_sha1"] }
          })
        }
      },
      "NoCommonSignatureScheme",
      "handshake_failure"
    ],
    [
      "a group that we do not have",
      { hello: { extensions: having({ type: "supported_groups", data: { named_group_list: ["secp521r1"] } }) } },
      "NoCommonGroup",
      "handshake_failure"
    ]
  ])

  it("who says nothing of groups takes any (RFC 8422 section 4)", () => {
    const puppet = accepted12(run12({ hello: { extensions: without("supported_groups") } }))
    assert.strictEqual(puppet.heard("ServerKeyExchange").body.params.namedcurve, "x25519")
  })
})

describe("28 and 29: ALPN and server names", () => {
  const alpn = (...protocol_name_list: ReadonlyArray<string>) =>
    having({ type: "application_layer_protocol_negotiation", data: { protocol_name_list } })
  rows([
    ["no protocol in common", { hello: { extensions: alpn("smtp") } }, "NoCommonProtocol", "no_application_protocol"],
    ["no ALPN where it is a must", { config: { alpnPolicy: "strict" } }, "NoCommonProtocol", "no_application_protocol"],
    [
      "no name where it is a must",
      { config: { serverNamePolicy: "strict" }, hello: { extensions: without("server_name") } },
      "UnrecognizedName",
      "unrecognized_name"
    ],
    [
      "a name that nobody has",
      { config: { serverNamePolicy: "strict" }, world: serverWorld({ choose: () => undefined }) },
      "UnrecognizedName",
      "unrecognized_name"
    ],
    ["nobody to serve it", { world: serverWorld({ choose: () => undefined }) }, "NoCredential", "handshake_failure"]
  ])

  it("are answered, the name with nothing, and only when they were said", () => {
    const { extensions } = accepted12(run12({ hello: { extensions: alpn("http/1.1", "h2") } })).heard(
      "ServerHello"
    ).body
    assert.deepStrictEqual(find(extensions, "application_layer_protocol_negotiation")?.protocol_name_list, ["h2"])
    assert.deepStrictEqual(find(extensions, "server_name"), {})
    const silent = accepted12(run12({ hello: { extensions: without("server_name") } })).heard("ServerHello").body
    assert.isUndefined(find(silent.extensions, "server_name"))
    assert.isUndefined(find(silent.extensions, "application_layer_protocol_negotiation"))
  })
})

describe("30 to 32: compression, points, the extended master secret", () => {
  rows([
    [
      "no null compression",
      { hello: { legacy_compression_methods: Uint8Array.of(1) } },
      "BadCompressionMethods",
      "illegal_parameter"
    ],
    [
      "no uncompressed points",
      { hello: { extensions: having({ type: "ec_point_formats", data: { ec_point_format_list: [1, 2] } }) } },
      "NoUncompressedPoints",
      "illegal_parameter"
    ],
    [
      "no extended master secret",
      { hello: { extensions: without("extended_master_secret") } },
      "NoExtendedMasterSecret",
      "handshake_failure"
    ],
    [
      "a renegotiation of something that never was",
      {
        hello: {
          extensions: having({ type: "renegotiation_info", data: { renegotiated_connection: new Uint8Array(12) } })
        }
      },
      "RenegotiationInfoMismatch",
      "handshake_failure"
    ]
  ])

  it("other compression methods are no harm, and none of them is chosen", () => {
    const puppet = accepted12(run12({ hello: { legacy_compression_methods: Uint8Array.of(1, 0) } }))
    assert.strictEqual(puppet.heard("ServerHello").body.legacy_compression_method, 0)
  })

  it("points are spoken of with those who do", () => {
    const { extensions } = accepted12(run12()).heard("ServerHello").body
    assert.deepStrictEqual(find(extensions, "ec_point_formats")?.ec_point_format_list, ["uncompressed"])
    const silent = accepted12(run12({ hello: { extensions: without("ec_point_formats") } })).heard("ServerHello").body
    assert.isUndefined(find(silent.extensions, "ec_point_formats"))
  })

  it("a plain master secret, where it is allowed, makes no exporter, no ticket and no session", () => {
    const puppet = accepted12(
      run12({
        config: giving({}, { extendedMasterSecret: "optional" }),
        world: serverWorld({ tickets: openTickets, takeSession: () => undefined }),
        hello: { extensions: [...without("extended_master_secret"), ticketWish()] },
        masterSecret: "plain"
      })
    )
    assert.isFalse(puppet.has("NewSessionTicket"))
    const { extensions, legacy_session_id_echo } = puppet.heard("ServerHello").body
    assert.lengthOf(legacy_session_id_echo, 0)
    assert.isUndefined(find(extensions, "extended_master_secret"))
    assert.isFalse(puppet.end.events.some(({ _tag }) => _tag === "KeepSession"))
    const exported = puppet.end.connection.exportKeyingMaterial("EXPORTER-x", new Uint8Array(0), 32)
    assert.strictEqual("failure" in exported ? exported.failure.reason : "success", "NoExporter")
  })

  it("secure renegotiation is said to those who speak of it, by the extension or by the suite", () => {
    const said = (script: Script12) =>
      find(accepted12(run12(script)).heard("ServerHello").body.extensions, "renegotiation_info")
    const extensions = without("renegotiation_info")
    assert.deepStrictEqual(said({})?.renegotiated_connection, new Uint8Array(0))
    assert.isUndefined(said({ hello: { extensions } }))
    const cipher_suites = [...suites.map(({ name }) => name), CipherSuite.of(0x00ff)]
    assert.deepStrictEqual(said({ hello: { extensions, cipher_suites } })?.renegotiated_connection, new Uint8Array(0))
  })
})

/** A key that is never asked to sign. */
const rsa = (scheme: "rsa_pss_rsae_sha256" | "rsa_pss_pss_sha256"): Credential => ({
  chain: credentials.serverP256.chain,
  schemes: [scheme],
  key: {}
})

describe("33, 36 and 39: the key exchange, and who may sign it", () => {
  const share = (hex: string): Script12 => ({
    ClientKeyExchange: (puppet) => puppet.say({ _tag: "ClientKeyExchange", body: { ecdh_Yc: fromHex(hex) } })
  })
  const p256 = { config: { groups: ["secp256r1"] } } as const
  const g = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
  const y = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
  rows([
    ["a share of zeros", share("00".repeat(32)), "InvalidKeyShare", "illegal_parameter"],
    ["a share of order 4", share(`01${"00".repeat(31)}`), "InvalidKeyShare", "illegal_parameter"],
    ["a share that is too short", share("09".repeat(31)), "InvalidKeyShare", "illegal_parameter"],
    ["a share that is too long", share("09".repeat(33)), "InvalidKeyShare", "illegal_parameter"],
    ["a compressed point", { ...p256, ...share(`03${g}`) }, "InvalidKeyShare", "illegal_parameter"],
    ["a hybrid point", { ...p256, ...share(`07${g}${y}`) }, "InvalidKeyShare", "illegal_parameter"],
    ["a point that is on no curve", { ...p256, ...share(`04${g}${g}`) }, "InvalidKeyShare", "illegal_parameter"],
    ["the point at infinity", { ...p256, ...share("00") }, "InvalidKeyShare", "illegal_parameter"],
    [
      "no point",
      { ClientKeyExchange: (puppet) => puppet.say(framed("client_key_exchange", Uint8Array.of(0))) },
      "DecodeFailed",
      "decode_error"
    ],
    [
      "no suite of TLS 1.2",
      { hello: { cipher_suites: ["TLS_AES_128_GCM_SHA256", 0xc013] } },
      "NoCommonCipherSuite",
      "handshake_failure"
    ],
    [
      "an RSA key with suites for ECDSA alone",
      {
        world: serverWorld({ choose: () => rsa("rsa_pss_rsae_sha256") }),
        hello: { cipher_suites: named("TLS_ECDHE_ECDSA") }
      },
      "NoCommonSignatureScheme",
      "handshake_failure"
    ],
    [
      "an ECDSA key with suites for RSA alone",
      { hello: { cipher_suites: named("TLS_ECDHE_RSA") } },
      "NoCommonSignatureScheme",
      "handshake_failure"
    ],
    [
      "an RSASSA-PSS key with a client that knows PKCS#1 alone",
      {
        world: serverWorld({ choose: () => rsa("rsa_pss_pss_sha256") }),
        hello: {
          extensions: having({
            type: "signature_algorithms",
            data: { supported_signature_algorithms: ["rsa_pkcs1_sha256", "ecdsa_secp256r1_sha256"] }
          })
        }
      },
      "NoCommonSignatureScheme",
      "handshake_failure"
    ]
  ])

  it("a hybrid group is never chosen, though both would have it", () => {
    const puppet = accepted12(
      run12({
        config: { groups: ["X25519MLKEM768", "secp256r1", "x25519"] },
        hello: {
          extensions: having({
            type: "supported_groups",
            data: { named_group_list: ["X25519MLKEM768", "x25519", "secp256r1"] }
          })
        }
      })
    )
    assert.strictEqual(puppet.heard("ServerKeyExchange").body.params.namedcurve, "secp256r1")
  })

  it("a credential is chosen by what the client's suites let it sign", () => {
    const asked: Array<ReadonlyArray<unknown>> = []
    run12({
      world: serverWorld({
        choose: (request) => {
          asked.push(request.schemes)
          return undefined
        }
      }),
      hello: { cipher_suites: named("TLS_ECDHE_RSA") }
    })
    assert.deepStrictEqual(asked, [["rsa_pss_rsae_sha256"]])
  })
})

describe("41 to 43: clients that show who they are", () => {
  const broken = (change: (message: ReturnType<Puppet12["certificateVerify"]>) => void): Script12 => ({
    config: required,
    CertificateVerify: (puppet) => {
      const message = structuredClone(puppet.certificateVerify(credentials.clientEd25519))
      change(message)
      puppet.say(message)
    }
  })
  rows([
    [
      "no certificate where it is required",
      { config: required, credential: "none" },
      "ClientCertificateRequired12",
      "handshake_failure"
    ],
    [
      "a signature that is another's",
      {
        config: required,
        CertificateVerify: (puppet) => puppet.say({ ...puppet.certificateVerify(credentials.serverEd25519) })
      },
      "SignatureMismatch",
      "decrypt_error"
    ],
    [
      "a signature of something else",
      broken((message) => {
        if (message._tag === "CertificateVerify") message.body.signature[0] = (message.body.signature[0] ?? 0) ^ 1
      }),
      "SignatureMismatch",
      "decrypt_error"
    ],
    [
      "a signature with SHA-1",
      {
        config: required,
        CertificateVerify: (puppet) =>
          puppet.say({ _tag: "CertificateVerify", body: { algorithm: "ecdsa_sha1", signature: new Uint8Array(64) } })
      },
      "UnofferedSignatureScheme",
      "illegal_parameter"
    ],
    [
      "a certificate that nobody believes",
      { config: required, world: serverWorld({ verify: () => fail("CertificateIssuerUnknown", "nobody") }) },
      "CertificateIssuerUnknown",
      "unknown_ca"
    ]
  ])

  it("are known afterwards; those that decline are not, and go on", () => {
    assert.isDefined(accepted12(run12({ config: required })).end.connection.established?.peer)
    const optional = { clientAuthentication: { _tag: "Optional", authorities: [] } } as const
    const declined = accepted12(run12({ config: optional, credential: "none" }))
    assert.isUndefined(declined.end.connection.established?.peer)
    assert.deepStrictEqual(declined.heard("CertificateRequest").body.certificate_types, ["ecdsa_sign", "rsa_sign"])
  })
})

it("what these clients say is otherwise good", () => {
  for (const { name } of suites.filter(({ authentication }) => authentication === "ECDSA")) {
    const puppet = accepted12(run12({ hello: { cipher_suites: [name] } }))
    assert.strictEqual(puppet.end.connection.established?.suite.name, name)
  }
  assert.isAtLeast(extensions12.length, 6)
})
