/** Responses that are cut: whoever reads one learns it, wherever it was (RFC 9846 section 6.1). */
import * as net from "node:net"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Socket from "effect/socket/Socket"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsError from "../../src/layers/TlsError.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { bytes, open, world } from "../layers/support.ts"
import { quiet, serve } from "./support.ts"

quiet()

/** Everything until the end, and how it ended: `close` for the ordinary end, else the reason. */
const readAll = Effect.fnUntraced(function* (
  pull: Effect.Effect<ReadonlyArray<Uint8Array | string>, Socket.SocketError>
) {
  const parts: Array<Uint8Array | string> = []
  while (true) {
    const pulled = yield* Effect.result(pull)
    if (Result.isSuccess(pulled)) {
      parts.push(...pulled.success)
      continue
    }
    const { reason } = pulled.failure
    const ordinary = reason._tag === "SocketCloseError" && reason.code === 1000
    const end = ordinary ? "close" : (TlsError.find(pulled.failure)?.reason._tag ?? reason._tag)
    return { size: parts.reduce((size, part) => size + part.length, 0), end }
  }
})

/** Three records, and close_notify behind them. */
const parts = [bytes(40, 1), bytes(1, 2), bytes(59, 3)]
const overhead = 5 + 1 + 16
const alertSize = 2 + overhead
const total = 100 + 3 * overhead + alertSize
/** How much of it can be read when the first `cut` bytes arrive. */
const readable = (cut: number): number => {
  let [left, size] = [cut, 0]
  for (const { length } of parts) {
    if (left < length + overhead) return size
    left -= length + overhead
    size += length
  }
  return size
}

for (const direction of ["rightToLeft", "leftToRight"] as const) {
  layer(world)(direction === "rightToLeft" ? "a client reads a response" : "a server reads a request", (it) => {
    it.effect("cut behind every byte: never an ordinary end but behind close_notify", () =>
      Effect.gen(function* () {
        for (let cut = 0; cut <= total; cut++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              // Where the link ends is known when the handshake is done.
              let end: number | undefined
              const link = {
                get cut() {
                  return end
                }
              }
              const { client, server, pair } = yield* TlsTest.handshake({ link: { [direction]: link } })
              end = pair.sent()[direction] + cut
              const [from, to] = direction === "rightToLeft" ? [server, client] : [client, server]
              const [source, target] = [yield* open(from.socket), yield* open(to.socket)]
              for (const part of parts) yield* source.write(part)
              yield* from.close
              const heard = yield* readAll(target.pull)
              assert.deepStrictEqual(heard, {
                size: readable(cut),
                end: cut === total ? "close" : "UncleanClose"
              })
              // And so for ever.
              assert.strictEqual((yield* readAll(target.pull)).end, heard.end)
            })
          )
        }
      })
    )
  })
}

/** A TCP connection in between that breaks off after so many bytes of what the server says. */
const between = (port: number, cut: () => number, how: "FIN" | "RST") =>
  Effect.acquireRelease(
    Effect.callback<net.Server>((resume) => {
      const proxy = net.createServer({ allowHalfOpen: true }, (client) => {
        const server = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true })
        let passed = 0
        client.on("error", () => undefined).pipe(server)
        server.on("error", () => undefined)
        client.on("close", () => server.destroy())
        server.on("data", (chunk) => {
          const part = chunk.subarray(0, Math.max(0, cut() - passed))
          passed += part.length
          client.write(part, () => {
            if (passed < cut()) return
            if (how === "RST") client.resetAndDestroy()
            else client.destroy()
          })
        })
        server.on("end", () => client.end())
      })
      proxy.listen(0, "127.0.0.1", () => resume(Effect.succeed(proxy)))
    }),
    (proxy) => Effect.callback<void>((resume) => void proxy.close(() => resume(Effect.void)))
  )

const portOf = (server: net.Server): number => {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

layer(world, { excludeTestServices: true })("over TCP", (it) => {
  const response = bytes(100_000)
  const respond = (socket: Socket.Socket) =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* socket.reader
        const { write } = yield* socket.writer
        yield* write(response)
      })
    )

  for (const how of ["FIN", "RST"] as const) {
    it.effect(`a response cut with ${how} at many places is never whole`, () =>
      Effect.gen(function* () {
        const server = yield* serve({}, respond)
        let cut = Number.POSITIVE_INFINITY
        const proxy = yield* between(server.port, () => cut, how)
        const exchange = Effect.gen(function* () {
          const tcp = yield* NodeSocket.makeNet({ host: "127.0.0.1", port: portOf(proxy) })
          const connection = yield* TlsClient.connect(tcp, { serverName: "localhost" })
          return yield* readAll((yield* open(connection.socket)).pull)
        }).pipe(Effect.scoped, Effect.result)

        const whole = yield* exchange
        assert.deepStrictEqual(whole, Result.succeed({ size: response.length, end: "close" }))
        const ends = new Set<string>()
        for (cut = 50; cut < response.length; cut += cut < 2000 ? 97 : 4999) {
          const outcome = yield* exchange
          if (Result.isFailure(outcome)) ends.add(outcome.failure._tag)
          else {
            ends.add(outcome.success.end)
            assert.isBelow(outcome.success.size, response.length)
          }
        }
        assert.isTrue(ends.has("TlsError"), "some are cut in the handshake")
        ends.delete("TlsError")
        assert.deepStrictEqual([...ends], [how === "FIN" ? "UncleanClose" : "TransportFailed"])
      })
    )
  }
})
