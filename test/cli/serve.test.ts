import { randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { Agent, request as httpsRequest } from "node:https"
import { connect as connectTcp, createServer as createTcpServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fixtures } from "../interop/support/fixtures.ts"
import * as Node from "../interop/support/node.ts"
import { effectTls, type Program } from "../interop/support/programs.ts"
import { cli, isOneLine, silence } from "./support.ts"

const identity = ["--cert", fixtures.server.p256.cert, "--key", fixtures.server.p256.key]

/** The program as a process of its own, listening. */
const serve = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const program = yield* Effect.acquireDisposable(
      Effect.sync(() => effectTls("serve", "--port", "0", ...identity, ...args))
    )
    const [, port] = yield* Effect.promise(() => program.until(/^listening on 127\.0\.0\.1:(\d+)\n/))
    return { program, port: Number(port) }
  })

const says = (program: Program, pattern: RegExp) => Effect.promise(() => program.until(pattern))

/** Tells it to stop, and yields the status and whether it printed nothing that it should not. */
const stop = Effect.fnUntraced(function* (program: Program, signal: NodeJS.Signals = "SIGTERM") {
  program.child.kill(signal)
  const status = yield* Effect.promise(() => program.exit)
  assert.match(program.stdout(), /^listening on [^\n]+\n$/)
  assert.notMatch(program.stderr(), /\n\s+at |node:internal/)
  return status
})

const agentOf = (port: number) =>
  new Agent({
    ca: fixtures.ca.issued.certificatePem,
    host: "127.0.0.1",
    port,
    keepAlive: true,
    maxSockets: 1,
    ALPNProtocols: ["http/1.1"]
  })

const fetch = (port: number, agent: Agent, method: string, path: string, body?: Uint8Array) =>
  Effect.callback<
    { readonly status: number | undefined; readonly body: string; readonly from: number | undefined },
    Error
  >((resume) => {
    const request = httpsRequest(
      { host: "127.0.0.1", port, agent, method, path, servername: "localhost" },
      (response) => {
        let text = ""
        const from = response.socket.localPort
        response.on("data", (chunk) => {
          text += chunk
        })
        response.once("end", () => resume(Effect.succeed({ status: response.statusCode, body: text, from })))
      }
    )
    request.once("error", (error) => resume(Effect.fail(error)))
    request.end(body)
  })

