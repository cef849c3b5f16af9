/**
 * The cryptography in use, as a service: suites and groups in order of preference, randomness, ephemeral keys,
 * signing keys.
 *
 * Symmetric primitives are plain functions inside the suites; what touches entropy, a private key or a peer's point
 * is an effect, so that a provider may do it elsewhere (a worker, an HSM, WebCrypto).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import { refuse } from "../crypto/failure.ts"
import { primitives as noble } from "../crypto/noble/index.ts"
import type {
  CryptoFailure,
  Group,
  KeyPair,
  Primitives,
  PrivateKey,
  PublicKey,
  SignatureAlgorithm
} from "../crypto/primitives.ts"
import { type CipherSuite12, type CipherSuite13, suites12, suites13 } from "../crypto/suite.ts"
import { named } from "./named.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"

/** What a provider offers. Every failure is a {@link CryptoFailure}; nothing dies but a broken platform. */
export interface Shape {
  /** For people: "node", "noble" … */
  readonly name: string
  /** The primitives below, for code that needs one without an effect: key import while judging a chain, hashing. */
  readonly primitives: Primitives
  /** The cipher suites of TLS 1.3 to offer or accept, the preferred first. */
  readonly suites: ReadonlyArray<CipherSuite13>
  /** The cipher suites of TLS 1.2 to offer or accept, the preferred first. */
  readonly suites12: ReadonlyArray<CipherSuite12>
  /** The groups to offer or accept, the preferred first. */
  readonly groups: ReadonlyArray<NamedGroup>
  /** `size` bytes of a cryptographic random generator. */
  readonly randomBytes: (size: number) => Effect.Effect<Uint8Array>
  /** A fresh pair. Fails with `UnsupportedAlgorithm` for a group the provider does not have. */
  readonly makeKeyShare: (group: NamedGroup) => Effect.Effect<KeyPair, CryptoFailure>
  /** The shared secret of our pair and a peer's share; `InvalidPoint` for a share that RFC 9846 7.4.2 forbids. */
  readonly agree: (pair: KeyPair, peerShare: Uint8Array) => Effect.Effect<Uint8Array, CryptoFailure>
  /** The answer to a peer's share: ours and the secret, by Diffie-Hellman or by a KEM. */
  readonly encapsulate: (
    group: NamedGroup,
    peerShare: Uint8Array
  ) => Effect.Effect<{ readonly share: Uint8Array; readonly secret: Uint8Array }, CryptoFailure>
  /** Imports a SubjectPublicKeyInfo, DER. */
  readonly publicKey: (spki: Uint8Array) => Effect.Effect<PublicKey, CryptoFailure>
  /** Imports a PKCS#8 PrivateKeyInfo, DER. */
  readonly privateKey: (pkcs8: Uint8Array) => Effect.Effect<PrivateKey, CryptoFailure>
  /** Signs `content`; ECDSA signatures come as DER. */
  readonly sign: (
    key: PrivateKey,
    algorithm: SignatureAlgorithm,
    content: Uint8Array
  ) => Effect.Effect<Uint8Array, CryptoFailure>
  /** A new signing key as PKCS#8, DER. */
  readonly generatePrivateKey: (
    kind: Parameters<Primitives["generatePrivateKey"]>[0]
  ) => Effect.Effect<Uint8Array, CryptoFailure>
}

/** The cryptography in use; see the top of this file for what is an effect in it and what is not. */
export class CryptoProvider extends Context.Service<CryptoProvider, Shape>()("effect-tls/layers/CryptoProvider") {}

/** Narrows and reorders what a provider has; what is absent stays as the provider has it. */
export interface Options {
  /** Names of cipher suites of either version, the preferred first; a version of which none is named has none. */
  readonly suites?: ReadonlyArray<string> | undefined
  /** Names of groups, the preferred first. */
  readonly groups?: ReadonlyArray<string> | undefined
}

/**
 * Groups a provider may have that are not offered unless asked for. P-521 costs much and is hardly deployed; who has a
 * hybrid on one of NIST's curves has X25519MLKEM768 too, unless told otherwise, and whoever was told so names it.
 */
