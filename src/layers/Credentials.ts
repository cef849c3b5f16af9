/** Who we are: certificates with their keys, which to show to whom, and signing with them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { CryptoFailure, PrivateKey, SignatureAlgorithm } from "../crypto/primitives.ts"
import type { ChooseCredential, Credential, ResolveHello } from "../state/command.ts"
import type { CertificateKind } from "../state/config.ts"
import { escape, type Failure, fail, make as failure } from "../state/failure.ts"
import { matchIdentity, parseServerIdentity } from "../state/path/host.ts"
import { algorithmOf } from "./belonging.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { credentialsName } from "./fingerprint.ts"
import { hostOf } from "./hostPattern.ts"
import type { KeyOptions } from "./keyPem.ts"
import { type LoadedCredential, loadPem, loadRawPublicKey, type PemOptions } from "./loading.ts"
import { preferred, usable } from "./suitable.ts"
import { asConfiguration, misconfigured, type TlsError } from "./TlsError.ts"

export type { Credential } from "../state/command.ts"
export {
  type LoadedCertificate,
  type LoadedCredential,
  type LoadedRawPublicKey,
  load,
  loadPem,
  loadRawPublicKey,
  type PemOptions
} from "./loading.ts"

/** `ResolveHello` when we are a server, `ChooseCredential` when we are a client that is asked. */
export type Request = ResolveHello | ChooseCredential

/** What a source of credentials does. Both may be slow; the handshake's deadline bounds them. */
export interface Shape {
  /**
   * The types of certificate it has, the preferred first; absent for X.509 only, empty for nothing at all. A client
   * offers them (RFC 7250 section 4.1).
   */
  readonly certificateTypes?: ReadonlyArray<CertificateKind> | undefined
  /** The credential for this peer, or `undefined`: a server then fails with `NoCredential`, a client shows none. */
  readonly choose: (request: Request) => Effect.Effect<Credential | undefined, Failure>
  /**
   * A signature over `content`, with a scheme out of `credential.schemes`; ECDSA signatures as DER. In TLS 1.2 the hash
   * of ECDSA goes with any curve, and `algorithm` says so: `ecdsa_sha256`, whatever curve `scheme` names.
   */
  readonly sign: (
    credential: Credential,
    scheme: SignatureScheme,
    content: Uint8Array,
    algorithm?: SignatureAlgorithm
  ) => Effect.Effect<Uint8Array, Failure>
  /**
   * A digest of all that it may show, the same from one run to the next: a client resumes no session that began as
   * somebody else. Absent: only connections that are given this very object share sessions.
   */
  readonly fingerprint?: Uint8Array | undefined
  /** The credentials of this moment, where they are replaced: a client looks at them once for each handshake. */
  readonly current?: Effect.Effect<Shape> | undefined
}

/** Servers need it; for clients it is optional, and without it they decline to say who they are. */
export class Credentials extends Context.Service<Credentials, Shape>()("effect-tls/layers/Credentials") {}

/** What credentials are now; the same ones, unless they are replaced at run time. */
export const now = (shape: Shape): Effect.Effect<Shape> => shape.current ?? Effect.succeed(shape)

/** Any source of credentials: a store, an HSM, one that looks at the name. */
export const make = (shape: Shape): Layer.Layer<Credentials> => Layer.succeed(Credentials, shape)

/**
 * Nothing to show: of a server that its clients know by external PSKs alone (`ExternalPsks`), which it needs then.
 *
 * @example
 * const Server = TlsServer.layer().pipe(Layer.provide([Credentials.layerNone, Keys]))
 */
export const layerNone: Layer.Layer<Credentials> = make({
  certificateTypes: [],
  choose: () => Effect.undefined,
  sign: () => Effect.fail(failure("InternalError", "there is nothing to sign with"))
})

/** Whether the credential is for the name that a client asks for; a raw public key is for any. */
const serves = (credential: LoadedCredential, serverName: string): boolean =>
  credential.certificateType === "RawPublicKey" ||
  Result.isSuccess(
    Result.flatMap(parseServerIdentity(serverName), (identity) => matchIdentity(identity, credential.leaf))
  )

type Selection = Result.Result<LoadedCredential | undefined, Failure>

const unknownName = (name: string | undefined): Result.Result<never, Failure> =>
  name === undefined
    ? fail("UnrecognizedName", "the client asks for no name, and no credential serves those who do not")
    : fail("UnrecognizedName", `nobody is called "${escape(name)}" here`)

