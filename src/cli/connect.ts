/** `effect-tls connect`: standard input to a server, what the server says to standard output. */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Clock from "effect/Clock"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import * as Credentials from "../layers/Credentials.ts"
import * as ServerVerifier from "../layers/ServerVerifier.ts"
import * as TlsClient from "../layers/TlsClient.ts"
import type { TlsConnection } from "../layers/TlsConnection.ts"
import { type Endpoint, parseEndpoint, showEndpoint } from "./endpoint.ts"
import { failed, usage } from "./failure.ts"
import {
  checkVersions,
  common,
  cryptoLayer,
  nodeLayer,
  optionalText,
  optionsOf,
  repeatedText,
  toggle
} from "./flags.ts"
import * as Http from "./http.ts"
import { anchors, credentials, transparency } from "./identity.ts"
import { explainPaths } from "./paths.ts"
import { Patience, tired } from "./patience.ts"
import { checkPsk, keys, pskFlags } from "./psk.ts"
import { toStdout } from "./pump.ts"
import { pins, rawKey } from "./rawKey.ts"
import { checkRevocation, revocationFlags, revocationLayer } from "./revocation.ts"
import * as Sessions from "./sessions.ts"
import * as Summary from "./summary.ts"
import * as Trace from "./trace.ts"

const flags = {
  servername: optionalText("servername", "NAME", "The name to ask for and to find in the certificate; default HOST"),
  ca: repeatedText("ca", "FILE", "Believe the authorities in FILE (PEM), repeatable; default those of this machine"),
  ...revocationFlags,
  cert: optionalText("cert", "FILE", "Our certificate chain (PEM), shown when the server asks who we are"),
  ctLogList: optionalText(
    "ct-log-list",
    "FILE",
    "Demand that two operators of its logs vouch for the certificate (log_list.json, version 3)"
  ),
  key: optionalText("key", "FILE", "Its private key (PEM)"),
  rawKey: optionalText("raw-key", "FILE", "A private key (PEM) shown as a raw public key to servers that ask for one"),
  serverKeyPin: repeatedText(
    "server-key-pin",
    "SHA256",
    "Believe the raw public key of this SHA-256, and no certificate"
  ),
  ...pskFlags,
  ...Sessions.clientFlags,
  ...common,
  http: optionalText("http", "PATH", "Send one GET for PATH and print the response"),
  extensionOrder: Flag.Literals("extension-order", ["shuffled", "fixed"]).pipe(
    Flag.withDefault("shuffled" as const),
    Flag.withDescription("Whether the extensions of the ClientHello have a new order in every connection")
  ),
  insecure: toggle("insecure", "Believe any certificate: whoever is in between can read and change everything"),
  trace: toggle("trace", "Print every handshake message with its bytes explained, on standard error")
}

type Flags = Command.Command.Config.Infer<typeof flags>

/** Standard input, then close_notify; then waits for the server, but not for ever. Yields only by failing. */
const upload = ({ socket, close }: TlsConnection, silentSince: () => number) =>
  Effect.gen(function* () {
    const { stdin } = yield* Stdio.Stdio
    const { write } = yield* socket.writer
    // Why writing failed is what reading tells.
    yield* Effect.ignore(Stream.runForEach(stdin, write))
    yield* close
    const patience = yield* Patience
    const closed = yield* Clock.currentTimeMillis
    while (true) {
      yield* Effect.sleep(Math.min(1000, patience))
      const now = yield* Clock.currentTimeMillis
      if (now - Math.max(closed, silentSince()) >= patience) {
        return yield* tired(patience, "standard input ended")
      }
    }
  })

/** Both directions at once, until the server closes. */
const converse = (connection: TlsConnection) =>
  Effect.gen(function* () {
    // While standard output is what we wait for, the server is not silent.
    let silentSince = Number.POSITIVE_INFINITY
    const pull = yield* Socket.readerBytes(connection.socket)
    const noted = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      silentSince = now
      return Effect.tap(pull, () =>
        Effect.sync(() => {
          silentSince = Number.POSITIVE_INFINITY
        })
      )
    })
    yield* Effect.raceFirst(toStdout(noted), Effect.scoped(upload(connection, () => silentSince)))
  })

/** The Host of a request: without the port where it is the usual one. */
const authority = (endpoint: Endpoint, servername: string): string => {
  const host = servername.includes(":") ? `[${servername}]` : servername
  return endpoint.port === 443 ? host : `${host}:${endpoint.port}`
}

