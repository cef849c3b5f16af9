/**
 * What a network can do to a resumed handshake with early data. Every fifth byte of both flights is flipped, zeroed,
 * set, deleted, doubled, and given a neighbour, and the flights are cut everywhere. Deterministic: all randomness is
 * fixed. Whatever is done, early data arrives as it was said, or a part of it from the beginning, or not at all.
 */
import { assert, describe, it } from "@effect/vitest"
import { alertOf } from "../../src/state/failure.ts"
import { concat, okay, toHex } from "../support/answers.ts"
import { clientEnd, clientWorld, type End, handshake, type Link, serverEnd, serverWorld } from "../support/pair.ts"
import { copy, giving, keeping, openTickets } from "../support/resumption.ts"
import { ticketFrom } from "../support/travel.ts"

type Direction = "toClient" | "toServer"
type Outcome = "accepted" | "rejected"
const ticket = ticketFrom({ client: keeping(), server: giving({ maxEarlyData: 1000 }) })
const words = [Uint8Array.from({ length: 20 }, (_, i) => i), Uint8Array.of(100, 101, 102)]
const early = toHex(concat(...words))

const fresh = (outcome: Outcome) => {
  const client = clientEnd(keeping({ earlyData: 23 }), clientWorld({ takeTicket: () => copy(ticket) })).start()
  for (const bytes of words) client.take(okay(client.connection.sendEarlyData(bytes)))
  const judgeEarlyData = () => (outcome === "accepted" ? ("fresh" as const) : ("replayed" as const))
  const world = serverWorld({ tickets: openTickets, judgeEarlyData })
  return { client, server: serverEnd(giving({ maxEarlyData: 1000, tickets: 0 }), world).start() }
}

const heardEarly = ({ events }: End): string =>
  events.flatMap((event) => (event._tag === "EarlyData" ? [toHex(event.bytes)] : [])).join("")
const exported = (end: End) => toHex(okay(end.connection.exportKeyingMaterial("view", new Uint8Array(0), 32)))
/** What an end takes for true: every message it heard, the early data, and the secret that it would export. */
const view = (end: End): string => {
  const heard = end.events.flatMap((e) => (e._tag === "Message" && e.direction === "heard" ? [toHex(e.raw)] : []))
  return [...heard, heardEarly(end), exported(end)].join(" ")
}

const record = (outcome: Outcome) => {
  const wire: { [D in Direction]: Uint8Array } = { toServer: new Uint8Array(0), toClient: new Uint8Array(0) }
  const { client, server } = fresh(outcome)
  handshake(client, server, (flight, direction) => {
    wire[direction] = concat(wire[direction], flight)
    return [flight]
  })
  assert.strictEqual(client.connection.established?.earlyData, outcome)
  return { wire, toClient: view(client), toServer: view(server) }
}

const mutations: { readonly [name: string]: (bytes: Uint8Array, at: number) => Uint8Array } = {
  "a bit flipped": (bytes, at) => bytes.with(at, (bytes[at] ?? 0) ^ (1 << (at % 8))),
  "set to 0x00": (bytes, at) => bytes.with(at, 0),
  "set to 0xff": (bytes, at) => bytes.with(at, 0xff),
  deleted: (bytes, at) => concat(bytes.subarray(0, at), bytes.subarray(at + 1)),
  doubled: (bytes, at) => concat(bytes.subarray(0, at + 1), bytes.subarray(at)),
  "preceded by another": (bytes, at) => concat(bytes.subarray(0, at), Uint8Array.of(0x55), bytes.subarray(at))
}

const assertBeginning = (end: End, outcome: Outcome, where: string) => {
  const heard = heardEarly(end)
  assert.isTrue(early.startsWith(heard), where)
  if (outcome === "rejected") assert.strictEqual(heard, "", where)
}

describe.each(["accepted", "rejected"] as const)("a resumed handshake, early data %s", (outcome) => {
  const honest = record(outcome)
  const end = (direction: Direction) => (direction === "toClient" ? fresh(outcome).client : fresh(outcome).server)

  for (const direction of ["toClient", "toServer"] as const) {
    it.each(Object.entries(mutations))(
      `${direction}: a byte %s is refused once, or changes nothing`,
      (what, mutate) => {
        const bytes = honest.wire[direction]
        let refusals = 0
        for (let at = 0; at < bytes.length; at += 5) {
          const own = end(direction)
          own.flush()
          own.receive(mutate(bytes, at))
          const where = `${what} at ${at}`
          assertBeginning(own, outcome, where)
          if (own.connection.state === "CONNECTED" && own.failure === undefined) {
            assert.strictEqual(view(own), honest[direction], where)
            continue
          }
          if (own.failure === undefined) own.take(own.connection.end())
          const { failure } = own
          if (failure === undefined) return assert.fail(`${where}: neither connected nor refused`)
          refusals++
          assert.notStrictEqual(failure.reason, "InternalError", `${where}: ${failure.detail}`)
          assert.strictEqual(own.events.filter(({ _tag }) => _tag === "Failed").length, 1)
          assert.strictEqual(own.data.length, 0)
          assert.isDefined(alertOf(failure))
        }
        assert.isAbove(refusals, bytes.length / 7)
      }
    )

    it(`${direction}: cut anywhere, it is no connection and no more than a beginning`, () => {
      const bytes = honest.wire[direction]
      for (let at = 0; at < bytes.length; at += 2) {
        const own = end(direction)
        own.receive(bytes.subarray(0, at))
        assert.notStrictEqual(own.connection.state, "CONNECTED", `cut at ${at}`)
        own.take(own.connection.end())
        assertBeginning(own, outcome, `cut at ${at}`)
        assert.strictEqual(own.failure?.reason, "ClosedDuringHandshake", `cut at ${at}`)
      }
    })
  }

  it("is never connected at both ends with two views of it, whatever is done between them", () => {
    let both = 0
    let apart = 0
    for (const direction of ["toClient", "toServer"] as const) {
      for (const mutate of Object.values(mutations)) {
        for (let at = 0; at < honest.wire[direction].length; at += 31) {
          const { client, server } = fresh(outcome)
          handshake(client, server, once(direction, at, mutate))
          assertBeginning(server, "accepted", `${direction} at ${at}`)
          const fine = [client, server].every(
            ({ connection, failure }) => connection.state === "CONNECTED" && failure === undefined
          )
          if (!fine) apart++
          else {
            both++
            assert.strictEqual(exported(client), exported(server))
          }
        }
      }
    }
    assert.isAbove(apart, both)
  })
})

/** Changes the byte at this place of everything that goes one way. */
const once = (direction: Direction, at: number, mutate: (bytes: Uint8Array, at: number) => Uint8Array): Link => {
  let passed = 0
  return (flight, which) => {
    if (which !== direction) return [flight]
    const place = at - passed
    passed += flight.length
    return [place >= 0 && place < flight.length ? mutate(flight, place) : flight]
  }
}
