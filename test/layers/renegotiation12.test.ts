/** Renegotiation asked of the layers in TLS 1.2: one warning, then the end (RFC 5246 section 7.4.1.1, RFC 5746). */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Socket from "effect/socket/Socket"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import { find } from "../../src/layers/TlsError.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import { encode12, hello12, suites } from "../support/client12.ts"
import { records } from "../support/keys12.ts"
import { clientEnd, clientWorld, type End, serverEnd, serverWorld } from "../support/pair.ts"
import { type } from "../support/puppet.ts"
import { read, world } from "./support.ts"

const versions = ["TLSv1.2"] as const
const suites12 = suites.slice(0, 1)
const only12 = { versions, suites12 }

/** The end that misbehaves: our core to the end of the handshake, then its keys in other hands. */
const drive = Effect.fnUntraced(function* (end: End, socket: Pair.Pair["left"]) {
  const pull = yield* Socket.readerBytes(socket)
  const { write } = yield* socket.writer
  end.start()
  while (true) {
    const said = end.flush()
    if (said.length > 0) yield* write(said)
    if (end.connection.state === "ESTABLISHED") break
    for (const chunk of yield* pull) end.receive(chunk)
  }
  return { pull, write }
})

/** Header, explicit nonce, two bytes, tag. */
const alertSize = 5 + 8 + 2 + 16
const warning = ["alert", 1, 100]
const fatal = ["alert", 2, 10]

describe("a peer that wants another handshake", () => {
  layer(world)("of TLS 1.2", (it) => {
    it.effect("a server: HelloRequest is refused with a warning, data flows on, and the second one is the end", () =>
      Effect.gen(function* () {
        const { left, right } = Pair.make()
        const end = serverEnd(only12, serverWorld(), { keyLog: "on" })
        const driving = yield* Effect.forkScoped(drive(end, right))
        const client = yield* TlsClient.connect(left, { serverName: "server.test", versions })
        const { pull, write } = yield* Fiber.join(driving)
        const { seal, opened } = records(end, "server")
        const helloRequest = encode12({ _tag: "HelloRequest", body: {} })
        const user = yield* Socket.readerBytes(client.socket)

        yield* write(seal(type.handshake, helloRequest))
        yield* write(seal(type.application_data, Uint8Array.of(7)))
        assert.deepStrictEqual([...(yield* read(user, 1))], [7])
        assert.deepStrictEqual(opened(yield* read(pull, alertSize)), warning)

        yield* write(seal(type.handshake, helloRequest))
        const error = yield* Effect.flip(user)
        assert.strictEqual(find(error)?.reason._tag, "RenegotiationRefused")
        assert.deepStrictEqual(opened(yield* read(pull, alertSize)), fatal)
      }).pipe(Effect.scoped, Effect.provide(Mocks.serverVerifier()))
    )

    it.effect("a client: ClientHello likewise", () =>
      Effect.gen(function* () {
        const { left, right } = Pair.make()
        const end = clientEnd({ ...only12, server: { _tag: "DnsName", name: "localhost" } }, clientWorld(), {
          keyLog: "on"
        })
        const accepting = yield* Effect.forkScoped(TlsServer.accept(right, { versions }))
        const { pull, write } = yield* drive(end, left)
        const server = yield* Fiber.join(accepting)
        const { seal, opened } = records(end, "client")
        const clientHello = encode12({ _tag: "ClientHello", body: hello12() })
        const user = yield* Socket.readerBytes(server.socket)

        yield* write(seal(type.handshake, clientHello))
        yield* write(seal(type.application_data, Uint8Array.of(7)))
        assert.deepStrictEqual([...(yield* read(user, 1))], [7])
        assert.deepStrictEqual(opened(yield* read(pull, alertSize)), warning)

        yield* write(seal(type.handshake, clientHello))
        const error = yield* Effect.flip(user)
        assert.strictEqual(find(error)?.reason._tag, "RenegotiationRefused")
        assert.deepStrictEqual(opened(yield* read(pull, alertSize)), fatal)
      }).pipe(Effect.scoped)
    )
  })
})
