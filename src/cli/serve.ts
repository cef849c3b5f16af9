/** `effect-tls serve`: a server that echoes, tells what was negotiated, swallows, or forwards. */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { SocketServer } from "effect/socket/SocketServer"
import * as ClientVerifier from "../layers/ClientVerifier.ts"
import * as Credentials from "../layers/Credentials.ts"
import * as CredentialFiles from "../layers/node/CredentialFiles.ts"
import * as NodeTcp from "../layers/node/NodeTcp.ts"
import { current, type TlsConnection } from "../layers/TlsConnection.ts"
import * as TlsServer from "../layers/TlsServer.ts"
import { describeError } from "../layers/transport.ts"
import { earlyFirst } from "./earlyFirst.ts"
import { type Endpoint, parseEndpoint, showEndpoint } from "./endpoint.ts"
import { type CliFailure, failed, usage } from "./failure.ts"
import {
  checkVersions,
  common,
  cryptoLayer,
  int,
  nodeLayer,
  optionalText,
  optionsOf,
  repeatedText,
  toggle
} from "./flags.ts"
import * as Http from "./http.ts"
import { anchors, credentials } from "./identity.ts"
import { checkPsk, keys, pskFlags } from "./psk.ts"
import { echo, join, sink } from "./pump.ts"
import { pins, rawKey } from "./rawKey.ts"
import * as Sessions from "./sessions.ts"
import * as Summary from "./summary.ts"

const flags = {
  port: int("port", [0, 65_535]).pipe(Flag.withDefault(4433), Flag.withDescription("0 takes a free one; default 4433")),
  host: Flag.String("host").pipe(
    Flag.withDefault("127.0.0.1"),
    Flag.withDescription("The address to listen on; default 127.0.0.1, for this machine only")
  ),
  cert: repeatedText("cert", "FILE", "The certificate chain (PEM); repeatable, each with its --key, chosen by name"),
  key: repeatedText("key", "FILE", "Its private key (PEM)"),
  ocsp: repeatedText("ocsp", "FILE", "Its OCSP response (DER), for clients that ask; repeatable, as --cert is"),
  mode: Flag.Literals("mode", ["echo", "http", "sink", "forward"]).pipe(
    Flag.withDefault("echo" as const),
    Flag.withDescription("Send back, answer HTTP with what was negotiated, swallow, or pass on to --to")
  ),
  to: optionalText("to", "HOST:PORT", "Where --mode forward connects to, without TLS"),
  rawKey: optionalText("raw-key", "FILE", "A private key (PEM) shown as a raw public key to clients that take one"),
  clientCa: optionalText("client-ca", "FILE", "Ask clients for a certificate signed by an authority in FILE (PEM)"),
  clientKeyPin: repeatedText(
    "client-key-pin",
    "SHA256",
    "Ask clients for the raw public key of this SHA-256, repeatable"
  ),
  ...pskFlags,
  requireClientCert: toggle("require-client-cert", "Refuse clients without one"),
  reload: toggle("reload", "Read --cert and --key again when they change, and on SIGHUP; connections stay"),
  strictSni: toggle("strict-sni", "Refuse clients that ask for no name, or for none of the certificates"),
  strictAlpn: toggle("strict-alpn", "Refuse clients that take no part in ALPN; needs --alpn"),
  ...Sessions.serverFlags,
  ...common
}

type Flags = Command.Command.Config.Infer<typeof flags>

/** What is done with a connection; it is closed afterwards. */
type Service = (connection: TlsConnection) => Effect.Effect<void, Socket.SocketError | CliFailure, Scope.Scope>

const forward =
  (to: Endpoint): Service =>
  (connection) =>
    Effect.gen(function* () {
      const tcp = yield* NodeSocket.makeNet({ ...to, allowHalfOpen: true, noDelay: true, openTimeout: "10 seconds" })
      yield* join(earlyFirst(connection), tcp)
    })

const serviceOf = Effect.fnUntraced(function* ({ mode, to }: Flags) {
  if (mode !== "forward" && to !== undefined) return yield* usage("--to is for --mode forward")
  switch (mode) {
    case "echo":
      return (connection: TlsConnection) => echo(earlyFirst(connection))
    case "sink":
      return (connection: TlsConnection) => sink(earlyFirst(connection))
    case "http":
      return Http.makeServer()
    case "forward": {
      if (to === undefined) return yield* usage("--mode forward needs --to HOST:PORT")
      return forward(yield* Effect.fromResult(parseEndpoint(to)))
    }
  }
})

/** Ends without close_notify: what the client has got may not be all there is. */
const cut = ({ socket }: TlsConnection) =>
  Effect.scoped(Effect.flatMap(socket.writer, ({ write }) => Effect.ignore(write(new Socket.CloseEvent(1011)))))

/** One connection; what goes wrong with it is told, and is nobody else's business. */
const attend = (flags: Flags, service: Service) =>
  Effect.gen(function* () {
    const connection = Option.getOrUndefined(yield* current)
    if (connection === undefined) return
    yield* Summary.print(connection, flags.summary, Summary.toLine)
    yield* Effect.tapError(service(connection), () => cut(connection))
  }).pipe(
    Effect.scoped,
    Effect.catch((error) => Effect.logDebug(error))
  )

