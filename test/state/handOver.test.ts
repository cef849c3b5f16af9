/** Traffic keys handed over: the new owner goes on where the connection stopped, and the connection cannot. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { Failure, TrafficSecrets } from "../../src/core.ts"
import { okay, toHex } from "../support/answers.ts"
import { Kernel } from "../support/kernel.ts"
import { clientEnd, connected, type End, serverEnd, suites } from "../support/pair.ts"

const roles = ["client", "server"] as const
const extract = ({ connection }: End) => connection.dangerouslyExtractTrafficSecrets()
const refusal = (result: Result.Result<unknown, Failure>) =>
  Result.isFailure(result) ? result.failure.reason : assert.fail("it is not refused")
const records = (kernel: Kernel, bytes: Uint8Array) => kernel.open(bytes).map(([, content]) => String(content))
const text = (data: Uint8Array) => Buffer.from(data).toString()
const bytes = (text: string) => Buffer.from(text)

describe.each(roles)("the keys of a %s", (role) => {
  const other = role === "client" ? "server" : "client"

  it.each(suites)("of $name go on in both directions, after some records and a key update", (suite) => {
    const pair = connected({ client: { suites: [suite] } })
    const [own, peer] = [pair[role], pair[other]]
    for (const text of ["one", "two", "three"]) peer.receive(own.send(bytes(text)).flush())
    own.receive(peer.send(bytes("four")).flush())
    const before = new Kernel(okay(extract(own)))
    assert.strictEqual(text(peer.receive(before.seal(bytes(" and five"))).data), "onetwothree and five")
    assert.deepStrictEqual(records(before, peer.send(bytes("six")).flush()), ["six"])
    assert.deepStrictEqual(records(before, peer.send(bytes("seven")).flush()), ["seven"])
    peer.receive(before.seal(Uint8Array.of(1, 0), 21))
    assert.strictEqual(peer.events.at(-1)?._tag, "PeerClosed")
    assert.isUndefined(peer.failure)
  })

  it("count from the latest key update", () => {
    const pair = connected()
    const [own, peer] = [pair[role], pair[other]]
    peer.receive(own.send(bytes("a")).updateKeys("update_requested").flush())
    own.receive(peer.flush())
    own.receive(peer.send(bytes("b")).flush())
    const secrets: TrafficSecrets = okay(extract(own))
    assert.deepStrictEqual([secrets.read.sequence, secrets.write.sequence], [1n, 0n])
    const kernel = new Kernel(secrets)
    assert.strictEqual(text(peer.receive(kernel.seal(bytes("c"))).data), "ac")
    assert.deepStrictEqual(records(kernel, peer.send(bytes("d")).flush()), ["d"])
  })

  it("have one owner: afterwards the connection neither sends nor receives, and says nothing", () => {
    const pair = connected()
    const [own, peer] = [pair[role], pair[other]]
    okay(extract(own))
    const { connection } = own
    assert.strictEqual(refusal(connection.send(bytes("x"))), "ConnectionClosed")
    assert.strictEqual(refusal(connection.updateKeys("update_not_requested")), "ConnectionClosed")
    assert.strictEqual(refusal(extract(own)), "ConnectionClosed")
    assert.strictEqual(refusal(connection.exportKeyingMaterial("EXPORTER-t", bytes(""), 32)), "ConnectionClosed")
    own.receive(peer.send(bytes("not for you")).flush())
    assert.strictEqual(own.data.length, 0)
    assert.deepStrictEqual(
      own.events.flatMap((event) => (event._tag === "Failed" ? [event.failure.reason] : [])),
      ["ConnectionClosed"]
    )
    own.take(connection.close()).take(connection.end())
    assert.strictEqual(own.flush().length, 0)
    assert.strictEqual(own.failure?.reason, "ConnectionClosed")
  })

  it("stay where they are while a part of a record waits, and come when it is whole", () => {
    const pair = connected()
    const [own, peer] = [pair[role], pair[other]]
    const record = peer.send(bytes("whole")).flush()
    for (const cut of [1, 5, 12]) {
      const fresh = connected()
      fresh[role].receive(record.subarray(0, cut))
      assert.strictEqual(refusal(extract(fresh[role])), "UnreadData", `${cut} bytes`)
      assert.isUndefined(fresh[role].failure)
    }
    own.receive(record.subarray(0, 9))
    assert.strictEqual(refusal(extract(own)), "UnreadData")
    own.receive(record.subarray(9))
    assert.strictEqual(text(own.data), "whole")
    assert.strictEqual(okay(extract(own)).read.sequence, 1n)
  })

  it("stay where they are when a direction is closed", () => {
    const pair = connected()
    pair[role].take(pair[role].connection.close())
    assert.strictEqual(refusal(extract(pair[role])), "ConnectionClosed")
    assert.isUndefined(pair[role].failure)
    pair[other].receive(pair[role].flush())
    assert.strictEqual(refusal(extract(pair[other])), "ConnectionClosed")
  })

  it("do not exist before the handshake is done", () => {
    const end = (role === "client" ? clientEnd() : serverEnd()).start()
    assert.strictEqual(refusal(extract(end)), "NotEstablished")
    assert.isUndefined(end.failure)
  })

  it("are copies: the connection's own are wiped", () => {
    const { [role]: own } = connected()
    const { read, write } = okay(extract(own))
    own.connection.dispose()
    for (const part of [read.key, read.iv, write.key, write.iv]) assert.notMatch(toHex(part), /^0*$/)
    assert.deepStrictEqual([read.key.length, read.iv.length, write.key.length, write.iv.length], [16, 12, 16, 12])
  })
})
