/** Alerts, closing, and what comes after the handshake (SECURITY rows 53 to 57). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { AlertDescription } from "../../src/codec/registry/alert.ts"
import { expandLabel } from "../../src/crypto/hkdf.ts"
import { Secret } from "../../src/crypto/secret.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { concat } from "../support/answers.ts"
import { carry, clientEnd, connected, handshake, type Link, limitedKeys, serverEnd } from "../support/pair.ts"
import { encode, framed, type Puppet, type } from "../support/puppet.ts"
import { againstClient, againstServer, refused } from "../support/script.ts"
import { ticket } from "../support/travel.ts"

type Insert = (puppet: Puppet) => unknown
const after = {
  client: (insert: Insert) => againstClient({ after: insert }),
  server: (insert: Insert) => againstServer({ after: insert })
}
const within = {
  client: (insert: Insert) => againstClient({ Certificate: ({ puppet }) => insert(puppet) }),
  server: (insert: Insert) => againstServer({ Finished: ({ puppet }) => insert(puppet) })
}
const roles = ["client", "server"] as const
type Row = readonly [promise: string, insert: Insert, reason: ReasonName, alert: string]
const rows = (table: ReadonlyArray<Row>) => {
  for (const role of roles) {
    it.each(table)(`a ${role} refuses %s`, (_, insert, reason, alert) => {
      refused(after[role](insert), reason, alert)
      refused(within[role](insert), reason, alert)
    })
  }
}
const alert =
  (...bytes: ReadonlyArray<number>) =>
  (puppet: Puppet) =>
    puppet.record(type.alert, Uint8Array.from(bytes))
const times =
  (count: number, insert: Insert): Insert =>
  (puppet) => {
    for (let i = 0; i < count; i++) insert(puppet)
  }
const keyUpdate = (request_update: "update_requested" | "update_not_requested") =>
  encode({ _tag: "KeyUpdate", body: { request_update } })

describe("55: alerts", () => {
  rows([
    ["one byte", alert(2), "DecodeFailed", "decode_error"],
    ["three bytes", alert(2, 40, 0), "DecodeFailed", "decode_error"],
    ["two alerts in one record", alert(1, 90, 1, 90), "DecodeFailed", "decode_error"],
    [
      "an alert in two records",
      (p) => p.record(type.alert, Uint8Array.of(2)).record(type.alert, Uint8Array.of(40)),
      "DecodeFailed",
      "decode_error"
    ],
    ["a level that nobody knows", alert(3, 40), "IllegalValue", "illegal_parameter"],
    ["the level 0", alert(0, 0), "IllegalValue", "illegal_parameter"],
    ["the fifth user_canceled", times(5, alert(1, 90)), "TooManyWarnings", "unexpected_message"]
  ])
  const fatal = [...Object.entries(AlertDescription.registry), [200, 200] as const].filter(
    ([name]) => name !== "close_notify" && name !== "user_canceled"
  )
  it.each(roles)("a %s ends at every other alert, known or not, whatever its level, and sends none back", (role) => {
    for (const [name, code] of fatal) {
      for (const level of [1, 2]) {
        for (const when of [after, within]) {
          const run = when[role](alert(level, code))
          refused(run, "AlertReceived", "no alert")
          assert.strictEqual(run.end.failure?.received, name)
        }
      }
    }
  })
  it.each(roles)("a %s goes on after user_canceled", (role) => {
    const run = after[role]((p) => times(4, alert(1, 90))(p))
    assert.isUndefined(run.end.failure)
    const ended = after[role]((p) => p.alert("user_canceled", 1).alert("close_notify", 1))
    assert.isTrue(ended.end.events.some(({ _tag }) => _tag === "PeerClosed"))
  })
})

describe("close_notify in every state", () => {
  const slots = ["EncryptedExtensions", "CertificateRequest", "Certificate", "CertificateVerify", "Finished"] as const
  it.each(slots)("a client ends where it comes in place of %s", (slot) => {
    const run = againstClient({
      authenticate: "client",
      [slot]: ({ puppet }: { puppet: Puppet }) => puppet.alert("close_notify", 1)
    })
    refused(run, "ClosedDuringHandshake", "no alert")
  })
  it("a client ends where it comes in place of ServerHello", () => {
    const run = againstClient({ ServerHello: ({ puppet }) => puppet.alert("close_notify", 1) })
    refused(run, "ClosedDuringHandshake", "no alert")
  })
  it.each(["ClientHello", "Certificate", "CertificateVerify", "Finished"] as const)(
    "a server ends where it comes in place of %s",
    (slot) => {
      const run = againstServer({
        config: { clientAuthentication: { _tag: "Required", authorities: [] } },
        [slot]: ({ puppet }: { puppet: Puppet }) => puppet.alert("close_notify", 1)
      })
      refused(run, "ClosedDuringHandshake", "no alert")
    }
  )
  it("after the handshake it ends one direction: data behind it is ignored, ours still goes", () => {
    const { client, server } = connected()
    server.take(server.connection.close())
    client.receive(server.flush())
    assert.strictEqual(client.events.filter(({ _tag }) => _tag === "PeerClosed").length, 1)
    client.receive(Uint8Array.of(23, 3, 3, 0, 3, 1, 2, 3)).take(client.connection.end())
    assert.isUndefined(client.failure)
    server.receive(client.send(Uint8Array.of(1, 2, 3)).flush())
    assert.deepStrictEqual(server.data, Uint8Array.of(1, 2, 3))
    assert.isTrue(Result.isFailure(server.connection.send(Uint8Array.of(1))))
    client.take(client.connection.close()).take(client.connection.close())
    server.receive(client.flush()).take(server.connection.end())
    assert.isUndefined(server.failure)
    assert.strictEqual(server.events.filter(({ _tag }) => _tag === "PeerClosed").length, 1)
  })
})

describe("56: the transport ends", () => {
  it("after close_notify that is the end, and without it UncleanClose, wherever it is cut", () => {
    const answer = () => {
      const pair = connected()
      pair.server.send(new Uint8Array(100).fill(7)).send(new Uint8Array(30).fill(8))
      pair.server.take(pair.server.connection.close())
      return [pair.client, pair.server.flush()] as const
    }
    const [, whole] = answer()
    for (let at = 0; at <= whole.length; at++) {
      const [client, bytes] = answer()
      client.receive(bytes.subarray(0, at)).take(client.connection.end())
      const closed = client.events.some(({ _tag }) => _tag === "PeerClosed")
      assert.strictEqual(closed, at === whole.length)
      assert.strictEqual(client.failure?.reason, at === whole.length ? undefined : "UncleanClose")
      assert.strictEqual(client.flush().length, 0)
    }
  })
  it("within the handshake that is ClosedDuringHandshake, at every byte of every flight", () => {
    for (const direction of ["toClient", "toServer"] as const) {
      let length = 1
      for (let at = 0; at < length; at += 7) {
        let passed = 0
        length = 0
        const cut: Link = (flight, which) => {
          if (which !== direction) return [flight]
          length += flight.length
          const rest = flight.subarray(0, Math.max(0, at - passed))
          passed += flight.length
          return [rest]
        }
        const { client, server } = handshake(clientEnd(), serverEnd(), cut)
        const end = direction === "toClient" ? client : server
        end.take(end.connection.end())
        assert.strictEqual(end.failure?.reason, "ClosedDuringHandshake")
        assert.strictEqual(end.flush().length, 0)
      }
    }
  })
})

describe("54: KeyUpdate and tickets", () => {
  const update =
    (request: "update_requested" | "update_not_requested"): Insert =>
    (p) => {
      p.say(keyUpdate(request)).endRecord()
    }
  it.each([2, 3, 255])("the value %i is refused by either side", (value) => {
    for (const role of roles) {
      const run = after[role]((p) => p.say(framed("key_update", Uint8Array.of(value))))
      refused(run, "IllegalValue", "illegal_parameter")
    }
  })
  it("a client takes 32 tickets without data between, and not one more", () => {
    const insert = (count: number): Insert => times(count, (p) => p.say(ticket.raw).endRecord())
    assert.isUndefined(after.client(insert(32)).end.failure)
    refused(after.client(insert(33)), "TooManyPostHandshakeMessages", "unexpected_message")
    const between: Insert = (p) => p.record(type.application_data, Uint8Array.of(1))
    assert.isUndefined(after.client((p) => (insert(32)(p), between(p), insert(32)(p))).end.failure)
    const empty: Insert = (p) => p.record(type.application_data, new Uint8Array(0))
    const flood = after.client((p) => (insert(32)(p), empty(p), insert(1)(p)))
    refused(flood, "TooManyPostHandshakeMessages", "unexpected_message")
  })
  it("a KeyUpdate under the old key again is no record at all", () => {
    for (const role of roles) {
      refused(
        after[role]((p) => times(2, update("update_not_requested"))(p)),
        "BadRecordMac",
        "bad_record_mac"
      )
    }
  })
  it("requests are answered, both ways, and data stays whole", () => {
    const { client, server } = connected()
    for (let i = 0; i < 5; i++) {
      client.updateKeys("update_requested").send(Uint8Array.of(i))
      server.updateKeys(i % 2 === 0 ? "update_requested" : "update_not_requested").send(Uint8Array.of(i + 10))
      carry(client, server)
    }
    assert.deepStrictEqual([...server.data, ...client.data], [0, 1, 2, 3, 4, 10, 11, 12, 13, 14])
    assert.isUndefined(client.failure ?? server.failure)
  })
  it("is asked for once until the answer comes", () => {
    const { client, server } = connected()
    for (let i = 0; i < 6; i++) server.receive(client.updateKeys("update_requested").flush())
    assert.strictEqual(server.messages.filter((message) => message === "said KeyUpdate").length, 1)
    client.receive(server.flush())
    server.receive(client.updateKeys("update_requested").flush())
    assert.strictEqual(server.messages.filter((message) => message === "said KeyUpdate").length, 2)
  })
  it("requests that come together get one answer, and too many of them none", () => {
    const requests = (count: number) =>
      againstServer({
        after: (puppet, end) => {
          let secret = puppet.application?.client ?? assert.fail("no secret")
          for (let i = 0; i < count; i++) {
            puppet.say(keyUpdate("update_requested"))
            secret = new Secret("next", expandLabel(puppet.suite.hash, secret, "traffic upd", new Uint8Array(0), 32))
            puppet.writeKey(secret)
          }
          end.receive(concat(...puppet.take()))
        }
      })
    const { end } = requests(32)
    assert.isUndefined(end.failure)
    assert.strictEqual(end.messages.filter((message) => message === "said KeyUpdate").length, 1)
    refused(requests(33), "TooManyPostHandshakeMessages", "unexpected_message")
  })
  it("a key is changed when it has protected enough records, and data stays whole (53)", () => {
    const limits = { updateAfter: 4, stopAfter: 8 }
    const { client, server } = connected(limitedKeys(limits))
    for (let i = 0; i < 50; i++) {
      server.receive(client.send(Uint8Array.of(i)).flush())
      client.receive(server.send(Uint8Array.of(i, i)).flush())
    }
    assert.deepStrictEqual(
      server.data,
      Uint8Array.from({ length: 50 }, (_, i) => i)
    )
    assert.strictEqual(client.data.length, 100)
    assert.isAtLeast(client.messages.filter((message) => message === "said KeyUpdate").length, 10)
  })
})

describe("57: what goes on the wire", () => {
  it("of all that a server knows about a bad ClientHello is two bytes", () => {
    const { end } = againstServer({
      ClientHello: ({ puppet }) => puppet.say(framed("client_hello", Uint8Array.of(3, 3, 1)))
    })
    assert.match(end.failure?.detail ?? "", /ClientHello/)
    const server = serverEnd()
      .start()
      .receive(Uint8Array.of(22, 3, 1, 0, 7, 1, 0, 0, 3, 3, 3, 1))
    assert.deepStrictEqual(server.flush(), Uint8Array.of(21, 3, 3, 0, 2, 2, 50))
  })
})
