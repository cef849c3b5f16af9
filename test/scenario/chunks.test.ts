/** However the bytes are cut, the same happens. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { suites12 } from "../../src/crypto/suite.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import { concat } from "../support/answers.ts"
import {
  carry,
  chunked,
  clientEnd,
  type End,
  handshake,
  type Link,
  retryingConfig,
  serverEnd
} from "../support/pair.ts"
import { plain } from "../support/travel.ts"

const only12 = { versions: ["TLSv1.2"], suites12: suites12(node) } as const
const required = { _tag: "Required", authorities: [] } as const
const kinds: {
  readonly [name: string]: { readonly client: Partial<ClientConfig>; readonly server: Partial<ServerConfig> }
} = {
  full: { client: {}, server: {} },
  retried: { client: {}, server: retryingConfig() },
  "of TLS 1.2, with client authentication": { client: only12, server: { ...only12, clientAuthentication: required } },
  "with client authentication": { client: { compatibility: "none" }, server: { clientAuthentication: required } }
}

/** What an end learns of its peer. What it says itself may stand elsewhere: an answer waits for the end of the input. */
const learned = ({ events }: End) =>
  plain(events.filter((event) => !("direction" in event) || event.direction === "heard"))

/** New keys, where the version has any. */
const updated = (end: End): End =>
  end.connection.established?.version === "TLSv1.2" ? end : end.updateKeys("update_not_requested")

/** Everything that went over the wire in a whole connection, and what both ends learned. */
const record = (kind: string) => {
  const { client: ours, server: theirs } = kinds[kind] ?? assert.fail(kind)
  const wire = { toServer: new Uint8Array(0), toClient: new Uint8Array(0) }
  const tap: Link = (flight, direction) => {
    wire[direction] = concat(wire[direction], flight) as Uint8Array<ArrayBuffer>
    return [flight]
  }
  const ends = () => ({ client: clientEnd(ours), server: serverEnd(theirs) })
  const { client, server } = handshake(ends().client, ends().server, tap)
  updated(client.send(new Uint8Array(20_000).fill(1))).send(Uint8Array.of(2))
  updated(server.send(new Uint8Array(300).fill(3))).send(Uint8Array.of(4))
  client.take(client.connection.close())
  server.take(server.connection.close())
  carry(client, server, tap)
  assert.isUndefined(client.failure ?? server.failure)
  return { wire, ends, learned: { client: learned(client), server: learned(server) } }
}

const recorded = new Map(Object.keys(kinds).map((kind) => [kind, record(kind)]))

/** Fresh ends of the same seeds, each fed with what its peer said, in other pieces. */
const replay = (kind: string, link: Link): void => {
  const { wire, ends, learned: before } = recorded.get(kind) ?? assert.fail(kind)
  const { client, server } = ends()
  client.start()
  server.start()
  const feed = (end: End, chunk: Uint8Array): void => {
    const lent = chunk.slice()
    const progress = end.connection.receive(lent)
    lent.fill(0xee) // once received, a chunk is the transport's again, even while a question waits
    end.take(progress)
  }
  for (const chunk of link(wire.toClient, "toClient")) feed(client, chunk)
  for (const chunk of link(wire.toServer, "toServer")) feed(server, chunk)
  assert.deepStrictEqual(learned(client), before.client)
  assert.deepStrictEqual(learned(server), before.server)
}

describe.each(Object.keys(kinds))("a connection, %s", (kind) => {
  it("is the same all at once", () => replay(kind, (flight) => [flight]))
  it("is the same one byte at a time", () => replay(kind, chunked([1])))
  const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
  const Cuts = Schema.Array(Schema.Union([between(1, 12), between(1, 600), between(1, 20_000)])).check(
    Schema.isMinLength(1),
    Schema.isMaxLength(8)
  )
  it.prop("is the same in any pieces", [Cuts], ([cuts]) => replay(kind, chunked(cuts)), {
    arbitrary: { runs: 60, seed: 1 }
  })
  it("is the same however the ClientHello is split in two", () => {
    const { wire, ends } = recorded.get(kind) ?? assert.fail(kind)
    const hello = wire.toServer.subarray(0, 5 + ((wire.toServer[3] ?? 0) << 8) + (wire.toServer[4] ?? 0))
    const whole = plain(ends().server.start().receive(hello.slice()).events)
    for (let at = 1; at < hello.length; at++) {
      const { server } = ends()
      server.start().receive(hello.slice(0, at)).receive(hello.slice(at))
      assert.deepStrictEqual(plain(server.events), whole)
    }
  })
})
