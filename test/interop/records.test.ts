/** The shape of our records and keys that are used up soon, against node:tls, OpenSSL's programs and GnuTLS's. */
import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Socket from "effect/socket/Socket"
import * as Padding from "../../src/state/record/padding.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Gnutls from "./support/gnutls.ts"
import * as Node from "./support/node.ts"
import { digest } from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasGnutls, hasOpenssl } from "./support/programs.ts"
import * as Wire from "./support/wire.ts"

const data = randomBytes(2_000_000)
/** Such that `data` needs many of them under a limit of 4 records to a key. */
const small = { provider: "node, 4 records", maxFragmentSize: 1024 } as const
const updates = (seen: Ours.Seen) => seen.filter((one) => one === "said KeyUpdate").length
const expected = Math.floor(data.length / 1024 / 4) - 1
const longest = (lengths: ReadonlyArray<number>) => Math.max(...lengths)

/** Sends `data` and gets it back. */
const echoed = Effect.fnUntraced(function* ({ socket }: Effect.Success<ReturnType<typeof Ours.connect>>, sent: Buffer) {
  const pull = yield* Socket.readerBytes(socket)
  const { write } = yield* socket.writer
  const reading = yield* Effect.forkChild(Ours.take(pull, sent.length))
  yield* write(sent)
  assert.strictEqual(digest(yield* Fiber.join(reading)), digest(sent))
})

describe("keys that are good for 4 records", () => {
  it.live("our client's, against node:tls", () =>
    Effect.gen(function* () {
      const server = yield* Node.serve({})
      const seen: Ours.Seen = []
      yield* echoed(yield* Ours.connect(server.port, { ...small, seen }), data)
      assert.isAtLeast(updates(seen), expected)
      assert.deepStrictEqual(server.errors, [])
    })
  )

  it.live("our server's, against node:tls", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port, served } = yield* Ours.serve({ ...small, seen })
      const back = yield* Node.exchange(yield* Node.connect(port), data)
      assert.strictEqual(digest(back), digest(data))
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
      assert.isAtLeast(updates(seen), expected)
    })
  )

  describe.runIf(hasOpenssl)("and the programs of OpenSSL", () => {
    it.live("our client's, against s_server", () =>
      Effect.gen(function* () {
        const { program, port } = yield* Openssl.server(fixtures.server.p256)
        const seen: Ours.Seen = []
        const { socket } = yield* Ours.connect(port, { ...small, seen })
        const { write } = yield* socket.writer
        const text = Buffer.from(data.toString("base64"))
        yield* write("<<<")
        yield* write(text)
        yield* write(">>>")
        yield* Openssl.says(program, />>>/)
        // It says so when all that came was a KeyUpdate.
        const printed = program.stdout().replaceAll("Read BLOCK\n", "")
        const came = printed.slice(printed.indexOf("<<<") + 3, printed.indexOf(">>>"))
        assert.strictEqual(digest(Buffer.from(came)), digest(text))
        assert.isAtLeast(updates(seen), expected)
      })
    )

    it.live("our server's, against s_client", () =>
      Effect.gen(function* () {
        const seen: Ours.Seen = []
        const text = Buffer.from(data.toString("base64"))
        const { port } = yield* Ours.serve({
          ...small,
          seen,
          serve: ({ socket, close }) =>
            Effect.gen(function* () {
              const { write } = yield* socket.writer
              yield* write(text)
              yield* close
            })
        })
        const program = yield* Openssl.client(port, "-quiet")
        yield* Openssl.ended(program)
        assert.strictEqual(digest(program.bytes()), digest(text))
        assert.isAtLeast(updates(seen), expected)
      })
    )
  })
})