const unusable = fail("NoCredential", "no certificate for this name is one that the client could verify")

/** Whom a strict server may show to a client: only those for the name that it asks for. */
const selectStrictly = (credentials: ReadonlyArray<LoadedCredential>, request: ResolveHello): Selection => {
  const { serverName } = request
  const named = serverName === undefined ? [] : credentials.filter((credential) => serves(credential, serverName))
  const candidates = usable(named, request)
  if (candidates.length > 0) return Result.succeed(preferred(candidates, request))
  // A raw public key knows no name, so that one which the client cannot take says nothing about names.
  return named.some(({ certificateType }) => certificateType !== "RawPublicKey") ? unusable : unknownName(serverName)
}

/**
 * Of the credentials that may be shown to this peer those for the name that a client asks for, or all if there are
 * none; of them the one that suits the peer best, or the first.
 */
const select = (credentials: ReadonlyArray<LoadedCredential>, request: Request): Selection => {
  if (request._tag === "ResolveHello" && request.serverNamePolicy === "strict") {
    return selectStrictly(credentials, request)
  }
  const able = usable(credentials, request)
  const name = request._tag === "ResolveHello" ? request.serverName : undefined
  const named = name === undefined || able.length < 2 ? [] : able.filter((credential) => serves(credential, name))
  return Result.succeed(preferred(named.length > 0 ? named : able, request))
}

const signingFailed = ({ detail }: CryptoFailure): Failure => failure("AnswerFailed", `signing: ${detail}`)

/** Signs with the keys of these credentials, and with no others. */
const signer = (credentials: ReadonlyArray<LoadedCredential>, provider: CryptoProvider["Service"]): Shape["sign"] => {
  const keys = new Map<object, PrivateKey>(credentials.map(({ key }) => [key, key]))
  return (credential, scheme, content, given) => {
    const key = keys.get(credential.key)
    const algorithm = given ?? algorithmOf(scheme)
    return key !== undefined && algorithm !== undefined
      ? Effect.mapError(provider.sign(key, algorithm, content), signingFailed)
      : Effect.fail(failure("AnswerFailed", `signing: a key or scheme (${scheme}) that is not of these credentials`))
  }
}

/** Credentials out of a list; the first also serves whom none is for, unless the server is strict about names. */
export const fromList = (credentials: ReadonlyArray<LoadedCredential>, provider: CryptoProvider["Service"]): Shape => ({
  certificateTypes: [...new Set(credentials.map(({ certificateType = "X509" }) => certificateType))],
  fingerprint: credentialsName(provider.primitives, credentials),
  choose: (request) => Effect.suspend(() => Effect.fromResult(select(credentials, request))),
  sign: signer(credentials, provider)
})

const listOf = (options: PemOptions | ReadonlyArray<PemOptions>) => ("chain" in options ? [options] : options)

/** What {@link layerPem} provides, as a value: for {@link layerReloading}. */
export const fromPem = Effect.fnUntraced(function* (
  options: PemOptions | ReadonlyArray<PemOptions>
): Effect.fn.Return<Shape, TlsError, CryptoProvider> {
  const credentials = yield* Effect.forEach(listOf(options), loadPem)
  if (credentials.length === 0) return yield* misconfigured("at least one certificate is needed")
  return fromList(credentials, yield* CryptoProvider)
})

/** The layer of a list of loaded credentials. */
export const layer = (
  credentials: ReadonlyArray<LoadedCredential>
): Layer.Layer<Credentials, TlsError, CryptoProvider> =>
  Layer.effect(
    Credentials,
    Effect.gen(function* () {
      if (credentials.length === 0) return yield* misconfigured("at least one certificate is needed")
      return fromList(credentials, yield* CryptoProvider)
    })
  )

/**
 * Credentials from PEM, one or several: chosen by the names in their certificates and by what their keys can sign,
 * the first also for names that none is for.
 *
 * @example
 * const Identity = Credentials.layerPem({ chain: certPem, key: keyPem })
 */
export const layerPem = (
  options: PemOptions | ReadonlyArray<PemOptions>
): Layer.Layer<Credentials, TlsError, CryptoProvider> => Layer.effect(Credentials, fromPem(options))

/** Credentials by the name that a client asks for: one, or several of which the keys are of different kinds. */
export type Hosts = { readonly [name: string]: PemOptions | ReadonlyArray<PemOptions> }