const talk = (endpoint: Endpoint, flags: Flags) =>
  Effect.gen(function* () {
    const servername = flags.servername ?? endpoint.host
    const earlyData = yield* Sessions.readEarlyData(flags)
    const tcp = yield* NodeSocket.makeNet({
      ...endpoint,
      allowHalfOpen: true,
      noDelay: true,
      openTimeout: "10 seconds"
    })
    const connection = yield* TlsClient.connect(tcp, {
      serverName: servername,
      ...optionsOf(flags),
      extensionOrder: flags.extensionOrder,
      ...(flags.psk !== undefined && judges(flags) ? { externalPskPolicy: "preferred" } : {}),
      earlyData,
      peer: showEndpoint(endpoint)
    })
    yield* Summary.print(connection, flags.summary, Summary.toText)
    yield* Sessions.tellLost(flags, connection)
    if (flags.http === undefined) return yield* converse(connection)
    const chosen = connection.info.alpnProtocol ?? "http/1.1"
    if (!/^http\/1\.[01]$/.test(chosen)) return yield* failed(`the server chose ${chosen}, and --http speaks HTTP/1.1`)
    yield* Http.get(connection, authority(endpoint, servername), flags.http)
  }).pipe(Effect.scoped)

/** What can be refused before anything is opened. */
const check = Effect.fnUntraced(function* (flags: Flags, host: string) {
  yield* Sessions.checkClient(flags)
  yield* checkVersions(flags)
  yield* checkPsk(flags, flags.servername ?? host)
  if (flags.http !== undefined && !/^\/[\x21-\x7e]*$/.test(flags.http)) {
    return yield* usage("--http wants a path that begins with / and has no spaces", "for example --http /")
  }
  if ((flags.cert === undefined) !== (flags.key === undefined)) {
    return yield* usage(flags.cert === undefined ? "--key needs its --cert" : "--cert needs its --key")
  }
  if (flags.keyPasswordFile !== undefined && flags.key === undefined && flags.rawKey === undefined) {
    return yield* usage("--key-password-file needs the --key or --raw-key that it opens")
  }
  if (flags.serverKeyPin.length > 0 && (flags.insecure || flags.ca.length > 0)) {
    return yield* usage("--server-key-pin believes raw public keys and no certificate: leave --ca and --insecure out")
  }
  if (flags.ctLogList !== undefined && (flags.insecure || flags.serverKeyPin.length > 0)) {
    return yield* usage("--ct-log-list is about certificates that are verified: leave --insecure and pins out")
  }
  yield* checkRevocation(flags, flags.insecure || flags.serverKeyPin.length > 0 ? "others" : "certificates")
  if (flags.insecure && flags.ca.length > 0) return yield* usage("--insecure believes anybody: --ca has no use with it")
})

const identity = ({ cert, key, keyPasswordFile: passwordFile, rawKey: file }: Flags) =>
  cert === undefined && key === undefined && file === undefined
    ? Layer.empty
    : Layer.unwrap(
        Effect.map(
          Effect.all([
            credentials(cert === undefined ? [] : [cert], key === undefined ? [] : [key], { passwordFile }),
            rawKey(file, passwordFile)
          ]),
          (loaded) => Credentials.layer(loaded.flat())
        )
      )

/** Whether a flag says whose certificates are believed, or how they are judged. */
const judges = ({ insecure, ca, crl, serverKeyPin }: Flags) =>
  insecure || ca.length > 0 || crl.length > 0 || serverKeyPin.length > 0

const trust = (flags: Flags) => (flags.psk !== undefined && !judges(flags) ? ServerVerifier.layerNone : trustIn(flags))

const trustIn = ({ insecure, ca, ctLogList, serverKeyPin, ...flags }: Flags) =>
  serverKeyPin.length > 0
    ? Layer.unwrap(Effect.map(pins("--server-key-pin", serverKeyPin), ServerVerifier.layerRawPublicKey))
    : insecure
      ? ServerVerifier.dangerouslyAcceptAny
      : ServerVerifier.layerWebPki.pipe(Layer.provide([anchors(ca), transparency(ctLogList), revocationLayer(flags)]))

/** All services that the flags ask for. */
const services = (flags: Flags) =>
  Layer.mergeAll(trust(flags), identity(flags), keys(flags, "client")).pipe(
    Layer.provideMerge(cryptoLayer(flags)),
    Layer.provideMerge(
      Layer.mergeAll(
        nodeLayer(flags),
        Sessions.layerClient(flags),
        flags.trace ? Trace.layer(flags.summary) : Layer.empty
      )
    )
  )

export const connect = Command.make(
  "connect",
  {
    endpoint: Argument.String("HOST:PORT").pipe(Argument.withDescription("For example example.org:443 or [::1]:4433")),
    ...flags
  },
  Effect.fnUntraced(function* ({ endpoint: text, ...flags }) {
    const endpoint = yield* Effect.fromResult(parseEndpoint(text))
    yield* check(flags, endpoint.host)
    const talking = Effect.provide(talk(endpoint, flags), services(flags))
    yield* flags.trace && flags.summary !== "json" ? Effect.tapError(talking, explainPaths) : talking
  })
).pipe(
  Command.withDescription("Talk TLS to a server: standard input goes there, its data comes to standard output"),
  Command.withExamples([
    { command: "effect-tls connect example.org:443 --http /", description: "Fetch a page" },
    { command: "effect-tls connect localhost:4433 --ca ca.pem --trace", description: "See a handshake" },
    {
      command: "effect-tls connect example.org:443 --http / --session sessions",
      description: "Resume the last session"
    }
  ])
)
