/** Who we are: certificates with their keys, which to show to whom, and signing with them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { CodecFailure } from "../codec/presentation/cursor.ts"
import { describe } from "../codec/presentation/wire.ts"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import { type Certificate, parseCertificate } from "../codec/x509/certificate.ts"
import { certificatesFromPem } from "../codec/x509/pem.ts"
import { privateKeyFromPem } from "../codec/x509/privateKey.ts"
import type { CryptoFailure, PrivateKey, SignatureAlgorithm } from "../crypto/primitives.ts"
import { tls13Schemes } from "../crypto/signature.ts"
import type { ChooseCredential, Credential, ResolveHello } from "../state/command.ts"
import { type Failure, make as failure } from "../state/failure.ts"
import { matchIdentity, parseServerIdentity } from "../state/path/host.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"

export type { Credential } from "../state/command.ts"

/** `ResolveHello` when we are a server, `ChooseCredential` when we are a client that is asked. */
export type Request = ResolveHello | ChooseCredential

/** What a source of credentials does. Both may be slow; the handshake's deadline bounds them. */
export interface Shape {
  /** The credential for this peer, or `undefined`: a server then fails with `NoCredential`, a client shows none. */
  readonly choose: (request: Request) => Effect.Effect<Credential | undefined, Failure>
  /** A signature over `content`, with a scheme out of `credential.schemes`; ECDSA signatures as DER. */
  readonly sign: (
    credential: Credential,
    scheme: SignatureScheme,
    content: Uint8Array
  ) => Effect.Effect<Uint8Array, Failure>
}

/** Servers need it; for clients it is optional, and without it they decline to say who they are. */
export class Credentials extends Context.Service<Credentials, Shape>()("effect-tls/layers/Credentials") {}

/** A credential whose key is here. */
export interface LoadedCredential extends Credential {
  readonly key: PrivateKey
  /** The end-entity certificate, read. */
  readonly leaf: Certificate
}

/** Any source of credentials: a store, an HSM, one that looks at the name. */
export const make = (shape: Shape): Layer.Layer<Credentials> => Layer.succeed(Credentials, shape)

/** A chain and its key as text or bytes of PEM. */
export interface PemOptions {
  /** The end-entity certificate first, then its intermediates. */
  readonly chain: string | Uint8Array
  /** PKCS#8, SEC1 or PKCS#1, not encrypted. */
  readonly key: string | Uint8Array | Redacted.Redacted<string | Uint8Array>
}

const decoder = new TextDecoder()
const textOf = (pem: string | Uint8Array): string => (typeof pem === "string" ? pem : decoder.decode(pem))

const parsed = <A>(what: string, result: Result.Result<A, CodecFailure>): Effect.Effect<A, TlsError> =>
  Effect.mapError(Effect.fromResult(result), (cause) => misconfigured(`${what}: ${describe(cause)}`))

const provided = (what: string) =>
  Effect.mapError(({ detail }: { readonly detail: string }) => misconfigured(`${what}: ${detail}`))

/** Nothing is signed here that a peer could use: the content has neither the 64 spaces nor the name of section 4.5.2. */
const probe = new TextEncoder().encode("effect-tls: does this key belong to this certificate?")

const algorithmOf = (scheme: SignatureScheme | undefined): SignatureAlgorithm | undefined =>
  tls13Schemes.find((known) => known === scheme)

/** Whether a key's signature is right under the certificate's public key. */
const belongs = Effect.fnUntraced(function* (key: PrivateKey, leaf: Certificate) {
  const provider = yield* CryptoProvider
  const algorithm = algorithmOf(key.schemes[0])
  if (algorithm === undefined) return false
  const publicKey = yield* provider.publicKey(leaf.publicKey.spki)
  const signature = yield* provider.sign(key, algorithm, probe)
  return publicKey.verify(algorithm, probe, signature)
})

