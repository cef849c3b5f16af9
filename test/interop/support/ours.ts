/** Our ends of a connection, in this process. */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import { drain } from "../../../src/cli/pump.ts"
import type { SignatureScheme } from "../../../src/codec/registry/signatureScheme.ts"
import { primitives as node } from "../../../src/crypto/node/index.ts"
import * as ClientVerifier from "../../../src/layers/ClientVerifier.ts"
import * as Credentials from "../../../src/layers/Credentials.ts"
import * as CryptoProvider from "../../../src/layers/CryptoProvider.ts"
import { HandshakeObserver } from "../../../src/layers/events.ts"
import * as NodeCryptoProvider from "../../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerVerifier from "../../../src/layers/ServerVerifier.ts"
import * as TlsClient from "../../../src/layers/TlsClient.ts"
import { current, type TlsConnection } from "../../../src/layers/TlsConnection.ts"
import { find, type TlsError } from "../../../src/layers/TlsError.ts"
import * as TlsServer from "../../../src/layers/TlsServer.ts"
import * as TrustAnchors from "../../../src/layers/TrustAnchors.ts"
import * as KeyLimits from "../../../src/layers/testing/keyLimits.ts"
import { fixtures, type Pair } from "./fixtures.ts"

/** A provider as it is, with the groups that it offers on request only, or with keys that are good for 4 records. */
export type Provider = "node" | "noble" | "node, all groups" | "noble, all groups" | "node, 4 records"

const all = { groups: node.groups.map(({ name }) => String(name)) }
const providers = {
  node: NodeCryptoProvider.layer,
  noble: CryptoProvider.layerNoble,
  "node, all groups": Layer.orDie(NodeCryptoProvider.layerWith(all)),
  "noble, all groups": Layer.orDie(CryptoProvider.layerNobleWith(all)),
  "node, 4 records": KeyLimits.layer(4).pipe(Layer.provide(NodeCryptoProvider.layer))
}
const authority = fixtures.ca.issued.certificatePem
const anchors = TrustAnchors.layerPem(authority)

const certificates = (pairs: ReadonlyArray<Pair>) =>
  Credentials.layerPem(
    pairs.map(({ issued, ocsp, timestamps }) => ({
      chain: issued.chainPem,
      key: issued.privateKeyPem,
      ocsp,
      timestamps
    }))
  )

type Schemes = ReadonlyArray<SignatureScheme> | undefined

/** A verifier to whom the peer may sign in these ways only. */
const restrictedServer =
  (schemes: Schemes) => (layer: Layer.Layer<ServerVerifier.ServerVerifier, TlsError, CryptoProvider.CryptoProvider>) =>
    schemes === undefined
      ? layer
      : Layer.effect(
          ServerVerifier.ServerVerifier,
          Effect.map(ServerVerifier.ServerVerifier, (verifier) => ({ ...verifier, schemes }))
        ).pipe(Layer.provide(layer))
const restrictedClient =
  (schemes: Schemes) => (layer: Layer.Layer<ClientVerifier.ClientVerifier, TlsError, CryptoProvider.CryptoProvider>) =>
    schemes === undefined
      ? layer
      : Layer.effect(
          ClientVerifier.ClientVerifier,
          Effect.map(ClientVerifier.ClientVerifier, (verifier) => ({ ...verifier, schemes }))
        ).pipe(Layer.provide(layer))

/** Messages as `said ClientHello`, `heard ServerHello`. */
export type Seen = Array<string>

const observer = (seen: Seen | undefined) =>
  seen === undefined
    ? Layer.empty
    : Layer.succeed(HandshakeObserver, {
        onMessage: (_role, { direction, message }) => void seen.push(`${direction} ${message._tag}`)
      })

/** How the bytes of the transport are changed before we see them. */
export type Through = (socket: Socket.Socket) => Socket.Socket

export interface ServerOptions extends TlsServer.LayerOptions {
  readonly pairs?: ReadonlyArray<Pair> | undefined
  /** Who the server is and whom it believes, in the place of `pairs` and our authority. */
  readonly identity?:
    | Layer.Layer<Credentials.Credentials, TlsError, CryptoProvider.CryptoProvider>
    | Layer.Layer<Credentials.Credentials | ClientVerifier.ClientVerifier, TlsError, CryptoProvider.CryptoProvider>
    | undefined
  readonly provider?: Provider | undefined
  /** How clients may sign the handshake, in the place of every scheme. */
  readonly schemes?: Schemes
  readonly seen?: Seen | undefined
  readonly through?: Through | undefined
  /** What is done with a connection; by default it is echoed. */
  readonly serve?: ((connection: TlsConnection) => Effect.Effect<void, unknown, Scope.Scope>) | undefined
}

/** How a connection ended for the server: `closed` when the peer said close_notify, else the reason. */
export interface Served {
  readonly connection: TlsConnection
  readonly ended: string
}

/** Everything comes back; ends when the peer has said close_notify. */
export const echo = ({ socket }: TlsConnection) =>
  Effect.gen(function* () {
    const pull = yield* Socket.readerBytes(socket)
    const { writeAll } = yield* socket.writer
    yield* drain(pull, writeAll)
  })

