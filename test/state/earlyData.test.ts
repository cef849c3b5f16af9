/** 0-RTT through the shell: taken, refused, bounded, passed over; never said again by itself (RFC 9846 4.3.10, 8). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { World } from "../../src/core.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import { maxSkipped } from "../../src/state/tls13/limits.ts"
import { now, toHex } from "../support/answers.ts"
import {
  chunked,
  clientEnd,
  clientWorld,
  type End,
  handshake,
  type Link,
  serverEnd,
  serverWorld,
  suites
} from "../support/pair.ts"
import { altered, copy, giving, keeping, openTickets } from "../support/resumption.ts"
import { ticketFrom } from "../support/travel.ts"

const ticket = ticketFrom({ client: keeping(), server: giving({ maxEarlyData: 1000 }) })
const hello = Uint8Array.from({ length: 100 }, (_, i) => i)

interface Plan {
  readonly client?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  readonly clientWorld?: Partial<World>
  readonly serverWorld?: Partial<World>
  readonly say?: ReadonlyArray<Uint8Array>
  readonly link?: Link
}

/** A client that said something early, and a server that has heard it. */
const run = (plan: Plan = {}): { readonly client: End; readonly server: End } => {
  const config = keeping({ earlyData: 100, ...plan.client })
  const client = clientEnd(config, clientWorld({ takeTicket: () => copy(ticket), ...plan.clientWorld })).start()
  for (const bytes of plan.say ?? [hello]) client.take(Result.getOrThrow(client.connection.sendEarlyData(bytes)))
  const server = serverEnd(
    giving({ maxEarlyData: 1000 }, plan.server),
    serverWorld({ tickets: openTickets, judgeEarlyData: () => "fresh", ...plan.serverWorld })
  ).start()
  return handshake(client, server, plan.link)
}

const early = ({ events }: End): string =>
  events.flatMap((event) => (event._tag === "EarlyData" ? [toHex(event.bytes)] : [])).join("")
const outcomes = (end: End) => end.connection.established?.earlyData
const told = ({ events }: End) => events.flatMap((event) => (event._tag === "EarlyDataJudged" ? [event.outcome] : []))

const talks = ({ client, server }: ReturnType<typeof run>) => {
  assert.strictEqual(client.failure ?? server.failure, undefined, JSON.stringify(client.failure ?? server.failure))
  server.receive(client.send(Uint8Array.of(1, 2)).flush())
  client.receive(server.send(Uint8Array.of(3)).flush())
  assert.deepStrictEqual([...server.data], [1, 2])
  assert.deepStrictEqual([...client.data], [3])
}

