/** TLS 1.2 in pieces: messages over many records and many in one, records over many segments, and much data. */
import { randomBytes } from "node:crypto"
import type { TLSSocket } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Socket from "effect/socket/Socket"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import { issue, makeIntermediate } from "../../src/layers/testing/certificates.ts"
import { reframed } from "../support/middleman.ts"
import { changing, oneByte, proxy } from "./support/chop.ts"
import { fixtures, save } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"
import * as Wire from "./support/wire.ts"

const versions = ["TLSv1.2"] as const
const only = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const
const short = Buffer.from("There and back again\n")
const same = (bytes: Uint8Array) => bytes
const megabytes = 10_000_000

/** A chain that is longer than a record of 512 bytes, and than one of 16 KiB. */
const [long, longer] = await Effect.gen(function* () {
  const middle = yield* makeIntermediate(fixtures.ca.issued)
  const names = Array.from({ length: 1000 }, (_, i) => `host-number-${i}.example`)
  const few = yield* issue(middle)
  const many = yield* issue(middle, { names: ["localhost", ...names] })
  return [save("long", few), save("longer", many)] as const
}).pipe(Effect.provide(NodeCryptoProvider.layer), Effect.runPromise)

/** Digits, which are no commands of the programs. */
const digits = (size: number): Buffer => randomBytes(size).map((byte) => 48 + (byte % 10)) as Buffer

/** What becomes of everything between two ends. */
const ways = [
  ["messages in records of one byte", () => reframed(1), undefined],
  ["messages in records of 100 bytes", () => reframed(100), undefined],
  ["all messages of a flight in one record", () => reframed(2 ** 14), undefined],
  ["one byte at a time", () => same, 1],
  ["records of one byte, 3 bytes at a time", () => reframed(1), 3]
] as const

it("records of a message are cut and joined as they are meant to be, and nothing behind ChangeCipherSpec", () => {
  const record = (type: number, ...content: ReadonlyArray<number>) => [type, 3, 3, 0, content.length, ...content]
  const flight = Uint8Array.from([...record(22, 1, 2, 3), ...record(22, 4), ...record(20, 1), ...record(22, 5, 6)])
  const rest = [...record(20, 1), ...record(22, 5, 6)]
  const cut = [1, 2, 3, 4].flatMap((byte) => record(22, byte))
  assert.deepStrictEqual([...reframed(1)(flight)], [...cut, ...rest])
  assert.deepStrictEqual([...reframed(2 ** 14)(flight)], [...record(22, 1, 2, 3, 4), ...rest])
  const change = reframed(1)
  assert.deepStrictEqual(
    [...flight].flatMap((byte) => [...change(Uint8Array.of(byte))]),
    [...cut, ...rest]
  )
})

describe("node:tls in TLS 1.2", () => {
  it.live.each(ways)("%s", ([, change, most]) =>
    Effect.gen(function* () {
      const theirs = yield* Node.serve({ ...only, pair: long, requestCert: true, rejectUnauthorized: true })
      const to = yield* changing(theirs.port, change, most)
      const connection = yield* Ours.connect(to, { versions, pair: fixtures.client.rsa2048 })
      assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
      const ours = yield* Ours.serve({ versions, pairs: [long], clientAuthentication: "required" })
      const { chainPem, privateKeyPem } = fixtures.client.rsa2048.issued
      const port = yield* changing(ours.port, change, most)
      const socket = yield* Node.connect(port, { ...only, cert: chainPem, key: privateKeyPem })
      assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
      assert.strictEqual((yield* Queue.take(ours.served)).ended, "closed")
    })
  )

  it.live("a Certificate that no record could hold, both ways", () =>
    Effect.gen(function* () {
      assert.isAbove(longer.issued.certificate.length, 2 ** 14)
      const theirs = yield* Node.serve({ ...only, pair: longer })
      const connection = yield* Ours.connect(theirs.port, { versions })
      assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
      const ours = yield* Ours.serve({ versions, pairs: [longer] })
      const socket = yield* Node.connect(ours.port, only)
      assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
    })
  )

  it.live("10 MB each way, and in records of 512 bytes", () =>
    Effect.gen(function* () {
      const data = randomBytes(megabytes)
      const small = (socket: TLSSocket) => assert.isTrue(socket.setMaxSendFragment(512))
      for (const attend of [() => {}, small]) {
        const theirs = yield* Node.serve(only, (socket) => {
          attend(socket)
          socket.pipe(socket)
        })
        const connection = yield* Ours.connect(theirs.port, { versions })
        assert.strictEqual(Node.digest(yield* Ours.exchange(connection, data)), Node.digest(data))
        const ours = yield* Ours.serve({ versions })
        const socket = yield* Node.connect(ours.port, only)
        attend(socket)
        assert.strictEqual(Node.digest(yield* Node.exchange(socket, data)), Node.digest(data))
        assert.strictEqual((yield* Queue.take(ours.served)).ended, "closed")
      }
    })
  )
})