/** A server on a free port; every connection that ends is offered to `served`. */
export const serve = Effect.fnUntraced(function* (options: ServerOptions = {}) {
  const {
    pairs = [fixtures.server.p256],
    provider = "node",
    identity,
    schemes,
    seen,
    through,
    serve = echo,
    ...rest
  } = options
  const served = yield* Queue.unbounded<Served>()
  const inner = NodeSocketServer.layer({ host: "127.0.0.1", port: 0, allowHalfOpen: true, noDelay: true })
  const changed =
    through === undefined
      ? inner
      : Layer.effect(
          SocketServer,
          Effect.map(SocketServer, (server) => ({
            address: server.address,
            run: (handler) => server.run((socket) => handler(through(socket)))
          }))
        ).pipe(Layer.provide(inner))
  const layer = TlsServer.layer(rest).pipe(
    Layer.provide(
      identity ??
        Layer.mergeAll(
          certificates(pairs),
          ClientVerifier.layerWebPki.pipe(Layer.provide(anchors), restrictedClient(schemes))
        )
    ),
    Layer.provide(Layer.mergeAll(providers[provider], changed, observer(seen)))
  )
  const scope = yield* Effect.scope
  const server = yield* Effect.provide(SocketServer, yield* Layer.buildWithScope(layer, scope))
  const attend = Effect.gen(function* () {
    const connection = Option.getOrThrow(yield* current)
    const ended = yield* serve(connection).pipe(
      Effect.as("closed"),
      Effect.catchCause((cause) => {
        const error = Cause.squash(cause)
        return Effect.succeed(find(error)?.reason._tag ?? String(error))
      }),
      Effect.scoped
    )
    yield* Queue.offer(served, { connection, ended })
  })
  yield* Effect.forkIn(
    server.run(() => attend),
    scope
  )
  return { port: Number(`${server.address}`.split(":").at(-1)), served }
})

export interface ClientOptions extends Omit<TlsClient.Options, "serverName"> {
  readonly serverName?: string | undefined
  readonly provider?: Provider | undefined
  readonly pair?: Pair | undefined
  /** Whom it believes, as PEM, in the place of our authority. */
  readonly believed?: string | undefined
  /** How the server may sign the handshake, in the place of every scheme. */
  readonly schemes?: Schemes
  /** How it finds out whether the server's certificate was revoked; by default not at all. */
  readonly revocation?: Layer.Layer<never, TlsError> | undefined
  readonly seen?: Seen | undefined
  readonly through?: Through | undefined
}

/** A connection to a port of this machine, in the surrounding scope. */
export const connect = Effect.fnUntraced(function* (port: number, options: ClientOptions = {}) {
  const { provider = "node", pair, seen, through, revocation = Layer.empty, ...others } = options
  const { believed = authority, schemes, serverName = "localhost", ...rest } = others
  const tcp = yield* NodeSocket.makeNet({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true })
  const layer = ServerVerifier.layerWebPki.pipe(
    Layer.provide([TrustAnchors.layerPem(believed), revocation]),
    restrictedServer(schemes),
    Layer.merge(pair === undefined ? Layer.empty : certificates([pair])),
    Layer.provideMerge(Layer.mergeAll(providers[provider], observer(seen)))
  )
  const scope = yield* Effect.scope
  const services = yield* Layer.buildWithScope(layer, scope)
  return yield* Effect.provide(
    TlsClient.connect(through === undefined ? tcp : through(tcp), { serverName, ...rest }),
    services
  )
})

/** Reads exactly so many bytes. */
export const take = Effect.fnUntraced(function* (
  pull: Effect.Effect<ReadonlyArray<Uint8Array>, Socket.SocketError>,
  size: number
) {
  const chunks: Array<Uint8Array> = []
  for (let got = 0; got < size; ) {
    const batch = yield* pull
    chunks.push(...batch)
    got += batch.reduce((sum, { length }) => sum + length, 0)
  }
  return Buffer.concat(chunks)
})

/** Reads to the peer's close_notify; any other end fails. */
export const takeAll = Effect.fnUntraced(function* (
  pull: Effect.Effect<readonly [Uint8Array, ...Array<Uint8Array>], Socket.SocketError>
) {
  const chunks: Array<Uint8Array> = []
  yield* drain(pull, (batch) => Effect.sync(() => void chunks.push(...batch)))
  return Buffer.concat(chunks)
})

/** Says nothing, and fails with what the peer says when it ends the connection. */
export const refusal = ({ socket }: TlsConnection) =>
  Effect.flatMap(Socket.readerBytes(socket), (pull) => Effect.flip(takeAll(pull)))

/** Sends while it reads as much back, says close_notify, and waits for the peer's. */
export const exchange = Effect.fnUntraced(function* ({ socket, close }: TlsConnection, data: Uint8Array) {
  const pull = yield* Socket.readerBytes(socket)
  const { write } = yield* socket.writer
  const [back] = yield* Effect.all([take(pull, data.length), write(data)], { concurrency: 2 })
  yield* close
  const rest = yield* takeAll(pull)
  return Buffer.concat([back, rest])
})
