/** Sessions and early data on the command line, between processes. */
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import { earlyFirst } from "../../src/cli/earlyFirst.ts"
import { makeServer } from "../../src/cli/http.ts"
import { echo } from "../../src/cli/pump.ts"
import type { TlsConnection } from "../../src/layers/TlsConnection.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { fixtures } from "../interop/support/fixtures.ts"
import * as Node from "../interop/support/node.ts"
import * as OpenSsl from "../interop/support/openssl.ts"
import { effectTls, finishEffectTls, hasOpenssl } from "../interop/support/programs.ts"
import { cli, directory, isOneLine } from "./support.ts"

const identity = ["--cert", fixtures.server.p256.cert, "--key", fixtures.server.p256.key]
const ca = ["--ca", fixtures.ca.cert]

/** The program as a process of its own, listening. */
const serve = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const program = yield* Effect.acquireDisposable(
      Effect.sync(() => effectTls("serve", "--port", "0", ...identity, ...args))
    )
    const [, port] = yield* OpenSsl.says(program, /^listening on 127\.0\.0\.1:(\d+)\n/)
    return { program, at: `localhost:${port}`, port: Number(port) }
  })

/** Files of a test: of sessions, which is not there yet, and of early data. */
const files = Effect.gen(function* () {
  const path = yield* directory
  const early = `${path}/early`
  writeFileSync(early, "said early\n")
  return { session: `${path}/sessions`, early }
})

const process = (...args: ReadonlyArray<string>) => Effect.promise(() => finishEffectTls(args, "said later\n"))

/** The first line of standard error, which is the summary, and the others. */
const summaryOf = (stderr: string) => {
  const [summary = "{}", ...others] = stderr.trimEnd().split("\n")
  const { kind, earlyData, signatureScheme }: Record<string, unknown> = JSON.parse(summary)
  return { kind, earlyData, signatureScheme, others: others.map((line): unknown => JSON.parse(line)) }
}

const json = ["--summary", "json"]

describe("connect --session", () => {
  it.live("the second run resumes the session of the first", () =>
    Effect.gen(function* () {
      const { program, at } = yield* serve()
      const { session } = yield* files
      const first = yield* process("connect", at, ...ca, "--session", session)
      assert.deepStrictEqual([first.status, first.stdout], [0, "said later\n"], first.stderr)
      assert.match(first.stderr, /^Kind +full handshake, one round trip$/m)
      assert.strictEqual(statSync(session).mode & 0o777, 0o600)
      const second = yield* process("connect", at, ...ca, "--session", session)
      assert.deepStrictEqual([second.status, second.stdout], [0, "said later\n"], second.stderr)
      assert.match(second.stderr, /^Kind +resumed session, one round trip$/m)
      assert.match(second.stderr, /^Signature +\(none: /m)
      assert.match(second.stderr, /^Peer chain +0 CN=localhost$/m)
      assert.match(second.stderr, /^Early data +\(none\)$/m)
      yield* OpenSsl.says(program, /accepted: \S+ \S+ \S+ resumed, ALPN/)
    })
  )

  for (const kind of ["--tickets=1", "--stateful"]) {
    it.live(`in TLS 1.2 too, where the server has ${kind}`, () =>
      Effect.gen(function* () {
        const { program, at } = yield* serve("--tls", "1.2", kind)
        const { session } = yield* files
        const first = yield* process("connect", at, ...ca, "--session", session, "--tls", "1.2")
        assert.deepStrictEqual([first.status, first.stdout], [0, "said later\n"], first.stderr)
        assert.match(first.stderr, /^Version +TLSv1\.2$/m)
        assert.match(first.stderr, /^Kind +full handshake, two round trips$/m)
        for (const versions of [["--tls", "1.2"], []]) {
          const again = yield* process("connect", at, ...ca, "--session", session, ...versions)
          assert.deepStrictEqual([again.status, again.stdout], [0, "said later\n"], again.stderr)
          assert.match(again.stderr, /^Kind +resumed session, one round trip$/m)
        }
        yield* OpenSsl.says(program, /accepted: TLSv1\.2 \S+ \S+ resumed, ALPN/)
      })
    )
  }

  it.live.skipIf(!hasOpenssl)("in TLS 1.2 with openssl s_server, by ticket and by session ID", () =>
    Effect.gen(function* () {
      for (const flags of [[], ["-no_ticket"]]) {
        const { port } = yield* OpenSsl.server(fixtures.server.p256, "-tls1_2", ...flags)
        const { session } = yield* files
        const args = ["connect", `localhost:${port}`, ...ca, "--session", session, ...json]
        assert.deepInclude(summaryOf((yield* process(...args)).stderr), { kind: "full", others: [] })
        assert.deepInclude(summaryOf((yield* process(...args)).stderr), { kind: "resumed", others: [] })
      }
    })
  )

  it.live.skipIf(!hasOpenssl)("with openssl s_server, early data included", () =>
    Effect.gen(function* () {
      const { program, port } = yield* OpenSsl.server(fixtures.server.p256, "-early_data", "-no_anti_replay")
      const { session, early } = yield* files
      const args = ["connect", `localhost:${port}`, ...ca, "--session", session, ...json]
      const first = yield* process(...args)
      assert.strictEqual(first.status, 0, first.stderr)
      assert.deepInclude(summaryOf(first.stderr), { kind: "full", earlyData: "none", others: [] })
      const second = yield* process(...args, "--early-data", early)
      assert.deepInclude(summaryOf(second.stderr), { kind: "resumed", earlyData: "accepted", others: [] })
      yield* OpenSsl.says(program, /said early/)
    })
  )

  it.live("is for the same name and the same authorities", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({})
      const { session } = yield* files
      const kind = (host: string, ...args: ReadonlyArray<string>) =>
        Effect.map(
          cli(["connect", `${host}:${port}`, "--session", session, ...json, ...args]),
          ({ stderr }) => summaryOf(stderr.trimEnd().split("\n").at(-1) ?? "").kind
        )
      assert.strictEqual(yield* kind("localhost", ...ca), "full")
      assert.strictEqual(yield* kind("127.0.0.1", ...ca), "full")
      assert.strictEqual(yield* kind("localhost", "--insecure"), "full")
      assert.strictEqual(yield* kind("localhost", ...ca), "resumed")
    })
  )

  it.live("a file that is something else is left alone, and said so", () =>
    Effect.gen(function* () {
      const { early } = yield* files
      const { status, stderr } = yield* cli(["connect", "localhost:1", ...ca, "--session", early])
      assert.strictEqual(status, 2)
      assert.isTrue(isOneLine(stderr), stderr)
      assert.include(stderr, `session file ${early}`)
      assert.strictEqual(readFileSync(early, "utf8"), "said early\n")
    })
  )
})

