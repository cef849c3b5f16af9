/**
 * What a network can do to a resumed handshake with early data. Every fifth byte of both flights is flipped, zeroed,
 * set, deleted, doubled, and given a neighbour, and the flights are cut everywhere. Deterministic: all randomness is
 * fixed. Whatever is done, early data arrives as it was said, or a part of it from the beginning, or not at all.
 */
import { assert, describe, it } from "@effect/vitest"
import { alertOf } from "../../src/state/failure.ts"
import { concat, okay, toHex } from "../support/answers.ts"
import {
  assertNeverApart,
  type Direction,
  directions,
  type Ends,
  mutations,
  record,
  view
} from "../support/corruption.ts"
import { clientEnd, clientWorld, type End, serverEnd, serverWorld } from "../support/pair.ts"
import { copy, giving, keeping, openTickets } from "../support/resumption.ts"
import { ticketFrom } from "../support/travel.ts"

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

const recorded = (outcome: Outcome) => {
  const honest = record(fresh(outcome))
  assert.strictEqual(honest.established?.earlyData, outcome)
  return honest
}

const assertBeginning = (end: End, outcome: Outcome, where: string) => {
  const heard = heardEarly(end)
  assert.isTrue(early.startsWith(heard), where)
  if (outcome === "rejected") assert.strictEqual(heard, "", where)
}

describe.each(["accepted", "rejected"] as const)("a resumed handshake, early data %s", (outcome) => {
  const honest = recorded(outcome)
  const end = (direction: Direction) => (direction === "toClient" ? fresh(outcome).client : fresh(outcome).server)

  for (const direction of directions) {
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
    const look = ({ server }: Ends, where: string) => assertBeginning(server, "accepted", where)
    const { both, apart } = assertNeverApart(() => fresh(outcome), 31, look)
    assert.isAbove(apart, both)
  })
})
