/** KeyUpdate under load (RFC 9846 section 4.7.3), and the silence after our close_notify (section 6.1). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { expandLabel } from "../../src/crypto/hkdf.ts"
import { Secret } from "../../src/crypto/secret.ts"
import { concat } from "../support/answers.ts"
import { carry, connected, type End, records } from "../support/pair.ts"
import { encode, type Puppet, type } from "../support/puppet.ts"
import { againstClient, againstServer, refused } from "../support/script.ts"
import { ticket } from "../support/travel.ts"

type Request = "update_requested" | "update_not_requested"
const roles = ["client", "server"] as const
const none = new Uint8Array(0)

/** A puppet that is connected, and says KeyUpdate as often as one likes under the right key each time. */
const updater = (puppet: Puppet, secret: Secret<string>) => {
  let current = secret
  const self = {
    update: (count: number, request_update: Request) => {
      for (let i = 0; i < count; i++) {
        puppet.say(encode({ _tag: "KeyUpdate", body: { request_update } }))
        const { hash } = puppet.suite
        current = new Secret("next", expandLabel(hash, current, "traffic upd", none, hash.size))
        puppet.writeKey(current)
      }
      return self
    },
    data: (...bytes: ReadonlyArray<number>) => {
      puppet.record(type.application_data, Uint8Array.from(bytes))
      return self
    }
  }
  return self
}
type Updater = ReturnType<typeof updater>
/** One of our ends, and all that the puppet said as one chunk. */
const against = {
  client: (say: (updater: Updater) => unknown) =>
    againstClient({
      after: (puppet, end) => {
        say(updater(puppet, puppet.applicationKeys().server))
        end.receive(concat(...puppet.take()))
      },
      // The keys of the server's side are those up to its Finished.
      Finished: ({ puppet, raw }) => {
        puppet.say(raw)
        const fixed = puppet.applicationKeys()
        puppet.applicationKeys = () => fixed
      }
    }),
  server: (say: (updater: Updater) => unknown) =>
    againstServer({
      after: (puppet, end) => {
        say(updater(puppet, puppet.application?.client ?? assert.fail("no secret")))
        end.receive(concat(...puppet.take()))
      }
    })
}
const answers = (end: End) => end.messages.filter((message) => message === "said KeyUpdate").length

describe.each(roles)("a %s", (role) => {
  it("says one KeyUpdate to 30 requests in one chunk", () => {
    const { end } = against[role]((peer) => peer.update(30, "update_requested").data(1, 2, 3))
    assert.isUndefined(end.failure, end.failure?.detail)
    assert.strictEqual(answers(end), 1)
    assert.deepStrictEqual(end.data, Uint8Array.of(1, 2, 3))
  })

  it("says one to a request among updates that ask for none, and none to those alone", () => {
    const among = against[role]((peer) =>
      peer.update(3, "update_not_requested").update(1, "update_requested").update(3, "update_not_requested")
    )
    assert.strictEqual(answers(among.end), 1)
    assert.strictEqual(answers(against[role]((peer) => peer.update(9, "update_not_requested")).end), 0)
  })

  it("refuses the 33rd without data between, asked for or not", () => {
    for (const request of ["update_requested", "update_not_requested"] as const) {
      assert.isUndefined(against[role]((peer) => peer.update(32, request)).end.failure)
      const flood = against[role]((peer) => peer.update(33, request))
      refused(flood, "TooManyPostHandshakeMessages", "unexpected_message")
      assert.strictEqual(answers(flood.end), 0)
    }
  })

  it("refuses it also when empty records of data stand between", () => {
    const between = (peer: Updater) => {
      for (let i = 0; i < 33; i++) peer.update(1, "update_not_requested").data()
    }
    refused(against[role](between), "TooManyPostHandshakeMessages", "unexpected_message")
  })

  it("counts anew after data", () => {
    const { end } = against[role]((peer) => {
      for (let i = 0; i < 4; i++) peer.update(32, "update_not_requested").data(i)
    })
    assert.isUndefined(end.failure, end.failure?.detail)
    assert.deepStrictEqual(end.data, Uint8Array.of(0, 1, 2, 3))
  })
})