describe("early data that is taken", () => {
  it.each([1, 7, 1000])("comes before the rest and apart from it, in pieces of %i bytes", (size) => {
    const ends = run({ link: chunked([size]) })
    assert.deepStrictEqual([outcomes(ends.client), outcomes(ends.server)], ["accepted", "accepted"])
    assert.deepStrictEqual(told(ends.client), ["accepted"])
    assert.strictEqual(early(ends.server), toHex(hello))
    assert.strictEqual(ends.server.data.length, 0)
    talks(ends)
  })

  it("may be as much as the session allows, and not a byte more", () => {
    const all = new Uint8Array(1000).fill(5)
    const ends = run({ client: { earlyData: 1000 }, say: [all] })
    assert.strictEqual(early(ends.server), toHex(all))
    const { client } = run({ client: { earlyData: 1000 }, say: [] })
    assert.strictEqual(client.connection.established?.earlyData, "accepted")
    const fresh = clientEnd(keeping({ earlyData: 1000 }), clientWorld({ takeTicket: () => copy(ticket) })).start()
    const refused = fresh.connection.sendEarlyData(new Uint8Array(1001))
    assert.strictEqual(Result.isFailure(refused) && refused.failure.reason, "NoEarlyData")
    assert.strictEqual(fresh.failure, undefined)
  })

  it("is answered before the handshake is done, where no certificate is waited for", () => {
    const client = clientEnd(keeping({ earlyData: 100 }), clientWorld({ takeTicket: () => copy(ticket) })).start()
    client.take(Result.getOrThrow(client.connection.sendEarlyData(hello)))
    const world = serverWorld({ tickets: openTickets, judgeEarlyData: () => "fresh" })
    const server = serverEnd(giving({ maxEarlyData: 1000 }), world)
      .start()
      .receive(client.flush())
    assert.strictEqual(server.connection.handshake, "going on")
    assert.isDefined(server.connection.established)
    server.send(Uint8Array.of(9, 9))
    client.receive(server.flush())
    assert.deepStrictEqual([...client.data], [9, 9])
    server.receive(client.flush())
    assert.strictEqual(server.connection.handshake, "done")
  })

  it("has an exporter of its own, the same on both sides", () => {
    const { client, server } = run()
    const material = ({ connection }: End) =>
      toHex(Result.getOrThrow(connection.exportEarlyKeyingMaterial("EXPORTER-x", hello, 32)))
    assert.strictEqual(material(client), material(server))
    const main = Result.getOrThrow(client.connection.exportKeyingMaterial("EXPORTER-x", hello, 32))
    assert.notStrictEqual(material(client), toHex(main))
    const none = handshake(clientEnd(), serverEnd()).client.connection.exportEarlyKeyingMaterial("x", hello, 32)
    assert.strictEqual(Result.isFailure(none) && none.failure.reason, "NoEarlyData")
  })
})

describe("early data that is refused is lost, and the rest goes on", () => {
  const refused = (name: string, plan: Plan, kind = "resumed") =>
    it.each([3, 1000])(`${name}, in pieces of %i bytes`, (size) => {
      const ends = run({ link: chunked([size]), ...plan })
      assert.deepStrictEqual(told(ends.client), ["rejected"], JSON.stringify(ends.server.failure))
      assert.deepStrictEqual([outcomes(ends.client), outcomes(ends.server)], ["rejected", "rejected"])
      assert.strictEqual(ends.client.connection.established?.kind, kind)
      assert.strictEqual(early(ends.server), "")
      talks(ends)
    })

  refused("as a replay", { serverWorld: { judgeEarlyData: () => "replayed" } })
  refused("where nobody judges", { serverWorld: { judgeEarlyData: undefined } })
  refused("where none is wanted", { server: giving({ maxEarlyData: 0 }) })
  refused("by a retry", { server: { groups: ["secp256r1"] } })
  refused("by a retry, without middlebox compatibility", {
    client: { compatibility: "none" },
    server: { groups: ["secp256r1"] }
  })
  refused("with a session that is not known", { serverWorld: { tickets: undefined } }, "full")
  refused(
    "by a retry with a session that is not known",
    {
      serverWorld: { tickets: undefined },
      server: { groups: ["secp256r1"] }
    },
    "retried"
  )
  refused("under another suite than it began with", {
    server: { suites: suites.filter(({ name }) => name === "TLS_CHACHA20_POLY1305_SHA256") }
  })
  refused("that is too late", { serverWorld: { now: () => now + 11_000 } })
  refused("that is too early", { clientWorld: { now: () => now + 11_000 } })
  refused("of a session that allows more than is taken now", { server: giving({ maxEarlyData: 50 }) })
  refused("of which a session allows much, and a server takes little now", {
    client: { earlyData: 2 ** 16 },
    clientWorld: { takeTicket: () => copy(altered(ticket, { maxEarlyData: 2 ** 16 })) },
    say: Array.from({ length: 4 }, () => new Uint8Array(2 ** 14))
  })
  refused("of a session that allows none", {
    clientWorld: {
      takeTicket: () => ({ ...copy(ticket), ticket: altered(ticket, { maxEarlyData: 0 }).ticket })
    }
  })

  it("is taken again when the age of the ticket is off by less than the window", () => {
    for (const off of [-9_000, 9_000]) {
      const ends = run({
        clientWorld: { now: () => now + Math.max(off, 0) },
        serverWorld: { now: () => now + Math.max(-off, 0) }
      })
      assert.deepStrictEqual(told(ends.client), ["accepted"])
    }
  })
})