describe("padded records", () => {
  it.live("go unnoticed by node:tls, both ways round", () =>
    Effect.gen(function* () {
      const server = yield* Node.serve({})
      for (const padding of [Padding.toMultipleOf(1000), Padding.toFull]) {
        const wire = Wire.make()
        const connection = yield* Ours.connect(server.port, { padding, maxFragmentSize: 5000, through: wire.through })
        yield* echoed(connection, data.subarray(0, 100_001))
        assert.deepStrictEqual(new Set(wire.said().map((length) => (length - 1) % 1000)), new Set([0]))
        const { port } = yield* Ours.serve({ padding })
        const back = yield* Node.exchange(yield* Node.connect(port), data.subarray(0, 100_001))
        assert.strictEqual(digest(back), digest(data.subarray(0, 100_001)))
      }
      assert.deepStrictEqual(server.errors, [])
    })
  )
})

/** `gnutls-cli` sends one record of what it reads, and forgets the rest. */
const line = Buffer.from(`${"0123456789".repeat(300)}\n`)

describe.runIf(hasGnutls)("record_size_limit and GnuTLS", () => {
  it.live("gnutls-serv keeps to ours, and we to its", () =>
    Effect.gen(function* () {
      const { port } = yield* Gnutls.server(fixtures.server.p256, "--recordsize", "600")
      const wire = Wire.make()
      const connection = yield* Ours.connect(port, { recordSizeLimit: 700, through: wire.through })
      yield* echoed(connection, line)
      // It was told 600 and counts the content type besides.
      assert.strictEqual(longest(wire.said()), 601)
      assert.strictEqual(longest(wire.heard()), 700)
    })
  )

  it.live("gnutls-serv sends what it likes to a client that says nothing", () =>
    Effect.gen(function* () {
      const { port } = yield* Gnutls.server(fixtures.server.p256, "--recordsize", "600")
      const wire = Wire.make()
      yield* echoed(yield* Ours.connect(port, { through: wire.through }), line)
      assert.isAbove(longest(wire.said()), 601)
    })
  )

  /** TLS 1.2 with ChaCha20-Poly1305, whose records have nothing but the tag besides the content. */
  const of12 = ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305"]

  it.live("gnutls-serv of TLS 1.2, where the content type does not count", () =>
    Effect.gen(function* () {
      const { port } = yield* Gnutls.server(fixtures.server.p256, "--recordsize", "600", ...of12)
      for (const versions of [["TLSv1.2"], ["TLSv1.3", "TLSv1.2"]] as const) {
        const wire = Wire.make()
        const connection = yield* Ours.connect(port, { versions, recordSizeLimit: 700, through: wire.through })
        yield* echoed(connection, line)
        assert.deepStrictEqual([connection.info.version, longest(wire.said())], ["TLSv1.2", 600])
        assert.strictEqual(longest(wire.heard()), 700)
      }
    })
  )

  /** Our server says a line and hears the first record of one. */
  const withClient = Effect.fnUntraced(function* (ours: number | undefined, ...args: ReadonlyArray<string>) {
    const wire = Wire.make()
    const got = yield* Deferred.make<number>()
    const { port } = yield* Ours.serve({
      recordSizeLimit: ours,
      through: wire.through,
      serve: ({ socket }) =>
        Effect.gen(function* () {
          const pull = yield* Socket.readerBytes(socket)
          const { write } = yield* socket.writer
          yield* write(line)
          yield* Deferred.succeed(got, (yield* pull)[0].length)
          yield* Ours.takeAll(pull)
        })
    })
    const program = yield* Gnutls.client(port, ...args)
    yield* Effect.promise(() => program.until(/Handshake was completed/))
    program.write(line)
    return { heard: yield* Deferred.await(got), said: longest(wire.said()) }
  })

  it.live("gnutls-cli keeps to ours, and we to its, told or not", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* withClient(700)).heard, 699)
      assert.isAbove((yield* withClient(undefined)).heard, 699)
      assert.strictEqual((yield* withClient(undefined, "--recordsize", "600")).said, 601)
      assert.isAbove((yield* withClient(undefined)).said, 601)
    })
  )

  it.live("gnutls-cli of TLS 1.2 likewise", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* withClient(700, ...of12)).heard, 700)
      assert.isAbove((yield* withClient(undefined, ...of12)).heard, 700)
      assert.strictEqual((yield* withClient(undefined, "--recordsize", "600", ...of12)).said, 600)
      assert.isAbove((yield* withClient(undefined, ...of12)).said, 600)
    })
  )
})
