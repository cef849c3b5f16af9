/**
 * What a network can do to bytes of TLS 1.2. Every byte of every flight of four kinds of handshake is flipped, zeroed,
 * set, deleted, doubled, and given a neighbour, before one end; and every 29th between two. Deterministic: all
 * randomness is fixed.
 */
import { assert, describe, it } from "@effect/vitest"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { suites12 } from "../../src/crypto/suite.ts"
import { alertOf } from "../../src/state/failure.ts"
import type { Ticket } from "../../src/state/session.ts"
import {
  assertNeverApart,
  assertOneFailure,
  directions,
  type Ends,
  mutations,
  record,
  view
} from "../support/corruption.ts"
import { clientEnd, clientWorld, handshake, records, serverEnd, serverWorld } from "../support/pair.ts"
import { copy, giving, keeping, kept, openTickets } from "../support/resumption.ts"

const required = { _tag: "Required", authorities: [] } as const
const both = { versions: ["TLSv1.3", "TLSv1.2"], suites12: suites12(node) } as const
const only12 = { ...both, versions: ["TLSv1.2"] } as const
const giver = () => serverEnd(giving({}, both), serverWorld({ tickets: openTickets }))

/** What a client has of a first handshake. */
const ticket: Ticket = (() => {
  const { client } = handshake(clientEnd(keeping(only12)), giver())
  const [stored] = client.events.flatMap((event) => (event._tag === "StoreTicket" ? [event] : []))
  return kept(stored ?? assert.fail("no ticket"))
})()

const kinds: { readonly [name: string]: () => Ends } = {
  "full, with client authentication": () => ({
    client: clientEnd(only12),
    server: serverEnd({ ...both, clientAuthentication: required })
  }),
  "full, of a client that would rather have TLS 1.3": () => ({ client: clientEnd(both), server: serverEnd(only12) }),
  "full, with a ticket": () => ({ client: clientEnd(keeping(only12)), server: giver() }),
  resumed: () => ({
    client: clientEnd(keeping(only12), clientWorld({ takeTicket: () => copy(ticket) })),
    server: giver()
  })
}
const fresh = (kind: string): Ends => (kinds[kind] ?? assert.fail(kind))()

const recorded = (kind: string) => {
  const honest = record(fresh(kind))
  assert.strictEqual(honest.established?.version, "TLSv1.2")
  assert.strictEqual(honest.established?.kind, kind === "resumed" ? "resumed" : "full")
  return honest
}

/** The type stands in the header, protected or not. */
const alerts = (said: Uint8Array): number => records(said).filter((record) => record[0] === 21).length

describe.each(Object.keys(kinds))("a handshake of TLS 1.2, %s", (kind) => {
  const honest = recorded(kind)
  for (const direction of directions) {
    it.each(Object.entries(mutations))(
      `${direction}: any byte %s is refused once, or changes nothing`,
      (what, mutate) => {
        const bytes = honest.wire[direction]
        let refusals = 0
        for (let at = 0; at < bytes.length; at++) {
          const { client, server } = fresh(kind)
          const end = (direction === "toClient" ? client : server).start()
          end.receive(mutate(bytes, at))
          if (end.connection.established !== undefined && end.failure === undefined) {
            // Record versions in the clear may differ, and bytes behind the end; no message may.
            assert.strictEqual(view(end), honest[direction], `${what} at ${at}`)
            continue
          }
          if (end.failure === undefined) end.take(end.connection.end())
          const { failure } = end
          if (failure === undefined) assert.fail(`${what} at ${at}: neither connected nor refused`)
          refusals++
          const expected = alertOf(failure) === "none" ? 0 : 1
          assert.strictEqual(alerts(end.flush()), expected, `${what} at ${at}: ${failure.detail}`)
          assert.strictEqual(end.events.filter(({ _tag }) => _tag === "Failed").length, 1)
          assert.strictEqual(end.data.length, 0)
          assert.isFalse(end.events.some(({ _tag }) => _tag === "StoreTicket" || _tag === "KeepSession"))
        }
        assert.isAbove(refusals, bytes.length / 2)
      }
    )
  }
})

it("two ends of TLS 1.2 with somebody between them are never both connected with two views of the handshake", () => {
  const counts = Object.keys(kinds).map((kind) => assertNeverApart(() => fresh(kind), 29, assertOneFailure))
  assert.isAbove(
    counts.reduce((sum, { apart }) => sum + apart, 0),
    counts.reduce((sum, { both }) => sum + both, 0)
  )
})
