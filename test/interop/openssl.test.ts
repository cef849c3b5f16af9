import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Socket from "effect/socket/Socket"
import { find } from "../../src/layers/TlsError.ts"
import { oneByte, proxy } from "./support/chop.ts"
import { fixtures, groups, keyTypes, opensslGroup, schemeOf, suites } from "./support/fixtures.ts"
import { digest } from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

/** Every suite with every key type, every group with both. */
const combinations = suites.flatMap((suite, i) =>
  keyTypes.map((keyType, j) => ({ suite, keyType, group: groups[(i + j) % groups.length] ?? "x25519" }))
)

const reasonOf = (error: unknown) => {
  const tls = find(error)
  return tls === undefined ? String(error) : [tls.reason._tag, tls.alertReceived ?? tls.alertSent]
}

/** Digits, which are no commands of the programs. */
const digits = (size: number): Buffer => randomBytes(size).map((byte) => 48 + (byte % 10)) as Buffer

describe.skipIf(!hasOpenssl)(`openssl s_server (${openssl})`, () => {
  for (const { suite, group, keyType } of combinations) {
    it.live(`${suite}, ${group}, ${keyType}`, () =>
      Effect.gen(function* () {
        const { program, port } = yield* Openssl.server(
          fixtures.server[keyType],
          ...["-ciphersuites", suite, "-groups", opensslGroup[group], "-naccept", "1"]
        )
        const seen: Ours.Seen = []
        const connection = yield* Ours.connect(port, { groups: [group], seen })
        const { info } = connection
        assert.deepStrictEqual(
          [info.suite, info.group, info.signatureScheme, info.kind],
          [suite, group, schemeOf[keyType], "full"]
        )
        const pull = yield* Socket.readerBytes(connection.socket)
        const { write } = yield* connection.socket.writer
        yield* write("said by our client\n")
        yield* Openssl.says(program, /said by our client/)
        program.write("said by OpenSSL\n")
        assert.strictEqual((yield* Ours.take(pull, 16)).toString(), "said by OpenSSL\n")
        assert.isAtLeast(seen.filter((message) => message === "heard NewSessionTicket").length, 1)
        yield* connection.close
        assert.strictEqual((yield* Ours.takeAll(pull)).length, 0, "it answers with close_notify")
        assert.strictEqual(yield* Openssl.ended(program), 0)
      })
    )
  }

  it.live("that closes without close_notify is not taken for one that has said all", () =>
    Effect.gen(function* () {
      const { program, port } = yield* Openssl.server(fixtures.server.p256)
      const connection = yield* Ours.connect(port)
      const pull = yield* Socket.readerBytes(connection.socket)
      program.write("Q\n")
      assert.deepStrictEqual(reasonOf(yield* Effect.flip(Ours.takeAll(pull))), ["UncleanClose", undefined])
    })
  )

  it.live("asks again for another group", () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(fixtures.server.p256, "-groups", "P-384", "-rev")
      const connection = yield* Ours.connect(port)
      assert.deepStrictEqual([connection.info.kind, connection.info.group], ["retried", "secp384r1"])
      assert.strictEqual((yield* Ours.exchange(connection, Buffer.from("olleh\n"))).toString(), "hello\n")
    })
  )

  it.live("ALPN, and none in common", () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(fixtures.server.p256, "-alpn", "h2,http/1.1")
      const connection = yield* Ours.connect(port, { alpnProtocols: ["http/1.1", "h2"] })
      assert.strictEqual(connection.info.alpnProtocol, "h2")
      yield* connection.close
      const second = yield* Openssl.server(fixtures.server.p256, "-alpn", "h2")
      const error = yield* Effect.flip(Ours.connect(second.port, { alpnProtocols: ["a"] }))
      assert.deepStrictEqual(reasonOf(error), ["AlertReceived", "no_application_protocol"])
    })
  )

  it.live("shows the certificate for the name that our client asks for", () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(
        fixtures.server.p256,
        ...["-servername", "named.example", "-cert2", fixtures.named.cert, "-key2", fixtures.named.key]
      )
      const connection = yield* Ours.connect(port, { serverName: "named.example" })
      assert.deepStrictEqual(
        Buffer.from(connection.peerCertificates[0] ?? []),
        Buffer.from(fixtures.named.issued.certificate)
      )
    })
  )

  for (const keyType of keyTypes) {
    it.live(`gets our client's certificate: ${keyType}`, () =>
      Effect.gen(function* () {
        const { program, port } = yield* Openssl.server(fixtures.server.p256, "-Verify", "1", "-verify_return_error")
        const connection = yield* Ours.connect(port, { pair: fixtures.client[keyType] })
        const { write } = yield* connection.socket.writer
        yield* write("let in\n")
        yield* Openssl.says(program, /let in/)
        yield* Openssl.says(program, /subject=CN = effect-tls test client|subject=CN=effect-tls test client/)
      })
    )
  }

  it.live("refuses clients without a certificate, and those with a strange one, which they do not show", () =>
    Effect.gen(function* () {
      for (const pair of [undefined, fixtures.strange]) {
        const { port } = yield* Openssl.server(fixtures.server.p256, "-Verify", "1", "-verify_return_error")
        const error = yield* Ours.refusal(yield* Ours.connect(port, { pair }))
        assert.deepStrictEqual(reasonOf(error), ["AlertReceived", "certificate_required"])
      }
    })
  )

  it.live("updates keys, and so do we, asked and unasked", () =>
    Effect.gen(function* () {
      const { program, port } = yield* Openssl.server(fixtures.server.p256)
      const seen: Ours.Seen = []
      const connection = yield* Ours.connect(port, { seen })
      const pull = yield* Socket.readerBytes(connection.socket)
      const { write } = yield* connection.socket.writer
      const count = (message: string) => seen.filter((one) => one === message).length
      for (let i = 0; i < 3; i++) {
        const heard = count("heard KeyUpdate")
        const line = yield* Effect.forkChild(Ours.take(pull, 7))
        program.write(i % 2 === 0 ? "K\n" : "k\n")
        // What follows a command in one read is lost.
        while (count("heard KeyUpdate") === heard) yield* Effect.sleep(5)
        program.write(`line ${i}\n`)
        assert.strictEqual((yield* Fiber.join(line)).toString(), `line ${i}\n`)
        yield* connection.updateKeys({ requestPeer: i !== 1 })
        yield* write(`answer ${i}\n`)
        yield* Openssl.says(program, new RegExp(`answer ${i}`))
      }
      // It answers when it writes again.
      program.write("the end\n")
      assert.strictEqual((yield* Ours.take(pull, 8)).toString(), "the end\n")
      assert.isAtLeast(count("heard KeyUpdate"), 4)
      assert.isAtLeast(count("said KeyUpdate"), 5)
    })
  )

  it.live("10 MB each way", () =>
    Effect.gen(function* () {
      const { program, port } = yield* Openssl.server(fixtures.server.p256)
      const connection = yield* Ours.connect(port)
      const pull = yield* Socket.readerBytes(connection.socket)
      const { write } = yield* connection.socket.writer
      const [up, down] = [digits(10_000_000), digits(10_000_000)]
      program.write(down)
      assert.strictEqual(digest(yield* Ours.take(pull, down.length)), digest(down))
      yield* write("<<<")
      yield* write(up)
      yield* write(">>>")
      yield* Openssl.says(program, />>>/)
      const printed = program.bytes()
      const start = printed.indexOf("<<<") + 3
      assert.strictEqual(digest(printed.subarray(start, printed.indexOf(">>>", start))), digest(up))
    })
  )
})

