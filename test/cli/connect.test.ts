import { randomBytes } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import { createServer as createHttpServer } from "node:http"
import { createServer as createTcpServer } from "node:net"
import { TLSSocket } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Patience } from "../../src/cli/patience.ts"
import { fixtures } from "../interop/support/fixtures.ts"
import * as Node from "../interop/support/node.ts"
import * as Ours from "../interop/support/ours.ts"
import * as Wire from "../interop/support/wire.ts"
import { cli, directory, isOneLine, silence } from "./support.ts"

const ca = ["--ca", fixtures.ca.cert]

/** Answers the first bytes with these, and ends the connection below TLS: without close_notify. */
const truncating = (answer: string) =>
  Node.listening(
    createTcpServer((raw) => {
      const { certificatePem: cert, privateKeyPem: key } = fixtures.server.p256.issued
      const socket = new TLSSocket(raw, { isServer: true, cert, key })
      raw.on("error", () => {})
      socket.on("error", () => {})
      socket.once("data", () => void socket.write(answer, () => raw.end()))
    })
  )

const objects = (stderr: string): ReadonlyArray<Record<string, unknown>> =>
  stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

describe("connect", () => {
  it.live("TLS 1.2 without the extended master secret: refused with a reason, or by a dangerous name let pass", () =>
    Effect.gen(function* () {
      // SSL_OP_NO_EXTENDED_MASTER_SECRET, to which node has no name.
      const { port } = yield* Node.serve({ minVersion: "TLSv1.2", maxVersion: "TLSv1.2", secureOptions: 1 })
      const refused = yield* cli(["connect", `localhost:${port}`, ...ca], "x")
      assert.strictEqual(refused.status, 1)
      assert.match(refused.stderr, /NoExtendedMasterSecret/)
      const taken = yield* cli(["connect", `localhost:${port}`, ...ca, "--dangerously-plain-master-secret"], "x")
      assert.deepStrictEqual([taken.status, taken.stdout], [0, "x"], taken.stderr)
      assert.match(taken.stderr, /^Version +TLSv1\.2$/m)
    })
  )

  it.live("sends standard input, prints what comes, tells what was negotiated, and ends in order", () =>
    Effect.gen(function* () {
      const { port, attended, errors } = yield* Node.serve({ ALPNProtocols: ["x", "y"] })
      const data = randomBytes(300_000)
      const { status, stdout, stderr } = yield* cli(
        [
          "connect",
          `localhost:${port}`,
          ...ca,
          "--alpn",
          "y,x",
          "--suite",
          "TLS_AES_256_GCM_SHA384",
          "--group",
          "secp256r1"
        ],
        data
      )
      assert.strictEqual(status, 0, stderr)
      assert.strictEqual(Node.digest(Buffer.from(stdout, "latin1")), Node.digest(data))
      for (const line of [
        /^Version +TLSv1\.3$/m,
        /^Suite +TLS_AES_256_GCM_SHA384$/m,
        /^Group +secp256r1$/m,
        /^Signature +ecdsa_secp256r1_sha256$/m,
        /^ALPN +x$/m,
        /^Server name +localhost$/m,
        /^Kind +full handshake/m,
        /^Peer chain +0 CN=localhost$/m
      ]) {
        assert.match(stderr, line)
      }
      assert.strictEqual(attended[0]?.suite, "TLS_AES_256_GCM_SHA384")
      assert.deepStrictEqual(errors, [])
    })
  )

  it.live("--summary json is one line of JSON, --summary none nothing", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({})
      const json = yield* cli(["connect", `127.0.0.1:${port}`, ...ca, "--summary", "json"])
      assert.strictEqual(json.status, 0)
      assert.strictEqual(json.stderr.trim().split("\n").length, 1)
      const summary = JSON.parse(json.stderr)
      assert.deepStrictEqual(Object.keys(summary), [
        ...[
          "version",
          "suite",
          "group",
          "signatureScheme",
          "alpn",
          "serverName",
          "kind",
          "earlyData",
          "peer",
          "psk",
          "peerCertificateType",
          "peerChain",
          "stapled"
        ]
      ])
      assert.deepStrictEqual(
        [summary.version, summary.alpn, summary.serverName, summary.kind, summary.peerChain[0].subject],
        ["TLSv1.3", null, null, "full", "CN=localhost"]
      )
      const none = yield* cli(["connect", `127.0.0.1:${port}`, ...ca, "--summary", "none"])
      assert.deepStrictEqual(none, { status: 0, stdout: "", stderr: "" })
    })
  )

  it.live("--summary json: whatever comes to standard error, every line of it is one object", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({ pair: fixtures.strangeServer })
      const at = ["connect", `127.0.0.1:${port}`, "--summary", "json"]
      const warned = yield* cli([...at, "--insecure", "--trace"])
      assert.strictEqual(warned.status, 0, warned.stderr)
      const lines = objects(warned.stderr)
      assert.strictEqual(lines.filter(({ warning }) => /not verified/.test(String(warning))).length, 1)
      assert.strictEqual(lines.filter(({ version }) => version === "TLSv1.3").length, 1)
      const traced = lines.filter(({ trace }) => trace !== undefined)
      assert.isAtLeast(traced.length, 6)
      assert.strictEqual(traced.length + 2, lines.length)
      const refused = yield* cli([...at, ...ca])
      assert.strictEqual(refused.status, 1)
      const [{ error }, ...more] = JSON.parse(`[${refused.stderr.trimEnd()}]`)
      assert.deepStrictEqual(more, [])
      assert.deepStrictEqual([error.reason, error.alert], ["CertificateIssuerUnknown", "unknown_ca"])
      assert.match(error.hint, /--ca/)
      for (const wrong of [["--frob"], ["--http", "x"], ["--suite", "RC4"], ["--ca", "/nowhere"]]) {
        const { status, stderr } = yield* cli([...at, ...wrong])
        assert.strictEqual(status, 2)
        const [told, ...others] = objects(stderr)
        assert.deepStrictEqual([Object.keys(told ?? {}), others], [["error"], []])
      }
    })
  )

  it.live("--trace shows the flights with their bytes", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({ ecdhCurve: "P-384" })
      const { status, stderr } = yield* cli(["connect", `127.0.0.1:${port}`, ...ca, "--trace"])
      assert.strictEqual(status, 0)
      const flights = stderr.match(/^(?:-->|<--) \w+/gm)
      assert.deepStrictEqual(flights?.slice(0, 9), [
        "--> ClientHello",
        "<-- HelloRetryRequest",
        "--> ClientHello",
        "<-- ServerHello",
        "<-- EncryptedExtensions",
        "<-- Certificate",
        "<-- CertificateVerify",
        "<-- Finished",
        "--> Finished"
      ])
      assert.match(stderr, /^ {4}[0-9a-f]{4} {2}03 03 +legacy_version: TLSv1\.2$/m)
    })
  )

  it.live("--grease off and --extension-order fixed say the same things in the same order every time", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({})
      const types = Effect.fnUntraced(function* (...flags: ReadonlyArray<string>) {
        const { status, stderr } = yield* cli(["connect", `127.0.0.1:${port}`, ...ca, "--trace", ...flags])
        assert.strictEqual(status, 0, stderr)
        const [, hello = ""] = /^--> ClientHello([\s\S]*?)^(?:-->|<--)/m.exec(stderr) ?? []
        return hello.match(/(?<=extension_type: ).*/g) ?? []
      })
      const off = ["--grease", "off"]
      const fixed = ["--extension-order", "fixed"]
      const plain = yield* types(...off, ...fixed)
      assert.isAtLeast(plain.length, 5)
      assert.deepStrictEqual(yield* types(...off, ...fixed), plain)
      assert.deepStrictEqual((yield* types(...fixed)).slice(1, -1), plain)
      assert.deepStrictEqual((yield* types(...off)).sort(), [...plain].sort())
    })
  )

  it.live("--max-fragment, --padding and --record-size-limit shape the records", () =>
    Effect.gen(function* () {
      const wire = Wire.make()
      const { port } = yield* Ours.serve({ through: wire.through })
      const shape = ["--max-fragment", "512", "--padding", "64", "--record-size-limit", "300"]
      const text = "0123456789".repeat(400)
      const { status, stdout } = yield* cli(["connect", `127.0.0.1:${port}`, ...ca, ...shape], text)
      assert.deepStrictEqual([status, stdout], [0, text])
      const lengths = (records: ReadonlyArray<number>) => [...new Set(records)].sort((a, b) => a - b)
      assert.isTrue(wire.heard().every((length) => length % 64 === 1))
      assert.deepStrictEqual([lengths(wire.heard()).at(-1), lengths(wire.said()).at(-1)], [513, 300])
    })
  )

  it.live("--keylog writes a file for its owner alone, with the lines of RFC 9850", () =>
    Effect.gen(function* () {
      const file = `${yield* directory}/keys`
      const { port } = yield* Node.serve({})
      const { status } = yield* cli(["connect", `127.0.0.1:${port}`, ...ca, "--keylog", file])
      assert.strictEqual(status, 0)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      const lines = readFileSync(file, "utf8").trim().split("\n")
      const labels = ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"]
      for (const label of [...labels, "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"]) {
        assert.strictEqual(
          lines.filter((line) => new RegExp(`^${label} [0-9a-f]{64} ([0-9a-f]{64}|[0-9a-f]{96})$`).test(line)).length,
          1
        )
      }
    })
  )

  it.live("--insecure goes on, and warns", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({ pair: fixtures.strangeServer })
      const { status, stderr } = yield* cli(["connect", `127.0.0.1:${port}`, "--insecure"])
      assert.strictEqual(status, 0)
      assert.match(stderr, /^effect-tls: warning: .*not verified/m)
    })
  )

  it.live("--cert and --key say who we are when the server asks", () =>
    Effect.gen(function* () {
      const { port, attended } = yield* Node.serve({ requestCert: true, rejectUnauthorized: true })
      const pair = fixtures.client.ed25519
      const { status } = yield* cli(
        ["connect", `127.0.0.1:${port}`, ...ca, "--cert", pair.cert, "--key", pair.key],
        "x"
      )
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(attended[0]?.certificate, Buffer.from(pair.issued.certificate))
    })
  )

  for (const crypto of ["node", "noble"]) {
    it.live(`--http PATH fetches, --crypto ${crypto}`, () =>
      Effect.gen(function* () {
        const http = createHttpServer((request, response) => {
          response.setHeader("X-Host", request.headers.host ?? "")
          response.end(`${request.method} ${request.url}`.repeat(10_000))
        })
        const { port } = yield* Node.serve({}, (socket) => void http.emit("connection", socket))
        const { status, stdout, stderr } = yield* cli([
          "connect",
          `localhost:${port}`,
          ...ca,
          "--http",
          "/a?b",
          "--crypto",
          crypto
        ])
        assert.strictEqual(status, 0, stderr)
        const [head = "", body] = stdout.split("\r\n\r\n")
        assert.match(head, /^HTTP\/1\.1 200 OK\r\n/)
        assert.include(head, `X-Host: localhost:${port}`)
        assert.strictEqual(body, "GET /a?b".repeat(10_000))
      })
    )
  }
})

