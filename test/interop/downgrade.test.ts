/** Somebody between one end of ours and one of OpenSSL's, who would rather have TLS 1.2 than TLS 1.3. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { find } from "../../src/layers/TlsError.ts"
import * as Middleman from "../support/middleman.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

/** Without a flag that names a version, OpenSSL's programs speak all that they can. */
const all = ["-no_tls1_1", "-no_tls1"]

/** A port that passes on what is said there, with other hellos. */
const between = (
  to: number,
  clientHello: Middleman.Lie<"ClientHello">,
  serverHello: Middleman.Lie<"ServerHello"> = () => ({})
) =>
  Node.listening(
    Net.createServer({ noDelay: true }, (near) => {
      const far = Net.connect({ host: "127.0.0.1", port: to, noDelay: true })
      const [up, down] = [Middleman.clientHello(clientHello), Middleman.serverHello(serverHello)]
      // An alert may be all that comes back.
      const answer = (bytes: Buffer) => (bytes[0] === 21 ? bytes : down(bytes))
      for (const [from, into, change] of [
        [near, far, up],
        [far, near, answer]
      ] as const) {
        from.on("data", (bytes: Buffer) => into.write(change(bytes)))
        from.on("close", () => into.end())
        from.on("error", () => into.end())
      }
    })
  )

const reasonOf = (error: unknown) => {
  const tls = find(error)
  return tls === undefined ? String(error) : [tls.reason._tag, tls.alertSent ?? tls.alertReceived]
}

const fallback: Middleman.Lie<"ClientHello"> = (hello) => ({
  ...Middleman.stripped(hello),
  cipher_suites: [...hello.cipher_suites, "TLS_FALLBACK_SCSV"]
})
const lies = [
  ["takes supported_versions out", Middleman.stripped],
  ["leaves TLS 1.2 alone in supported_versions", Middleman.lowered]
] as const

/** Our client sees what their server says, in its random, and in its signature. */
const ourClient = Effect.fnUntraced(function* (port: number) {
  for (const [what, lie] of lies) {
    const error = yield* Effect.flip(Ours.connect(yield* between(port, lie)))
    assert.deepStrictEqual(reasonOf(error), ["Downgraded", "illegal_parameter"], what)
  }
  const unmarked = yield* Effect.flip(Ours.connect(yield* between(port, Middleman.stripped, Middleman.unmarked)))
  assert.deepStrictEqual(reasonOf(unmarked), ["SignatureMismatch", "decrypt_error"])
  const fallen = yield* Effect.flip(Ours.connect(yield* between(port, fallback)))
  assert.deepStrictEqual(reasonOf(fallen), ["AlertReceived", "inappropriate_fallback"])
})

describe("node:tls of both versions, and somebody on the way", () => {
  const both = { minVersion: "TLSv1.2" } as const

  it.live("our client leaves its server", () =>
    Effect.gen(function* () {
      const { port, attended } = yield* Node.serve(both)
      yield* ourClient(port)
      assert.isEmpty(attended)
    })
  )

  it.live("it leaves our server", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve()
      for (const [what, lie] of lies) {
        const code = yield* Effect.flip(Node.connect(yield* between(port, lie), both))
        assert.match(code, /INAPPROPRIATE_FALLBACK/, what)
      }
      const unmarked = yield* between(port, Middleman.stripped, Middleman.unmarked)
      assert.match(yield* Effect.flip(Node.connect(unmarked, both)), /SIGNATURE/)
      const fallen = yield* between(port, fallback)
      assert.match(yield* Effect.flip(Node.connect(fallen, both)), /INAPPROPRIATE_FALLBACK/)
      assert.strictEqual(yield* Queue.size(served), 0)
    })
  )

  it.live("where nobody is, or nobody who lies, they speak TLS 1.3", () =>
    Effect.gen(function* () {
      const theirs = yield* Node.serve(both)
      const connection = yield* Ours.connect(yield* between(theirs.port, () => ({})))
      assert.strictEqual(connection.info.version, "TLSv1.3")
      const { port } = yield* Ours.serve()
      const socket = yield* Node.connect(yield* between(port, () => ({})), both)
      assert.strictEqual(socket.getProtocol(), "TLSv1.3")
    })
  )
})

const only12 = { versions: ["TLSv1.2"] } as const

describe("one of ours that speaks TLS 1.2 only, and one of theirs that speaks both, meet in TLS 1.2", () => {
  const short = Buffer.from("There and back again\n")

  it.live("with node:tls, in both roles", () =>
    Effect.gen(function* () {
      const theirs = yield* Node.serve({ minVersion: "TLSv1.2" })
      const connection = yield* Ours.connect(theirs.port, only12)
      assert.strictEqual(connection.info.version, "TLSv1.2")
      assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
      const { port, served } = yield* Ours.serve(only12)
      const socket = yield* Node.connect(port, { minVersion: "TLSv1.2" })
      assert.strictEqual(socket.getProtocol(), "TLSv1.2")
      assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
      assert.strictEqual((yield* Queue.take(served)).connection.info.version, "TLSv1.2")
    })
  )

  it.live.skipIf(!hasOpenssl)("with OpenSSL's programs, in both roles", () =>
    Effect.gen(function* () {
      const theirs = yield* Openssl.server(fixtures.server.p256, ...all, "-rev")
      const connection = yield* Ours.connect(theirs.port, only12)
      assert.strictEqual(connection.info.version, "TLSv1.2")
      assert.strictEqual((yield* Ours.exchange(connection, Buffer.from("olleh\n"))).toString(), "hello\n")
      const { port, served } = yield* Ours.serve(only12)
      const program = yield* Openssl.client(port, ...all)
      program.write(short)
      yield* Openssl.says(program, /^There and back again$/m)
      yield* Openssl.says(program, /New, TLSv1\.2, Cipher is/)
      program.write("Q\n")
      assert.strictEqual((yield* Queue.take(served)).connection.info.version, "TLSv1.2")
    })
  )
})

describe.skipIf(!hasOpenssl)(`OpenSSL's programs of both versions, and somebody on the way (${openssl})`, () => {
  it.live("our client leaves s_server", () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(fixtures.server.p256, ...all)
      yield* ourClient(port)
    })
  )

  it.live("s_client leaves our server", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve()
      for (const [, lie] of lies) {
        const program = yield* Openssl.client(yield* between(port, lie), ...all)
        yield* Openssl.says(program, /inappropriate fallback/)
        assert.strictEqual(yield* Openssl.ended(program), 1)
      }
      const unmarked = yield* Openssl.client(yield* between(port, Middleman.stripped, Middleman.unmarked), ...all)
      yield* Openssl.says(unmarked, /bad signature/)
    })
  )
})
