/** Sessions that begin with one connection and go on with the next, with every peer that can. */
import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as ClientSessionStore from "../../../src/layers/ClientSessionStore.ts"
import * as NodeCryptoProvider from "../../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerSessionStore from "../../../src/layers/ServerSessionStore.ts"
import * as Tickets from "../../../src/layers/Tickets.ts"
import { fixtures } from "./fixtures.ts"
import { serveHttp } from "./http.ts"
import { digest } from "./node.ts"
import * as Ours from "./ours.ts"
import * as Peers from "./peers.ts"

const data = randomBytes(100_000)

const sealed = Tickets.layerSealed().pipe(Layer.provide(NodeCryptoProvider.layer))
const stateful = Tickets.layerStateful().pipe(
  Layer.provide(Layer.merge(NodeCryptoProvider.layer, ServerSessionStore.layerMemory()))
)

/** The peer keeps our tickets; its connections follow each other. */
export const asClient = (
  peer: Peers.Peer,
  role: "client" | "fetching",
  certificate: "shown" | "none" = "none",
  version: "TLSv1.3" | "TLSv1.2" = "TLSv1.3"
) =>
  describe.each([
    ["sealed", sealed],
    ["stateful", stateful]
  ] as const)("our tickets, %s", (_, tickets) => {
    it.live("the second connection resumes", () =>
      Effect.gen(function* () {
        const seen: Ours.Seen = []
        const pair = certificate === "shown" ? fixtures.client.p256 : undefined
        const asked = { seen, versions: [version] } as const
        const options = pair === undefined ? asked : ({ ...asked, clientAuthentication: "required" } as const)
        const { port, served } = yield* role === "client" ? Ours.serve(options) : serveHttp(options)
        const theirs = { connections: 2, size: data.length, pair, minVersion: version }
        const said = yield* Peers.client(peer, port, theirs, role)
        for (const { sent, got, error } of said) {
          assert.isUndefined(error)
          assert.strictEqual(got, sent)
        }
        const connections = [(yield* Queue.take(served)).connection, (yield* Queue.take(served)).connection]
        assert.deepStrictEqual([connections[1]?.info.version, connections[1]?.info.kind], [version, "resumed"])
        assert.notStrictEqual(connections[0]?.info.kind, "resumed")
        assert.strictEqual(seen.filter((message) => message === "said Certificate").length, 1)
        // Who the client is goes with the session.
        assert.deepStrictEqual(connections[1]?.info.peer, connections[0]?.info.peer)
      }).pipe(Effect.provide(tickets))
    )
  })

/** A client that offers the same shares again: its binder is made anew after our HelloRetryRequest. */
export const asClientRetried = (peer: Peers.Peer) =>
  it.live("resumes after a HelloRetryRequest", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port, served } = yield* Ours.serve({ groups: ["secp384r1"], seen })
      const said = yield* Peers.client(peer, port, { connections: 2 })
      assert.deepStrictEqual(
        said.map(({ resumed }) => resumed),
        [false, true]
      )
      const kinds = [yield* Queue.take(served), yield* Queue.take(served)].map(({ connection }) => connection.info.kind)
      assert.deepStrictEqual(kinds, ["retried", "resumed"])
      assert.strictEqual(seen.filter((message) => message === "said HelloRetryRequest").length, 2)
    }).pipe(Effect.provide(sealed))
  )

/** Our client keeps the peer's tickets. */
export const asServer = (peer: Peers.Peer, reports: "resumed" | "nothing") =>
  it.live("our client resumes what it began, again and again", () =>
    Effect.gen(function* () {
      const { port, says } = yield* Peers.server(peer, { alpn: ["echo"] })
      const kinds: Array<string> = []
      for (let i = 0; i < 3; i++) {
        const connection = yield* Ours.connect(port, { alpnProtocols: ["echo"] })
        kinds.push(connection.info.kind)
        assert.strictEqual(connection.info.alpnProtocol, "echo")
        assert.strictEqual(digest(yield* Ours.exchange(connection, data)), digest(data))
      }
      assert.deepStrictEqual(kinds, ["full", "resumed", "resumed"])
      const said = yield* says(/("ended":"closed"[\s\S]*){3}/)
      const heard = said.flatMap(({ resumed }) => (resumed === undefined ? [] : [resumed]))
      assert.deepStrictEqual(heard, reports === "resumed" ? [false, true, true] : [])
    }).pipe(Effect.provide(ClientSessionStore.layerMemory()))
  )