describe("connect --early-data", () => {
  it.live("says whether it was sent and taken, and what was not taken is not sent again", () =>
    Effect.gen(function* () {
      const taking = yield* serve("--max-early-data", "1000")
      const { session, early } = yield* files
      const args = [...ca, "--session", session, "--early-data", early, ...json]
      const first = yield* cli(["connect", taking.at, ...args], "said later\n")
      assert.deepStrictEqual([first.status, first.stdout], [0, "said later\n"], first.stderr)
      const none = summaryOf(first.stderr)
      assert.deepStrictEqual([none.kind, none.earlyData], ["full", "none"])
      assert.deepStrictEqual(none.others, [
        { warning: `no session was there that allows so much early data: ${early} was not sent` }
      ])
      const second = yield* cli(["connect", taking.at, ...args], "said later\n")
      assert.deepStrictEqual([second.status, second.stdout], [0, "said early\nsaid later\n"], second.stderr)
      assert.deepInclude(summaryOf(second.stderr), { kind: "resumed", earlyData: "accepted", others: [] })
      yield* OpenSsl.says(taking.program, /resumed, ALPN \(none\), server name localhost, early data accepted/)

      // Another process with other keys: what it cannot open is a full handshake.
      const other = yield* serve("--max-early-data", "1000")
      const third = yield* cli(["connect", other.at, ...args], "said later\n")
      assert.deepStrictEqual([third.status, third.stdout], [0, "said later\n"], third.stderr)
      const lost = summaryOf(third.stderr)
      assert.deepStrictEqual([lost.kind, lost.earlyData], ["full", "rejected"])
      assert.deepStrictEqual(lost.others, [
        { warning: `the server did not take the early data: ${early} is lost, and is not sent again` }
      ])
    })
  )

  it.live("is the request for a server of HTTP", () =>
    Effect.gen(function* () {
      const { at } = yield* serve("--mode", "http", "--max-early-data", "1000")
      const { session, early } = yield* files
      writeFileSync(early, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
      yield* cli(["connect", at, ...ca, "--session", session, "--http", "/"])
      const { stdout, stderr } = yield* cli(["connect", at, ...ca, "--session", session, "--early-data", early])
      assert.match(stdout, /^HTTP\/1\.1 200 OK\r\n/, stderr)
      assert.include(stdout, `"earlyData": "accepted"`)
    })
  )
})

describe("serve", () => {
  const kinds = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
    const { at } = yield* serve(...args)
    const { session } = yield* files
    const one = cli(["connect", at, ...ca, "--session", session, ...json])
    return [yield* one, yield* one, yield* one].map(({ stderr }) => summaryOf(stderr).kind)
  })

  it.live("--stateful resumes too, --no-tickets does not, --tickets 0 neither", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* kinds("--stateful", "--tickets", "1"), ["full", "resumed", "resumed"])
      for (const args of [["--no-tickets"], ["--tickets", "0"]]) {
        assert.deepStrictEqual(yield* kinds(...args), ["full", "full", "full"])
      }
    })
  )

  it.live.skipIf(!hasOpenssl)("openssl s_client resumes and its early data is echoed", () =>
    Effect.gen(function* () {
      const { port } = yield* serve("--max-early-data", "1000")
      const { session, early } = yield* files
      const first = yield* OpenSsl.client(port, "-sess_out", session, "-ign_eof")
      first.write("hello\n")
      yield* OpenSsl.says(first, /hello/)
      yield* Effect.promise(() => first[Symbol.asyncDispose]())
      const second = yield* OpenSsl.client(port, "-sess_in", session, "-early_data", early, "-ign_eof")
      yield* OpenSsl.says(second, /Reused, TLSv1\.3/)
      yield* OpenSsl.says(second, /Early data was accepted/)
      yield* OpenSsl.says(second, /said early/)
    })
  )
})

