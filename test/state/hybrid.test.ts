/** Hybrid groups in whole handshakes: RFC 10024's refusals (SECURITY rows 33 to 35) and who asks for which share. */
import { assert, describe, it } from "@effect/vitest"
import { find } from "../../src/codec/extension/extension.ts"
import type { NamedGroup } from "../../src/codec/registry/namedGroup.ts"
import { sharesOf } from "../../src/state/negotiation/group.ts"
import { fixedGroups, okay } from "../support/answers.ts"
import { replaced } from "../support/edits.ts"
import { clientEnd, handshake, type Link, serverEnd } from "../support/pair.ts"
import { againstClient, againstServer, refused } from "../support/script.ts"

const name = "X25519MLKEM768"
const hybrid = fixedGroups.find((group) => group.name === name) ?? assert.fail("no hybrid")
const random = (size: number) => new Uint8Array(size).fill(3)
const [key, answer] = [
  hybrid.generate(random).share,
  okay(hybrid.encapsulate(hybrid.generate(random).share, random)).share
]

const set = (bytes: Uint8Array, at: number, ...values: ReadonlyArray<number>): Uint8Array => {
  const other = bytes.slice()
  other.set(values, at)
  return other
}
const zeroX25519 = (share: Uint8Array) => set(share, share.length - 32, ...new Uint8Array(32))
const swapped = (share: Uint8Array) => Uint8Array.of(...share.subarray(-32), ...share.subarray(0, -32))

describe("35: a client's share that is refused", () => {
  const hello = { groups: [name], shares: [name] } as const
  const sent = (key_exchange: Uint8Array) =>
    againstServer({
      hello,
      config: { groups: [name] },
      ClientHello: replaced("key_share", { client_shares: [{ group: name, key_exchange }] })
    })
  it.each([
    ["whose first coefficient is 4095", set(key, 0, 0xff, 0x0f | ((key[1] ?? 0) & 0xf0))],
    ["whose last coefficient is 3329", set(key, 1150, ((key[1150] ?? 0) & 0x0f) | 0x10, 0xd0)],
    ["that is not reduced anywhere", set(key, 0, ...new Uint8Array(1152).fill(255))],
    ["with a zero of X25519", zeroX25519(key)],
    ["with the parts in the other order", swapped(key)],
    ["without ML-KEM", key.slice(-32)],
    ["without X25519", key.slice(0, 1184)],
    ["of a byte less", key.slice(0, -1)],
    ["of a byte more", Uint8Array.of(...key, 0)],
    ["of a server", answer]
  ])("%s is illegal_parameter", (_, share) => refused(sent(share), "InvalidKeyShare", "illegal_parameter"))

  it("is one of these alone: the same test with a good one goes on", () => {
    assert.isUndefined(againstServer({ hello, config: { groups: [name] } }).end.failure)
  })
})

describe("35: a server's share that is refused", () => {
  const config = { groups: [name, "x25519"], shares: [name] } as const
  const sent = (key_exchange: Uint8Array) =>
    againstClient({
      config,
      ServerHello: replaced("key_share", { server_share: { group: name, key_exchange } })
    })
  it.each([
    ["with a zero of X25519", zeroX25519(answer)],
    ["without ML-KEM", answer.slice(-32)],
    ["without X25519", answer.slice(0, 1088)],
    ["with a ciphertext of a byte less", Uint8Array.of(...answer.subarray(1))],
    ["of a byte more", Uint8Array.of(...answer, 0)],
    ["of a client", key]
  ])("%s is illegal_parameter", (_, share) => refused(sent(share), "InvalidKeyShare", "illegal_parameter"))

  /** Implicit rejection: ML-KEM answers a forged ciphertext with another secret, which no record opens with. */
  it("but a ciphertext that was changed only leads nowhere", () => {
    const bend: Link = (flight, direction) => [
      direction === "toClient" ? flight.map((byte, at) => (at === 300 ? byte ^ 1 : byte)) : flight
    ]
    const { client } = handshake(clientEnd(config), serverEnd({ groups: [name] }), bend)
    assert.strictEqual(client.failure?.reason, "BadRecordMac")
  })
})

describe("the best group that both have", () => {
  const groups = [name, "x25519", "secp256r1"] as const
  const kinds = (shares: ReadonlyArray<NamedGroup>, served: ReadonlyArray<NamedGroup> = groups) => {
    const { client, server } = handshake(clientEnd({ groups, shares }), serverEnd({ groups: served }))
    assert.deepStrictEqual([client.failure, server.failure], [undefined, undefined])
    assert.strictEqual(client.connection.established?.group, server.connection.established?.group)
    const hellos = client.events.flatMap((event) =>
      event._tag === "Message" && event.message._tag === "ClientHello" ? [event.message.body] : []
    )
    return [
      client.connection.established?.group,
      hellos.map(({ extensions }) => find(extensions, "key_share")?.client_shares.map(({ group }) => group))
    ]
  }

  it("is asked for by a server whose client lists it and does not share it", () => {
    assert.deepStrictEqual(kinds(["x25519"]), [name, [["x25519"], [name]]])
  })
  it("is taken at once from a client that shares both", () => {
    assert.deepStrictEqual(kinds([name, "x25519"]), [name, [[name, "x25519"]]])
  })
  it("is X25519, without another round trip, where the server has no hybrid", () => {
    assert.deepStrictEqual(kinds([name, "x25519"], ["secp256r1", "x25519"]), ["x25519", [[name, "x25519"]]])
  })

  it.each<[ReadonlyArray<NamedGroup>, ReadonlyArray<NamedGroup>]>([
    [
      [name, "x25519", "secp256r1"],
      [name, "x25519"]
    ],
    [
      ["x25519", "secp256r1", name, "SecP256r1MLKEM768"],
      ["x25519", name]
    ],
    [["secp384r1", "x25519"], ["secp384r1"]],
    [[name], [name]]
  ])("is among the shares sent when nobody says which: of %s, %s", (groups, shares) => {
    assert.deepStrictEqual(sharesOf(groups), shares)
  })
})