describe("serve", () => {
  it.live("--mode echo sends back; bad clients never stop it; SIGTERM closes it in order", () =>
    Effect.gen(function* () {
      const { program, port } = yield* serve()
      const garbage: ReadonlyArray<Uint8Array> = [
        Buffer.from("GET / HTTP/1.1\r\n\r\n"),
        randomBytes(1000),
        new Uint8Array(0),
        Buffer.from("16030100050100000100", "hex"),
        Buffer.from("1603010200", "hex"),
        Buffer.from("15030300020228", "hex")
      ]
      for (const bytes of garbage) {
        const socket = connectTcp({ host: "127.0.0.1", port })
        socket.on("error", () => {})
        socket.end(bytes)
        yield* Effect.callback<void>((resume) => void socket.resume().once("close", () => resume(Effect.void)))
      }
      const data = randomBytes(200_000)
      const { status, stdout } = yield* cli(
        ["connect", `127.0.0.1:${port}`, "--ca", fixtures.ca.cert, "--summary", "none"],
        data
      )
      assert.strictEqual(status, 0)
      assert.strictEqual(Node.digest(Buffer.from(stdout, "latin1")), Node.digest(data))

      const open = yield* Node.connect(port)
      const ended = Effect.callback<string>((resume) => {
        open.once("end", () => resume(Effect.succeed("close_notify")))
        open.once("error", (error) => resume(Effect.succeed(error.message)))
        open.resume()
      })
      yield* says(program, /^accepted: (?:.|\n)*^accepted: /m)
      const [end, exit] = yield* Effect.all([ended, stop(program)], { concurrency: 2 })
      assert.deepStrictEqual([end, exit], ["close_notify", 0])
      const lines = program.stderr().trim().split("\n")
      assert.strictEqual(
        lines.filter((line) => /^accepted: TLSv1\.3 TLS_\w+ (X25519MLKEM768|x25519) /.test(line)).length,
        2
      )
      assert.isAtLeast(lines.filter((line) => /^effect-tls: \w+: /.test(line)).length, 5)
      assert.isTrue(
        lines.every((line) => /^(accepted|effect-tls): /.test(line)),
        program.stderr()
      )
    })
  )

  it.live("--mode http answers any request with what was negotiated, and keeps the connection", () =>
    Effect.gen(function* () {
      const files = ["--client-ca", fixtures.ca.cert]
      const wanted = ["--alpn", "http/1.1", "--group", "x25519"]
      const { program, port } = yield* serve("--mode", "http", ...wanted, "--summary", "json", ...files)
      const agent = agentOf(port)
      yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
      const first = yield* fetch(port, agent, "GET", "/")
      assert.strictEqual(first.status, 200)
      assert.deepStrictEqual(JSON.parse(first.body), {
        version: "TLSv1.3",
        suite: "TLS_AES_128_GCM_SHA256",
        group: "x25519",
        signatureScheme: "ecdsa_secp256r1_sha256",
        alpn: "http/1.1",
        serverName: "localhost",
        kind: "full",
        earlyData: "none",
        psk: null,
        clientCertificate: null
      })
      const post = yield* fetch(port, agent, "POST", "/anything?at=all", randomBytes(100_000))
      assert.deepStrictEqual(post, first, "the same connection")
      const head = yield* fetch(port, agent, "HEAD", "/")
      assert.deepStrictEqual(head, { ...first, body: "" })

      const { cert, key } = fixtures.client.p256
      const known = yield* cli([
        ...["connect", `localhost:${port}`, "--ca", fixtures.ca.cert, "--cert", cert, "--key", key, "--http", "/"]
      ])
      const body = JSON.parse(known.stdout.split("\r\n\r\n")[1] ?? "")
      assert.strictEqual(body.clientCertificate, "CN=effect-tls test client")
      yield* says(program, /"subject":"CN=effect-tls test client"/)
      assert.strictEqual(yield* stop(program, "SIGINT"), 0)
      for (const line of program.stderr().trim().split("\n")) assert.strictEqual(JSON.parse(line).version, "TLSv1.3")
    })
  )

  it.live("--require-client-cert refuses clients without one, --keylog keeps the secrets, --mode sink swallows", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "effect-tls-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
      const keylog = join(folder, "keys")
      const { program, port } = yield* serve(
        ...["--mode", "sink", "--keylog", keylog, "--client-ca", fixtures.ca.cert, "--require-client-cert"]
      )
      const base = ["connect", `127.0.0.1:${port}`, "--ca", fixtures.ca.cert, "--summary", "none"]
      // Whoever writes to a server that has hung up may hear of that before the alert.
      const refused = yield* cli(base, silence)
      assert.strictEqual(refused.status, 1)
      assert.match(refused.stderr, /AlertReceived: .*certificate_required.*Hint: .*--cert and --key/)
      assert.isTrue(isOneLine(refused.stderr), refused.stderr)
      const { cert, key } = fixtures.client.rsa2048
      const taken = yield* cli([...base, "--cert", cert, "--key", key], randomBytes(300_000))
      assert.deepStrictEqual(taken, { status: 0, stdout: "", stderr: "" })
      assert.strictEqual(statSync(keylog).mode & 0o777, 0o600)
      assert.match(readFileSync(keylog, "utf8"), /^SERVER_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]+$/m)
      assert.strictEqual(yield* stop(program), 0)
      assert.match(program.stderr(), /^effect-tls: ClientCertificateRequired: /m)
      assert.match(program.stderr(), /^accepted: .*, client "CN=effect-tls test client"/m)
    })
  )

  it.live("--mode forward passes everything on in both directions, and ends what has ended", () =>
    Effect.gen(function* () {
      const upstream = yield* Node.listening(
        createTcpServer({ allowHalfOpen: true }, (socket) => {
          socket.on("error", () => {})
          let size = 0
          socket.on("data", (chunk) => {
            size += chunk.length
            socket.write(chunk)
          })
          socket.on("end", () => socket.end(`${size}`))
        })
      )
      const { program, port } = yield* serve("--mode", "forward", "--to", `127.0.0.1:${upstream}`)
      const data = "forward ".repeat(50_000)
      const { status, stdout } = yield* cli(["connect", `localhost:${port}`, "--ca", fixtures.ca.cert], data)
      assert.strictEqual(status, 0)
      assert.strictEqual(stdout, `${data}400000`)
      assert.strictEqual(yield* stop(program), 0)
    })
  )

  it.live("--summary json: every line on standard error is one object", () =>
    Effect.gen(function* () {
      const { program, port } = yield* serve("--mode", "forward", "--to", "127.0.0.1:1", "--summary", "json")
      const socket = connectTcp({ host: "127.0.0.1", port })
      socket.on("error", () => {})
      socket.end("GET / HTTP/1.1\r\n\r\n")
      yield* says(program, /UnexpectedRecord/)
      yield* cli(["connect", `localhost:${port}`, "--ca", fixtures.ca.cert], "x")
      yield* says(program, /ECONNREFUSED/)
      assert.strictEqual(yield* stop(program), 0)
      const lines = program.stderr().trimEnd().split("\n")
      const [garbage, accepted, forwarded, ...more] = lines.map((line) => JSON.parse(line))
      assert.deepInclude(garbage.error, { reason: "UnexpectedRecord", alert: "unexpected_message", see: "RFC 9846 5" })
      assert.match(garbage.error.detail, /^[^(]*HTTP|^[^(]*record/)
      assert.match(garbage.error.hint, /check the port/)
      assert.strictEqual(accepted.serverName, "localhost")
      assert.match(forwarded.error.detail, /ECONNREFUSED 127\.0\.0\.1:1/)
      assert.deepStrictEqual(more, [])
    })
  )

  it.live("--mode forward to nobody cuts the connection, since no answer is not an empty answer, and goes on", () =>
    Effect.gen(function* () {
      const { program, port } = yield* serve("--mode", "forward", "--to", "127.0.0.1:1", "--crypto", "noble")
      for (let i = 0; i < 2; i++) {
        const { status, stdout, stderr } = yield* cli(["connect", `localhost:${port}`, "--ca", fixtures.ca.cert], "x")
        assert.deepStrictEqual([status, stdout], [1, ""])
        assert.match(stderr, /^effect-tls: (UncleanClose|TransportFailed): /m)
      }
      assert.strictEqual(yield* stop(program), 0)
      assert.match(program.stderr(), /^effect-tls: connect ECONNREFUSED 127\.0\.0\.1:1$/m)
    })
  )
})