/** A connection that is still before the end of its handshake, with this early data. */
const unfinished = Effect.fnUntraced(function* (early: string) {
  const { client, server } = yield* TlsTest.handshake()
  const finished = yield* Deferred.make<void>()
  const pull = yield* Socket.readerBytes(client.socket)
  const connection: TlsConnection = {
    ...server,
    info: { ...server.info, earlyData: "accepted" },
    earlyData: Stream.make(new TextEncoder().encode(early)),
    confirmed: Deferred.await(finished)
  }
  const heard = Effect.map(pull, (chunks) => chunks.map((chunk) => new TextDecoder().decode(chunk)).join(""))
  return { client, connection, heard, finish: Deferred.succeed(finished, undefined) }
})

describe("early data of a handshake that is not done", () => {
  it.live("is echoed at once, and what follows comes after it", () =>
    Effect.gen(function* () {
      const { client, connection, heard } = yield* unfinished("early")
      yield* Effect.forkScoped(echo(earlyFirst(connection)))
      assert.strictEqual(yield* heard, "early")
      const { write } = yield* client.socket.writer
      yield* write("late")
      assert.strictEqual(yield* heard, "late")
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )

  it.live("answers a GET at once, and a POST when the handshake is done (RFC 8470)", () =>
    Effect.gen(function* () {
      const serve = makeServer()
      const ask = (method: string) =>
        unfinished(`${method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`).pipe(
          Effect.tap(({ connection }) => Effect.forkScoped(serve(connection)))
        )
      assert.match(yield* (yield* ask("GET")).heard, /^HTTP\/1\.1 200 OK/)
      const { heard, finish } = yield* ask("POST")
      const order: Array<string> = []
      const answered = yield* Effect.forkScoped(Effect.tap(heard, () => Effect.sync(() => order.push("answered"))))
      yield* Effect.sleep("100 millis")
      order.push("finished")
      yield* finish
      assert.match(yield* Fiber.join(answered), /^HTTP\/1\.1 200 OK/)
      assert.deepStrictEqual(order, ["finished", "answered"])
    }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions))
  )
})

describe("wrong combinations", () => {
  const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, says: string]> = [
    [["connect", "h:1", "--early-data", "x"], "--early-data needs --session FILE"],
    [["connect", "h:1", "--session", "s", "--early-data", "x", "--http", "/"], "write the request into the file"],
    [["connect", "h:1", "--session", "s", "--early-data", "/dev/null"], "/dev/null is empty"],
    [["serve", ...identity, "--no-tickets", "--tickets", "2"], "--no-tickets and --tickets: choose one"],
    [["serve", ...identity, "--no-tickets", "--stateful"], "--stateful needs tickets: leave --no-tickets out"],
    [["serve", ...identity, "--tickets", "0", "--max-early-data", "9"], "--max-early-data needs tickets"],
    [["serve", ...identity, "--tickets", "256"], '--tickets: "256". Expected: a whole number from 0 to 255'],
    [["serve", ...identity, "--max-early-data", "-1"], '--max-early-data: "-1". Expected: a whole number']
  ]
  it.effect.each(wrong)("%j", ([args, says]) =>
    Effect.gen(function* () {
      const { status, stderr } = yield* cli(args)
      assert.strictEqual(status, 2, stderr)
      assert.isTrue(isOneLine(stderr), stderr)
      assert.include(stderr, says)
    })
  )
})