describe("connect, when it cannot", () => {
  const fails = (name: string, args: ReadonlyArray<string>, status: number, line: RegExp) =>
    it.live(name, () =>
      Effect.gen(function* () {
        const outcome = yield* cli(args)
        assert.match(outcome.stderr, line)
        assert.isTrue(isOneLine(outcome.stderr), outcome.stderr)
        assert.strictEqual(outcome.status, status)
        assert.strictEqual(outcome.stdout, "")
      })
    )

  const at = (...args: ReadonlyArray<string>) => ["connect", "127.0.0.1:1", ...args]
  const { server, client } = fixtures
  describe("usage, status 2", () => {
    fails("no argument", ["connect"], 2, /Missing required argument: HOST:PORT/)
    fails("no such command", ["conect"], 2, /Unknown subcommand "conect"/)
    fails("no such flag", at("--frob"), 2, /Unrecognized flag: --frob/)
    fails("no port", ["connect", "example.org"], 2, /"example\.org" is not HOST:PORT; hint: for example/)
    fails("no number for a port", ["connect", "example.org:https"], 2, /port .* is not one from 1 to 65535/)
    fails("an address without brackets", ["connect", "::1:443"], 2, /not HOST:PORT/)
    fails("no such suite", at("--suite", "RC4"), 2, /no cipher suite "RC4"; there are: TLS_AES_128_GCM_SHA256, /)
    fails("no such group", at("--group", "x448"), 2, /no group "x448"; there are: X25519MLKEM768, x25519, /)
    fails("no such provider", at("--crypto", "magic"), 2, /--crypto/)
    fails("no such file", at("--ca", "/nowhere/ca.pem"), 2, /cannot read \/nowhere\/ca\.pem: there is no such file/)
    fails("no certificate in it", at("--ca", server.p256.key), 2, /expected a block -----BEGIN CERTIFICATE-----/)
    fails("a certificate without its key", at(...ca, "--cert", client.p256.cert), 2, /--cert needs its --key/)
    fails(
      "a key of another certificate",
      at(...ca, "--cert", client.p256.cert, "--key", client.p384.key),
      2,
      /the private key does not belong to the first certificate/
    )
    fails("a password for nothing", at("--key-password-file", "x"), 2, /--key-password-file needs the --key/)
    for (const [flag, value, range] of [
      ["--max-fragment", "5", "512 to 16384"],
      ["--record-size-limit", "16386", "64 to 16385"],
      ["--padding", "0", "1 to 16384"]
    ] as const) {
      fails(`a size that cannot be: ${flag} ${value}`, at(flag, value), 2, new RegExp(`${flag}: "${value}".* ${range}`))
    }
    fails("no protocol", at("--alpn", ","), 2, /--alpn\. Expected: names of protocols/)
    fails("what TLS 1.3 does not have", at("--tls", "1.3", "--dangerously-plain-master-secret"), 2, /is for TLS 1\.2/)
    for (const [flag, value] of [
      ["--padding", "64"],
      ["--psk", "keys.psk"],
      ["--raw-key", client.p256.key],
      ["--server-key-pin", "ab".repeat(32)]
    ] as const) {
      const line = new RegExp(`${flag} is for TLS 1\\.3, which --tls 1\\.2 leaves out`)
      fails(`what TLS 1.2 does not have: ${flag}`, at("--tls", "1.2", flag, value), 2, line)
    }
    fails("no group of TLS 1.2", at(...ca, "--tls", "1.2", "--group", "X25519MLKEM768"), 2, /leave nothing of TLSv1\.2/)
    fails("no path", at(...ca, "--http", "index.html"), 2, /--http wants a path that begins with \//)
    fails("no name", at(...ca, "--servername", "a b"), 2, /"a b" is not a server's name/)
    fails("a directory that is not there", at(...ca, "--keylog", "/nowhere/keys"), 2, /key log file \/nowhere\/keys/)
  })

  describe("network and TLS, status 1", () => {
    fails("nobody listens", at(...ca), 1, /TransportFailed: connect ECONNREFUSED 127\.0\.0\.1:1 .*Hint: check host/)
    fails("no such host", ["connect", "host.invalid:443", ...ca], 1, /TransportFailed: getaddrinfo E\w+ host\.invalid/)

    const refused = [
      ["of an unknown authority", fixtures.strangeServer, "CertificateIssuerUnknown", "unknown_ca", "--ca"],
      ["out of date", fixtures.expired, "CertificateExpired", "certificate_expired", "clock"],
      ["for another name", fixtures.named, "CertificateNameMismatch", "bad_certificate", "--servername"],
      [
        "for another purpose",
        fixtures.wrongPurpose,
        "CertificatePurposeMismatch",
        "unsupported_certificate",
        "serverAuth"
      ]
    ] as const
    for (const [name, pair, reason, alert, hint] of refused) {
      it.live(`a certificate ${name}`, () =>
        Effect.gen(function* () {
          const { port } = yield* Node.serve({ pair })
          const { status, stdout, stderr } = yield* cli(["connect", `localhost:${port}`, ...ca])
          assert.match(stderr, new RegExp(`^effect-tls: ${reason}: .*alert sent: ${alert}.*Hint: .*${hint}`))
          assert.isTrue(isOneLine(stderr), stderr)
          assert.strictEqual(status, 1)
          assert.strictEqual(stdout, "")
        })
      )
    }

    it.live(
      "a server that speaks plain HTTP, one that hangs up, one that cuts the connection, and one of another version",
      () =>
        Effect.gen(function* () {
          const http = createHttpServer((_request, response) => void response.end("hello"))
          const hangsUp = createTcpServer((socket) => void socket.resume().end())
          const cuts = yield* Node.serve({}, (socket) => {
            socket.write("half a", () => Reflect.get(socket, "_handle").close())
          })
          const old = yield* Node.serve({ maxVersion: "TLSv1.2", minVersion: "TLSv1.2" })
          const cases = [
            [yield* Node.listening(http), /UnexpectedRecord.*alert sent: unexpected_message.*Hint: .*no TLS/],
            [yield* Node.listening(hangsUp), /ClosedDuringHandshake.*Hint: /],
            [cuts.port, /UncleanClose.*Hint: .*cut short/],
            [old.port, /AlertReceived.*protocol_version.*Hint: .*--tls/]
          ] as const
          for (const [port, line] of cases) {
            const flags = port === old.port ? ["--tls", "1.3"] : []
            const args = ["connect", `localhost:${port}`, ...ca, "--summary", "none", ...flags]
            const { status, stderr } = yield* cli(args, silence)
            assert.match(stderr, line)
            assert.isTrue(isOneLine(stderr), stderr)
            assert.strictEqual(status, 1)
          }
        })
    )

    const cut: ReadonlyArray<readonly [name: string, head: string]> = [
      ["the end of the connection delimits", ""],
      ["is all there", "Content-Length: 7\r\n"],
      ["is shorter than it should be", "Content-Length: 70\r\n"],
      ["is chunked, and lacks the last chunk", "Transfer-Encoding: chunked\r\n"]
    ]
    for (const [name, head] of cut) {
      it.live(`--http without close_notify, of a body that ${name}: prints it, and fails`, () =>
        Effect.gen(function* () {
          const body = head.startsWith("Transfer") ? "7\r\npartial\r\n" : "partial"
          const port = yield* truncating(`HTTP/1.1 200 OK\r\n${head}\r\n${body}`)
          const { status, stdout, stderr } = yield* cli([
            ...["connect", `localhost:${port}`, ...ca, "--summary", "none", "--http", "/"]
          ])
          assert.strictEqual(stdout, `HTTP/1.1 200 OK\r\n${head}\r\npartial`)
          assert.match(stderr, /^effect-tls: UncleanClose: /)
          assert.isTrue(isOneLine(stderr), stderr)
          assert.strictEqual(status, 1)
        })
      )
    }

    it.live("--http of a response that ends in order before its time", () =>
      Effect.gen(function* () {
        const { port } = yield* Node.serve({}, (socket) => {
          socket.once("data", () => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\npartial"))
        })
        const { status, stdout, stderr } = yield* cli([
          ...["connect", `localhost:${port}`, ...ca, "--summary", "none", "--http", "/"]
        ])
        assert.match(stdout, /partial$/)
        assert.match(stderr, /HTTP: the server closed before the end of the response/)
        assert.isTrue(isOneLine(stderr), stderr)
        assert.strictEqual(status, 1)
      })
    )

    const silent: ReadonlyArray<readonly [name: string, answer: string, args: ReadonlyArray<string>]> = [
      ["a server that never answers --http", "", ["--http", "/"]],
      ["a server that stops in the middle", "HTTP/1.1 200 OK\r\n\r\npartial", ["--http", "/"]],
      ["a server that never closes after --http", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ["--http", "/"]],
      ["a server that never closes", "bye", []]
    ]
    for (const [name, answer, args] of silent) {
      it.live(`${name}: what came, and a line when the time is up`, () =>
        Effect.gen(function* () {
          const { port } = yield* Node.serve({ allowHalfOpen: true }, (socket) => {
            socket.resume()
            if (answer !== "") socket.write(answer)
          })
          const { status, stdout, stderr } = yield* Effect.provideService(
            cli(["connect", `localhost:${port}`, ...ca, "--summary", "none", ...args]),
            Patience,
            400
          )
          assert.match(stderr, /the server has neither said anything nor closed in 0\.4 s after (the request|standard)/)
          assert.isTrue(isOneLine(stderr), stderr)
          assert.deepStrictEqual([status, stdout], [1, answer])
        })
      )
    }

    it.live("--http of what is not HTTP", () =>
      Effect.gen(function* () {
        const { port } = yield* Node.serve({}, (socket) => void socket.end("SSH-2.0-nothing\r\n\r\n"))
        const { status, stdout, stderr } = yield* cli([
          ...["connect", `localhost:${port}`, ...ca, "--summary", "none", "--http", "/"]
        ])
        assert.match(stderr, /HTTP: Parse Error/)
        assert.isTrue(isOneLine(stderr), stderr)
        assert.deepStrictEqual([status, stdout], [1, ""])
      })
    )
  })
})
