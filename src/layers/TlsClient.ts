/** TLS as a client, over any socket. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { serverText } from "../state/path/host.ts"
import { CertificateCompression } from "./CertificateCompression.ts"
import { Credentials, now } from "./Credentials.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { type ClientOptions, client } from "./configuration.ts"
import * as ExternalPsks from "./ExternalPsks.ts"
import * as Endpoint from "./endpoint.ts"
import { observed } from "./observability.ts"
import * as Resumption from "./resumption.ts"
import { ServerVerifier } from "./ServerVerifier.ts"
import { make as makeConnection, type TlsConnection } from "./TlsConnection.ts"
import { asConfiguration, type TlsError } from "./TlsError.ts"

/** How a client connects: what it offers, to whom, and how long it waits. */
export interface Options extends ClientOptions {
  /** Whom we talk to, for messages; `serverName` by default. */
  readonly peer?: string | undefined
}

/** A reader that knows its connection. */
export interface TlsReader extends Socket.Reader<Uint8Array> {
  readonly connection: TlsConnection
}

/** A socket whose reader, when acquired, has done a handshake. */
export interface TlsSocket extends Socket.Socket {
  readonly reader: Effect.Effect<TlsReader, Socket.SocketError, Scope.Scope>
}

/** Opens a socket and does a handshake on it, as {@link connect} does. */
export type Connect = (socket: Socket.Socket) => Effect.Effect<TlsConnection, TlsError, Scope.Scope>

/**
 * For many connections to one server: looks at services and options once, and at credentials, which may be replaced, in
 * each handshake. Fails with `InvalidConfiguration`.
 *
 * @example
 * const connect = yield* TlsClient.make({ serverName: "example.org" })
 * const tls = yield* connect(yield* NodeTcp.makeNet({ host: "example.org", port: 443 }))
 */
export const make: (options: Options) => Effect.Effect<Connect, TlsError, CryptoProvider | ServerVerifier> =
  Effect.fnUntraced(function* (options) {
    const crypto = yield* CryptoProvider
    const verifier = yield* ServerVerifier
    const given = Option.getOrUndefined(yield* Effect.serviceOption(Credentials))
    const { sessions, resumptionAs } = yield* Resumption.client(options, verifier, crypto.primitives)
    const types = { serverCertificateTypes: verifier.certificateTypes, authorities: verifier.authorities }
    const certificateCompression = options.certificateCompression ?? (yield* CertificateCompression)
    const settings = { ...options, certificateCompression }
    const config = yield* asConfiguration(Effect.fromResult(client(settings, crypto, verifier.schemes, types)))
    const keys = yield* ExternalPsks.forClient(serverText(config.server), options.externalPskPolicy)
    const endpoint = yield* Endpoint.client(options)
    return (socket: Socket.Socket) => {
      const handshake = Effect.flatMap(given === undefined ? Effect.undefined : now(given), (credentials) => {
        const who = { clientCertificateTypes: credentials?.certificateTypes, resumption: resumptionAs(credentials) }
        const world = { crypto, credentials, verify: verifier.verify, sessions }
        return endpoint({ ...config, ...who, ...keys }, world)(socket, options.peer ?? options.serverName)
      })
      return observed("client")(Effect.map(handshake, (link) => makeConnection(link, crypto.primitives.hashes)))
    }
  })

/**
 * Opens `socket` and does a handshake on it. The connection lives in the surrounding scope; closing that says
 * close_notify and closes the socket. A handshake that fails closes the socket at once.
 *
 * `Credentials` are used if they are there and the server asks who we are.
 *
 * Fails with `InvalidConfiguration` before any byte is sent, with `TransportFailed` when the socket does, with
 * `HandshakeTimeout` after `handshakeTimeout`, and with the reason of the failure table for all else.
 *
 * @example
 * const tcp = yield* NodeSocket.makeNet({ host: "example.org", port: 443 })
 * const tls = yield* TlsClient.connect(tcp, { serverName: "example.org", alpnProtocols: ["http/1.1"] })
 * const writer = yield* tls.socket.writer
 * yield* writer.write("GET / HTTP/1.0\r\nHost: example.org\r\n\r\n")
 */
export const connect = (
  socket: Socket.Socket,
  options: Options
): Effect.Effect<TlsConnection, TlsError, Scope.Scope | CryptoProvider | ServerVerifier> =>
  Effect.flatMap(make(options), (connect) => connect(socket))

const openError = (cause: TlsError): Socket.SocketError => {
  const kind = cause.reason._tag === "HandshakeTimeout" ? "Timeout" : "Unknown"
  return new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind, cause }) })
}

/**
 * A socket over a socket: acquiring its reader opens the inner one and does a handshake, each time anew, so that
 * reconnecting is retrying, and `earlyData` is said again. Writes before the handshake wait for it. A handshake that
 * fails is a `SocketOpenError` whose cause is the `TlsError`.
 */
export const makeSocket = (
  socket: Socket.Socket,
  options: Options
): Effect.Effect<TlsSocket, TlsError, CryptoProvider | ServerVerifier> =>
  Effect.map(make(options), (connect) => {
    const latch = Latch.makeUnsafe(false)
    let present: { readonly connection: TlsConnection; readonly writer: Socket.Writer } | undefined

    const arrive = (connection: TlsConnection, writer: Socket.Writer) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          present = { connection, writer }
          latch.openUnsafe()
        }),
        () =>
          Effect.sync(() => {
            // A later reader may have come meanwhile, and its writers are not to wait.
            if (present?.connection !== connection) return
            present = undefined
            latch.closeUnsafe()
          })
      )

    const whenPresent = (use: (writer: Socket.Writer) => Effect.Effect<void, Socket.SocketError>) => {
      const now: Effect.Effect<void, Socket.SocketError> = Effect.suspend(() =>
        present === undefined ? latch.whenOpen(now) : use(present.writer)
      )
      return now
    }

    const reader = Effect.gen(function* () {
      const connection = yield* Effect.mapError(connect(socket), openError)
      const reader = yield* connection.socket.reader
      yield* arrive(connection, yield* connection.socket.writer)
      return { ...reader, connection }
    })

    const writer: Socket.Writer = {
      write: (chunk) => whenPresent((writer) => writer.write(chunk)),
      writeAll: (chunks) => whenPresent((writer) => writer.writeAll(chunks))
    }
    return {
      [Socket.TypeId]: Socket.TypeId,
      reader,
      writer: Effect.acquireRelease(Effect.succeed(writer), () =>
        Effect.suspend(() => present?.connection.close ?? Effect.void)
      )
    }
  })

/** {@link makeSocket} as a layer: wraps the `Socket` that is there. */
export const layer = (
  options: Options
): Layer.Layer<Socket.Socket, TlsError, Socket.Socket | CryptoProvider | ServerVerifier> =>
  Layer.effect(
    Socket.Socket,
    Effect.flatMap(Socket.Socket, (socket) => makeSocket(socket, options))
  )