describe("serve, when it cannot", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
    ["no certificate", [], /a server needs --cert FILE and --key FILE; hint: effect-tls cert make/],
    ["no key", identity.slice(0, 2), /every --cert needs its --key: there are 1 --cert and 0 --key/],
    ["no such file", ["--cert", "/nowhere", "--key", "/nowhere"], /cannot read \/nowhere: there is no such file/],
    ["no such mode", [...identity, "--mode", "proxy"], /--mode/],
    ["no such port", [...identity, "--port", "65536"], /--port: "65536"\. Expected: a whole number from 0 to 65535/],
    ["forward where to", [...identity, "--mode", "forward"], /--mode forward needs --to HOST:PORT/],
    ["to what end", [...identity, "--to", "localhost:1"], /--to is for --mode forward/],
    ["whose certificates", [...identity, "--require-client-cert"], /--require-client-cert needs --client-ca FILE/],
    ["no such suite", [...identity, "--suite", "NULL"], /no cipher suite "NULL"/],
    ["HTTP/2", [...identity, "--mode", "http", "--alpn", "h2,http/1.1"], /--mode http speaks .*, not "h2"/],
    [
      "what TLS 1.3 does not have",
      [...identity, "--tls", "1.3", "--dangerously-plain-master-secret"],
      /--dangerously-plain-master-secret is for TLS 1\.2, which --tls 1\.3 leaves out/
    ],
    [
      "what TLS 1.2 does not have",
      [...identity, "--tls", "1.2", "--max-early-data", "100"],
      /--max-early-data is for TLS 1\.3, which --tls 1\.2 leaves out/
    ],
    ["ALPN twice", [...identity, "--port", "0", "--alpn", "a,a"], /an ALPN protocol is named twice/]
  ]
  for (const [name, args, line] of cases) {
    it.live(`${name}: status 2`, () =>
      Effect.gen(function* () {
        const { status, stdout, stderr } = yield* cli(["serve", ...args])
        assert.match(stderr, line)
        assert.isTrue(isOneLine(stderr), stderr)
        assert.deepStrictEqual([status, stdout], [2, ""])
      })
    )
  }

  it.live("a port that is taken: status 1", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({})
      const { status, stdout, stderr } = yield* cli(["serve", ...identity, "--port", `${port}`])
      assert.match(stderr, new RegExp(`cannot listen on 127.0.0.1:${port}: listen EADDRINUSE.*hint: another program`))
      assert.isTrue(isOneLine(stderr), stderr)
      assert.deepStrictEqual([status, stdout], [1, ""])
    })
  )
})