/** A credential from DER: the chain, the end-entity first, and the key as PKCS#8. */
export const load = Effect.fnUntraced(function* (chain: ReadonlyArray<Uint8Array>, pkcs8: Uint8Array) {
  const provider = yield* CryptoProvider
  const [first] = chain
  if (first === undefined) return yield* misconfigured("the certificate chain is empty")
  const leaf = yield* parsed("certificate", parseCertificate(first))
  const key = yield* provider.privateKey(pkcs8).pipe(provided("private key"))
  const fits = yield* belongs(key, leaf).pipe(provided("certificate and private key"))
  if (!fits) return yield* misconfigured("the private key does not belong to the first certificate of the chain")
  const credential: LoadedCredential = { chain, schemes: key.schemes, key, leaf }
  return credential
})

/**
 * Reads a chain and its key, and checks that they belong together. Fails with `InvalidConfiguration` that says what
 * is wrong; no failure contains a part of the key.
 */
export const loadPem = Effect.fnUntraced(function* ({ chain, key }: PemOptions) {
  const certificates = yield* parsed("certificate chain", certificatesFromPem(textOf(chain)))
  const pkcs8 = yield* parsed(
    "private key",
    privateKeyFromPem(textOf(Redacted.isRedacted(key) ? Redacted.value(key) : key))
  )
  return yield* load(certificates, pkcs8)
})

/** Whether the credential is for the name that a client asks for. */
const serves = (credential: LoadedCredential, serverName: string): boolean =>
  Result.isSuccess(
    Result.flatMap(parseServerIdentity(serverName), (identity) => matchIdentity(identity, credential.leaf))
  )

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])

/** Whether a certificate of the chain was issued by one of these names (RFC 9846 section 4.3.4). */
const issuedBy = ({ chain }: LoadedCredential, authorities: ReadonlyArray<Uint8Array>): boolean =>
  chain.some((der) => {
    const certificate = parseCertificate(der)
    return Result.isSuccess(certificate) && authorities.some((name) => same(name, certificate.success.issuer.der))
  })

/**
 * Of the credentials that can sign with one of the peer's schemes those for the name that a client asks for, or all if
 * there are none; of them the first whose chain leads to an authority that the peer knows, or the first.
 */
const select = (credentials: ReadonlyArray<LoadedCredential>, request: Request): LoadedCredential | undefined => {
  const usable = credentials.filter(({ schemes }) => schemes.some((scheme) => request.schemes.includes(scheme)))
  if (usable.length < 2) return usable[0]
  const name = request._tag === "ResolveHello" ? request.serverName : undefined
  const named = name === undefined ? [] : usable.filter((credential) => serves(credential, name))
  const candidates = named.length > 0 ? named : usable
  return candidates.find((credential) => issuedBy(credential, request.authorities)) ?? candidates[0]
}

const signingFailed = ({ detail }: CryptoFailure): Failure => failure("AnswerFailed", `signing: ${detail}`)

/** Credentials out of a list; the first also serves whom none is for. */
export const fromList = (credentials: ReadonlyArray<LoadedCredential>, provider: CryptoProvider["Service"]): Shape => {
  const keys = new Map<object, PrivateKey>(credentials.map(({ key }) => [key, key]))
  return {
    choose: (request) => Effect.sync(() => select(credentials, request)),
    sign: (credential, scheme, content) => {
      const key = keys.get(credential.key)
      const algorithm = algorithmOf(scheme)
      return key !== undefined && algorithm !== undefined
        ? Effect.mapError(provider.sign(key, algorithm, content), signingFailed)
        : Effect.fail(failure("AnswerFailed", `signing: a key or scheme (${scheme}) that is not of these credentials`))
    }
  }
}

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
): Layer.Layer<Credentials, TlsError, CryptoProvider> =>
  Layer.unwrap(Effect.map(Effect.forEach("chain" in options ? [options] : options, loadPem), layer))
