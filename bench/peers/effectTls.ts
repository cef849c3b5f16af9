/** effect-tls through its public layers, over the TCP sockets of `NodeTcp`. */
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as CryptoProvider from "../../src/layers/CryptoProvider.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as NodeTcp from "../../src/layers/node/NodeTcp.ts"
import { layerAllocator } from "../../src/layers/node/NodeTls.ts"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as TrustAnchors from "../../src/layers/TrustAnchors.ts"
import { chunkSize, inParallel, type Mode, type Peer, type Setup } from "./peer.ts"

/** Sessions that a client keeps of a server: more than there are connections at once. */
const sessionsKept = 64

/** To the server of one setup, as often as is asked: our shared context. */
class Connect extends Context.Service<Connect, TlsClient.Connect>()("bench/Connect") {}

const one = Uint8Array.of(0x21)
const chunk = new Uint8Array(chunkSize).fill(0x61)

const send = (writer: Socket.Writer, bytes: number) =>
  Effect.gen(function* () {
    for (let sent = 0; sent < bytes; sent += chunkSize) yield* writer.write(chunk)
  })

/** Pulls until so many bytes have been heard. */
const hear = (reader: Socket.Reader, bytes: number) =>
  Effect.gen(function* () {
    for (let heard = 0; heard < bytes; ) {
      for (const part of yield* reader.pull) heard += part.length
    }
  })

const attend = (mode: Mode) => (socket: Socket.Socket) =>
  Effect.gen(function* () {
    const reader = yield* socket.reader
    const writer = yield* socket.writer
    switch (mode._tag) {
      case "greet":
      case "hold":
        yield* writer.write(one)
        break
      case "sink":
        yield* hear(reader, mode.bytes)
        yield* writer.write(one)
        break
      case "source":
        yield* reader.pull
        yield* send(writer, mode.bytes)
        break
      case "echo":
        return yield* Effect.forever(Effect.flatMap(reader.pull, writer.writeAll), { disableYield: true })
    }
    return yield* Effect.forever(reader.pull)
  }).pipe(Effect.scoped, Effect.ignore)

const providers = {
  node: NodeCryptoProvider.layerWith,
  noble: CryptoProvider.layerNobleWith
}

/** An implementation on one of the two providers. */
export const make = (provider: keyof typeof providers): Peer => {
  const crypto = ({ suite, group }: Setup) =>
    Layer.merge(providers[provider]({ suites: [suite], groups: [group] }), layerAllocator)

  /** What a client has besides: nothing, a certificate, or sessions. */
  const clientExtras = ({ kind, identity }: Setup) => {
    if (kind === "mutual") return Credentials.layerPem(identity.client)
    return kind === "full" ? Layer.empty : ClientSessionStore.layerMemory({ ticketsPerServer: sessionsKept })
  }

  /** Whom clients are judged by, if they are asked; without tickets no handshake is resumed. */
  const serverExtras = ({ kind, identity }: Setup) =>
    Layer.merge(
      ClientVerifier.layerWebPki.pipe(Layer.provide(TrustAnchors.layerPem(identity.ca))),
      kind === "resumed" ? Tickets.layerSealed() : Layer.empty
    )

  /** One set of layers for all connections of a setup, as a program has it. */
  const clientOf = (setup: Setup) =>
    ManagedRuntime.make(
      Layer.effect(Connect, TlsClient.make({ serverName: "localhost" })).pipe(
        Layer.provide(Layer.merge(ServerVerifier.layerWebPki, clientExtras(setup))),
        Layer.provide(Layer.merge(crypto(setup), TrustAnchors.layerPem(setup.identity.ca)))
      )
    )
  const clients = new Map<string, ReturnType<typeof clientOf>>()
  const client = (setup: Setup) => {
    const key = `${setup.suite} ${setup.group} ${setup.kind}`
    const runtime = clients.get(key) ?? clientOf(setup)
    clients.set(key, runtime)
    return runtime
  }

  const serverOf = (setup: Setup) =>
    ManagedRuntime.make(
      TlsServer.layer({ clientAuthentication: setup.kind === "mutual" ? "required" : "none" }).pipe(
        Layer.provide(NodeTcp.layer),
        Layer.provide(NodeSocketServer.layer({ port: 0, host: "127.0.0.1", noDelay: true, backlog: 1024 })),
        Layer.provide(Layer.merge(Credentials.layerPem(setup.identity), serverExtras(setup))),
        Layer.provide(crypto(setup))
      )
    )
  let server: ReturnType<typeof serverOf> | undefined

  const connect = Effect.fnUntraced(function* (port: number) {
    const tcp = yield* NodeTcp.makeNet({ host: "127.0.0.1", port, noDelay: true })
    const { socket, info } = yield* (yield* Connect)(tcp)
    return { info, reader: yield* socket.reader, writer: yield* socket.writer }
  })
  let held = Scope.makeUnsafe()

  return {
    serve: async (setup, mode) => {
      const runtime = serverOf(setup)
      server = runtime
      const { address, run } = await runtime.runPromise(SocketServer)
      runtime.runFork(run(attend(mode)))
      return "port" in address ? address.port : 0
    },
    stop: async () => {
      await Effect.runPromise(Scope.close(held, Exit.void))
      held = Scope.makeUnsafe()
      await server?.dispose()
      server = undefined
    },
    handshakes: async (setup, port, count, atOnce) => {
      const handshake = Effect.scoped(
        Effect.flatMap(connect(port), ({ reader, info }) => Effect.as(hear(reader, 1), info.kind))
      )
      let resumed = 0
      await inParallel(count, atOnce, async () => {
        if ((await client(setup).runPromise(handshake)) === "resumed") resumed++
      })
      return resumed
    },
    upload: (setup, port, bytes) =>
      client(setup).runPromise(
        Effect.scoped(
          Effect.flatMap(connect(port), ({ reader, writer }) => Effect.andThen(send(writer, bytes), hear(reader, 1)))
        )
      ),
    download: (setup, port, bytes) =>
      client(setup).runPromise(
        Effect.scoped(
          Effect.flatMap(connect(port), ({ reader, writer }) => Effect.andThen(writer.write(one), hear(reader, bytes)))
        )
      ),
    pingPong: (setup, port, size, count) => {
      const ping = new Uint8Array(size).fill(0x61)
      const rally = Effect.gen(function* () {
        const { reader, writer } = yield* connect(port)
        for (let i = 0; i < count; i++) {
          yield* writer.write(ping)
          yield* hear(reader, size)
        }
      })
      return client(setup).runPromise(Effect.scoped(rally))
    },
    hold: (setup, port, count) => {
      const one = Scope.provide(
        Effect.flatMap(connect(port), ({ reader }) => hear(reader, 1)),
        held
      )
      return inParallel(count, 8, () => client(setup).runPromise(one))
    }
  }
}
