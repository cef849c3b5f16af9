/**
 * What a network can do to bytes. Every byte of every flight of three kinds of handshake is flipped, zeroed, set,
 * deleted, doubled, and given a neighbour, before one end; and every 29th between two. Deterministic: all randomness is
 * fixed.
 */
import { assert, describe, it } from "@effect/vitest"
import { HEADER_LENGTH } from "../../src/codec/record/record.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import { alertOf } from "../../src/state/failure.ts"
import { assertNeverApart, assertOneFailure, directions, mutations, record, view } from "../support/corruption.ts"
import { clientEnd, records, retryingConfig, serverEnd } from "../support/pair.ts"

const required = { _tag: "Required", authorities: [] } as const
const kinds: {
  readonly [name: string]: { readonly client: Partial<ClientConfig>; readonly server: Partial<ServerConfig> }
} = {
  "full, with client authentication": { client: {}, server: { clientAuthentication: required } },
  retried: { client: {}, server: retryingConfig() },
  "without middlebox compatibility": { client: { compatibility: "none" }, server: { compatibility: "none" } }
}
const fresh = (kind: string) => {
  const { client, server } = kinds[kind] ?? assert.fail(kind)
  return { client: clientEnd(client), server: serverEnd(server) }
}

const isAlert = (record: Uint8Array): boolean =>
  record[0] === 21 ? record.length === HEADER_LENGTH + 2 : record[0] === 23 && record.length === HEADER_LENGTH + 2 + 17

describe.each(Object.keys(kinds))("a handshake, %s", (kind) => {
  const honest = record(fresh(kind))
  for (const direction of directions) {
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

it("two ends with somebody between them are never both connected with two views of the handshake", () => {
  const counts = Object.keys(kinds).map((kind) => assertNeverApart(() => fresh(kind), 29, assertOneFailure))
  assert.isAbove(
    counts.reduce((sum, { apart }) => sum + apart, 0),
    counts.reduce((sum, { both }) => sum + both, 0)
  )
})
