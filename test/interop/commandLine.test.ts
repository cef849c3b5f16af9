import { existsSync, readFileSync } from "node:fs"
import type { TLSSocket } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fixtures, suites } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import { effectTls, finish, finishEffectTls, hasCurl, hasOpenssl } from "./support/programs.ts"

const bin = new URL("../../src/cli/bin.ts", import.meta.url).pathname
const identity = ["--cert", fixtures.server.p256.cert, "--key", fixtures.server.p256.key]

/** `effect-tls serve` as a process of its own. */
const serve = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const program = yield* Effect.acquireDisposable(
    Effect.sync(() => effectTls("serve", "--port", "0", ...identity, ...args))
  )
  const [, port] = yield* Effect.promise(() => program.until(/^listening on 127\.0\.0\.1:(\d+)\n/))
  return { program, port: Number(port) }
})

const connect = (...args: ReadonlyArray<string>) => Effect.promise(() => finishEffectTls(["connect", ...args]))

describe.skipIf(!hasOpenssl)("effect-tls and openssl", () => {
  it.live("s_client fetches from serve --mode http, in all three suites, as HTTP/1.0 and with bare line feeds", () =>
    Effect.gen(function* () {
      const { port } = yield* serve("--mode", "http")
      for (const suite of suites) {
        for (const request of ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\nHost: localhost\n\n"]) {
          const program = yield* Openssl.client(port, "-ciphersuites", suite, "-quiet")
          program.write(request)
          assert.strictEqual(yield* Openssl.ended(program), 0)
          assert.match(program.stdout(), /^HTTP\/1\.1 200 OK\r\n/)
          const body = JSON.parse(program.stdout().split("\r\n\r\n")[1] ?? "")
          assert.deepStrictEqual([body.version, body.suite, body.serverName], ["TLSv1.3", suite, "localhost"])
        }
      }
    })
  )

  for (const suite of suites) {
    it.live(`connect --http / fetches from s_server -www: ${suite}`, () =>
      Effect.gen(function* () {
        const { port } = yield* Openssl.server(fixtures.server.p256, "-www", "-ciphersuites", suite)
        const { status, stdout, stderr } = yield* connect(
          ...[`localhost:${port}`, "--ca", fixtures.ca.cert, "--http", "/"]
        )
        assert.strictEqual(status, 0, stderr)
        assert.match(stdout, /^HTTP\/1\.0 200 ok\r\n/)
        assert.include(stdout, suite)
        assert.match(stdout, /<\/pre>/i)
        assert.match(stderr, new RegExp(`^Suite +${suite}$`, "m"))
      })
    )
  }

  it.live("the key log is one that openssl's own secrets agree with", () =>
    Effect.gen(function* () {
      const theirs = `${fixtures.folder}/theirs`
      const ours = `${fixtures.folder}/ours`
      const { port } = yield* Openssl.server(fixtures.server.p256, "-www", "-keylogfile", theirs)
      const { status } = yield* connect(
        ...[`localhost:${port}`, "--ca", fixtures.ca.cert, "--http", "/", "--keylog", ours]
      )
      assert.strictEqual(status, 0)
      const lines = (file: string) =>
        readFileSync(file, "utf8")
          .split("\n")
          .filter((line) => /^[A-Z_0-9]+ [0-9a-f]+ [0-9a-f]+$/.test(line))
          .sort()
      assert.isAbove(lines(ours).length, 3)
      assert.deepStrictEqual(lines(ours), lines(theirs))
    })
  )
})

describe.skipIf(!hasCurl)("effect-tls and curl", () => {
  it.live("fetches from serve --mode http, twice over one connection, GET and POST and HEAD", () =>
    Effect.gen(function* () {
      const { port } = yield* serve("--mode", "http", "--alpn", "http/1.1")
      const url = `https://localhost:${port}/`
      const base = ["-sS", "--tlsv1.3", "--cacert", fixtures.ca.cert, "--max-time", "10"]
      const resolve = ["--resolve", `localhost:${port}:127.0.0.1`]
      const curl = (...args: ReadonlyArray<string>) =>
        Effect.promise(() => finish("curl", [...base, ...resolve, ...args]))
      const twice = yield* curl("-v", url, url)
      assert.strictEqual(twice.status, 0, twice.stderr)
      assert.strictEqual(twice.stdout.match(/"alpn": "http\/1\.1"/g)?.length, 2)
      assert.match(twice.stderr, /Re-using existing connection|Reusing existing/)
      const post = yield* curl("-d", "x".repeat(50_000), url)
      assert.strictEqual(JSON.parse(post.stdout).version, "TLSv1.3")
      const head = yield* curl("-I", url)
      assert.match(head.stdout, /^HTTP\/1\.1 200 OK/)
      const old = ["-sS", "--tls-max", "1.2", "--cacert", fixtures.ca.cert, "--ipv4"]
      const older = yield* Effect.promise(() => finish("curl", [...old, url]))
      assert.strictEqual(JSON.parse(older.stdout).version, "TLSv1.2")
      const newer = yield* serve("--mode", "http", "--tls", "1.3")
      const wrong = yield* Effect.promise(() => finish("curl", [...old, `https://localhost:${newer.port}/`]))
      assert.strictEqual(wrong.status, 35, "it asks for TLS 1.2 and gets an alert")
    })
  )
})

