/** What a server refuses in the extensions of a ClientHello, and what it ignores (SECURITY rows 24 to 29, 33, 34). */
import { assert, describe, it } from "@effect/vitest"
import type { ReasonName } from "../../src/state/failure.ts"
import { concat, fromHex, pairOf } from "../support/answers.ts"
import { changed, extended, extensions, instead, preceded, replaced, without } from "../support/edits.ts"
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
const groups = (...named_group_list: ReadonlyArray<string | number>) =>
  replaced("supported_groups", { named_group_list })

describe("24 to 26: extensions", () => {
  rows([
    ["an extension twice", preceded(43, Uint8Array.of(2, 3, 4)), "IllegalValue", "illegal_parameter"],
    [
      "an extension that nobody knows twice",
      instead(framed("client_hello", fromHex(`0303${"00".repeat(32)}00000213010100 0008 3a3a0000 3a3a0000`))),
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "two shares of a group",
      replaced51(fromHex(`0048 001d0020${"09".repeat(32)}001d0020${"09".repeat(32)}`)),
      "IllegalValue",
      "illegal_parameter"
    ],
    ["an extension of another message", extended(48, Uint8Array.of(0, 0)), "IllegalValue", "illegal_parameter"],
    ["no key_share", without("key_share"), "MissingExtension", "missing_extension"],
    ["no supported_groups", without("supported_groups"), "MissingExtension", "missing_extension"],
    ["no signature_algorithms", without("signature_algorithms"), "MissingExtension", "missing_extension"],
    ["no extensions", hello((b) => ({ ...b, extensions: [] })), "UnsupportedVersion", "protocol_version"],
    ["a share for a group that it does not list", groups("secp256r1"), "ShareOutsideGroups", "illegal_parameter"]
  ])

  it("finds hundreds of shares of one group without touching a curve", () => {
    let operations = 0
    const world = serverWorld()
    const counted = world.primitives.groups.map((group) => ({
      ...group,
      encapsulate: (...args: Parameters<typeof group.encapsulate>) => (operations++, group.encapsulate(...args))
    }))
    const entry = concat(fromHex("001d0020"), x25519)
    const list = concat(...Array.from({ length: 400 }, () => entry))
    const run = againstServer({
      world: { ...world, primitives: { ...world.primitives, groups: counted } },
      ClientHello: replaced51(concat(Uint8Array.of(list.length >> 8, list.length & 255), list))
    })
    refused(run, "IllegalValue", "illegal_parameter")
    assert.strictEqual(operations, 0)
  })
})

/** key_share as bytes. */
function replaced51(data: Uint8Array) {
  return extensions((block) => block.map((each) => (each.type === "key_share" ? { type: 51, data } : each)))
}

/** An identity of one byte and a binder of 32. */
const pskBytes = fromHex(`0007 0001 01 00000000 0021 20 ${"00".repeat(32)}`)
const twoIdentities = fromHex(`000e 0001 01 00000000 0001 02 00000000 0021 20 ${"00".repeat(32)}`)

describe("46: a PSK, which is not taken", () => {
  const identity = { identity: Uint8Array.of(1), obfuscated_ticket_age: 0 }
  const psk = { identities: [identity], binders: [new Uint8Array(32)] }
  const modes = { type: "psk_key_exchange_modes", data: { ke_modes: ["psk_dhe_ke"] } }
  const offered = { type: "pre_shared_key", data: psk }
  rows([
    ["a PSK without its modes", extended("pre_shared_key", psk), "MissingExtension", "missing_extension"],
    [
      "a PSK that is not the last extension",
      extensions((block) => [...block, modes, { type: 41, data: pskBytes }, { type: 0x3a3a, data: new Uint8Array(0) }]),
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "two identities and one binder",
      extensions((block) => [...block, modes, { type: 41, data: twoIdentities }]),
      "IllegalValue",
      "illegal_parameter"
    ],
    [
      "no binder",
      extensions((block) => [...block, modes, { type: 41, data: fromHex("0007 0001 01 00000000 0000") }]),
      "DecodeFailed",
      "decode_error"
    ]
  ])
  it("is passed over, and the handshake is a full one", () => {
    const { end } = accepted({ ClientHello: extensions((block) => [...block, modes, offered]) })
    assert.strictEqual(end.connection.established?.kind, "full")
    assert.include(end.messages, "said Certificate")
  })
})

describe("27: what nobody knows is ignored", () => {
  const grease = extensions((block) => [
    { type: 0x0a0a, data: new Uint8Array(0) },
    ...block.map((each) => {
      const list = each.data as { readonly [name: string]: ReadonlyArray<unknown> }
      switch (each.type) {
        case "supported_versions":
          return { ...each, data: { versions: [0x1a1a, ...(list.versions ?? [])] } }
        case "supported_groups":
          return { ...each, data: { named_group_list: [0x2a2a, ...(list.named_group_list ?? [])] } }
        case "signature_algorithms":
          return {
            ...each,
            data: { supported_signature_algorithms: [0x3a3a, ...(list.supported_signature_algorithms ?? [])] }
          }
        case "key_share":
          return { ...each, data: { client_shares: [share(0x2a2a, Uint8Array.of(0)), ...(list.client_shares ?? [])] } }
        case "application_layer_protocol_negotiation":
          return { ...each, data: { protocol_name_list: ["\x4a\x4a", ...(list.protocol_name_list ?? [])] } }
        default:
          return each
      }
    }),
    { type: 0xfafa, data: Uint8Array.of(0) }
  ])
  it("in every list of a ClientHello at once, and the suites too", () => {
    const { end } = accepted({ ClientHello: grease })
    assert.strictEqual(end.connection.established?.protocol, "h2")
    accepted({ ClientHello: hello((b) => ({ ...b, cipher_suites: [0x5a5a, 0x5600, ...b.cipher_suites] })) })
  })
  it("in a session ID of any length up to 32", () => {
    for (const length of [0, 1, 31, 32])
      accepted({ ClientHello: hello((b) => ({ ...b, legacy_session_id: new Uint8Array(length) })) })
  })
})

