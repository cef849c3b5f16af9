/** A program for `descriptors.test.ts`: a TLS server that says its port, and what is wrong if anything is. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Socket from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import { world } from "../layers/support.ts"

process.on("warning", (warning) => console.log(`warning ${warning.message}`))

const server = TlsServer.layer({ handshakeTimeout: "1 second" }).pipe(
  Layer.provide(NodeSocketServer.layer({ port: 0, host: "127.0.0.1", allowHalfOpen: true })),
  Layer.provide(world)
)

const echo = (socket: Socket.Socket) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { pull } = yield* socket.reader
      const writer = yield* socket.writer
      yield* writer.write("hello over TLSv1.3\n")
      while (true) yield* writer.writeAll(yield* pull)
    })
  ).pipe(Effect.ignore)

Effect.gen(function* () {
  const server = yield* SocketServer
  yield* Console.log(`port ${"port" in server.address ? server.address.port : 0}`)
  return yield* server.run(echo)
}).pipe(Effect.provide(server), Effect.timeout("30 seconds"), NodeRuntime.runMain)