it("a client counts tickets and KeyUpdates together", () => {
  const mixed = (count: number) =>
    againstClient({
      after: (puppet) => {
        for (let i = 0; i < 31; i++) puppet.say(ticket.raw).endRecord()
        for (let i = 0; i < count; i++) puppet.say(ticket.raw).endRecord()
      }
    })
  assert.isUndefined(mixed(1).end.failure)
  refused(mixed(2), "TooManyPostHandshakeMessages", "unexpected_message")
})

describe("a hundred updates, from both sides, asked and unasked", () => {
  it("leave both directions whole", () => {
    const { client, server } = connected()
    const sent: { client: Array<number>; server: Array<number> } = { client: [], server: [] }
    for (let i = 0; i < 100; i++) {
      const [role, own] = i % 3 === 0 ? (["server", server] as const) : (["client", client] as const)
      own.updateKeys(i % 2 === 0 ? "update_requested" : "update_not_requested")
      // Some pass each other on the way, some are settled first.
      if (i % 5 === 0) (own === client ? server : client).updateKeys("update_requested")
      own.send(Uint8Array.of(i))
      sent[role].push(i)
      if (i % 4 !== 1) carry(client, server)
    }
    carry(client, server)
    assert.isUndefined(client.failure ?? server.failure)
    assert.deepStrictEqual([...server.data], sent.client)
    assert.deepStrictEqual([...client.data], sent.server)
    server.receive(client.send(Uint8Array.of(101)).flush())
    client.receive(server.send(Uint8Array.of(102)).flush())
    assert.deepStrictEqual([server.data.at(-1), client.data.at(-1)], [101, 102])
  })
})

describe.each(roles)("after its close_notify a %s", (role) => {
  const closing = () => {
    const pair = connected()
    const [own, peer] = role === "client" ? [pair.client, pair.server] : [pair.server, pair.client]
    own.take(own.connection.close())
    const said = own.flush()
    assert.strictEqual(records(said).length, 1)
    return { own, peer, said }
  }

  it("reads on, answers no KeyUpdate, and sends no record more", () => {
    const { own, peer } = closing()
    for (let i = 0; i < 3; i++) own.receive(peer.updateKeys("update_requested").send(Uint8Array.of(i)).flush())
    assert.isUndefined(own.failure)
    assert.deepStrictEqual(own.data, Uint8Array.of(0, 1, 2))
    assert.strictEqual(answers(own), 0)
    own.take(own.connection.close())
    assert.strictEqual(own.flush().length, 0)
    for (const refusal of [own.connection.send(Uint8Array.of(1)), own.connection.updateKeys("update_requested")]) {
      assert.isTrue(Result.isFailure(refusal) && refusal.failure.reason === "ConnectionClosed")
    }
    assert.strictEqual(own.flush().length, 0)
  })

  it("sends no alert, whatever it must refuse", () => {
    const { own, peer } = closing()
    own.receive(
      peer
        .send(Uint8Array.of(1))
        .flush()
        .map((byte, i) => (i === 9 ? byte ^ 1 : byte))
    )
    assert.strictEqual(own.failure?.reason, "BadRecordMac")
    assert.strictEqual(own.flush().length, 0)
  })

  it("leaves a peer that may go on sending", () => {
    const { own, peer, said } = closing()
    peer.receive(said)
    assert.isTrue(peer.events.some(({ _tag }) => _tag === "PeerClosed"))
    own.receive(peer.send(Uint8Array.of(7)).flush())
    peer.take(peer.connection.close())
    own.receive(peer.flush()).take(own.connection.end())
    assert.deepStrictEqual(own.data, Uint8Array.of(7))
    assert.isUndefined(own.failure ?? peer.failure)
  })
})
