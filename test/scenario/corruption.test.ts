/**
 * What a network can do to bytes. Every byte of every flight of three kinds of handshake is flipped, zeroed, set,
 * deleted, doubled, and given a neighbour, before one end; and every 29th between two. Deterministic: all randomness is
 * fixed.
 */
import { assert, describe, it } from "@effect/vitest"
import { HEADER_LENGTH } from "../../src/codec/record/record.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import { alertOf } from "../../src/state/failure.ts"
import { concat, okay, toHex } from "../support/answers.ts"
import { clientEnd, type End, handshake, type Link, records, retryingConfig, serverEnd } from "../support/pair.ts"

const required = { _tag: "Required", authorities: [] } as const
const kinds: {
  readonly [name: string]: { readonly client: Partial<ClientConfig>; readonly server: Partial<ServerConfig> }
} = {
  "full, with client authentication": { client: {}, server: { clientAuthentication: required } },
  retried: { client: {}, server: retryingConfig() },
  "without middlebox compatibility": { client: { compatibility: "none" }, server: { compatibility: "none" } }
}
type Direction = "toClient" | "toServer"

const fresh = (kind: string) => {
  const { client, server } = kinds[kind] ?? assert.fail(kind)
  return { client: clientEnd(client), server: serverEnd(server) }
}

/** What went over the wire, and what each end heard, when nobody touched it. */
const record = (kind: string) => {
  const wire: { [D in Direction]: Uint8Array } = { toServer: new Uint8Array(0), toClient: new Uint8Array(0) }
  const { client, server } = fresh(kind)
  handshake(client, server, (flight, direction) => {
    wire[direction] = concat(wire[direction], flight)
    return [flight]
  })
  return { wire, toClient: view(client), toServer: view(server) }
}

/** What an end takes for true: every message it heard and the secret that it would export. */
const view = (end: End): string => {
  const heard = end.events.flatMap((e) => (e._tag === "Message" && e.direction === "heard" ? [toHex(e.raw)] : []))
  return [...heard, toHex(okay(end.connection.exportKeyingMaterial("view", new Uint8Array(0), 32)))].join(" ")
}

const mutations: { readonly [name: string]: (bytes: Uint8Array, at: number) => Uint8Array } = {
  "a bit flipped": (bytes, at) => bytes.with(at, (bytes[at] ?? 0) ^ (1 << (at % 8))),
  "set to 0x00": (bytes, at) => bytes.with(at, 0),
  "set to 0xff": (bytes, at) => bytes.with(at, 0xff),
  deleted: (bytes, at) => concat(bytes.subarray(0, at), bytes.subarray(at + 1)),
  doubled: (bytes, at) => concat(bytes.subarray(0, at + 1), bytes.subarray(at)),
  "preceded by another": (bytes, at) => concat(bytes.subarray(0, at), Uint8Array.of(0x55), bytes.subarray(at))
}

const isAlert = (record: Uint8Array): boolean =>
  record[0] === 21 ? record.length === HEADER_LENGTH + 2 : record[0] === 23 && record.length === HEADER_LENGTH + 2 + 17

describe.each(Object.keys(kinds))("a handshake, %s", (kind) => {
  const honest = record(kind)
  for (const direction of ["toClient", "toServer"] as const) {
    it.each(Object.entries(mutations))(
      `${direction}: any byte %s is refused once, or changes nothing`,
      (what, mutate) => {
        const bytes = honest.wire[direction]
        let refusals = 0
        for (let at = 0; at < bytes.length; at++) {
          const mutated = mutate(bytes, at)
          const end = direction === "toClient" ? fresh(kind).client.start() : fresh(kind).server.start()
          end.receive(mutated)
          const connected = end.connection.state === "CONNECTED"
          // A byte that no key protects and nobody reads (record versions, change_cipher_spec) may differ; no message may.
          if (connected && end.failure === undefined) {
            assert.strictEqual(view(end), honest[direction], `${what} at ${at}`)
            continue
          }
          if (end.failure === undefined) end.take(end.connection.end())
          const { failure } = end
          if (failure === undefined) assert.fail(`${what} at ${at}: neither connected nor refused`)
          refusals++
          const alerts = records(end.flush()).filter(isAlert).length
          assert.strictEqual(alerts, alertOf(failure) === "none" ? 0 : 1, `${what} at ${at}: ${failure.detail}`)
          assert.strictEqual(end.events.filter(({ _tag }) => _tag === "Failed").length, 1)
          assert.strictEqual(end.data.length, 0)
        }
        assert.isAbove(refusals, bytes.length / 2)
      }
    )
  }
})

describe("two ends with somebody between them", () => {
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
            if (!fine) apart++
            else {
              both++
              assert.strictEqual(exported(client), exported(server))
            }
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

const exported = (end: End) => toHex(okay(end.connection.exportKeyingMaterial("view", new Uint8Array(0), 32)))

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
