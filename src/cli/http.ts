/** HTTP over a TLS connection, by Node's own parser and writer: one GET, and a server that tells what it knows. */
import * as Http from "node:http"
import type { Duplex } from "node:stream"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type * as Socket from "effect/socket/Socket"
import { toDuplex } from "../layers/node/duplex.ts"
import type { TlsConnection } from "../layers/TlsConnection.ts"
import { find, type TlsError } from "../layers/TlsError.ts"
import { describeError } from "../layers/transport.ts"
import { type CliFailure, failed, oneLine } from "./failure.ts"
import { summarize } from "./summary.ts"

/** What went wrong below HTTP, or in it. */
const explain = (error: unknown): TlsError | CliFailure => find(error) ?? failed(`HTTP: ${describeError(error)}`)

const head = ({ httpVersion, statusCode, statusMessage, rawHeaders }: Http.IncomingMessage): string => {
  const lines = [`HTTP/${httpVersion} ${statusCode} ${statusMessage}`]
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`)
  return `${lines.join("\r\n")}\r\n\r\n`
}

const request = (
  duplex: Duplex,
  host: string,
  path: string
): Effect.Effect<Http.IncomingMessage, TlsError | CliFailure> =>
  Effect.callback((resume) => {
    const headers = { Host: host, Connection: "close", "User-Agent": "effect-tls" }
    const get = Http.request({ createConnection: () => duplex, path, headers })
    get.once("response", (response) => resume(Effect.succeed(response)))
    get.once("error", (error) => resume(Effect.fail(explain(error))))
    get.end()
    return Effect.sync(() => void get.destroy())
  })

/** Sends one GET and prints the response, head and body, to standard output. */
export const get = (
  { socket }: TlsConnection,
  host: string,
  path: string
): Effect.Effect<void, TlsError | CliFailure | Socket.SocketError, Scope.Scope | Stdio.Stdio> =>
  Effect.gen(function* () {
    const { stdout } = yield* Stdio.Stdio
    const response = yield* request(yield* toDuplex(socket), host, path)
    const body = NodeStream.fromReadable<Uint8Array, TlsError | CliFailure>({
      evaluate: () => response,
      onError: explain
    })
    yield* Stream.make(Buffer.from(head(response), "latin1")).pipe(
      Stream.concat(body),
      Stream.run(stdout({ endOnDone: false })),
      Effect.catchTag("PlatformError", (error) => failed(`cannot write to standard output: ${oneLine(error.message)}`))
    )
  })

/** What the server tells its client about the connection. */
const describe = (connection: TlsConnection): string => {
  const { peer: _peer, peerChain, ...negotiated } = summarize(connection)
  return `${JSON.stringify({ ...negotiated, clientCertificate: peerChain[0]?.subject ?? null }, null, 2)}\n`
}

/** Milliseconds a connection may be idle. */
const idle = 60_000

/**
 * Answers any request on any connection that it is given with 200 and what was negotiated. Connections stay open as
 * HTTP/1.1 says; the effect ends with the connection.
 */
export const makeServer = (): ((connection: TlsConnection) => Effect.Effect<void, Socket.SocketError, Scope.Scope>) => {
  const bodies = new WeakMap<object, string>()
  // People type requests by hand, with bare line feeds: nothing behind this server could be misled by them.
  const server = Http.createServer({ insecureHTTPParser: true }, (request, response) => {
    const body = Buffer.from(bodies.get(request.socket) ?? "{}\n")
    request.resume()
    request.once("end", () => {
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length })
      response.end(body)
    })
  })
  server.setTimeout(idle)
  return Effect.fnUntraced(function* (connection) {
    const duplex = yield* toDuplex(connection.socket)
    bodies.set(duplex, describe(connection))
    yield* Effect.callback<void>((resume) => {
      duplex.once("close", () => resume(Effect.void))
      server.emit("connection", duplex)
    })
  })
}