describe("the process", () => {
  it.live("ends with 0, 1 and 2, without a stack", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({})
      const address = `localhost:${port}`
      const outcomes = yield* Effect.all(
        [
          connect(address, "--ca", fixtures.ca.cert, "--summary", "none"),
          connect(address, "--ca", fixtures.stranger.cert, "--summary", "none"),
          connect(address, "--ca")
        ],
        { concurrency: 3 }
      )
      assert.deepStrictEqual(
        outcomes.map(({ status }) => status),
        [0, 1, 2]
      )
      assert.match(outcomes[1].stderr, /^effect-tls: CertificateRootUntrusted: [^\n]+\n$/)
      assert.match(outcomes[2].stderr, /^effect-tls: [^\n]*--ca[^\n]*\n$/)
    })
  )

  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143]
  ] as const) {
    it.live(`stopped by ${signal}, connect says close_notify and ends with ${status}`, () =>
      Effect.gen(function* () {
        const { port, attended, errors } = yield* Node.serve({})
        const program = yield* Effect.acquireDisposable(
          Effect.sync(() => effectTls("connect", `localhost:${port}`, "--ca", fixtures.ca.cert))
        )
        program.write("hello")
        yield* Effect.promise(() => program.until(/hello/))
        program.child.kill(signal)
        assert.strictEqual(yield* Effect.promise(() => program.exit), status)
        yield* Effect.sleep(50)
        assert.isTrue(attended[0]?.socket.readableEnded)
        assert.deepStrictEqual(errors, [])
      })
    )
  }

  it.live("a signal ends it while nobody reads what it prints", () =>
    Effect.gen(function* () {
      const big = Buffer.alloc(4_000_000, "x")
      for (const attend of [
        (socket: TLSSocket) => void socket.write(big),
        // This one has all been received when the signal comes; it is what is left to print that takes long.
        (socket: TLSSocket) => void setTimeout(() => socket.end(big.subarray(0, 250_000)), 50)
      ]) {
        const { port } = yield* Node.serve({}, attend)
        const program = yield* Effect.acquireDisposable(
          Effect.sync(() => effectTls("connect", `localhost:${port}`, "--ca", fixtures.ca.cert))
        )
        program.child.stdout?.pause()
        yield* Effect.promise(() => program.until(/^Peer chain/m))
        yield* Effect.sleep("1 second")
        program.child.kill("SIGTERM")
        const ended = Effect.callback<unknown>((resume) => {
          program.child.once("exit", (code, signal) => resume(Effect.succeed(code ?? signal)))
        })
        assert.include([143, "SIGTERM"], yield* Effect.timeout(ended, "5 seconds"))
      }
    })
  )

  it.live.skipIf(!existsSync("/dev/full"))("a standard output that takes nothing is told, in one line", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({}, (socket) => void socket.write("hello"))
      const at = ["connect", `localhost:${port}`, "--ca", fixtures.ca.cert]
      const toFull = (...args: ReadonlyArray<string>) =>
        Effect.promise(() => finish("sh", ["-c", 'exec "$@" >/dev/full', "sh", process.execPath, bin, ...args]))
      const text = yield* toFull(...at, "--summary", "none")
      assert.strictEqual(text.status, 1)
      assert.match(text.stderr, /^effect-tls: cannot write to standard output: ENOSPC[^\n]*\n$/)
      const json = yield* toFull(...at, "--summary", "json")
      assert.strictEqual(json.status, 1)
      const [, failure, ...more] = json.stderr.trimEnd().split("\n")
      assert.match(JSON.parse(failure ?? "").error.detail, /ENOSPC/)
      assert.deepStrictEqual(more, [])
      assert.strictEqual((yield* toFull("--version")).status, 1)
    })
  )

  it.live("ends when the server closes, even while standard input stays open", () =>
    Effect.gen(function* () {
      // Node says no close_notify when it ends at once.
      const { port } = yield* Node.serve({}, (socket) => void setTimeout(() => socket.end("bye"), 50))
      const program = yield* Effect.acquireDisposable(
        Effect.sync(() => effectTls("connect", `localhost:${port}`, "--ca", fixtures.ca.cert))
      )
      assert.strictEqual(yield* Effect.promise(() => program.exit), 0)
      assert.strictEqual(program.stdout(), "bye")
    })
  )

  it.live("a reader that leaves early gets no stack trace", () =>
    Effect.gen(function* () {
      const big = Buffer.alloc(5_000_000, "x")
      const { port } = yield* Node.serve({}, (socket) => void socket.end(big))
      const program = yield* Effect.acquireDisposable(
        Effect.sync(() => effectTls("connect", `localhost:${port}`, "--ca", fixtures.ca.cert, "--summary", "none"))
      )
      program.child.stdout?.once("data", () => program.child.stdout?.destroy())
      const status = yield* Effect.promise(() => program.exit)
      assert.include([0, 1], status)
      assert.notMatch(program.stderr(), /\n\s+at |node:internal/)
    })
  )

  it.live("demo works, whole", () =>
    Effect.gen(function* () {
      const { status, stdout, stderr } = yield* Effect.promise(() => finishEffectTls(["demo"]))
      assert.strictEqual(stderr, "")
      assert.strictEqual(status, 0)
      assert.match(stdout, /All 18 parts worked/)
      for (const suite of suites) {
        for (const peer of ["our server", "node:tls server", "node:tls client"]) {
          assert.match(stdout, new RegExp(`^our \\w+ +${peer} +TLSv1\\.3 +${suite} .* 1 MB, same digest`, "m"))
        }
      }
    })
  )
})
