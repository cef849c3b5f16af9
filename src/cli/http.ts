/** HTTP over a TLS connection, by Node's own parser and writer: one GET, and a server that tells what it knows. */
import * as Http from "node:http"
import type { Duplex } from "node:stream"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type * as Socket from "effect/socket/Socket"
import { toDuplex } from "../layers/node/duplex.ts"
import type { TlsConnection } from "../layers/TlsConnection.ts"
import { find, type TlsError } from "../layers/TlsError.ts"
import { describeError } from "../layers/transport.ts"
import { earlyFirst } from "./earlyFirst.ts"
import { type CliFailure, failed } from "./failure.ts"
import { Patience, patient } from "./patience.ts"
import { print } from "./pump.ts"
import { summarize } from "./summary.ts"

/** What went wrong below HTTP, or in it. */
const explain = (error: unknown): TlsError | CliFailure => find(error) ?? failed(`HTTP: ${describeError(error)}`)

const head = ({ httpVersion, statusCode, statusMessage, rawHeaders }: Http.IncomingMessage): string => {
  const lines = [`HTTP/${httpVersion} ${statusCode} ${statusMessage}`]
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`)
  return `${lines.join("\r\n")}\r\n\r\n`
}

/** What came of a request; how the connection below it ended is known later. */
interface Exchange {
  readonly response: Http.IncomingMessage
  /** Done with the server's close_notify, failed with the first thing that went wrong. */
  readonly end: Deferred.Deferred<void, TlsError | CliFailure>
}

/**
 * Node tells the request of errors below it, but not the response: a body that nothing but the end of the connection
 * delimits would end well when that is cut. So whatever happens below is written down here.
 */
const request = (duplex: Duplex, host: string, path: string): Effect.Effect<Exchange, TlsError | CliFailure> =>
  Effect.callback((resume) => {
    const end = Deferred.makeUnsafe<void, TlsError | CliFailure>()
    const fail = (error: TlsError | CliFailure) => {
      Deferred.doneUnsafe(end, Effect.fail(error))
      resume(Effect.fail(error))
    }
    const headers = { Host: host, Connection: "close", "User-Agent": "effect-tls" }
    const get = Http.request({ createConnection: () => duplex, path, headers })
    get.once("response", (response) => resume(Effect.succeed({ response, end })))
    get.on("error", (error) => fail(explain(error)))
    duplex.on("error", (error) => fail(explain(error)))
    duplex.once("end", () => Deferred.doneUnsafe(end, Effect.void))
    duplex.once("close", () => fail(failed("HTTP: the connection is closed, and the server has not said so")))
    get.end()
    return Effect.sync(() => void get.destroy())
  })

/** The body; why it is cut short is known below. */
const bodyOf = ({ response, end }: Exchange): Stream.Stream<Uint8Array, TlsError | CliFailure> =>
  NodeStream.fromReadable<Uint8Array, CliFailure>({
    evaluate: () => response,
    onError: () => failed("HTTP: the server closed before the end of the response")
  }).pipe(Stream.catch((error) => Stream.fromEffect(Effect.andThen(Deferred.await(end), error))))

/** Sends one GET and prints the response, head and body, to standard output; then waits for the server to close. */
export const get = (
  { socket }: TlsConnection,
  host: string,
  path: string
): Effect.Effect<void, TlsError | CliFailure | Socket.SocketError, Scope.Scope | Stdio.Stdio> =>
  Effect.gen(function* () {
    const duplex = yield* toDuplex(patient(socket, yield* Patience, "the request"))
    const exchange = yield* request(duplex, host, path)
    const whole = Stream.make(Buffer.from(head(exchange.response), "latin1")).pipe(Stream.concat(bodyOf(exchange)))
    yield* print(whole)
    // The parser has all it wants: what else comes is nobody's.
    duplex.resume()
    yield* Deferred.await(exchange.end)
  })

/** What the server tells its client about the connection. */
const describe = (connection: TlsConnection): string => {
  const { peer: _peer, peerCertificateType: _type, stapled: _stapled, peerChain, ...negotiated } = summarize(connection)
  return `${JSON.stringify({ ...negotiated, clientCertificate: peerChain[0]?.subject ?? null }, null, 2)}\n`
}

/**
 * What comes as early data may be a replay. Requests that are safe to repeat are answered at once, all others when the
 * handshake is done, which no replay gets to (RFC 8470 section 3). So 425 (Too Early) is not needed here, nor is
 * an Early-Data header, by which a gateway tells the server behind it that it has not waited.
 */
const safe: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"])

/** What the answers on a connection say, and what waits for the end of its handshake. */
interface Known {
  readonly body: Buffer
  readonly whenConfirmed: (answer: () => void) => void
}

/** The body repeats what the client said, a name for one: no browser is to take it for a page, nor to keep it. */
const headers = { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store" }

/** Milliseconds a connection may be idle. */
const idle = 60_000

/**
 * Answers any request on any connection that it is given with 200 and what was negotiated. Connections stay open as
 * HTTP/1.1 says; the effect ends with the connection.
 */
export const makeServer = (): ((connection: TlsConnection) => Effect.Effect<void, Socket.SocketError, Scope.Scope>) => {
  const connections = new WeakMap<object, Known>()
  // People type requests by hand, with bare line feeds: nothing behind this server could be misled by them.
  const server = Http.createServer({ insecureHTTPParser: true }, (request, response) => {
    const known = connections.get(request.socket)
    const answer = () => {
      response.writeHead(200, { ...headers, "Content-Length": known?.body.length ?? 0 })
      response.end(known?.body)
    }
    request.resume()
    request.once("end", () => {
      if (safe.has(request.method)) answer()
      else known?.whenConfirmed(answer)
    })
  })
  server.setTimeout(idle)
  return Effect.fnUntraced(function* (connection) {
    const duplex = yield* toDuplex(earlyFirst(connection))
    const fork = yield* FiberSet.makeRuntime<never>()
    connections.set(duplex, {
      body: Buffer.from(describe(connection)),
      // Where the handshake fails there is nobody to answer.
      whenConfirmed: (answer) => void fork(Effect.ignore(Effect.andThen(connection.confirmed, Effect.sync(answer))))
    })
    yield* Effect.callback<void>((resume) => {
      duplex.once("close", () => resume(Effect.void))
      server.emit("connection", duplex)
    })
  })
}