const onRequest: ReadonlyArray<NamedGroup> = ["secp521r1", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"]

const choose = <A extends { readonly name: string | number }>(
  what: string,
  all: ReadonlyArray<A>,
  names: ReadonlyArray<string>
): Result.Result<ReadonlyArray<A>, CryptoFailure> => Result.mapError(named(what, all, names), unsupported)

const unsupported = (detail: string): CryptoFailure => ({
  _tag: "CryptoFailure",
  reason: "UnsupportedAlgorithm",
  detail
})

const settle = <A>(
  outcome: Result.Result<A, CryptoFailure> | Promise<Result.Result<A, CryptoFailure>>
): Effect.Effect<A, CryptoFailure> =>
  outcome instanceof Promise
    ? Effect.flatMap(
        Effect.promise(() => outcome),
        Effect.fromResult
      )
    : Effect.fromResult(outcome)

/** The suites of both versions. */
type Suites = Pick<Shape, "suites" | "suites12">

const suitesOf = (primitives: Primitives): Suites => ({
  suites: suites13(primitives),
  suites12: suites12(primitives)
})

/** The suites with these names, in this order, each with its version. */
export const namedSuites = (all: Suites, names: ReadonlyArray<string>): Result.Result<Suites, string> =>
  Result.map(named("cipher suite", [...all.suites, ...all.suites12], names), (chosen) => ({
    suites: chosen.flatMap(({ name }) => all.suites.find((suite) => suite.name === name) ?? []),
    suites12: chosen.flatMap(({ name }) => all.suites12.find((suite) => suite.name === name) ?? [])
  }))

const assemble = (primitives: Primitives, suites: Suites, groups: ReadonlyArray<Group>): Shape => {
  const byName = new Map(primitives.groups.map((group) => [group.name, group]))
  const withGroup = <A>(name: NamedGroup, use: (group: Group) => Result.Result<A, CryptoFailure>) =>
    Effect.suspend(() => {
      const group = byName.get(name)
      return Effect.fromResult(
        group === undefined ? refuse("UnsupportedAlgorithm", `${primitives.name} has no group ${name}`) : use(group)
      )
    })
  return {
    name: primitives.name,
    primitives,
    ...suites,
    groups: groups.map(({ name }) => name),
    randomBytes: (size) => Effect.sync(() => primitives.random(size)),
    makeKeyShare: (group) => withGroup(group, ({ generate }) => Result.succeed(generate(primitives.random))),
    agree: (pair, peerShare) => Effect.suspend(() => Effect.fromResult(pair.agree(peerShare))),
    encapsulate: (group, peerShare) => withGroup(group, ({ encapsulate }) => encapsulate(peerShare, primitives.random)),
    publicKey: (spki) => Effect.suspend(() => Effect.fromResult(primitives.publicKey(spki))),
    privateKey: (pkcs8) => Effect.suspend(() => Effect.fromResult(primitives.privateKey(pkcs8))),
    sign: (key, algorithm, content) => Effect.suspend(() => settle(key.sign(algorithm, content))),
    generatePrivateKey: (kind) => Effect.suspend(() => settle(primitives.generatePrivateKey(kind, primitives.random)))
  }
}

const defaultGroups = (primitives: Primitives): ReadonlyArray<Group> =>
  primitives.groups.filter(({ name }) => !onRequest.includes(name))

/** A provider with all its suites and its default groups. */
export const make = (primitives: Primitives): Shape =>
  assemble(primitives, suitesOf(primitives), defaultGroups(primitives))

/** A provider narrowed by names; an unknown name, or an empty list, is an `UnsupportedAlgorithm` that says so. */
export const makeWith = (primitives: Primitives, options: Options): Result.Result<Shape, CryptoFailure> => {
  const all = suitesOf(primitives)
  const suites =
    options.suites === undefined ? Result.succeed(all) : Result.mapError(namedSuites(all, options.suites), unsupported)
  const groups =
    options.groups === undefined
      ? Result.succeed(defaultGroups(primitives))
      : choose("group", primitives.groups, options.groups)
  return Result.flatMap(suites, (suites) => Result.map(groups, (groups) => assemble(primitives, suites, groups)))
}

/** The layer of any primitives. */
export const layerPrimitives = (primitives: Primitives): Layer.Layer<CryptoProvider> =>
  Layer.sync(CryptoProvider, () => make(primitives))

/** The layer of any primitives, narrowed and reordered; an unknown name, or an empty list, is `InvalidConfiguration`. */
export const layerPrimitivesWith = (primitives: Primitives, options: Options): Layer.Layer<CryptoProvider, TlsError> =>
  Layer.effect(
    CryptoProvider,
    Effect.suspend(() =>
      Effect.fromResult(
        Result.mapError(makeWith(primitives, options), ({ detail }) => misconfigured(`cryptography: ${detail}`))
      )
    )
  )

/** Cryptography in JavaScript, which runs anywhere; RSA private keys by the platform's WebCrypto. */
export const layerNoble: Layer.Layer<CryptoProvider> = layerPrimitives(noble)

/**
 * The same, narrowed.
 *
 * @example
 * const Crypto = CryptoProvider.layerNobleWith({ groups: ["secp256r1"], suites: ["TLS_AES_128_GCM_SHA256"] })
 */
export const layerNobleWith = (options: Options): Layer.Layer<CryptoProvider, TlsError> =>
  layerPrimitivesWith(noble, options)
