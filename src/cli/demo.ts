/** `effect-tls demo`, which is `npm start`: everything that works, shown working, in a few seconds. */
import { createHash, randomBytes } from "node:crypto"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import * as AntiReplay from "../layers/AntiReplay.ts"
import * as ClientSessionStore from "../layers/ClientSessionStore.ts"
import * as Credentials from "../layers/Credentials.ts"
import * as CryptoProvider from "../layers/CryptoProvider.ts"
import * as NodeCryptoProvider from "../layers/node/NodeCryptoProvider.ts"
import { layerAllocator } from "../layers/node/NodeTls.ts"
import * as ServerVerifier from "../layers/ServerVerifier.ts"
import * as Tickets from "../layers/Tickets.ts"
import * as TlsClient from "../layers/TlsClient.ts"
import { type ConnectionInfo, current } from "../layers/TlsConnection.ts"
import { find } from "../layers/TlsError.ts"
import * as TlsServer from "../layers/TlsServer.ts"
import * as TrustAnchors from "../layers/TrustAnchors.ts"
import { type Issued, issue, makeCa } from "../layers/testing/certificates.ts"
import { describeError } from "../layers/transport.ts"
import { earlyFirst } from "./earlyFirst.ts"
import { CliFailure, failed } from "./failure.ts"
import * as NodePeer from "./nodePeer.ts"
import { echo } from "./pump.ts"
import { type Column, table } from "./table.ts"

/** What each connection carries, and brings back. */
const size = 1_000_000

/** How much of that comes early, where there is early data. */
const earlySize = 16_384

/** How long one step may take. */
const patience = "10 seconds"

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** What a step shows. */
interface Shown {
  readonly info: ConnectionInfo | undefined
  /** Milliseconds. */
  readonly handshake: number
  readonly data: number | undefined
  readonly result: string
}

type Step = Effect.Effect<Shown, unknown, Scope.Scope>

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = yield* Clock.monotonicTimeNanos
    const value = yield* effect
    const end = yield* Clock.monotonicTimeNanos
    return { value, milliseconds: Number(end - start) / 1e6 }
  })

/** The other end gave back what it was given. */
const compare = (sent: Uint8Array, got: Uint8Array): Effect.Effect<string, CliFailure> =>
  digest(sent) === digest(got) ? Effect.succeed("1 MB, same digest") : failed("the data came back changed")

/** Everything that the steps share. */
interface World {
  readonly ca: Issued
  readonly stranger: Issued
  readonly leaf: Issued
}

const makeWorld = Effect.gen(function* () {
  const ca = yield* makeCa()
  return { ca, stranger: yield* makeCa({ commonName: "another CA" }), leaf: yield* issue(ca) }
}).pipe(Effect.provide(NodeCryptoProvider.layer))

/** Our echo server; yields its port, and what each of its connections negotiated. */
const ourServer = ({ leaf }: World, options: TlsServer.LayerOptions) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const infos = yield* Queue.unbounded<ConnectionInfo>()
    const services = TlsServer.layer({ alpnProtocols: ["demo"], ...options }).pipe(
      Layer.provide(Credentials.layerPem({ chain: leaf.chainPem, key: leaf.privateKeyPem })),
      // The keys of these tickets are as young as the register: there is no early data from before.
      Layer.provide(Layer.merge(Tickets.layerSealed(), AntiReplay.layerMemory({ warmUp: 0 }))),
      Layer.provide(NodeCryptoProvider.layer),
      Layer.provide(NodeSocketServer.layer({ host: "127.0.0.1", port: 0, allowHalfOpen: true, noDelay: true })),
      Layer.provide(layerAllocator)
    )
    const server = yield* Effect.provide(SocketServer, yield* Layer.buildWithScope(services, scope))
    yield* Effect.forkIn(
      server.run((socket) =>
        Effect.gen(function* () {
          const connection = Option.getOrUndefined(yield* current)
          if (connection !== undefined) yield* Queue.offer(infos, connection.info)
          yield* echo(connection === undefined ? socket : earlyFirst(connection))
        }).pipe(Effect.scoped, Effect.ignore)
      ),
      scope
    )
    return { port: Number(`${server.address}`.split(":").at(-1)), infos }
  })

interface ClientOptions extends Omit<TlsClient.Options, "serverName"> {
  readonly port: number
  readonly ca: Issued
  readonly crypto?: Layer.Layer<CryptoProvider.CryptoProvider> | undefined
  readonly keyUpdate?: "before the data" | undefined
}

/** Collects as many bytes as are expected. */
const collect = Effect.fnUntraced(function* (pull: Effect.Effect<ReadonlyArray<Uint8Array>, Socket.SocketError>) {
  const chunks: Array<Uint8Array> = []
  for (let got = 0; got < size; ) {
    const batch = yield* pull
    chunks.push(...batch)
    got += batch.reduce((sum, { length }) => sum + length, 0)
  }
  return Buffer.concat(chunks)
})

