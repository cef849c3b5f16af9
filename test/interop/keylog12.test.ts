/** Our key log in TLS 1.2 beside those of node:tls and OpenSSL: one CLIENT_RANDOM line a connection, at both ends. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as KeyLog from "../../src/layers/KeyLog.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

const versions = ["TLSv1.2"] as const
const only = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const
const short = Buffer.from("There and back again\n")

/** RFC 9850 section 2.2: the client's random, and the master secret of 48 bytes. */
const line = /^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$/

/** A full connection and one that resumed it: two lines, of two randoms and one secret, the same at both ends. */
const same = (ours: ReadonlyArray<string>, theirs: ReadonlyArray<string>) => {
  const [left, right] = [ours, theirs].map((lines) => lines.map((each) => each.trim().toLowerCase()))
  assert.deepStrictEqual(left, right)
  assert.lengthOf(ours, 2)
  for (const each of ours) assert.match(each.trim(), line)
  const [[, first, secret], [, second, again]] = ours.map((each) => each.trim().split(" ")) as [string[], string[]]
  assert.strictEqual(secret, again)
  assert.notStrictEqual(first, second)
}

/** What OpenSSL writes to a file, but for its first line. */
const written = (file: string) =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((each) => each !== "" && !each.startsWith("#"))

/** What our client logs when it connects and resumes. */
const ourClient = Effect.fnUntraced(function* (
  port: number,
  visit: (connection: Connection) => Effect.Effect<void, unknown, Scope.Scope>
) {
  const lines: Array<string> = []
  for (const kind of ["full", "resumed"]) {
    const connection = yield* Effect.provide(Ours.connect(port, { versions }), KeyLog.layerArray(lines))
    assert.strictEqual(connection.info.kind, kind)
    yield* visit(connection)
  }
  return lines
}, Effect.provide(ClientSessionStore.layerMemory()))
type Connection = Effect.Success<ReturnType<typeof Ours.connect>>

const echoed = (connection: Connection) =>
  Effect.map(Ours.exchange(connection, short), (back) => assert.deepStrictEqual(back, short))

/** A server of ours, and what it logs; tickets are keys that live as long as the test. */
const ourServer = Effect.gen(function* () {
  const lines: Array<string> = []
  const server = yield* Effect.provide(Ours.serve({ versions }), KeyLog.layerArray(lines))
  return { ...server, lines }
})
const tickets = Tickets.layerSealed().pipe(Layer.provide(NodeCryptoProvider.layer))

describe("the lines of node:tls", () => {
  it.live("are those of our client", () =>
    Effect.gen(function* () {
      const theirs: Array<string> = []
      const { port } = yield* Node.serve({ ...only, onKeyLog: (line) => void theirs.push(line) })
      same(yield* ourClient(port, echoed), theirs)
    })
  )

  it.live("are those of our server", () =>
    Effect.gen(function* () {
      const theirs: Array<string> = []
      const { port, served, lines } = yield* ourServer
      let session: Buffer | undefined
      for (const reused of [false, true]) {
        const options = { ...only, ...(session === undefined ? {} : { session }) }
        const socket = yield* Node.connect(port, options, (socket) => {
          socket.on("keylog", (line) => theirs.push(String(line)))
          socket.on("session", (bytes) => void (session = bytes))
        })
        assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
        assert.strictEqual(socket.isSessionReused(), reused)
        yield* Queue.take(served)
      }
      same(lines, theirs)
    }).pipe(Effect.provide(tickets))
  )
})

describe.skipIf(!hasOpenssl)(`the lines of OpenSSL's programs (${openssl})`, () => {
  it.live("are those of our client", () =>
    Effect.gen(function* () {
      const file = join(fixtures.folder, "s_server.log")
      const { port } = yield* Openssl.server(fixtures.server.p256, "-tls1_2", "-keylogfile", file, "-rev")
      const lines = yield* ourClient(port, (connection) =>
        Effect.map(Ours.exchange(connection, Buffer.from("olleh\n")), (back) =>
          assert.strictEqual(back.toString(), "hello\n")
        )
      )
      same(lines, written(file))
    })
  )

  it.live("are those of our server", () =>
    Effect.gen(function* () {
      const [file, session] = ["s_client.log", "s_client.session"].map((name) => join(fixtures.folder, name)) as [
        string,
        string
      ]
      const { port, served, lines } = yield* ourServer
      for (const flag of ["-sess_out", "-sess_in"]) {
        const program = yield* Openssl.client(port, "-tls1_2", "-keylogfile", file, flag, session)
        program.write(short)
        yield* Openssl.says(program, /\nThere and back again\n/)
        program.write("Q\n")
        program.end()
        yield* Openssl.ended(program)
        yield* Queue.take(served)
      }
      same(lines, written(file))
    }).pipe(Effect.provide(tickets))
  )
})
