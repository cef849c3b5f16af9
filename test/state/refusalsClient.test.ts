/** What a client refuses in the choices of a server (SECURITY rows 15 to 20, 28 and 30). */
import { assert, describe, it } from "@effect/vitest"
import type { ReasonName } from "../../src/state/failure.ts"
import { concat, fromHex, pairOf } from "../support/answers.ts"
import { changed, extended, instead, replaced, without } from "../support/edits.ts"
import { suites } from "../support/pair.ts"
import { framed } from "../support/puppet.ts"
import { againstClient, refused, type ServerScript } from "../support/script.ts"

type Rows = ReadonlyArray<readonly [promise: string, script: ServerScript, reason: ReasonName, alert: string]>
const rows = (table: Rows) =>
  it.each(table)("refuses %s", (_, script, reason, alert) => refused(againstClient(script), reason, alert))
const accepted = (script: ServerScript) => {
  const { end } = againstClient(script)
  assert.strictEqual(end.connection.state, "CONNECTED", end.failure?.detail)
  return end
}

const share = (group: string | number, key_exchange: Uint8Array) =>
  replaced("key_share", { server_share: { group, key_exchange } })
const p256 = pairOf("secp256r1", new Uint8Array(32).fill(3)).share
const sentinel = (last: number) =>
  changed<"ServerHello">((body) => ({
    ...body,
    random: concat(new Uint8Array(24), Uint8Array.from([0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, last])),
    extensions: []
  }))

describe("15, 16: the version", () => {
  const version = (selected_version: string | number) => replaced("supported_versions", { selected_version })
  rows([
    [
      "TLS 1.2 chosen through the extension",
      { ServerHello: version("TLSv1.2") },
      "UnofferedVersion",
      "illegal_parameter"
    ],
    ["a version that nobody knows", { ServerHello: version(0x0305) }, "UnofferedVersion", "illegal_parameter"],
    ["a draft", { ServerHello: version(0x7f1c) }, "UnofferedVersion", "illegal_parameter"],
    [
      "a server without supported_versions",
      { ServerHello: without("supported_versions") },
      "UnsupportedVersion",
      "protocol_version"
    ],
    [
      "legacy_version of TLS 1.3",
      { ServerHello: changed<"ServerHello">((body) => ({ ...body, legacy_version: "TLSv1.3" })) },
      "BadLegacyVersion",
      "protocol_version"
    ],
    [
      "legacy_version of TLS 1.1",
      { ServerHello: changed<"ServerHello">((body) => ({ ...body, legacy_version: "TLSv1.1" })) },
      "BadLegacyVersion",
      "protocol_version"
    ],
    ["the sentinel of a server held to TLS 1.2", { ServerHello: sentinel(1) }, "Downgraded", "illegal_parameter"],
    ["the sentinel of a server held to TLS 1.1", { ServerHello: sentinel(0) }, "Downgraded", "illegal_parameter"]
  ])
  it("does not mind the same eight bytes where TLS 1.3 is chosen", () => {
    const tail = [0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 1]
    accepted({
      ServerHello: changed<"ServerHello">((body) => ({
        ...body,
        random: Uint8Array.of(...new Uint8Array(24), ...tail)
      }))
    })
  })
})