/** Whom {@link layerSni} serves besides. */
export interface SniOptions {
  /** For clients that ask for no name, or for one that is not here; without it they get `unrecognized_name`. */
  readonly default?: PemOptions | ReadonlyArray<PemOptions> | undefined
}

/** What {@link layerSni} provides, as a value: for {@link layerReloading}. */
export const fromSni = Effect.fnUntraced(function* (
  hosts: Hosts,
  options: SniOptions = {}
): Effect.fn.Return<Shape, TlsError, CryptoProvider> {
  const provider = yield* CryptoProvider
  const others = yield* Effect.forEach(listOf(options.default ?? []), loadPem)
  const known = new Map<string, ReadonlyArray<LoadedCredential>>()
  for (const [text, pem] of Object.entries(hosts)) {
    const name = yield* asConfiguration(Effect.fromResult(hostOf(text)))
    if (known.has(name)) return yield* misconfigured(`the name ${name} is given twice`)
    known.set(name, yield* Effect.forEach(listOf(pem), loadPem))
  }
  if (known.size + others.length === 0) return yield* misconfigured("at least one certificate is needed")
  const find = (name: string) => known.get(name) ?? known.get(name.replace(/^[^.]+/, "*"))
  const selectHost = (request: Request): Selection => {
    if (request._tag === "ChooseCredential") return Result.succeed(preferred(usable(others, request), request))
    const { serverName, serverNamePolicy } = request
    const named = serverName === undefined ? undefined : find(serverName.toLowerCase())
    const candidates = named ?? (serverNamePolicy === "strict" ? [] : others)
    if (candidates.length === 0) return unknownName(serverName)
    const able = usable(candidates, request)
    return able.length === 0 ? unusable : Result.succeed(preferred(able, request))
  }
  return {
    // A client has no use for the others.
    fingerprint: credentialsName(provider.primitives, others),
    choose: (request) => Effect.suspend(() => Effect.fromResult(selectHost(request))),
    sign: signer([...others, ...[...known.values()].flat()], provider)
  }
})

/**
 * Credentials by the name that clients ask for (RFC 6066 section 3), whatever their certificates say: `a.example`, or
 * `*.example` for any one label before it. Exact names come first; case does not matter; other scripts as A-labels.
 * Fails with `InvalidConfiguration`.
 *
 * @example
 * const Identity = Credentials.layerSni({ "example.org": pem, "*.example.org": wildcardPem }, { default: pem })
 */
export const layerSni = (hosts: Hosts, options: SniOptions = {}): Layer.Layer<Credentials, TlsError, CryptoProvider> =>
  Layer.effect(Credentials, fromSni(hosts, options))

/**
 * Credentials that may be replaced while connections come and go: `source` is looked at once for each handshake. One
 * that is under way signs with what it chose, whatever is current by then.
 *
 * @example
 * const Identity = Layer.unwrap(Effect.gen(function* () {
 *   const current = yield* SubscriptionRef.make(yield* Credentials.fromPem(pem))
 *   // later: SubscriptionRef.set(current, yield* Credentials.fromPem(newPem))
 *   return Credentials.layerReloading(SubscriptionRef.get(current))
 * }))
 */
export const layerReloading = (source: Effect.Effect<Shape>): Layer.Layer<Credentials> => {
  const current = Effect.flatMap(source, now)
  const owners = new WeakMap<Credential, Shape>()
  return make({
    current,
    choose: Effect.fnUntraced(function* (request) {
      const shape = yield* current
      const credential = yield* shape.choose(request)
      if (credential !== undefined) owners.set(credential, shape)
      return credential
    }),
    sign: (credential, scheme, content, algorithm) => {
      const shape = owners.get(credential)
      return shape === undefined
        ? Effect.fail(failure("AnswerFailed", "signing: a credential that was not chosen here"))
        : shape.sign(credential, scheme, content, algorithm)
    }
  })
}

/**
 * A key shown without a certificate (RFC 7250), to peers that take raw public keys and to no others: the
 * SubjectPublicKeyInfo is derived from the private key, PEM. The peer knows it beforehand, or its SHA-256.
 *
 * @example
 * const Identity = Credentials.layerRawPublicKey({ key: keyPem })
 */
export const layerRawPublicKey = (options: KeyOptions): Layer.Layer<Credentials, TlsError, CryptoProvider> =>
  Layer.unwrap(Effect.map(loadRawPublicKey(options), (credential) => layer([credential])))
