/** What a server refuses in a ClientHello, first and second (SECURITY rows 15, 21, 23, 30 and 38). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { ReasonName } from "../../src/state/failure.ts"
import * as Group from "../../src/state/negotiation/group.ts"
import { fromHex, pairOf } from "../support/answers.ts"
import { changed, extensions, instead, preceded, replaced, without } from "../support/edits.ts"
import { serverWorld } from "../support/pair.ts"
import { framed } from "../support/puppet.ts"
import { againstServer, type ClientScript, refused } from "../support/script.ts"

type Rows = ReadonlyArray<
  readonly [promise: string, edit: ClientScript["ClientHello"], reason: ReasonName, alert: string]
>
const rows = (table: Rows, script: ClientScript = {}) =>
  it.each(table)("refuses %s", (_, ClientHello, reason, alert) =>
    refused(againstServer({ ...script, ...(ClientHello === undefined ? {} : { ClientHello }) }), reason, alert)
  )
const secondRows = (table: Rows) =>
  it.each(table)("refuses %s", (_, SecondClientHello, reason, alert) => {
    const script = SecondClientHello === undefined ? {} : { SecondClientHello }
    refused(againstServer({ config: { groups: ["secp256r1"] }, ...script }), reason, alert)
  })
const accepted = (script: ClientScript) => {
  const run = againstServer(script)
  assert.strictEqual(run.end.connection.state, "CONNECTED", run.end.failure?.detail)
  return run
}
const hello = changed<"ClientHello">
const shares = (...client_shares: ReadonlyArray<object>) => replaced("key_share", { client_shares })
const share = (group: string | number, key_exchange: Uint8Array) => ({ group, key_exchange })
const x25519 = pairOf("x25519", new Uint8Array(32).fill(3)).share
const p256 = pairOf("secp256r1", new Uint8Array(32).fill(3)).share
const versions = (...list: ReadonlyArray<string | number>) => replaced("supported_versions", { versions: list })
const groups = (...named_group_list: ReadonlyArray<string | number>) =>
  replaced("supported_groups", { named_group_list })
const protocols = (...protocol_name_list: ReadonlyArray<string>) =>
  replaced("application_layer_protocol_negotiation", { protocol_name_list })

describe("15, 30: the version and what it fixes", () => {
  rows([
    ["TLS 1.2 alone", versions("TLSv1.2"), "UnsupportedVersion", "protocol_version"],
    ["no supported_versions", without("supported_versions"), "UnsupportedVersion", "protocol_version"],
    ["versions that nobody knows", versions(0x0305, 0x7f1c, 0x1a1a), "UnsupportedVersion", "protocol_version"],
    [
      "an empty list of versions",
      instead(framed("client_hello", fromHex(`0303${"00".repeat(32)}00000213010100000500 2b000100`))),
      "DecodeFailed",
      "decode_error"
    ],
    [
      "legacy_version of TLS 1.1",
      hello((b) => ({ ...b, legacy_version: "TLSv1.1" })),
      "BadLegacyVersion",
      "protocol_version"
    ],
    [
      "legacy_version of TLS 1.3",
      hello((b) => ({ ...b, legacy_version: "TLSv1.3" })),
      "BadLegacyVersion",
      "protocol_version"
    ],
    [
      "a compression method beside null",
      hello((b) => ({ ...b, legacy_compression_methods: Uint8Array.of(0, 1) })),
      "BadCompressionMethods",
      "illegal_parameter"
    ],
    [
      "a compression method in place of null",
      hello((b) => ({ ...b, legacy_compression_methods: Uint8Array.of(1) })),
      "BadCompressionMethods",
      "illegal_parameter"
    ],
    [
      "null twice",
      hello((b) => ({ ...b, legacy_compression_methods: Uint8Array.of(0, 0) })),
      "BadCompressionMethods",
      "illegal_parameter"
    ],
    [
      "a session ID of 33 bytes",
      instead(framed("client_hello", fromHex(`0303${"00".repeat(32)}21${"00".repeat(33)}000213010100`))),
      "DecodeFailed",
      "decode_error"
    ],
    [
      "half a cipher suite",
      instead(framed("client_hello", fromHex(`0303${"00".repeat(32)}0000031301130100`))),
      "DecodeFailed",
      "decode_error"
    ]
  ])
})

describe("no common ground", () => {
  rows([
    [
      "suites of TLS 1.2 alone",
      hello((b) => ({ ...b, cipher_suites: ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"] })),
      "NoCommonCipherSuite",
      "handshake_failure"
    ],
    [
      "suites that nobody knows",
      hello((b) => ({ ...b, cipher_suites: [0xfafa, 0x1a1a] })),
      "NoCommonCipherSuite",
      "handshake_failure"
    ],
    [
      "groups that it does not have",
      extensions((block) =>
        block.map((each) =>
          each.type === "supported_groups"
            ? { type: each.type, data: { named_group_list: ["x448", 0x1a1a] } }
            : each.type === "key_share"
              ? { type: each.type, data: { client_shares: [] } }
              : each
        )
      ),
      "NoCommonGroup",
      "handshake_failure"
    ],
    [
      "schemes that its key cannot sign",
      replaced("signature_algorithms", { supported_signature_algorithms: ["rsa_pss_rsae_sha256"] }),
      "NoCommonSignatureScheme",
      "handshake_failure"
    ],
    [
      "PKCS#1 v1.5 and SHA-1 alone",
      replaced("signature_algorithms", {
        supported_signature_algorithms: ["rsa_pkcs1_sha256", "rsa_pkcs1_sha1", "ecdsa_sha1"]
      }),
      "NoCommonSignatureScheme",
      "handshake_failure"
    ],
    ["protocols that it does not speak", protocols("spdy/3"), "NoCommonProtocol", "no_application_protocol"]
  ])
  rows([["a name that no credential serves", undefined, "NoCredential", "handshake_failure"]], {
    world: serverWorld({ choose: () => undefined })
  })
  it("takes a client without protocols, and speaks none", () => {
    const { end } = accepted({ hello: { protocols: [] } })
    assert.isUndefined(end.connection.established?.protocol)
  })
})

describe("21: the second ClientHello", () => {
  const early = preceded("early_data", {})
  secondRows([
    ["the same shares again", shares(share("x25519", x25519)), "HelloChangedAfterRetry", "illegal_parameter"],
    [
      "two shares",
      shares(share("secp256r1", p256), share("x25519", x25519)),
      "HelloChangedAfterRetry",
      "illegal_parameter"
    ],
    ["no shares in the list", shares(), "HelloChangedAfterRetry", "illegal_parameter"],
    ["no key_share", without("key_share"), "MissingExtension", "missing_extension"],
    [
      "another random",
      hello((b) => ({ ...b, random: new Uint8Array(32) })),
      "HelloChangedAfterRetry",
      "illegal_parameter"
    ],
    [
      "another session ID",
      hello((b) => ({ ...b, legacy_session_id: Uint8Array.of(1) })),
      "HelloChangedAfterRetry",
      "illegal_parameter"
    ],
    [
      "other suites",
      hello((b) => ({ ...b, cipher_suites: ["TLS_AES_128_GCM_SHA256"] })),
      "HelloChangedAfterRetry",
      "illegal_parameter"
    ],
    [
      "another name",
      replaced("server_name", { server_name_list: [{ name_type: "host_name", name: "other.test" }] }),
      "HelloChangedAfterRetry",
      "illegal_parameter"
    ],
    ["no name", without("server_name"), "HelloChangedAfterRetry", "illegal_parameter"],
    ["other groups", groups("secp256r1"), "HelloChangedAfterRetry", "illegal_parameter"],
    ["other versions", versions("TLSv1.3", "TLSv1.2"), "HelloChangedAfterRetry", "illegal_parameter"],
    ["other protocols", protocols("h2"), "HelloChangedAfterRetry", "illegal_parameter"],
    ["one more extension", preceded("post_handshake_auth", {}), "HelloChangedAfterRetry", "illegal_parameter"],
    ["early data", early, "HelloChangedAfterRetry", "illegal_parameter"],
    [
      "a cookie that nobody gave",
      preceded("cookie", { cookie: Uint8Array.of(1) }),
      "HelloChangedAfterRetry",
      "illegal_parameter"
    ],
    [
      "a share beside the curve",
      shares(
        share(
          "secp256r1",
          p256.map((b, i) => (i === 64 ? b ^ 1 : b))
        )
      ),
      "InvalidKeyShare",
      "illegal_parameter"
    ],
    [
      "silence, and a Finished",
      instead(framed("finished", new Uint8Array(32))),
      "UnexpectedMessage",
      "unexpected_message"
    ]
  ])
  it("takes one that adds padding", () => {
    const { end } = accepted({ config: { groups: ["secp256r1"] }, SecondClientHello: preceded(21, new Uint8Array(9)) })
    assert.strictEqual(end.connection.established?.kind, "retried")
  })
})

describe("23: the group is chosen over what the client supports, not over the shares at hand", () => {
  const chosen = (
    ours: ReadonlyArray<"x25519" | "secp256r1" | "X25519MLKEM768">,
    have: ReadonlyArray<"x25519" | "secp256r1">
  ) =>
    Result.getOrThrow(
      Group.select(
        ours,
        ["secp256r1", "x25519", "X25519MLKEM768"],
        have.map((group) => ({ group }))
      )
    )
  it("a group of a better tier is worth a retry", () => {
    assert.deepStrictEqual(chosen(["x25519", "X25519MLKEM768"], ["x25519"]), {
      _tag: "Missing",
      group: "X25519MLKEM768"
    })
  })
  it("within a tier a share at hand is better than a retry, and the server's order decides", () => {
    assert.strictEqual(chosen(["x25519", "secp256r1"], ["secp256r1"])._tag, "Shared")
    assert.strictEqual(chosen(["x25519", "secp256r1"], ["secp256r1", "x25519"]).group, "x25519")
    assert.deepStrictEqual(chosen(["x25519", "secp256r1"], []), { _tag: "Missing", group: "x25519" })
  })
})