const authentication = ({ clientCa, clientKeyPin, requireClientCert }: Flags) =>
  clientCa === undefined && clientKeyPin.length === 0 ? "none" : requireClientCert ? "required" : "optional"

const filesOf = ({ cert, key, keyPasswordFile, ocsp }: Flags) =>
  cert.map((chain, i) => ({ chain, key: key[i] ?? "", password: keyPasswordFile, ocsp: ocsp[i] }))

/** Whom clients are judged by. */
const clients = ({ clientCa, clientKeyPin }: Flags) =>
  clientKeyPin.length > 0
    ? Layer.unwrap(Effect.map(pins("--client-key-pin", clientKeyPin), ClientVerifier.layerRawPublicKey))
    : clientCa === undefined
      ? Layer.empty
      : ClientVerifier.layerWebPki.pipe(Layer.provide(anchors([clientCa])))

/** The server with all services that the flags ask for. */
const services = (flags: Flags) => {
  // Read here in any case, as what is wrong with the flags is told best by them.
  const { keyPasswordFile: passwordFile } = flags
  const pairs = credentials(flags.cert, flags.key, { staples: flags.ocsp, passwordFile })
  const identity = Layer.unwrap(
    Effect.map(Effect.all([pairs, rawKey(flags.rawKey, passwordFile)]), (loaded) =>
      flags.reload
        ? CredentialFiles.layer(filesOf(flags), { signal: "SIGHUP" })
        : loaded.flat().length === 0
          ? Credentials.layerNone
          : Credentials.layer(loaded.flat())
    )
  )
  const { host, port } = flags
  return TlsServer.layer({
    ...optionsOf(flags),
    clientAuthentication: authentication(flags),
    serverNamePolicy: flags.strictSni ? "strict" : "lenient",
    alpnPolicy: flags.strictAlpn ? "strict" : "lenient",
    ...Sessions.serverOptions(flags)
  }).pipe(
    Layer.provide(Layer.mergeAll(identity, clients(flags), keys(flags, "server"), Sessions.layerServer(flags))),
    Layer.provide(cryptoLayer(flags)),
    Layer.provide(NodeTcp.layer),
    Layer.provide(NodeSocketServer.layer({ host, port, allowHalfOpen: true, noDelay: true })),
    Layer.provide(nodeLayer(flags))
  )
}

const check = Effect.fnUntraced(function* (flags: Flags) {
  yield* Sessions.checkServer(flags)
  yield* checkVersions(flags)
  yield* checkPsk(flags)
  const strange = flags.alpn.find((protocol) => !/^http\/1\.[01]$/.test(protocol))
  if (flags.mode === "http" && strange !== undefined) {
    return yield* usage(`--mode http speaks http/1.1 and http/1.0, not ${JSON.stringify(strange)}`)
  }
  if (flags.cert.length === 0 && flags.rawKey === undefined && flags.psk === undefined)
    return yield* usage("a server needs --cert FILE and --key FILE", "effect-tls cert make --out DIR")
  if (flags.strictAlpn && flags.alpn.length === 0) {
    return yield* usage("--strict-alpn needs --alpn A,B: which protocols are spoken here?")
  }
  if (flags.clientKeyPin.length > 0 && flags.clientCa !== undefined) {
    return yield* usage("--client-ca judges certificates, --client-key-pin raw public keys: choose one")
  }
  if (flags.reload && flags.rawKey !== undefined) return yield* usage("--reload is for certificates, not for --raw-key")
  if (flags.requireClientCert && authentication({ ...flags, requireClientCert: false }) === "none") {
    return yield* usage("--require-client-cert needs --client-ca FILE: whose certificates are good enough?")
  }
})

const hints: ReadonlyArray<readonly [code: string, hint: string]> = [
  ["EADDRINUSE", "another program has this port: choose another, or --port 0 for a free one"],
  ["EACCES", "ports below 1024 are for administrators: choose another"],
  ["EADDRNOTAVAIL", "this machine does not have that address: --host 0.0.0.0 listens on all it has"]
]

const listen = (flags: Flags, service: Service) =>
  Effect.gen(function* () {
    const server = yield* SocketServer
    yield* Console.log(`listening on ${server.address}`)
    return yield* server.run(() => attend(flags, service))
  }).pipe(
    // Handshakes that fail are reported at this level.
    Effect.provideService(References.MinimumLogLevel, flags.summary === "none" ? "Warn" : "Debug"),
    Effect.provide(services(flags)),
    Effect.catchTag("SocketServerError", (error) => {
      const why = describeError(error)
      const hint = hints.find(([code]) => why.includes(code))?.[1]
      return failed(`cannot listen on ${showEndpoint(flags)}: ${why}`, hint)
    })
  )

export const serve = Command.make(
  "serve",
  flags,
  Effect.fnUntraced(function* (flags) {
    yield* check(flags)
    const service = yield* serviceOf(flags)
    return yield* listen(flags, service)
  })
).pipe(
  Command.withDescription("Serve TLS until interrupted; standard output begins with `listening on HOST:PORT`"),
  Command.withExamples([
    {
      command: "effect-tls serve --cert cert.pem --key key.pem --mode http --port 8443",
      description: "Tell clients what they have negotiated"
    }
  ])
)
