/** Keys that are used up (RFC 9846 section 5.5, SECURITY row 53), and a thousand updates. */
import { assert, describe, it } from "@effect/vitest"
import { lengthAt } from "../../src/codec/record/record.ts"
import { carry, connected, type End, limitedKeys, records } from "../support/pair.ts"
import { pattern } from "./recordSupport.ts"

const limits = { updateAfter: 4, stopAfter: 8 }
const updates = (end: End, direction: "said" | "heard" = "said") =>
  end.messages.filter((message) => message === `${direction} KeyUpdate`).length

describe("a key that is good for 4 records", () => {
  it("is changed in the middle of one large send, as often as it takes", () => {
    const { client, server } = connected(limitedKeys(limits))
    const [up, down] = [pattern(2 ** 20 + 1, 1), pattern(2 ** 19, 2)]
    const said = client.send(up).flush()
    server.receive(said)
    client.receive(server.send(down).flush())
    assert.isUndefined(client.failure ?? server.failure)
    assert.deepStrictEqual(server.data, up)
    assert.deepStrictEqual(client.data, down)
    // 65 records of data: the client's Finished was under another key.
    assert.strictEqual(updates(client), 16)
    assert.strictEqual(records(said).length, 65 + 16)
    assert.isAtLeast(updates(server), 7)
  })

  it("protects 4 records and the KeyUpdate, whatever the sizes of what is sent", () => {
    const { client, server } = connected(limitedKeys(limits), { maxFragment: 100 })
    const sizes = [1, 399, 400, 401, 0, 1, 100, 1000, 99]
    let expected = 0
    for (const size of sizes) {
      const said = records(client.send(pattern(size)).flush())
      for (const record of said) server.receive(record)
      expected += size
    }
    assert.isUndefined(server.failure)
    assert.strictEqual(server.data.length, expected)
    // What stands between two KeyUpdates is never more than 4 records of data.
    let since = 0
    for (const event of server.events) {
      if (event._tag === "ApplicationData") assert.isAtMost(++since, limits.updateAfter)
      else if (event._tag === "Message" && event.message._tag === "KeyUpdate") since = 0
    }
  })

  it("counts anew after an update on request, and leaves room for close_notify", () => {
    const { client, server } = connected(limitedKeys(limits))
    for (let i = 0; i < 3; i++) server.receive(client.send(Uint8Array.of(i)).flush())
    server.receive(client.updateKeys("update_not_requested").flush())
    for (let i = 0; i < 4; i++) server.receive(client.send(Uint8Array.of(i)).flush())
    assert.strictEqual(updates(client), 1)
    server.receive(client.send(Uint8Array.of(9)).flush())
    assert.strictEqual(updates(client), 2)
    client.take(client.connection.close())
    server.receive(client.flush())
    assert.isTrue(server.events.some(({ _tag }) => _tag === "PeerClosed"))
  })

  it("of the peer is its own affair: a direction that only receives is not updated", () => {
    const { client, server } = connected(limitedKeys(limits))
    server.receive(client.send(pattern(2 ** 18)).flush())
    assert.strictEqual(updates(server), 0)
    assert.strictEqual(updates(server, "heard"), updates(client))
  })

  it("that is good for 1 only still carries everything", () => {
    const { client, server } = connected(limitedKeys({ updateAfter: 1, stopAfter: 8 }))
    server.receive(client.send(pattern(100_000)).flush())
    client.receive(server.send(pattern(50_000)).flush())
    assert.isUndefined(client.failure ?? server.failure)
    assert.deepStrictEqual(server.data, pattern(100_000))
    assert.deepStrictEqual(client.data, pattern(50_000))
  })
})

it("a thousand updates from each side, crossing on the way, leave both directions whole", () => {
  const { client, server } = connected()
  for (let i = 0; i < 1000; i++) {
    const data = pattern(1 + ((i * 37) % 200), i)
    for (const end of [client, server]) {
      end.updateKeys((i + (end === client ? 0 : 1)) % 2 === 0 ? "update_requested" : "update_not_requested").send(data)
    }
    // Both are on their way before either arrives; now and then several of them.
    if (i % 7 !== 3) {
      const [up, down] = [client.flush(), server.flush()]
      server.receive(up)
      client.receive(down)
    }
  }
  carry(client, server)
  assert.isUndefined(client.failure ?? server.failure)
  const all = Buffer.concat(Array.from({ length: 1000 }, (_, i) => pattern(1 + ((i * 37) % 200), i)))
  for (const end of [client, server]) {
    assert.isTrue(Buffer.from(end.data).equals(all))
    assert.isAtLeast(updates(end), 1000)
    assert.isAtLeast(updates(end, "heard"), 1000)
  }
})

it("a record that does not decrypt ends the connection, so forgeries are not counted but final", () => {
  const { client, server } = connected(limitedKeys(limits))
  const [record = new Uint8Array(0)] = records(client.send(pattern(100)).flush())
  server.receive(record.map((byte, i) => (i === lengthAt(record, 0) ? byte ^ 1 : byte)))
  assert.strictEqual(server.failure?.reason, "BadRecordMac")
  const after = server.flush()
  assert.strictEqual(server.receive(record).flush().length, 0)
  client.receive(after)
  assert.strictEqual(client.failure?.received, "bad_record_mac")
})
