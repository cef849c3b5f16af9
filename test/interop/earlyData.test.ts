/** 0-RTT with peers that are not ours: taken, refused, bounded, and said again by somebody else. */
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import * as AntiReplay from "../../src/layers/AntiReplay.ts"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import { decodeTicket, encodeTicket, type Ticket } from "../../src/state/session.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Flights from "./support/flights.ts"
import * as GnuTls from "./support/gnutls.ts"
import * as OpenSsl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasGnutls, hasOpenssl } from "./support/programs.ts"

const fleet = Redacted.make(new Uint8Array(randomBytes(32)))
/** Each time another layer, as another process has it, with the secret of the fleet. */
const member = () => Layer.orDie(Tickets.layerSealed({ secret: fleet })).pipe(Layer.provide(NodeCryptoProvider.layer))
const sealed = member()
const stateful = Layer.orDie(Tickets.layerStateful()).pipe(
  Layer.provide(Layer.merge(NodeCryptoProvider.layer, ServerSessionStore.layerMemory()))
)
const register = AntiReplay.layerMemory({ warmUp: 0 })

const early = Buffer.from("said early\n")
const limit = 1000

/** A server that answers early data at once, in lines with their number, and echoes the rest. */
const hearing = Effect.fnUntraced(function* (options: Ours.ServerOptions = {}) {
  const heard: Array<string> = []
  const server = yield* Ours.serve({
    maxEarlyData: limit,
    ...options,
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
  return { ...server, heard }
})

let files = 0
const file = (content: string | Uint8Array = ""): string => {
  const path = join(fixtures.folder, `early-${files++}`)
  writeFileSync(path, content)
  return path
}

/** A connection of s_client whose session lies in a file afterwards. */
const begin = Effect.fnUntraced(function* (port: number, ...args: ReadonlyArray<string>) {
  const session = file()
  const program = yield* OpenSsl.client(port, "-sess_out", session, "-ign_eof", ...args)
  program.write("hello\n")
  yield* OpenSsl.says(program, /^hello/m)
  return session
}, Effect.scoped)

/** s_client says this early, then something else; yields how it was for it, when it has been echoed. */
const goOn = Effect.fnUntraced(function* (port: number, session: string, data: Uint8Array, ...args: Array<string>) {
  const program = yield* OpenSsl.client(port, "-sess_in", session, "-early_data", file(data), "-ign_eof", ...args)
  program.write("and later\n")
  yield* OpenSsl.says(program, /^and later/m)
  const [, early] = yield* OpenSsl.says(program, /Early data was (accepted|rejected|not sent)/)
  const [, kind] = yield* OpenSsl.says(program, /^(New|Reused), TLSv1.3/m)
  return [kind, early, /^answer to/m.test(program.stdout()) ? "answered" : "unanswered"]
}, Effect.scoped)

describe.skipIf(!hasOpenssl)("s_client -early_data and our server", () => {
  it.live("is heard and answered", () =>
    Effect.gen(function* () {
      const { port, served, heard } = yield* hearing()
      const session = yield* begin(port)
      assert.strictEqual((yield* Queue.take(served)).connection.info.earlyData, "none")
      assert.deepStrictEqual(yield* goOn(port, session, early), ["Reused", "accepted", "answered"])
      assert.deepStrictEqual(heard, [early.toString()])
      assert.strictEqual((yield* Queue.take(served)).connection.info.earlyData, "accepted")
    }).pipe(Effect.provide(Layer.merge(sealed, register)))
  )

  it.live("is rejected where the server takes none any more, and the connection works", () =>
    Effect.gen(function* () {
      const one = yield* hearing()
      const session = yield* begin(one.port)
      const { port, served, heard } = yield* hearing({ maxEarlyData: 0 })
      assert.deepStrictEqual(yield* goOn(port, session, early), ["Reused", "rejected", "unanswered"])
      assert.deepStrictEqual(heard, [])
      assert.strictEqual((yield* Queue.take(served)).connection.info.earlyData, "rejected")
      // and a session that such a server began allows none
      assert.deepStrictEqual(yield* goOn(port, yield* begin(port), early), ["Reused", "not sent", "unanswered"])
    }).pipe(Effect.provide(Layer.merge(sealed, register)))
  )

  it.live("is rejected by a HelloRetryRequest", () =>
    Effect.gen(function* () {
      const { port, heard } = yield* hearing({ groups: ["secp384r1"] })
      const groups = ["-groups", "X25519:P-384"]
      const session = yield* begin(port, ...groups)
      assert.deepStrictEqual(yield* goOn(port, session, early, ...groups), ["Reused", "rejected", "unanswered"])
      assert.deepStrictEqual(heard, [])
    }).pipe(Effect.provide(Layer.merge(sealed, register)))
  )

  it.live("is rejected while the register is warming up", () =>
    Effect.gen(function* () {
      const { port } = yield* hearing()
      const session = yield* begin(port)
      assert.deepStrictEqual(yield* goOn(port, session, early), ["Reused", "rejected", "unanswered"])
    }).pipe(Effect.provide(Layer.merge(sealed, AntiReplay.layerMemory())))
  )

  it.live("of one session twice is no replay to a sealed ticket, and no session to one of a store", () =>
    Effect.gen(function* () {
      const again = Effect.gen(function* () {
        const { port } = yield* hearing()
        const session = yield* begin(port)
        assert.deepStrictEqual(yield* goOn(port, session, early), ["Reused", "accepted", "answered"])
        return yield* goOn(port, session, early)
      })
      // The second ClientHello has its own random and its own binder: it is the client's own, and it is fresh.
      assert.deepStrictEqual(yield* Effect.provide(again, sealed), ["Reused", "accepted", "answered"])
      assert.deepStrictEqual(yield* Effect.provide(again, stateful), ["New", "rejected", "unanswered"])
    }).pipe(Effect.provide(register))
  )

  it.live("may be as long as the limit; OpenSSL sends no more than that itself", () =>
    Effect.gen(function* () {
      const { port, heard } = yield* hearing()
      const session = yield* begin(port)
      const data = Buffer.alloc(limit, "x")
      assert.deepStrictEqual(yield* goOn(port, session, data), ["Reused", "accepted", "answered"])
      assert.strictEqual(heard.join(""), data.toString())
      const more = file(Buffer.alloc(limit + 1, "x"))
      const program = yield* OpenSsl.client(port, "-sess_in", session, "-early_data", more)
      yield* OpenSsl.says(program, /too much early data/)
      assert.strictEqual(heard.join(""), data.toString())
    }).pipe(Effect.provide(Layer.merge(sealed, register)))
  )
})

/** Hands out what it was given, as often as it is asked for: a client that should not be. */
const careless = Layer.sync(ClientSessionStore.ClientSessionStore, () => {
  let kept: Uint8Array | undefined
  const keep = (ticket: Ticket) => {
    const encoded = encodeTicket(ticket)
    if (encoded._tag === "Success") kept = encoded.success
  }
  return {
    ...ClientSessionStore.ClientSessionStore.defaultValue(),
    take: () => Effect.sync(() => (kept === undefined ? undefined : decodeTicket(kept))),
    put: (_: string, ticket: Ticket) => Effect.sync(() => (kept === undefined ? keep(ticket) : undefined))
  }
})

describe.skipIf(!hasOpenssl)("our client's early data and s_server -early_data", () => {
  /** A connection that reads one line, and the tickets before it. */
  const connect = Effect.fnUntraced(function* (
    { port, program }: Effect.Success<ReturnType<typeof OpenSsl.server>>,
    earlyData?: Uint8Array
  ) {
    const connection = yield* Ours.connect(port, { earlyData })
    const pull = yield* Socket.readerBytes(connection.socket)
    program.write("hello\n")
    assert.strictEqual(Buffer.from((yield* pull)[0]).toString(), "hello\n")
    return [connection.info.kind, connection.info.earlyData]
  }, Effect.scoped)

  /** So much is sent early in one connection after the other: how each was, and how much s_server heard. */
  const told = Effect.fnUntraced(function* (most: number, sizes: ReadonlyArray<number>) {
    const limits = ["-max_early_data", `${most}`, "-recv_max_early_data", `${most}`]
    const server = yield* OpenSsl.server(fixtures.server.p256, "-early_data", ...limits)
    assert.deepStrictEqual(yield* connect(server, early), ["full", "none"])
    const outcomes: Array<ReadonlyArray<string>> = []
    for (const size of sizes) outcomes.push(yield* connect(server, Buffer.alloc(size, "~")))
    const accepted = outcomes.filter(([, outcome]) => outcome === "accepted").length
    yield* OpenSsl.says(server.program, new RegExp(`(End of early data[^]*){${accepted}}`))
    return { outcomes, heard: server.program.stdout().split("~").length - 1 }
  })
  const accepted = ["resumed", "accepted"]

  it.live("of every size to the limit is accepted, with its replay defence; more is not offered", () =>
    Effect.gen(function* () {
      const { outcomes, heard } = yield* told(2000, [1, 100, 1999, 2000, 2001, 2000])
      assert.deepStrictEqual(outcomes, [accepted, accepted, accepted, accepted, ["resumed", "none"], accepted])
      assert.strictEqual(heard, 1 + 100 + 1999 + 2000 + 2000)
    }).pipe(Effect.provide(ClientSessionStore.layerMemory()))
  )

  it.live("is as much as the largest record, and more than one", () =>
    Effect.gen(function* () {
      const { outcomes, heard } = yield* told(40_000, [16_384, 40_000])
      assert.deepStrictEqual(outcomes, [accepted, accepted])
      assert.strictEqual(heard, 16_384 + 40_000)
    }).pipe(Effect.provide(ClientSessionStore.layerMemory()))
  )

  it.live("of a session that was used is rejected, with the session, and the connection works", () =>
    Effect.gen(function* () {
      const server = yield* OpenSsl.server(fixtures.server.p256, "-early_data")
      assert.deepStrictEqual(yield* connect(server), ["full", "none"])
      assert.deepStrictEqual(yield* connect(server, early), ["resumed", "accepted"])
      assert.deepStrictEqual(yield* connect(server, early), ["full", "rejected"])
      assert.lengthOf(server.program.stdout().match(/said early/g) ?? [], 1)
    }).pipe(Effect.provide(careless))
  )
})

describe.skipIf(!hasGnutls)("GnuTLS (needs gnutls-cli and gnutls-serv)", () => {
  for (const [outcome, replays] of [
    ["accepted", register],
    ["rejected", AntiReplay.layerMemory()]
  ] as const) {
    it.live(`gnutls-cli resumes, and its early data is ${outcome}`, () =>
      Effect.gen(function* () {
        const { port, served, heard } = yield* hearing()
        const program = yield* GnuTls.client(port, "--resume", "--waitresumption", "--earlydata", file(early))
        yield* OpenSsl.says(program, /This is a resumed session/)
        program.write("and later\n")
        yield* OpenSsl.says(program, /^and later/m)
        program.end()
        const infos = [yield* Queue.take(served), yield* Queue.take(served)].map(({ connection }) => connection.info)
        assert.deepStrictEqual(
          infos.map(({ kind, earlyData }) => [kind, earlyData]),
          [
            ["full", "none"],
            ["resumed", outcome]
          ]
        )
        assert.deepStrictEqual(heard, outcome === "accepted" ? [early.toString()] : [])
      }).pipe(Effect.provide(Layer.merge(sealed, replays)))
    )
  }

  it.live("gnutls-serv resumes our client, and takes its early data to the limit", () =>
    Effect.gen(function* () {
      const { port } = yield* GnuTls.server(fixtures.server.p256, "--earlydata", "--maxearlydata", `${limit}`)
      const connect = (earlyData?: Uint8Array) =>
        Effect.gen(function* () {
          const { info, socket } = yield* Ours.connect(port, { earlyData })
          const { write } = yield* socket.writer
          const pull = yield* Socket.readerBytes(socket)
          yield* write("hello\n")
          assert.strictEqual(String(yield* Ours.take(pull, 6)), "hello\n")
          return [info.kind, info.earlyData]
        }).pipe(Effect.scoped)
      assert.deepStrictEqual(yield* connect(), ["full", "none"])
      assert.deepStrictEqual(yield* connect(early), ["resumed", "accepted"])
      assert.deepStrictEqual(yield* connect(Buffer.alloc(limit)), ["resumed", "accepted"])
      assert.deepStrictEqual(yield* connect(Buffer.alloc(limit + 1)), ["resumed", "none"])
    }).pipe(Effect.provide(ClientSessionStore.layerMemory()))
  )
})

describe("62: a captured flight, said again a thousand times", () => {
  const handshake = 22
  /** Each answer was a ServerHello: nothing about the flight is wrong but its age. */
  const flood = (ports: ReadonlyArray<number>, flight: Uint8Array) =>
    Effect.forEach(
      Array.from({ length: 1000 }),
      (_, i) =>
        Effect.map(Flights.say(ports[i % ports.length] ?? 0, flight), (type) => assert.strictEqual(type, handshake)),
      { concurrency: 40, discard: true }
    )

  it.live.skipIf(!hasOpenssl)("s_client's, which came through the first time, is never heard again", () =>
    Effect.gen(function* () {
      const { port, heard } = yield* hearing()
      const session = yield* begin(port)
      const through = yield* Flights.recorder(port)
      assert.deepStrictEqual(yield* goOn(through.port, session, early), ["Reused", "accepted", "answered"])
      yield* flood([port], yield* through.flight)
      assert.deepStrictEqual(heard, [early.toString()])
    }).pipe(Effect.provide(Layer.merge(sealed, register)))
  )

  it.live("ours, which did not, is heard once by two servers with one secret and one register", () =>
    Effect.gen(function* () {
      const one = yield* Effect.provide(hearing(), yield* Layer.build(member()))
      const two = yield* Effect.provide(hearing(), yield* Layer.build(member()))
      yield* Ours.exchange(yield* Ours.connect(one.port), early)
      const nowhere = yield* Flights.recorder("nobody")
      yield* Effect.forkScoped(Effect.scoped(Ours.connect(nowhere.port, { earlyData: early })))
      yield* flood([one.port, two.port], yield* nowhere.flight)
      assert.deepStrictEqual([...one.heard, ...two.heard], [early.toString()])
    }).pipe(Effect.provide(Layer.merge(ClientSessionStore.layerMemory(), register)))
  )
})