describe("28, 29: names", () => {
  const name = (...names: ReadonlyArray<readonly [number, string]>) => {
    const entries = names.map(([kind, text]) =>
      concat(
        Uint8Array.of(kind, text.length >> 8, text.length & 255),
        Uint8Array.from(text, (c) => c.charCodeAt(0))
      )
    )
    const list = concat(...entries)
    return extensions((block) =>
      block.map((each) =>
        each.type === "server_name"
          ? { type: 0, data: concat(Uint8Array.of(list.length >> 8, list.length & 255), list) }
          : each
      )
    )
  }
  const bytes = (hex: string) =>
    extensions((block) =>
      block.map((each) =>
        each.type === "application_layer_protocol_negotiation" ? { type: 16, data: fromHex(hex) } : each
      )
    )
  rows([
    ["two names of one kind", name([0, "a.test"], [0, "b.test"]), "IllegalValue", "illegal_parameter"],
    ["an empty name", name([0, ""]), "DecodeFailed", "decode_error"],
    ["no name in the list", name(), "DecodeFailed", "decode_error"],
    ["a name with NUL in it", name([0, "a\0.test"]), "IllegalValue", "illegal_parameter"],
    ["a name with a space in it", name([0, "a .test"]), "IllegalValue", "illegal_parameter"],
    ["a name beyond ASCII", name([0, "\xe9.test"]), "IllegalValue", "illegal_parameter"],
    ["a name of 255 bytes", name([0, "x".repeat(255)]), "IllegalValue", "illegal_parameter"],
    ["a label of 64 bytes", name([0, `${"x".repeat(64)}.test`]), "IllegalValue", "illegal_parameter"],
    ["a name that ends in a dot", name([0, "a.test."]), "IllegalValue", "illegal_parameter"],
    ["an empty label", name([0, "a..test"]), "IllegalValue", "illegal_parameter"],
    ["an empty protocol", bytes("0004 00 02 6832"), "DecodeFailed", "decode_error"],
    ["an empty list of protocols", bytes("0000"), "DecodeFailed", "decode_error"],
    ["a list of protocols that is too short", bytes("0003 03 6832"), "DecodeFailed", "decode_error"]
  ])
  it.each(["__proto__", "constructor", "toString", "xn--bcher-kva.test", "_sip._tcp.test"])(
    "hands the name %s on like any other",
    (text) => {
      const { end } = accepted({ ClientHello: name([0, text]) })
      assert.strictEqual(end.connection.established?.serverName, text.toLowerCase())
    }
  )
  it("passes over an address, and over names of a kind to come", () => {
    assert.isUndefined(accepted({ ClientHello: name([0, "127.0.0.1"]) }).end.connection.established?.serverName)
    const { end } = accepted({ ClientHello: name([7, "a name of a kind to come"], [0, "a.test"]) })
    assert.strictEqual(end.connection.established?.serverName, "a.test")
  })
  it("prefers its own order of protocols", () => {
    const { end } = accepted({ config: { protocols: ["http/1.1", "h2"] } })
    assert.strictEqual(end.connection.established?.protocol, "http/1.1")
  })
})

describe("33, 34: the client's share", () => {
  const on = (group: string, key_exchange: Uint8Array) => shares(share(group, key_exchange))
  rows([
    ["31 bytes for x25519", on("x25519", new Uint8Array(31).fill(9)), "InvalidKeyShare", "illegal_parameter"],
    ["the point 0 of x25519", on("x25519", new Uint8Array(32)), "InvalidKeyShare", "illegal_parameter"],
    [
      "the point 1 of x25519",
      on("x25519", Uint8Array.of(1, ...new Uint8Array(31))),
      "InvalidKeyShare",
      "illegal_parameter"
    ],
    [
      "a compressed point",
      on("secp256r1", concat(Uint8Array.of(3), p256.subarray(1, 33))),
      "InvalidKeyShare",
      "illegal_parameter"
    ],
    [
      "a point beside P-256",
      on(
        "secp256r1",
        p256.map((b, i) => (i === 64 ? b ^ 1 : b))
      ),
      "InvalidKeyShare",
      "illegal_parameter"
    ],
    ["the point at infinity", on("secp256r1", Uint8Array.of(0)), "InvalidKeyShare", "illegal_parameter"]
  ])
  it("is of no interest in groups that are not chosen", () => {
    accepted({
      ClientHello: shares(share("secp256r1", Uint8Array.of(0)), share("x25519", x25519Of())),
      config: { groups: ["x25519"] }
    })
  })
})

/** The share of the client's own pair, which it knows the key of. */
function x25519Of() {
  const { puppet } = againstServer()
  return puppet.offer.shares[0]?.share ?? assert.fail("no share")
}
