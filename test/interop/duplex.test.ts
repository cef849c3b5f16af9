import { randomBytes } from "node:crypto"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import type { Duplex, Readable, Writable } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { toDuplex } from "../../src/layers/node/duplex.ts"
import * as Node from "./support/node.ts"
import * as Ours from "./support/ours.ts"

/** Serves with whatever takes a stream; done when the stream is closed. */
const served = (take: (duplex: Duplex) => void) =>
  Ours.serve({
    alpnProtocols: ["h2", "http/1.1"],
    serve: ({ socket }) =>
      Effect.flatMap(toDuplex(socket), (duplex) =>
        Effect.callback<void, Error>((resume) => {
          duplex.once("error", (error) => resume(Effect.fail(error)))
          duplex.once("close", () => resume(Effect.void))
          take(duplex)
        })
      )
  })

const read = (stream: Readable) =>
  Effect.callback<Buffer, Error>((resume) => {
    const chunks: Array<Buffer> = []
    stream.on("data", (chunk: Buffer) => chunks.push(chunk))
    stream.once("end", () => resume(Effect.succeed(Buffer.concat(chunks))))
    stream.once("error", (error) => resume(Effect.fail(error)))
  })

const upperCase = (request: Readable, response: Writable) => {
  request.on("data", (chunk: Buffer) => response.write(chunk.toString().toUpperCase()))
  request.on("end", () => response.end())
}

describe("a connection as a Node stream", () => {
  it.live("carries HTTP/1.1 at both ends, several requests on one connection", () =>
    Effect.gen(function* () {
      const http = Http.createServer(upperCase)
      const { port, served: ends } = yield* served((duplex) => http.emit("connection", duplex))
      const connection = yield* Ours.connect(port, { alpnProtocols: ["http/1.1"] })
      const duplex = yield* toDuplex(connection.socket)
      const agent = new Http.Agent({ keepAlive: true, maxSockets: 1 })
      agent.createConnection = () => duplex
      for (let i = 0; i < 3; i++) {
        const body = "abc".repeat(50_000 * i)
        const response = Effect.callback<Http.IncomingMessage>((resume) => {
          const request = Http.request({ agent, method: "POST", host: "localhost" })
          request.once("response", (response) => resume(Effect.succeed(response)))
          request.end(body)
        })
        assert.strictEqual((yield* read(yield* response)).toString(), body.toUpperCase())
      }
      duplex.end()
      assert.strictEqual((yield* Queue.take(ends)).ended, "closed")
    })
  )

  it.live("carries HTTP/2 at both ends", () =>
    Effect.gen(function* () {
      const http2 = Http2.createServer((request, response) => upperCase(request, response))
      const { port } = yield* served((duplex) => http2.emit("connection", duplex))
      const connection = yield* Ours.connect(port, { alpnProtocols: ["h2"] })
      assert.strictEqual(connection.info.alpnProtocol, "h2")
      const duplex = yield* toDuplex(connection.socket)
      const session = Http2.connect("http://localhost", { createConnection: () => duplex })
      const bodies = ["one", "two".repeat(30_000), "three"]
      const answers = yield* Effect.forEach(
        bodies,
        (body) => {
          const stream = session.request({ ":method": "POST" })
          stream.end(body)
          return read(stream)
        },
        { concurrency: 3 }
      )
      assert.deepStrictEqual(
        answers.map(String),
        bodies.map((body) => body.toUpperCase())
      )
      session.close()
    })
  )

  it.live("has backpressure: a reader that waits makes the writer wait", () =>
    Effect.gen(function* () {
      const data = randomBytes(30_000_000)
      let stalled: Duplex | undefined
      const { port } = yield* served((duplex) => {
        stalled = duplex
      })
      const connection = yield* Ours.connect(port)
      const duplex = yield* toDuplex(connection.socket)
      let done = false
      duplex.end(data, () => {
        done = true
      })
      yield* Effect.sleep(300)
      assert.isFalse(done)
      if (stalled === undefined) return assert.fail("nobody came")
      assert.strictEqual(Node.digest(yield* read(stalled)), Node.digest(data))
      assert.isTrue(done)
    })
  )

  it.live("ends in order, fails when it is cut, times out when nothing happens", () =>
    Effect.gen(function* () {
      const ends: Array<string> = []
      const { port, served: outcomes } = yield* served((duplex) => {
        duplex.on("end", () => duplex.end("bye"))
        duplex.resume()
      })
      const socket = yield* Node.connect(port)
      socket.allowHalfOpen = true
      socket.end("hello")
      assert.strictEqual((yield* read(socket)).toString(), "bye")
      assert.strictEqual((yield* Queue.take(outcomes)).ended, "closed")

      const cut = yield* Node.serve({}, (socket) => {
        socket.write("half a", () => Reflect.get(socket, "_handle").close())
      })
      const connection = yield* Ours.connect(cut.port)
      const error = yield* Effect.flip(read(yield* toDuplex(connection.socket)))
      assert.match(String(error), /SocketError/)

      const silent = yield* Node.serve({})
      const waiting = yield* toDuplex((yield* Ours.connect(silent.port)).socket)
      yield* Effect.callback<void>((resume) => {
        waiting.setTimeout(50, () => ends.push("timeout"))
        waiting.once("close", () => resume(Effect.void))
        waiting.once("timeout", () => waiting.destroy())
      })
      assert.deepStrictEqual(ends, ["timeout"])
    })
  )
})
