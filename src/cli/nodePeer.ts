/** Node's own tls as the other end: a client and a server that echoes. */
import type { AddressInfo } from "node:net"
import * as Tls from "node:tls"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { describeError } from "../layers/transport.ts"
import { type CliFailure, failed } from "./failure.ts"

const broken = (error: unknown): CliFailure => failed(`node:tls: ${describeError(error)}`)

/** TLS 1.3, echoing, on a free port of this machine; gone when the scope ends. */
export const server = (options: Tls.TlsOptions): Effect.Effect<{ readonly port: number }, CliFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Tls.Server, CliFailure>((resume) => {
      const server = Tls.createServer({ minVersion: "TLSv1.3", ...options }, (socket) => {
        socket.setNoDelay(true)
        socket.on("error", () => socket.destroy())
        socket.pipe(socket)
      })
      server.on("tlsClientError", () => {})
      server.once("error", (error) => resume(Effect.fail(broken(error))))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => void server.close())
  ).pipe(Effect.map((server) => ({ port: (server.address() as AddressInfo).port })))

/** A connection that is established. */
export const connect = (options: Tls.ConnectionOptions): Effect.Effect<Tls.TLSSocket, CliFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Tls.TLSSocket, CliFailure>((resume) => {
      const socket = Tls.connect({ minVersion: "TLSv1.3", host: "127.0.0.1", ...options })
      socket.setNoDelay(true)
      socket.once("secureConnect", () => resume(Effect.succeed(socket)))
      socket.once("error", (error) => resume(Effect.fail(broken(error))))
    }),
    (socket) => Effect.sync(() => void socket.destroy())
  )

/** The newest session of a connection, to be looked for when data has come. */
export const sessionOf = (socket: Tls.TLSSocket): (() => Buffer | undefined) => {
  let newest: Buffer | undefined
  socket.on("session", (session: Buffer) => {
    newest = session
  })
  return () => newest
}

/** Sends, and collects as many bytes as were sent. */
export const exchange = (socket: Tls.TLSSocket, data: Uint8Array): Effect.Effect<Uint8Array, CliFailure> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    let size = 0
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= data.length) resume(Effect.succeed(Buffer.concat(chunks)))
    })
    socket.once("error", (error) => resume(Effect.fail(broken(error))))
    socket.once("end", () => resume(Effect.fail(failed(`node:tls: the end after ${size} bytes of ${data.length}`))))
    socket.write(data)
  })