describe.skipIf(!hasOpenssl)(`openssl s_client (${openssl})`, () => {
  for (const { suite, group, keyType } of combinations) {
    it.live(`${suite}, ${group}, ${keyType}`, () =>
      Effect.gen(function* () {
        const { port, served } = yield* Ours.serve({ pairs: [fixtures.server[keyType]] })
        const program = yield* Openssl.client(port, "-ciphersuites", suite, "-groups", opensslGroup[group])
        yield* Openssl.says(program, /Verify return code: 0 \(ok\)/)
        program.write("echo of this\n")
        yield* Openssl.says(program, /^echo of this$/m)
        program.write("Q\n")
        const { connection, ended } = yield* Queue.take(served)
        assert.strictEqual(ended, "closed")
        const { info } = connection
        assert.deepStrictEqual(
          [info.suite, info.group, info.signatureScheme, info.kind, info.serverName],
          [suite, group, schemeOf[keyType], "full", "localhost"]
        )
        assert.strictEqual(yield* Openssl.ended(program), 0)
      })
    )
  }

  it.live("is asked again for another group", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ groups: ["secp384r1"] })
      const program = yield* Openssl.client(port, "-groups", "X25519:P-384")
      yield* Openssl.says(program, /Verify return code: 0/)
      program.write("Q\n")
      const { info } = (yield* Queue.take(served)).connection
      assert.deepStrictEqual([info.kind, info.group], ["retried", "secp384r1"])
    })
  )

  it.live("ALPN, and none in common", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ alpnProtocols: ["h2", "http/1.1"] })
      const program = yield* Openssl.client(port, "-alpn", "http/1.1,h2")
      yield* Openssl.says(program, /ALPN protocol: h2/)
      const refused = yield* Openssl.client(port, "-alpn", "a")
      yield* Openssl.says(refused, /no application protocol/)
      assert.notStrictEqual(yield* Openssl.ended(refused), 0)
    })
  )

  it.live("gets the certificate for the name it asks for", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ pairs: [fixtures.server.p256, fixtures.named] })
      const program = yield* Openssl.client(port, "-servername", "named.example", "-verify_hostname", "named.example")
      yield* Openssl.says(program, /Verify return code: 0/)
    })
  )

  for (const keyType of keyTypes) {
    it.live(`shows our server its certificate: ${keyType}`, () =>
      Effect.gen(function* () {
        const { port, served } = yield* Ours.serve({ clientAuthentication: "required" })
        const { cert, key, issued } = fixtures.client[keyType]
        const program = yield* Openssl.client(port, "-cert", cert, "-key", key)
        program.write("let in\n")
        yield* Openssl.says(program, /^let in$/m)
        program.write("Q\n")
        const { connection } = yield* Queue.take(served)
        assert.deepStrictEqual(Buffer.from(connection.peerCertificates[0] ?? []), Buffer.from(issued.certificate))
      })
    )
  }

  it.live("without a certificate, and with a strange one, is refused with the alert for it", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ clientAuthentication: "required" })
      yield* Openssl.says(yield* Openssl.client(port), /alert certificate required/)
      const { cert, key } = fixtures.strange
      yield* Openssl.says(yield* Openssl.client(port, "-cert", cert, "-key", key), /alert unknown ca/)
    })
  )

  it.live("updates keys, and so do we, asked and unasked", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port, served } = yield* Ours.serve({
        seen,
        serve: (connection) =>
          Effect.gen(function* () {
            const pull = yield* Socket.readerBytes(connection.socket)
            const { write } = yield* connection.socket.writer
            for (let i = 0; i < 3; i++) {
              const line = yield* Ours.take(pull, 7)
              yield* connection.updateKeys({ requestPeer: i !== 1 })
              yield* write(`got ${line}`)
            }
            yield* Ours.takeAll(pull)
          })
      })
      const program = yield* Openssl.client(port)
      yield* Openssl.says(program, /Verify return code: 0/)
      for (let i = 0; i < 3; i++) {
        program.write(i % 2 === 0 ? "K\n" : "k\n")
        yield* Openssl.says(program, new RegExp(`(?:KEYUPDATE(?:.|\\n)*){${i + 1}}`))
        program.write(`line ${i}\n`)
        yield* Openssl.says(program, new RegExp(`got line ${i}`))
      }
      program.write("Q\n")
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
      // Its answers may be merged with its own requests.
      assert.isAtLeast(seen.filter((one) => one === "heard KeyUpdate").length, 3)
      assert.isAtLeast(seen.filter((one) => one === "said KeyUpdate").length, 5)
    })
  )

  it.live("10 MB each way", () =>
    Effect.gen(function* () {
      const [up, down] = [digits(10_000_000), digits(10_000_000)]
      const { port, served } = yield* Ours.serve({
        serve: ({ socket, close }) =>
          Effect.gen(function* () {
            const pull = yield* Socket.readerBytes(socket)
            const { write } = yield* socket.writer
            const got = yield* Ours.take(pull, up.length)
            assert.strictEqual(digest(got), digest(up))
            yield* write(down)
            yield* close
            yield* Ours.takeAll(pull)
          })
      })
      const program = yield* Openssl.client(port, "-quiet")
      program.write(up)
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
      assert.strictEqual(yield* Openssl.ended(program), 0)
      assert.strictEqual(digest(program.bytes()), digest(down))
    })
  )

  it.live("through a proxy that cuts everything up, and one byte at a time", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ through: oneByte })
      const program = yield* Openssl.client(yield* proxy(port, 7))
      program.write("piece by piece\n")
      yield* Openssl.says(program, /^piece by piece$/m)
      program.write("Q\n")
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
    })
  )
})
