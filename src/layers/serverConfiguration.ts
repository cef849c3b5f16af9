/** How a server serves its clients: options and services looked at once, so that connections can be given them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { tls13Schemes } from "../crypto/signature.ts"
import type { ChooseConfiguration } from "../state/command.ts"
import type { ClientAuthentication, Policy } from "../state/config.ts"
import { type Failure, make as failure, type ReasonName, reasons } from "../state/failure.ts"
import { servedVersions } from "../state/negotiation/version.ts"
import { answers, type Served } from "./answers.ts"
import { CertificateCompression } from "./CertificateCompression.ts"
import * as Info from "./ClientHelloInfo.ts"
import { ClientVerifier } from "./ClientVerifier.ts"
import { Credentials } from "./Credentials.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { type Options as ServerOptions, server } from "./configuration.ts"
import * as ExternalPsks from "./ExternalPsks.ts"
import type { WriterOptions } from "./recordOptions.ts"
import * as Resumption from "./resumption.ts"
import { asConfiguration, misconfigured, type TlsError } from "./TlsError.ts"

/** What may differ from one client of a server to the next. */
export interface ConfigurationOptions
  extends Omit<ServerOptions, "handshakeTimeout" | keyof WriterOptions>,
    Resumption.ServerOptions {
  /**
   * Whether clients are asked who they are: not at all, which is the default; asked, and let in without; or let in
   * only with a certificate that the `ClientVerifier` accepts. Who comes with an external PSK is known by that.
   */
  readonly clientAuthentication?: "none" | "optional" | "required" | undefined
  /**
   * `strict` refuses clients that ask for no name, or for one that no credential is for, with `unrecognized_name`;
   * `lenient`, the default, serves them with the first credential.
   */
  readonly serverNamePolicy?: Policy | undefined
  /**
   * `strict` refuses clients that take no part in ALPN, where `alpnProtocols` are named, with
   * `no_application_protocol`; `lenient` is the default. Clients that name other protocols only are always refused.
   */
  readonly alpnPolicy?: Policy | undefined
}

/** How clients are served: options with the services they need, ready for use. Its parts are the library's business. */
export interface Configuration extends Served {}

/** Whom clients are judged by, and how the handshake asks for it. */
const authentication = Effect.fnUntraced(function* (asked: ConfigurationOptions["clientAuthentication"]) {
  const none: ClientAuthentication = { _tag: "None" }
  if (asked === undefined || asked === "none") return { verifier: undefined, clientAuthentication: none }
  const found = yield* Effect.serviceOption(ClientVerifier)
  if (Option.isNone(found)) return yield* misconfigured(`clientAuthentication is "${asked}" without a ClientVerifier`)
  const verifier = found.value
  const { authorities = [] } = verifier
  const clientAuthentication: ClientAuthentication = {
    _tag: asked === "required" ? "Required" : "Optional",
    authorities
  }
  return { verifier, clientAuthentication }
})

const unasked = () => Effect.fail(failure("InternalError", "a client is judged that nobody asked"))

/**
 * Options with the services that are there, looked at once: a {@link Configuration} that a server's `choose` may pick.
 * Picking one costs nothing, so make them when the server is built, and not a client at a time.
 *
 * Fails with `InvalidConfiguration`.
 */
export const configure = Effect.fnUntraced(function* (
  options: ConfigurationOptions = {}
): Effect.fn.Return<Configuration, TlsError, CryptoProvider | Credentials> {
  const crypto = yield* CryptoProvider
  const credentials = yield* Credentials
  const { verifier, clientAuthentication } = yield* authentication(options.clientAuthentication)
  const { serverNamePolicy, alpnPolicy } = options
  const schemes = verifier?.schemes ?? tls13Schemes
  const { sha256 } = crypto.primitives.hashes
  const { resumption, ...sessions } = yield* Resumption.server(options, sha256, clientAuthentication, verifier)
  const types = { clientCertificateTypes: verifier?.certificateTypes, resumption }
  const certificateCompression = options.certificateCompression ?? (yield* CertificateCompression)
  const settings = { ...options, certificateCompression }
  const config = yield* asConfiguration(
    Effect.fromResult(server(clientAuthentication, settings, crypto, schemes, types))
  )
  if (alpnPolicy === "strict" && config.protocols.length === 0) {
    return yield* misconfigured(`alpnPolicy is "strict" without alpnProtocols`)
  }
  const keys = yield* ExternalPsks.forServer(credentials)
  const served = { ...config, ...keys.config, serverNamePolicy, alpnPolicy }
  if (servedVersions(served).length === 0) {
    return yield* misconfigured("no version is left to serve: TLS 1.2 has no keys that both were given")
  }
  return {
    config: served,
    keepSession: sessions.sessionsById?.keep,
    answers: answers({ crypto, credentials, verify: verifier?.verify ?? unasked, ...sessions, ...keys.world })
  }
})

/**
 * {@link configure} with services of its own: `Credentials`, and a `ClientVerifier` where clients are asked. The layers
 * live as long as the scope, which is the server's when this is done inside `Layer.unwrap`.
 */
export const configureWith = <A, E, R>(
  services: Layer.Layer<A, E, R>,
  options: ConfigurationOptions = {}
): Effect.Effect<Configuration, TlsError | E, Scope.Scope | R | Exclude<CryptoProvider | Credentials, A>> =>
  Effect.flatMap(Layer.build(services), (context) => Effect.provide(configure(options), context))

/**
 * Picks how a client is served, by its ClientHello: before anything is negotiated, and once, whatever the client says
 * after a retry. `undefined` is the server's own configuration. It may be slow: the deadline of the handshake bounds
 * it, and it has one of the places of `maxHandshakes` meanwhile. What it fails with ends the handshake with the alert
 * of that reason, a defect with `internal_error`.
 */
export type Choose = (hello: Info.ClientHelloInfo) => Effect.Effect<Configuration | undefined, TlsError | Failure>

/**
 * For `choose`: turns a client away. The reason is a row of the failure table, and decides the alert:
 * `UnrecognizedName` for a name that nobody serves, `UnsupportedVersion`, `NoCommonProtocol`.
 */
export const refuse = (reason: ReasonName, detail: string): Effect.Effect<never, Failure> =>
  Effect.fail(failure(reason, detail))

/** A reason without an alert, such as `InvalidConfiguration`, is no reason that the client could be told. */
const asFailure = (error: TlsError | Failure): Failure => {
  const reason = error._tag === "TlsError" ? error.reason._tag : error.reason
  const detail = error._tag === "TlsError" ? error.reason.detail : error.detail
  return reasons[reason].alert === "none"
    ? failure("AnswerFailed", `choosing a configuration: ${reason}: ${detail}`)
    : failure(reason, detail)
}

/** The chooser as the answer to a question. */
export const chooser =
  (choose: Choose, crypto: CryptoProvider["Service"]) =>
  (request: ChooseConfiguration): Effect.Effect<Served | undefined, Failure> =>
    Effect.mapError(choose(Info.make(request, crypto.primitives.hashes.sha256)), asFailure)
