/** What a ClientHello may hold: names, many groups and shares, the order of shares, changes after a retry. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { find } from "../../src/codec/extension/extension.ts"
import { escape } from "../../src/state/failure.ts"
import * as Group from "../../src/state/negotiation/group.ts"
import * as ServerName from "../../src/state/negotiation/serverName.ts"
import { concat } from "../support/answers.ts"
import { extensions, preceded, replaced } from "../support/edits.ts"
import { clientEnd, connected, serverWorld } from "../support/pair.ts"
import { type Puppet, type } from "../support/puppet.ts"
import { againstClient, againstServer, refused } from "../support/script.ts"

describe("server_name", () => {
  const asked = (name: string) =>
    ServerName.asked([{ type: "server_name", data: { server_name_list: [{ name_type: "host_name", name }] } }])
  const label = "a".repeat(63)
  const longest = `${label}.${label}.${label}.${"a".repeat(61)}`

  it("is lowered", () => {
    assert.deepStrictEqual(asked("WWW.Example.TEST"), Result.succeed("www.example.test"))
  })
  it.each(["server.test", "a", "_dmarc.a_b.test", "xn--bcher-kva.test", "1.2.3", "1.2.3.4.5", longest])(
    "may be %s",
    (name) => assert.deepStrictEqual(asked(name), Result.succeed(name))
  )
  it.each(["192.0.2.1", "::1", "2001:DB8::1", "::ffff:192.0.2.1"])("%s is an address: passed over", (name) =>
    assert.deepStrictEqual(asked(name), Result.succeed(undefined))
  )
  it("that is absent, or of another type, is none", () => {
    assert.deepStrictEqual(ServerName.asked([]), Result.succeed(undefined))
  })

  const refusals = [
    ["a trailing dot", "server.test."],
    ["a leading dot", ".server.test"],
    ["an empty label", "server..test"],
    ["a dot alone", "."],
    ["254 bytes", `${longest}a`],
    ["a label of 64 bytes", `${label}a.test`],
    ["a wildcard", "*.test"],
    ["a port", "server.test:443"],
    ["a slash", "server/test"],
    ["brackets", "[::1]"],
    ["an address with a zone", "fe80::1%eth0"],
    ["a NUL", "server.test\0.evil.test"],
    ["a control character", "server.test\x1b[2J"],
    ["a line break", "server.test\r\nHost"],
    ["a space", "server .test"],
    ["what is no ASCII", "sérver.test"]
  ] as const
  it.each(refusals)("with %s is IllegalValue", (_, name) => {
    const result = asked(name)
    if (Result.isSuccess(result)) assert.fail(`taken for ${result.success}`)
    assert.strictEqual(result.failure.reason, "IllegalValue")
    assert.match(result.failure.detail, /^[\x20-\x7e…]*$/)
  })
  it.each(refusals)("with %s is illegal_parameter on the wire", (_, name) => {
    const bytes = Uint8Array.from(Buffer.from(name, "latin1"))
    const size = bytes.length
    const list = concat(Uint8Array.of(0, size >> 8, size & 255), bytes)
    const data = concat(Uint8Array.of(list.length >> 8, list.length & 255), list)
    const named = extensions((block) => block.map((each) => (each.type === "server_name" ? { type: 0, data } : each)))
    const run = againstServer({ ClientHello: named })
    refused(run, "IllegalValue", "illegal_parameter")
    assert.match(run.end.failure?.detail ?? "", /^[\x20-\x7e…]*$/)
  })
  it("that was lowered is what the connection is known by", () => {
    const upper = { server_name_list: [{ name_type: "host_name", name: "SERVER.test" }] }
    const { end } = againstServer({ ClientHello: replaced("server_name", upper) })
    assert.strictEqual(end.connection.established?.serverName, "server.test")
  })
})

describe("shares", () => {
  it.each([
    [
      ["x25519", "secp256r1"],
      ["secp256r1", "x25519"]
    ],
    [
      ["secp384r1", "x25519", "secp256r1"],
      ["x25519", "secp256r1", "secp384r1"]
    ],
    [["secp256r1", "x25519", "secp384r1"], ["secp384r1"]]
  ] as const)("of the groups %j, asked for as %j, stand in the order of the groups", (groups, shares) => {
    const events = clientEnd({ groups, shares }).start().events
    const [hello] = events.flatMap((e) =>
      e._tag === "Message" && e.message._tag === "ClientHello" ? [e.message.body] : []
    )
    const sent = find(hello?.extensions ?? [], "key_share")?.client_shares.map(({ group }) => group)
    const wanted: ReadonlyArray<string> = shares
    assert.deepStrictEqual(
      sent,
      groups.filter((group) => wanted.includes(group))
    )
  })
})

describe("a ClientHello after a retry", () => {
  const ech = (fill: number) => preceded(65_037, new Uint8Array(40).fill(fill))
  it("may change encrypted_client_hello", () => {
    const { end } = againstServer({
      config: { groups: ["secp256r1"] },
      ClientHello: ech(1),
      SecondClientHello: ech(2)
    })
    assert.strictEqual(end.connection.established?.kind, "retried", end.failure?.detail)
  })
  it("may not change an extension that nobody knows", () => {
    const run = againstServer({
      config: { groups: ["secp256r1"] },
      ClientHello: preceded(65_038, Uint8Array.of(1)),
      SecondClientHello: preceded(65_038, Uint8Array.of(2))
    })
    refused(run, "HelloChangedAfterRetry", "illegal_parameter")
  })
})

describe("a ClientHello with 10,000 groups and thousands of shares", () => {
  // Code points that nobody has: 0x3000 and up. The shares are for the last of them, where searching costs most.
  const many = Array.from({ length: 10_000 }, (_, i) => 0x3000 + i)
  const hello = (shares: ReadonlyArray<number>, last: ReadonlyArray<object>) =>
    extensions((block) =>
      block.map((each) => {
        if (each.type === "supported_groups") return { ...each, data: { named_group_list: [...many, "x25519"] } }
        if (each.type !== "key_share") return each
        const client_shares = shares.map((group) => ({ group, key_exchange: Uint8Array.of(0) }))
        const own = (each.data as { readonly client_shares: ReadonlyArray<object> }).client_shares
        return { ...each, data: { client_shares: [...client_shares, ...own, ...last] } }
      })
    )
  const counted = () => {
    let operations = 0
    const world = serverWorld()
    const groups = world.primitives.groups.map((group) => ({
      ...group,
      encapsulate: (...args: Parameters<typeof group.encapsulate>) => {
        operations++
        return group.encapsulate(...args)
      }
    }))
    return { world: { ...world, primitives: { ...world.primitives, groups } }, count: () => operations }
  }
  type Edit = ReturnType<typeof hello>
  type Slot = Parameters<Edit>[0]
  /** The one long record that the edit leaves, cut into records that are allowed. */
  const cut =
    (edit: Edit) =>
    (slot: Slot): Uint8Array => {
      edit(slot)
      const message = concat(...slot.puppet.take()).subarray(5)
      for (let at = 0; at < message.length; at += 2 ** 14) {
        slot.puppet.plain(type.handshake, message.subarray(at, at + 2 ** 14))
      }
      const flight = concat(...slot.puppet.take())
      slot.puppet.raw(flight)
      return flight
    }
  it("costs one key exchange", () => {
    const { world, count } = counted()
    const { end } = againstServer({ world, ClientHello: cut(hello(many.slice(-8000), [])) })
    assert.isUndefined(end.failure, end.failure?.detail)
    assert.strictEqual(count(), 1)
  })
  it("costs none when the last share is one outside the groups", () => {
    const { world, count } = counted()
    const edit = hello(many.slice(-8000), [{ group: 0x2fff, key_exchange: Uint8Array.of(0) }])
    refused(againstServer({ world, ClientHello: cut(edit) }), "ShareOutsideGroups", "illegal_parameter")
    assert.strictEqual(count(), 0)
  })
  it("reads each of its groups and shares once to see that they belong together", () => {
    let reads = 0
    const watched = <A extends object>(list: ReadonlyArray<A> | ReadonlyArray<number>) =>
      new Proxy(list, {
        get: (target, name) => {
          if (/^\d+$/.test(String(name))) reads++
          return Reflect.get(target, name)
        }
      })
    const shares = many.slice(-8000).map((group) => ({ group }))
    const listed = Group.listed(watched(many) as typeof many, watched(shares) as typeof shares)
    assert.isTrue(Result.isSuccess(listed))
    assert.strictEqual(reads, many.length + shares.length)
  })
})