describe("18, 19, 30: what was not offered", () => {
  const aes = suites.filter(({ name }) => name === "TLS_AES_128_GCM_SHA256")
  const suite = (cipher_suite: string | number) => changed<"ServerHello">((body) => ({ ...body, cipher_suite }))
  const alpn = (...names: ReadonlyArray<string>) =>
    extended("application_layer_protocol_negotiation", { protocol_name_list: names })
  const echo = (legacy_session_id_echo: Uint8Array) =>
    changed<"ServerHello">((body) => ({ ...body, legacy_session_id_echo }))
  rows([
    [
      "a cipher suite that it knows but did not offer",
      { config: { suites: aes }, ServerHello: suite("TLS_AES_256_GCM_SHA384") },
      "UnofferedCipherSuite",
      "illegal_parameter"
    ],
    [
      "a cipher suite of TLS 1.2",
      { ServerHello: suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") },
      "UnofferedCipherSuite",
      "illegal_parameter"
    ],
    ["a cipher suite that nobody knows", { ServerHello: suite(0xfafa) }, "UnofferedCipherSuite", "illegal_parameter"],
    [
      "a share for a group that it sent none for",
      { ServerHello: share("secp256r1", p256) },
      "UnofferedGroup",
      "illegal_parameter"
    ],
    [
      "a share for a group that nobody knows",
      { ServerHello: share(0x1a1a, Uint8Array.of(1)) },
      "UnofferedGroup",
      "illegal_parameter"
    ],
    [
      "a PSK, as none was offered",
      { ServerHello: extended("pre_shared_key", { selected_identity: 0 }) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "early data accepted, as none was sent",
      { EncryptedExtensions: extended("early_data", {}) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "compression",
      { ServerHello: changed<"ServerHello">((body) => ({ ...body, legacy_compression_method: 1 })) },
      "BadCompressionMethods",
      "illegal_parameter"
    ],
    [
      "a protocol that it did not offer",
      { EncryptedExtensions: alpn("spdy/3") },
      "UnofferedProtocol",
      "illegal_parameter"
    ],
    ["two protocols", { EncryptedExtensions: alpn("h2", "http/1.1") }, "UnofferedProtocol", "illegal_parameter"],
    [
      "a protocol without a name",
      { EncryptedExtensions: extended(16, Uint8Array.of(0, 1, 0)) },
      "DecodeFailed",
      "decode_error"
    ],
    [
      "no protocol in a list",
      { EncryptedExtensions: extended(16, Uint8Array.of(0, 0)) },
      "DecodeFailed",
      "decode_error"
    ],
    [
      "a protocol, when it offered none",
      { config: { protocols: [] }, EncryptedExtensions: alpn("h2") },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "a session ID that is not its own",
      { ServerHello: echo(new Uint8Array(32)) },
      "SessionIdMismatch",
      "illegal_parameter"
    ],
    ["no session ID", { ServerHello: echo(new Uint8Array(0)) }, "SessionIdMismatch", "illegal_parameter"],
    [
      "a session ID, when it sent none",
      { config: { compatibility: "none" }, ServerHello: echo(Uint8Array.of(1)) },
      "SessionIdMismatch",
      "illegal_parameter"
    ],
    [
      "a session ID of 33 bytes",
      { ServerHello: instead(framed("server_hello", fromHex(`0303${"00".repeat(32)}21${"00".repeat(33)}130100`))) },
      "DecodeFailed",
      "decode_error"
    ]
  ])
  it("takes a protocol that it offered", () => {
    assert.strictEqual(accepted({ EncryptedExtensions: alpn("http/1.1") }).connection.established?.protocol, "http/1.1")
  })
  it("tells of a hostile protocol name in printable characters, and not much of it", () => {
    const { end } = againstClient({ EncryptedExtensions: alpn(`\x1b[2J\n${"x".repeat(250)}`) })
    assert.match(end.failure?.detail ?? "", /^[\x20-\x7e…]{1,400}$/)
  })
})

describe("20: HelloRetryRequest", () => {
  const group = (selected_group: string | number) => replaced("key_share", { selected_group })
  const retry = { retry: { group: "secp256r1" } } as const
  const cookie = { retry: { cookie: Uint8Array.of(1, 2) } } as const
  rows([
    ["a retry that asks for nothing", { retry: {} }, "PointlessRetry", "illegal_parameter"],
    [
      "a group that it has sent a share for",
      { retry: { group: "x25519" } },
      "RetryForSharedGroup",
      "illegal_parameter"
    ],
    ["a group that it did not offer", { retry: { group: "secp521r1" } }, "UnofferedGroup", "illegal_parameter"],
    [
      "a group that nobody knows",
      { ...retry, HelloRetryRequest: group(0x2a2a) },
      "UnofferedGroup",
      "illegal_parameter"
    ],
    [
      "an empty cookie",
      { ...retry, HelloRetryRequest: extended(44, Uint8Array.of(0, 0)) },
      "DecodeFailed",
      "decode_error"
    ],
    [
      "an extension that nobody knows",
      { ...retry, HelloRetryRequest: extended(0x3a3a, Uint8Array.of(1)) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "an extension of another message",
      { ...retry, HelloRetryRequest: extended(16, Uint8Array.of(0, 3, 2, 104, 50)) },
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "TLS 1.2 chosen through the extension",
      { ...retry, HelloRetryRequest: replaced("supported_versions", { selected_version: "TLSv1.2" }) },
      "UnofferedVersion",
      "illegal_parameter"
    ],
    [
      "no version",
      { ...retry, HelloRetryRequest: without("supported_versions") },
      "UnsupportedVersion",
      "protocol_version"
    ],
    [
      "a cipher suite that was not offered",
      { ...retry, HelloRetryRequest: changed<"HelloRetryRequest">((b) => ({ ...b, cipher_suite: 0xfafa })) },
      "UnofferedCipherSuite",
      "illegal_parameter"
    ],
    [
      "another session ID",
      {
        ...retry,
        HelloRetryRequest: changed<"HelloRetryRequest">((b) => ({ ...b, legacy_session_id_echo: Uint8Array.of(1) }))
      },
      "SessionIdMismatch",
      "illegal_parameter"
    ],
    [
      "compression",
      { ...retry, HelloRetryRequest: changed<"HelloRetryRequest">((b) => ({ ...b, legacy_compression_method: 1 })) },
      "BadCompressionMethods",
      "illegal_parameter"
    ],
    [
      "another cipher suite after a retry",
      {
        ...retry,
        ServerHello: changed<"ServerHello">((b) => ({ ...b, cipher_suite: "TLS_CHACHA20_POLY1305_SHA256" }))
      },
      "SuiteChangedAfterRetry",
      "illegal_parameter"
    ],
    [
      "another group after a retry",
      { ...retry, ServerHello: share("x25519", new Uint8Array(32).fill(9)) },
      "GroupChangedAfterRetry",
      "illegal_parameter"
    ],
    [
      "another group after a retry for a cookie",
      { ...cookie, ServerHello: share("secp256r1", p256) },
      "UnofferedGroup",
      "illegal_parameter"
    ],
    [
      "TLS 1.2 after a retry",
      { ...retry, ServerHello: without("supported_versions") },
      "UnofferedVersion",
      "illegal_parameter"
    ],
    [
      "TLS 1.2 after a retry, with its sentinel",
      { ...retry, ServerHello: sentinel(1) },
      "UnofferedVersion",
      "illegal_parameter"
    ]
  ])
  it("follows a retry for a group, for a cookie, and for both", () => {
    for (const asked of [retry.retry, cookie.retry, { ...retry.retry, ...cookie.retry }]) {
      const { end, puppet } = againstClient({ retry: asked })
      assert.strictEqual(end.connection.state, "CONNECTED", end.failure?.detail)
      assert.strictEqual(end.connection.established?.kind, "retried")
      const [before, after] = puppet.hellos
      const types = (hello: typeof before) => hello?.extensions.map((each) => each.type) ?? []
      const added = "cookie" in asked ? ["cookie"] : []
      assert.deepStrictEqual(types(after), [...types(before), ...added])
      assert.deepStrictEqual({ ...after, extensions: [] }, { ...before, extensions: [] })
    }
  })
})