/** Our client, against whatever listens on the port. */
const ourClient = ({ port, ca, crypto, keyUpdate, ...options }: ClientOptions): Step =>
  Effect.gen(function* () {
    const tcp = yield* NodeSocket.makeNet({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true })
    const { value: connection, milliseconds: handshake } = yield* timed(
      TlsClient.connect(tcp, { serverName: "localhost", alpnProtocols: ["demo"], ...options })
    )
    const pull = yield* Socket.readerBytes(connection.socket)
    const { write } = yield* connection.socket.writer
    if (keyUpdate !== undefined) yield* connection.updateKeys({ requestPeer: true })
    const rest = randomBytes(size - (options.earlyData?.length ?? 0))
    const { value: got, milliseconds: data } = yield* timed(
      Effect.map(Effect.all([collect(pull), write(rest)], { concurrency: 2 }), ([got]) => got)
    )
    const sent = Buffer.concat([options.earlyData ?? Buffer.alloc(0), rest])
    return { info: connection.info, handshake, data, result: yield* compare(sent, got) }
  }).pipe(
    Effect.provide(
      ServerVerifier.layerWebPki.pipe(
        Layer.provide(TrustAnchors.layerPem(ca.certificatePem)),
        Layer.provideMerge(Layer.mergeAll(crypto ?? NodeCryptoProvider.layer, layerAllocator))
      )
    )
  )

/** One connection of Node's client to our server, and the session that it leaves. */
const nodeConnection = Effect.fnUntraced(function* (
  { ca }: World,
  { port, infos }: Effect.Success<ReturnType<typeof ourServer>>,
  session?: Buffer
) {
  const options = { port, ca: ca.certificatePem, servername: "localhost", ALPNProtocols: ["demo"], session }
  const { value: socket, milliseconds: handshake } = yield* timed(NodePeer.connect(options))
  const left = NodePeer.sessionOf(socket)
  const info = yield* Queue.take(infos)
  const sent = randomBytes(size)
  const { value: got, milliseconds: data } = yield* timed(NodePeer.exchange(socket, sent))
  return { shown: { info, handshake, data, result: yield* compare(sent, got) }, session: left() }
})

/** Node's client, against our server. */
const nodeClient = (world: World, suite: string, group: string): Step =>
  Effect.gen(function* () {
    const { shown } = yield* nodeConnection(world, yield* ourServer(world, { suites: [suite], groups: [group] }))
    return shown
  })

const nodeEcho = ({ leaf }: World) =>
  NodePeer.server({ key: leaf.privateKeyPem, cert: leaf.chainPem, ALPNProtocols: ["demo"] })

/** Our client, against Node's server. */
const nodeServer = (world: World, suite: string, group: string): Step =>
  Effect.flatMap(nodeEcho(world), ({ port }) => ourClient({ port, ca: world.ca, suites: [suite], groups: [group] }))

/** Both ends ours. */
const ours = (world: World, options: Omit<ClientOptions, "port" | "ca">, server: TlsServer.LayerOptions = {}): Step =>
  Effect.flatMap(ourServer(world, server), ({ port }) => ourClient({ port, ca: world.ca, ...options }))

/** What was to be resumed has been. */
const resumed = (shown: Shown): Effect.Effect<Shown, CliFailure> =>
  shown.info?.kind === "resumed" ? Effect.succeed(shown) : failed(`nothing was resumed: ${shown.info?.kind}`)

/** One connection for the session, and another that resumes it. */
const ourClientTwice = (first: ClientOptions, second: ClientOptions = first): Step =>
  Effect.andThen(Effect.scoped(ourClient(first)), Effect.flatMap(ourClient(second), resumed)).pipe(
    Effect.provide(ClientSessionStore.layerMemory())
  )

/** Both ends ours, and the beginning of the data comes before the handshake is done. */
const earlyData = (world: World): Step =>
  Effect.gen(function* () {
    const { port } = yield* ourServer(world, { maxEarlyData: earlySize })
    const client = { port, ca: world.ca }
    const shown = yield* ourClientTwice(client, { ...client, earlyData: randomBytes(earlySize) })
    if (shown.info?.earlyData !== "accepted") return yield* failed(`early data was ${shown.info?.earlyData}`)
    return { ...shown, result: `${shown.result}, 16 KiB early` }
  })

/** Our client, with a session of Node's server. */
const nodeServerTwice = (world: World): Step =>
  Effect.flatMap(nodeEcho(world), ({ port }) => ourClientTwice({ port, ca: world.ca }))

/** Node's client, with a session of our server. */
const nodeClientTwice = (world: World): Step =>
  Effect.gen(function* () {
    const server = yield* ourServer(world, {})
    const { session } = yield* Effect.scoped(nodeConnection(world, server))
    const { shown } = yield* nodeConnection(world, server, session)
    return yield* resumed(shown)
  })