describe("an alert in the clear", () => {
  it("from a server after its keys is an unexpected record to the client", () => {
    for (const slot of ["EncryptedExtensions", "Certificate", "Finished"] as const) {
      const alert = ({ puppet }: { readonly puppet: Puppet }) => puppet.plain(type.alert, Uint8Array.of(2, 40))
      refused(againstClient({ [slot]: alert }), "UnexpectedRecord", "unexpected_message")
    }
  })
  it("from a client before its first protected record ends the server, and is told as what it is", () => {
    const run = againstServer({ Finished: ({ puppet }) => puppet.plain(type.alert, Uint8Array.of(2, 40)) })
    refused(run, "AlertReceived", "no alert")
    assert.strictEqual(run.end.failure?.received, "handshake_failure")
  })
  it("from a client behind its first protected record is an unexpected record", () => {
    const run = againstServer({
      config: { clientAuthentication: { _tag: "Required", authorities: [] } },
      CertificateVerify: ({ puppet }) => puppet.plain(type.alert, Uint8Array.of(2, 40))
    })
    refused(run, "UnexpectedRecord", "unexpected_message")
  })
  it("is nothing that could end an open connection quietly", () => {
    for (const role of ["client", "server"] as const) {
      const end = connected()[role]
      end.receive(Uint8Array.of(21, 3, 3, 0, 2, 1, 0))
      assert.strictEqual(end.failure?.reason, "UnexpectedRecord")
    }
  })
})

describe("escape", () => {
  it("never yields more than 256 characters, whatever comes in", () => {
    const units = ["a", "\0", "\u{1f600}", "\ud800", "é", "\u202e", '"', "\\"]
    for (const unit of units) {
      for (const count of [0, 1, 25, 26, 31, 32, 63, 64, 127, 128, 255, 256, 257, 1000, 100_000]) {
        const text = escape(unit.repeat(count))
        assert.isAtMost(text.length, 256, `${JSON.stringify(unit)} × ${count}`)
        assert.match(text, /^[\x20-\x7e]*…?$/)
      }
    }
  })
  it("leaves printable ASCII alone up to there", () => {
    assert.strictEqual(escape("server.test"), "server.test")
    assert.strictEqual(escape("x".repeat(256)), "x".repeat(256))
    assert.strictEqual(escape("x".repeat(257)), `${"x".repeat(255)}…`)
    assert.strictEqual(escape("a\0b"), "a\\u{0}b")
  })
})