describe("bad early data (SECURITY 62, 63)", () => {
  it("is not offered where there is no session, or none that takes so much", () => {
    for (const changes of [{ earlyData: 1001 }, { earlyData: 0 }, { earlyData: undefined }]) {
      const end = clientEnd(keeping(changes), clientWorld({ takeTicket: () => copy(ticket) })).start()
      const sent = end.connection.sendEarlyData(hello)
      assert.strictEqual(Result.isFailure(sent) && sent.failure.reason, "NoEarlyData")
    }
  })

  it("more than the session allows is unexpected_message", () => {
    const generous = altered(ticket, { maxEarlyData: 2000 })
    const lying = { ...generous, ticket: copy(ticket).ticket }
    const ends = run({
      client: { earlyData: 2000 },
      clientWorld: { takeTicket: () => lying },
      say: [new Uint8Array(1000), new Uint8Array(1)]
    })
    assert.strictEqual(ends.server.failure?.reason, "TooMuchEarlyData")
    assert.strictEqual(ends.client.failure?.received, "unexpected_message")
  })

  const flood = (server: Partial<ServerConfig>, bytes: number) => {
    const generous = altered(ticket, { maxEarlyData: 2 ** 20 })
    const pieces = Array.from(
      { length: Math.ceil(bytes / 1024) },
      (_, i) => new Uint8Array(Math.min(1024, bytes - i * 1024))
    )
    return run({
      client: { earlyData: 2 ** 20 },
      clientWorld: { takeTicket: () => generous },
      serverWorld: { tickets: undefined },
      server,
      say: pieces
    })
  }
  it.each([
    ["", {}],
    [" behind a retry", { groups: ["secp256r1"] as const }]
  ])("is passed over up to a bound, and not a byte further%s", (_, server) => {
    const within = flood(server, maxSkipped)
    assert.strictEqual(within.server.failure, undefined)
    const beyond = flood(server, maxSkipped + 1)
    assert.strictEqual(beyond.server.failure?.reason, "TooMuchEarlyData")
    assert.strictEqual(beyond.client.failure?.received, "unexpected_message")
  })

  it("many tiny records are passed over without deep recursion, and bounded too", () => {
    const generous = altered(ticket, { maxEarlyData: 2 ** 20 })
    const ends = run({
      client: { earlyData: 2 ** 20 },
      clientWorld: { takeTicket: () => generous },
      serverWorld: { tickets: undefined },
      say: Array.from({ length: maxSkipped + 1 }, () => Uint8Array.of(1))
    })
    assert.strictEqual(ends.server.failure?.reason, "TooMuchEarlyData")
  })

  it("cannot be sent when the server has spoken", () => {
    const { client } = run()
    const late = client.connection.sendEarlyData(hello)
    assert.strictEqual(Result.isFailure(late) && late.failure.reason, "NoEarlyData")
  })

  it("one captured flight, said again a thousand times, is taken once", () => {
    const client = clientEnd(keeping({ earlyData: 100 }), clientWorld({ takeTicket: () => copy(ticket) })).start()
    client.take(Result.getOrThrow(client.connection.sendEarlyData(hello)))
    const flight = client.flush()
    const seen = new Set<string>()
    const judgeEarlyData: World["judgeEarlyData"] = ({ binder }) => {
      const known = seen.has(toHex(binder))
      seen.add(toHex(binder))
      return known ? "replayed" : "fresh"
    }
    let taken = 0
    for (let i = 0; i < 1000; i++) {
      const world = serverWorld({ tickets: openTickets, judgeEarlyData })
      const server = serverEnd(giving({ maxEarlyData: 1000 }), world)
        .start()
        .receive(flight)
      assert.strictEqual(server.failure, undefined)
      if (early(server).length > 0) taken++
    }
    assert.strictEqual(taken, 1)
  })
})
