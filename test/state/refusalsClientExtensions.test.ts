/** What a client refuses in the extensions of a server (SECURITY rows 24 to 27, 33 and 34). */
import { assert, describe, it } from "@effect/vitest"
import type { ReasonName } from "../../src/state/failure.ts"
import { concat, fromHex, pairOf } from "../support/answers.ts"
import { changed, extended, extensions, replaced, without } from "../support/edits.ts"
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
describe("24 to 27: extensions", () => {
  const twiceNamed = (number: number, data: Uint8Array) => extended(number, data)
  rows([
    [
      "supported_versions twice in ServerHello",
      { ServerHello: twiceNamed(43, Uint8Array.of(3, 4)) },
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "the name twice in EncryptedExtensions",
      {
        EncryptedExtensions: extensions((block) => [
          ...block,
          { type: 0, data: new Uint8Array(0) },
          { type: "server_name", data: {} }
        ])
      },
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "an extension in ServerHello that it did not send",
      { ServerHello: extended(0x3a3a, Uint8Array.of(1)) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "an extension in EncryptedExtensions that it did not send",
      { EncryptedExtensions: extended(0x3a3a, Uint8Array.of(1)) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "the name acknowledged when it sent none",
      {
        config: { server: { _tag: "IpAddress", address: Uint8Array.of(127, 0, 0, 1), text: "127.0.0.1" } },
        EncryptedExtensions: extended("server_name", {})
      },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "the protocol in ServerHello",
      { ServerHello: extended("application_layer_protocol_negotiation", { protocol_name_list: ["h2"] }) },
      "MisplacedExtension",
      "illegal_parameter"
    ],
    [
      "the name in ServerHello",
      { ServerHello: extended("server_name", {}) },
      "MisplacedExtension",
      "illegal_parameter"
    ],
    [
      "renegotiation_info in ServerHello",
      { ServerHello: extended("renegotiation_info", { renegotiated_connection: new Uint8Array(0) }) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "extended_master_secret in ServerHello",
      { ServerHello: extended("extended_master_secret", {}) },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "signature_algorithms in ServerHello",
      { ServerHello: extended(13, Uint8Array.of(0, 2, 8, 7)) },
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "key_share in EncryptedExtensions",
      { EncryptedExtensions: extended(51, Uint8Array.of(0, 29)) },
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "supported_versions in EncryptedExtensions",
      { EncryptedExtensions: extended(43, Uint8Array.of(3, 4)) },
      "IllegalValue",
      "illegal_parameter"
    ],
    ["a ServerHello without a share", { ServerHello: without("key_share") }, "MissingExtension", "missing_extension"],
    [
      "a ServerHello without any extension",
      { ServerHello: changed<"ServerHello">((body) => ({ ...body, extensions: [] })) },
      "UnsupportedVersion",
      "protocol_version"
    ]
  ])
  it("takes groups that the server would like, and the name acknowledged", () => {
    accepted({ EncryptedExtensions: extended("supported_groups", { named_group_list: ["X25519MLKEM768", 0x4a4a] }) })
    accepted({ EncryptedExtensions: extended("server_name", {}) })
  })
})

describe("33, 34: the server's share", () => {
  const point = (hex: string) => share("x25519", fromHex(hex))
  const onP256 = (bytes: Uint8Array): ServerScript => ({
    retry: { group: "secp256r1" },
    ServerHello: share("secp256r1", bytes)
  })
  const offCurve = p256.map((byte, i) => (i === 64 ? byte ^ 1 : byte))
  const compressed = concat(Uint8Array.of(2 + ((p256[64] ?? 0) & 1)), p256.subarray(1, 33))
  const hybrid = p256.map((byte, i) => (i === 0 ? 6 + ((p256[64] ?? 0) & 1) : byte))
  rows([
    ["31 bytes for x25519", { ServerHello: point("09".repeat(31)) }, "InvalidKeyShare", "illegal_parameter"],
    ["33 bytes for x25519", { ServerHello: point("09".repeat(33)) }, "InvalidKeyShare", "illegal_parameter"],
    ["the point 0 of x25519", { ServerHello: point("00".repeat(32)) }, "InvalidKeyShare", "illegal_parameter"],
    ["the point 1 of x25519", { ServerHello: point(`01${"00".repeat(31)}`) }, "InvalidKeyShare", "illegal_parameter"],
    [
      "a point of order 8 of x25519",
      { ServerHello: point("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800") },
      "InvalidKeyShare",
      "illegal_parameter"
    ],
    [
      "a share of no bytes",
      {
        ServerHello: extensions((block) =>
          block.map((each) => (each.type === "key_share" ? { type: 51, data: Uint8Array.of(0, 29, 0, 0) } : each))
        )
      },
      "DecodeFailed",
      "decode_error"
    ],
    ["a point beside P-256", onP256(offCurve), "InvalidKeyShare", "illegal_parameter"],
    ["a compressed point", onP256(compressed), "InvalidKeyShare", "illegal_parameter"],
    ["a hybrid point", onP256(hybrid), "InvalidKeyShare", "illegal_parameter"],
    ["the point at infinity", onP256(Uint8Array.of(0)), "InvalidKeyShare", "illegal_parameter"],
    ["64 bytes for P-256", onP256(p256.subarray(0, 64)), "InvalidKeyShare", "illegal_parameter"],
    ["66 bytes for P-256", onP256(concat(p256, Uint8Array.of(0))), "InvalidKeyShare", "illegal_parameter"],
    ["a point of zeros", onP256(concat(Uint8Array.of(4), new Uint8Array(64))), "InvalidKeyShare", "illegal_parameter"]
  ])
})