/** A client that believes somebody else must not get as far as data. */
const wrongAuthority = (world: World): Step =>
  Effect.gen(function* () {
    const { port } = yield* ourServer(world, {})
    const { value, milliseconds } = yield* timed(Effect.result(ourClient({ port, ca: world.stranger })))
    const reason = Result.isFailure(value) ? find(value.failure)?.reason._tag : undefined
    if (reason !== "CertificateIssuerUnknown") return yield* failed(`the server was not refused, or for ${reason}`)
    return { info: undefined, handshake: milliseconds, data: undefined, result: "refused, rightly" }
  })

const aes128 = "TLS_AES_128_GCM_SHA256"
const aes256 = "TLS_AES_256_GCM_SHA384"
const chacha = "TLS_CHACHA20_POLY1305_SHA256"

const pairs: ReadonlyArray<readonly [suite: string, group: string]> = [
  [aes128, "x25519"],
  [aes256, "secp256r1"],
  [chacha, "secp384r1"]
]

type Named = readonly [step: string, peer: string, run: Step]

const steps = (world: World): ReadonlyArray<Named> => [
  ...pairs.map(
    ([suite, group]): Named => ["our client", "our server", ours(world, { suites: [suite], groups: [group] })]
  ),
  [
    "  with HelloRetryRequest",
    "our server",
    ours(world, { groups: ["x25519", "secp256r1"] }, { groups: ["secp256r1"] })
  ],
  ["  with a post-quantum group", "our server", ours(world, { suites: [aes128], groups: ["X25519MLKEM768"] })],
  [
    "  with a session resumed",
    "our server",
    Effect.flatMap(ourServer(world, {}), ({ port }) => ourClientTwice({ port, ca: world.ca }))
  ],
  ["  with early data (0-RTT)", "our server", earlyData(world)],
  ["  with KeyUpdate", "our server", ours(world, { keyUpdate: "before the data" })],
  ["  without node:crypto", "our server", ours(world, { crypto: CryptoProvider.layerNoble, suites: [chacha] })],
  ["  that trusts another CA", "our server", wrongAuthority(world)],
  ...pairs.map(([suite, group]): Named => ["our client", "node:tls server", nodeServer(world, suite, group)]),
  ["  with a session resumed", "node:tls server", nodeServerTwice(world)],
  ...pairs.map(([suite, group]): Named => ["our server", "node:tls client", nodeClient(world, suite, group)]),
  ["  with a session resumed", "node:tls client", nodeClientTwice(world)]
]

/** Why a step failed, in one line. */
const reasonOf = (error: unknown): string =>
  find(error)?.message ?? (error instanceof CliFailure ? error.message : describeError(error))

const attempt = ([step, peer, run]: Named) =>
  Effect.map(
    Effect.result(
      Effect.timeoutOrElse(Effect.scoped(run), {
        duration: patience,
        orElse: () => Effect.fail(failed(`not done after ${patience}`))
      })
    ),
    (outcome) => ({ step, peer, outcome })
  )

const columns: ReadonlyArray<Column> = [
  ...["step", "peer", "version", "suite", "group", "signature", "ALPN", "kind", "result"].map(
    (heading): Column => ({ heading, align: "left" })
  ),
  { heading: "handshake ms", align: "right" },
  { heading: "data ms", align: "right" }
]

const milliseconds = (value: number | undefined): string => (value === undefined ? "-" : value.toFixed(1))

const row = ({ step, peer, outcome }: Effect.Success<ReturnType<typeof attempt>>): ReadonlyArray<string> => {
  if (Result.isFailure(outcome)) {
    return [step, peer, "-", "-", "-", "-", "-", "-", `FAILED: ${reasonOf(outcome.failure)}`, "-", "-"]
  }
  const { info, handshake, data, result } = outcome.success
  const negotiated = [info?.version, info?.suite, info?.group, info?.signatureScheme, info?.alpnProtocol, info?.kind]
  return [step, peer, ...negotiated.map((cell) => cell ?? "-"), result, milliseconds(handshake), milliseconds(data)]
}

/** All steps, one after the other; fails when one of them has. */
export const run = Effect.gen(function* () {
  const start = yield* Clock.monotonicTimeNanos
  const { value: world, milliseconds: made } = yield* timed(makeWorld)
  yield* Console.log(`A throw-away CA and a certificate for localhost, made in ${made.toFixed(0)} ms.`)
  const outcomes = yield* Effect.forEach(steps(world), attempt)
  yield* Console.log(`\n${table(columns, outcomes.map(row))}\n`)
  const failures = outcomes.filter(({ outcome }) => Result.isFailure(outcome)).length
  const seconds = (Number((yield* Clock.monotonicTimeNanos) - start) / 1e9).toFixed(1)
  if (failures > 0) return yield* failed(`${failures} of ${outcomes.length} parts failed (${seconds} s)`)
  yield* Console.log(`All ${outcomes.length} parts worked, in ${seconds} s.`)
})

export const demo = Command.make("demo", {}, () => run).pipe(
  Command.withDescription(
    "See it work: our client and server, and Node's tls as a peer in both roles, in a few seconds"
  )
)
