/** Sessions resumed with peers that are not ours, in both roles. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import * as AntiReplay from "../../src/layers/AntiReplay.ts"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as OpenSsl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl } from "./support/programs.ts"

const short = Buffer.from("There and back again")
const kept = ClientSessionStore.layerMemory()
const sealed = Layer.orDie(Tickets.layerSealed()).pipe(Layer.provide(NodeCryptoProvider.layer))
const stateful = Layer.orDie(Tickets.layerStateful()).pipe(
  Layer.provide(Layer.merge(NodeCryptoProvider.layer, ServerSessionStore.layerMemory()))
)
const suites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]

/** The session of a connection of node:tls, once it has one, with what it said and heard. */
const nodeSession = Effect.fnUntraced(function* (port: number, session?: Buffer, options = {}) {
  let latest: Buffer | undefined
  const socket = yield* Node.connect(port, session === undefined ? options : { ...options, session }, (socket) =>
    socket.on("session", (bytes) => {
      latest = bytes
    })
  )
  assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
  return { reused: socket.isSessionReused(), session: latest ?? assert.fail("no session") }
})

describe("node:tls resumes with our server", () => {
  for (const [name, tickets] of [
    ["sealed tickets", sealed],
    ["tickets of a store", stateful]
  ] as const) {
    for (const suite of suites) {
      it.live(`${name}, ${suite}`, () =>
        Effect.gen(function* () {
          const { port, served } = yield* Ours.serve({ suites: [suite] })
          const first = yield* nodeSession(port)
          const second = yield* nodeSession(port, first.session)
          assert.deepStrictEqual([first.reused, second.reused], [false, true])
          const kinds = [
            (yield* Queue.take(served)).connection.info.kind,
            (yield* Queue.take(served)).connection.info.kind
          ]
          assert.deepStrictEqual(kinds, ["full", "resumed"])
        }).pipe(Effect.provide(tickets))
      )
    }
  }

  it.live("after a HelloRetryRequest", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ groups: ["secp384r1"] })
      const options = { ecdhCurve: "X25519:P-384" }
      const first = yield* nodeSession(port, undefined, options)
      assert.isTrue((yield* nodeSession(port, first.session, options)).reused)
    }).pipe(Effect.provide(sealed))
  )
})

describe("node:tls resumes our client", () => {
  for (const suite of suites) {
    it.live(suite, () =>
      Effect.gen(function* () {
        const reused: Array<boolean> = []
        const { port } = yield* Node.serve({ ciphers: suite }, (socket) => {
          reused.push(socket.isSessionReused())
          socket.pipe(socket)
        })
        for (const kind of ["full", "resumed", "resumed"]) {
          const connection = yield* Ours.connect(port)
          assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
          assert.strictEqual(connection.info.kind, kind)
        }
        assert.deepStrictEqual(reused, [false, true, true])
      }).pipe(Effect.provide(kept))
    )
  }

  it.live("and the group of the first connection needs no second retry", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({ ecdhCurve: "P-384" })
      const seen: Ours.Seen = []
      for (const kind of ["retried", "resumed"]) {
        seen.length = 0
        const connection = yield* Ours.connect(port, { groups: ["x25519", "secp384r1"], seen })
        assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
        assert.deepStrictEqual([connection.info.kind, connection.info.group], [kind, "secp384r1"])
      }
      assert.notInclude(seen, "heard HelloRetryRequest")
    }).pipe(Effect.provide(kept))
  )
})

const scratch = (): string => mkdtempSync(join(tmpdir(), "effect-tls-"))
const early = Buffer.from("said early\n")

describe.skipIf(!hasOpenssl)("0-RTT with openssl", () => {
  const register = Layer.mergeAll(sealed, AntiReplay.layerMemory({ warmUp: 0 }))

  it.live("s_client says it, and our server hears and answers it", () =>
    Effect.gen(function* () {
      const files = scratch()
      const [session, data] = [join(files, "session.pem"), join(files, "early")]
      writeFileSync(data, early)
      const heard: Array<string> = []
      const { port, served } = yield* Ours.serve({
        maxEarlyData: 1000,
        serve: (connection) =>
          Effect.gen(function* () {
            const { write } = yield* connection.socket.writer
            yield* Stream.runForEach(connection.earlyData, (bytes) => {
              heard.push(Buffer.from(bytes).toString())
              return write(`answer to ${heard.length}\n`)
            })
            yield* Ours.echo(connection)
          })
      })
      const first = yield* OpenSsl.client(port, "-sess_out", session, "-ign_eof")
      first.write("hello\n")
      yield* OpenSsl.says(first, /hello/)
      yield* Effect.promise(() => first[Symbol.asyncDispose]())
      yield* Queue.take(served)
      const second = yield* OpenSsl.client(port, "-sess_in", session, "-early_data", data, "-ign_eof")
      yield* OpenSsl.says(second, /answer to 1/)
      yield* OpenSsl.says(second, /Early data was accepted/)
      assert.deepStrictEqual(heard, [early.toString()])
      yield* Effect.promise(() => second[Symbol.asyncDispose]())
      assert.strictEqual((yield* Queue.take(served)).connection.info.earlyData, "accepted")
      const again = yield* OpenSsl.client(port, "-sess_in", session, "-early_data", data, "-ign_eof")
      yield* OpenSsl.says(again, /Early data was (accepted|rejected)/)
    }).pipe(Effect.provide(register))
  )

  it.live("our client says it, and s_server hears it", () =>
    Effect.gen(function* () {
      const { program, port } = yield* OpenSsl.server(fixtures.server.p256, "-early_data", "-no_anti_replay")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* Ours.connect(port)
          const pull = yield* Socket.readerBytes(first.socket)
          program.write("hello\n")
          // The tickets came before.
          assert.strictEqual(Buffer.from((yield* pull)[0]).toString(), "hello\n")
        })
      )
      const second = yield* Ours.connect(port, { earlyData: early })
      assert.deepStrictEqual([second.info.kind, second.info.earlyData], ["resumed", "accepted"])
      yield* OpenSsl.says(program, /said early/)
    }).pipe(Effect.provide(kept))
  )
})