describe.skipIf(!hasOpenssl)(`OpenSSL's programs in TLS 1.2 (${openssl})`, () => {
  const fragments = ["-max_send_frag", "512", "-split_send_frag", "512"]

  /** Our client says a line and hears one. */
  const ourClient = Effect.fnUntraced(function* (port: number, options: Ours.ClientOptions = {}) {
    const connection = yield* Ours.connect(port, { versions, ...options })
    const back = yield* Ours.exchange(connection, Buffer.from("olleh\n"))
    assert.strictEqual(back.toString(), "hello\n")
  })
  /** So does s_client. */
  const theirClient = Effect.fnUntraced(function* (port: number, ...args: ReadonlyArray<string>) {
    const { cert, key } = fixtures.client.rsa2048
    const program = yield* Openssl.client(port, "-tls1_2", "-cert", cert, "-key", key, ...args)
    program.write(short)
    yield* Openssl.says(program, /^There and back again$/m)
    program.write("Q\n")
    assert.strictEqual(yield* Openssl.ended(program), 0)
  })
  const required = { versions, pairs: [long], clientAuthentication: "required" } as const

  it.live.each(ways)("%s", ([, change, most]) =>
    Effect.gen(function* () {
      const theirs = yield* Openssl.server(long, "-tls1_2", "-cert_chain", long.cert, "-Verify", "1", "-rev")
      yield* ourClient(yield* changing(theirs.port, change, most), { pair: fixtures.client.rsa2048 })
      const { port, served } = yield* Ours.serve(required)
      yield* theirClient(yield* changing(port, change, most))
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
    })
  )

  it.live("one byte at a time on our side, too, through a proxy that cuts everything up", () =>
    Effect.gen(function* () {
      const theirs = yield* Openssl.server(long, "-tls1_2", "-cert_chain", long.cert, "-rev")
      yield* ourClient(yield* proxy(theirs.port, 12), { through: oneByte })
      const { port, served } = yield* Ours.serve({ ...required, through: oneByte })
      yield* theirClient(yield* proxy(port, 12))
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
    })
  )

  it.live("fragments of 512 bytes, of messages and of data, and 10 MB each way: s_server", () =>
    Effect.gen(function* () {
      const args = ["-tls1_2", "-cert_chain", long.cert, ...fragments]
      const { program, port } = yield* Openssl.server(long, ...args)
      const wire = Wire.make()
      const connection = yield* Ours.connect(port, { versions, through: wire.through })
      const pull = yield* Socket.readerBytes(connection.socket)
      const { write } = yield* connection.socket.writer
      const [up, down] = [digits(megabytes), digits(megabytes)]
      program.write(down)
      assert.strictEqual(Node.digest(yield* Ours.take(pull, down.length)), Node.digest(down))
      // What is heard of AES-GCM has a nonce of 8 bytes in front.
      assert.strictEqual(Math.max(...wire.heard()) - 8, 512)
      yield* write("<<<")
      yield* write(up)
      yield* write(">>>")
      yield* Openssl.says(program, />>>/)
      const printed = program.bytes()
      const start = printed.indexOf("<<<") + 3
      assert.strictEqual(Node.digest(printed.subarray(start, printed.indexOf(">>>", start))), Node.digest(up))
    })
  )

  it.live("the same: s_client", () =>
    Effect.gen(function* () {
      const [up, down] = [randomBytes(megabytes), randomBytes(megabytes)]
      const wire = Wire.make()
      const { port, served } = yield* Ours.serve({
        ...required,
        through: wire.through,
        serve: ({ socket, close }) =>
          Effect.gen(function* () {
            const pull = yield* Socket.readerBytes(socket)
            const { write } = yield* socket.writer
            const got = yield* Ours.take(pull, up.length)
            assert.strictEqual(Node.digest(got), Node.digest(up))
            yield* write(down)
            yield* close
            yield* Ours.takeAll(pull)
          })
      })
      const { cert, key } = fixtures.client.rsa2048
      const program = yield* Openssl.client(port, "-tls1_2", "-quiet", "-cert", cert, "-key", key, ...fragments)
      program.write(up)
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
      assert.strictEqual(yield* Openssl.ended(program), 0)
      assert.strictEqual(Node.digest(program.bytes()), Node.digest(down))
      assert.strictEqual(Math.max(...wire.heard()) - 8, 512)
    })
  )
})
