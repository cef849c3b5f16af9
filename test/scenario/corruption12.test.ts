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
import { concat, okay, toHex } from "../support/answers.ts"
import {
  clientEnd,
  clientWorld,
  type End,
  handshake,
  type Link,
  records,
  serverEnd,
  serverWorld
} from "../support/pair.ts"
import { copy, giving, keeping, kept, openTickets } from "../support/resumption.ts"

const required = { _tag: "Required", authorities: [] } as const
const both = { versions: ["TLSv1.3", "TLSv1.2"], suites12: suites12(node) } as const
const only12 = { ...both, versions: ["TLSv1.2"] } as const
interface Ends {
  readonly client: End
  readonly server: End
}
type Direction = "toClient" | "toServer"

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

const exported = (end: End) => toHex(okay(end.connection.exportKeyingMaterial("view", new Uint8Array(0), 32)))

/** What an end takes for true: every message it heard and the secret that it would export. */
const view = (end: End): string => {
  const heard = end.events.flatMap((e) =>
    (e._tag === "Message" || e._tag === "Message12") && e.direction === "heard" ? [toHex(e.raw)] : []
  )
  return [...heard, exported(end)].join(" ")
}

/** What went over the wire, and what each end heard, when nobody touched it. */
const record = (kind: string) => {
  const wire: { [D in Direction]: Uint8Array } = { toServer: new Uint8Array(0), toClient: new Uint8Array(0) }
  const { client, server } = fresh(kind)
  handshake(client, server, (flight, direction) => {
    wire[direction] = concat(wire[direction], flight)
    return [flight]
  })
  assert.strictEqual(client.connection.established?.version, "TLSv1.2", client.failure?.detail)
  assert.strictEqual(client.connection.established?.kind, kind === "resumed" ? "resumed" : "full")
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

/** The type stands in the header, protected or not. */
const alerts = (said: Uint8Array): number => records(said).filter((record) => record[0] === 21).length

describe.each(Object.keys(kinds))("a handshake of TLS 1.2, %s", (kind) => {
  const honest = record(kind)
  for (const direction of ["toClient", "toServer"] as const) {
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

describe("two ends of TLS 1.2 with somebody between them", () => {
  it("are never both connected with two views of the handshake", () => {
    let both = 0
    let apart = 0
    for (const kind of Object.keys(kinds)) {
      const { wire } = record(kind)
      for (const direction of ["toClient", "toServer"] as const) {
        for (const mutate of Object.values(mutations)) {
          for (let at = 0; at < wire[direction].length; at += 29) {
            const { client, server } = fresh(kind)
            handshake(client, server, once(direction, at, mutate))
            const fine = [client, server].every(({ connection, failure }) => connection.established && !failure)
            if (fine) both++
            else apart++
            if (fine) assert.strictEqual(exported(client), exported(server))
            for (const end of [client, server]) {
              assert.isAtMost(end.events.filter(({ _tag }) => _tag === "Failed").length, 1)
            }
          }
        }
      }
    }
    assert.isAbove(apart, both)
  })
})
