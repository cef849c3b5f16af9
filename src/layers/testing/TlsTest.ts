/** Handshakes in memory: no socket, and no real time or randomness unless the test wants them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import * as AntiReplay from "../AntiReplay.ts"
import * as ClientSessionStore from "../ClientSessionStore.ts"
import * as Credentials from "../Credentials.ts"
import type { CryptoProvider } from "../CryptoProvider.ts"
import * as ServerVerifier from "../ServerVerifier.ts"
import * as Tickets from "../Tickets.ts"
import * as TlsClient from "../TlsClient.ts"
import type { TlsConnection } from "../TlsConnection.ts"
import type { TlsError } from "../TlsError.ts"
import * as TlsServer from "../TlsServer.ts"
import * as TrustAnchors from "../TrustAnchors.ts"
import { type CertificateFactoryError, type Issued, issue, makeCa } from "./certificates.ts"
import { layerDeterministic } from "./deterministic.ts"
import * as Pair from "./pair.ts"

/** Both ends of a handshake in memory, and what is between them. */
export interface Options {
  /** `serverName` is `localhost` unless said otherwise. */
  readonly client?: Partial<TlsClient.Options> | undefined
  readonly server?: TlsServer.AcceptOptions | undefined
  /** What the link between them does; the client is on the left. */
  readonly link?: Pair.PairOptions | undefined
}

/** What became of both ends. */
export interface Outcome {
  readonly client: Result.Result<TlsConnection, TlsError>
  readonly server: Result.Result<TlsConnection, TlsError>
  readonly pair: Pair.Pair
}

type Services = CryptoProvider | ServerVerifier.ServerVerifier | Credentials.Credentials

/** Both ends of a handshake, each with its own result. */
export const outcome = (options: Options = {}): Effect.Effect<Outcome, never, Scope.Scope | Services> =>
  Effect.suspend(() => {
    const pair = Pair.make(options.link)
    const client = TlsClient.connect(pair.left, { serverName: "localhost", ...options.client })
    const server = TlsServer.accept(pair.right, options.server)
    return Effect.map(
      Effect.all([Effect.result(client), Effect.result(server)], { concurrency: 2 }),
      ([client, server]) => ({ client, server, pair })
    )
  })

/** Whether an error only says that the other end gave up. */
const isEcho = ({ reason }: TlsError): boolean => reason.kind === "AlertReceived" || reason.kind === "ConnectionLost"

/**
 * A handshake between a client and a server in memory. When it fails, the error is that of the end which found the
 * fault, and not that of the other which was told.
 */
export const handshake = (
  options: Options = {}
): Effect.Effect<
  { readonly client: TlsConnection; readonly server: TlsConnection; readonly pair: Pair.Pair },
  TlsError,
  Scope.Scope | Services
> =>
  Effect.flatMap(outcome(options), ({ client, server, pair }) => {
    if (Result.isSuccess(client) && Result.isSuccess(server)) {
      return Effect.succeed({ client: client.success, server: server.success, pair })
    }
    const errors = [client, server].flatMap((end) => (Result.isFailure(end) ? [end.failure] : []))
    const [first] = [...errors.filter((error) => !isEcho(error)), ...errors]
    return first === undefined ? Effect.die("an end has neither failed nor succeeded") : Effect.fail(first)
  })

/** One byte from the server, so that the client has read the tickets before it. Both sockets are used up by that. */
export const readTickets = ({
  client,
  server
}: Pick<Effect.Success<ReturnType<typeof handshake>>, "client" | "server">): Effect.Effect<void, Socket.SocketError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { write } = yield* server.socket.writer
      const { pull } = yield* client.socket.reader
      yield* write(Uint8Array.of(0))
      yield* pull
    })
  )

/** The authority of a test and the certificate of its server, for `localhost`. */
export class TestCertificates extends Context.Service<
  TestCertificates,
  { readonly ca: Issued; readonly server: Issued }
>()("effect-tls/layers/testing/TestCertificates") {}

const certificates = Layer.effect(
  TestCertificates,
  Effect.gen(function* () {
    const ca = yield* makeCa()
    return { ca, server: yield* issue(ca) }
  })
)

// What the factory makes can be read, so these two cannot fail.
const credentials = Layer.unwrap(
  Effect.map(TestCertificates, ({ server }) =>
    Layer.orDie(Credentials.layerPem({ chain: server.chainPem, key: server.privateKeyPem }))
  )
)
const anchors = Layer.unwrap(
  Effect.map(TestCertificates, ({ ca }) => Layer.orDie(TrustAnchors.layerPem(ca.certificatePem)))
)

/** Certificates made with the cryptography that is there, a server that has them, a client that believes them. */
export const layerCertificates: Layer.Layer<
  TestCertificates | Credentials.Credentials | TrustAnchors.TrustAnchors | ServerVerifier.ServerVerifier,
  CertificateFactoryError,
  CryptoProvider
> = ServerVerifier.layerWebPki.pipe(
  Layer.provideMerge(Layer.merge(credentials, anchors)),
  Layer.provideMerge(certificates)
)

/** All that a handshake needs, with cryptography that does the same in every run. */
export const layer: Layer.Layer<
  | CryptoProvider
  | TestCertificates
  | Credentials.Credentials
  | TrustAnchors.TrustAnchors
  | ServerVerifier.ServerVerifier,
  CertificateFactoryError
> = layerCertificates.pipe(Layer.provideMerge(layerDeterministic("effect-tls/testing")))

/**
 * `layer` with sessions: a client's store in memory, sealed tickets, and a register of early data that trusts its
 * memory from the start, since nobody had tickets before. A second `handshake` is resumed once the client has read the
 * tickets behind the first, for which there is `readTickets`.
 *
 * @example
 * it.effect("resumes", () => Effect.gen(function*() {
 *   yield* Effect.flatMap(TlsTest.handshake(), TlsTest.readTickets)
 *   const { client } = yield* TlsTest.handshake()
 *   assert.strictEqual(client.info.kind, "resumed")
 * }).pipe(Effect.scoped, Effect.provide(TlsTest.layerSessions)))
 */
export const layerSessions: typeof layer = Layer.mergeAll(
  ClientSessionStore.layerMemory(),
  // Its options are right, so it cannot fail.
  Layer.orDie(Tickets.layerSealed()),
  AntiReplay.layerMemory({ warmUp: 0 })
).pipe(Layer.provideMerge(layer))
