/** Node's tls as the other end, in this process. */
import { createHash } from "node:crypto"
import type { AddressInfo, Server } from "node:net"
import * as Tls from "node:tls"
import * as Effect from "effect/Effect"
import { fixtures, type Pair } from "./fixtures.ts"

export const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** Listens on a free port until the scope ends. */
export const listening = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () => Effect.sync(() => void server.close())
  )

/** What Node knows of a connection to its server; a socket forgets it when it is closed. */
export interface Attended {
  readonly suite: string
  readonly servername: string | false
  readonly certificate: Buffer | undefined
  readonly socket: Tls.TLSSocket
}

export interface NodeServer {
  readonly port: number
  readonly attended: Array<Attended>
  readonly errors: Array<string>
}

/** Takes the lines of Node's key log. */
export type KeyLogger = (line: string) => void

/** An echo server; each socket is ended when its client has ended. */
export const serve = Effect.fnUntraced(function* (
  options: Tls.TlsOptions & { readonly pair?: Pair; readonly onKeyLog?: KeyLogger },
  attend: (socket: Tls.TLSSocket) => void = (socket) => void socket.pipe(socket),
  prepare: (server: Tls.Server) => void = () => {}
) {
  const { issued } = options.pair ?? fixtures.server.p256
  const attended: Array<Attended> = []
  const errors: Array<string> = []
  const server = Tls.createServer(
    {
      cert: issued.chainPem,
      key: issued.privateKeyPem,
      ca: fixtures.ca.issued.certificatePem,
      minVersion: "TLSv1.3",
      ...options
    },
    (socket) => {
      const servername: unknown = Reflect.get(socket, "servername")
      attended.push({
        suite: socket.getCipher().name,
        servername: typeof servername === "string" ? servername : false,
        certificate: socket.getPeerX509Certificate()?.raw,
        socket
      })
      socket.setNoDelay(true)
      socket.on("error", (error) => errors.push(error.message))
      attend(socket)
    }
  )
  prepare(server)
  const { onKeyLog } = options
  if (onKeyLog !== undefined) server.on("keylog", (line) => onKeyLog(String(line)))
  server.on("tlsClientError", (error) => errors.push(error.message))
  const port = yield* listening(server)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const { socket } of attended) socket.destroy()
    })
  )
  return { port, attended, errors } satisfies NodeServer
})

/** Fails with the error's code, or its message. */
export const connect = (
  port: number,
  options: Tls.ConnectionOptions = {},
  prepare: (socket: Tls.TLSSocket) => void = () => {}
) =>
  Effect.acquireRelease(
    Effect.callback<Tls.TLSSocket, string>((resume) => {
      const socket = Tls.connect({
        host: "127.0.0.1",
        port,
        servername: "localhost",
        ca: fixtures.ca.issued.certificatePem,
        minVersion: "TLSv1.3",
        ...options
      })
      socket.setNoDelay(true)
      prepare(socket)
      socket.once("secureConnect", () => resume(Effect.succeed(socket)))
      socket.once("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error.code ?? error.message)))
    }),
    (socket) => Effect.sync(() => void socket.destroy())
  )

/** Sends, ends, and reads to the peer's close_notify; fails when it ends in any other way. */
export const exchange = (socket: Tls.TLSSocket, data: Uint8Array) =>
  Effect.callback<Buffer, Error>((resume) => {
    const chunks: Array<Buffer> = []
    let size = 0
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= data.length) socket.end()
    })
    socket.once("end", () => resume(Effect.succeed(Buffer.concat(chunks))))
    socket.once("error", (error) => resume(Effect.fail(error)))
    socket.write(data)
  })

/** Says nothing, and yields the error with which the peer ends the connection. */
export const refusal = (socket: Tls.TLSSocket) =>
  Effect.callback<string>((resume) => {
    socket.once("error", (error) => resume(Effect.succeed(error.message)))
    socket.once("end", () => resume(Effect.succeed("an ordinary end")))
    socket.resume()
  })
