/** What users say, checked and made into the configuration of the core before any byte is sent. */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import { CertificateCompressionAlgorithm } from "../codec/extension/compressCertificate.ts"
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import type { CertificateCompressor } from "../crypto/compression.ts"
import type {
  ClientAuthentication,
  ClientConfig,
  Compatibility,
  ExtendedMasterSecret,
  ExtensionOrder,
  ExternalPskPolicy,
  Grease,
  ServerConfig,
  Stapling,
  Version
} from "../state/config.ts"
import { escape, type Failure, fail, make as failure } from "../state/failure.ts"
import { sharesOf } from "../state/negotiation/group.ts"
import { versionsOf } from "../state/negotiation/version.ts"
import { parseServerIdentity } from "../state/path/host.ts"
import { maxInnerPlaintext13 } from "../state/record/limits.ts"
import { type CryptoProvider, namedSuites } from "./CryptoProvider.ts"
import { named } from "./named.ts"
import * as RecordOptions from "./recordOptions.ts"
import type * as Resumption from "./resumption.ts"

/** What clients and servers have in common. */
export interface Options extends RecordOptions.RecordOptions {
  /** Application protocols (RFC 7301), the preferred first: `["h2", "http/1.1"]`. None by default. */
  readonly alpnProtocols?: ReadonlyArray<string> | undefined
  /** The versions of TLS to speak: by default both, of which the newest is taken that the peer speaks too. */
  readonly versions?: ReadonlyArray<Version> | undefined
  /**
   * Whether TLS 1.2 is spoken with peers that have no extended master secret (RFC 7627): `required` by default. With
   * `optional` such connections are never resumed, and export no keying material.
   */
  readonly extendedMasterSecret?: ExtendedMasterSecret | undefined
  /**
   * Names of cipher suites, the preferred first; by default all of the provider, in its order. Where some are named, a
   * version of which none is named is not spoken.
   */
  readonly suites?: ReadonlyArray<string> | undefined
  /** Names of groups, the preferred first; by default those of the provider, in its order. */
  readonly groups?: ReadonlyArray<string> | undefined
  /** How long the handshake may take once the socket is open; 10 seconds by default. Dialling is the socket's affair. */
  readonly handshakeTimeout?: Duration.Input | undefined
  /** Whether the records that middleboxes want to see are sent (RFC 9846 E.4); `middlebox` by default. */
  readonly compatibility?: Compatibility | undefined
  /** Whether peers are kept used to unknown values by some that mean nothing (RFC 8701); `on` by default. */
  readonly grease?: Grease | undefined
  /** How certificates may be compressed (RFC 8879), the preferred first; by default as `CertificateCompression` says. */
  readonly certificateCompression?: ReadonlyArray<CertificateCompressor> | undefined
  /**
   * Whether the peer is asked to staple an OCSP response and signed certificate timestamps to its certificate
   * (RFC 9846 section 4.5.1.1): a client asks by default, a server does not.
   */
  readonly stapling?: Stapling | undefined
}

/** The default deadline of a handshake. */
export const handshakeTimeout: Duration.Input = "10 seconds"

type Outcome<A> = Result.Result<A, Failure>

/** The values of these names, in this order; all values when no names are given. */
const chosen = <A extends { readonly name: string | number }>(
  what: string,
  all: ReadonlyArray<A>,
  names: ReadonlyArray<string> | undefined
): Outcome<ReadonlyArray<A>> =>
  names === undefined
    ? Result.succeed(all)
    : Result.mapError(named(what, all, names), (detail) => failure("InvalidConfiguration", detail))

/** Protocol names go as bytes, of which a string here has one a character (RFC 7301 section 3.1). */
const protocols = resultFn(function* (names: ReadonlyArray<string>): Returns<ReadonlyArray<string>, Failure> {
  for (const name of names) {
    if (name.length < 1 || name.length > 255) {
      yield* fail("InvalidConfiguration", `an ALPN protocol name has 1 to 255 bytes, this one ${name.length}`)
    }
    if (/[^\0-\xff]/.test(name)) {
      yield* fail("InvalidConfiguration", `the ALPN protocol name "${escape(name)}" is not made of bytes`)
    }
  }
  if (new Set(names).size < names.length) yield* fail("InvalidConfiguration", "an ALPN protocol is named twice")
  const size = names.reduce((size, name) => size + 1 + name.length, 0)
  if (size > 0xffff) yield* fail("InvalidConfiguration", "the ALPN protocol names have more than 65535 bytes")
  return names
})

/** The deadline that is asked for, or the default. */
export const handshakeDuration = (asked: Duration.Input | undefined): Outcome<Duration.Duration> => {
  const timeout = Duration.fromInput(asked ?? handshakeTimeout)
  return timeout._tag === "None" || Duration.toMillis(timeout.value) <= 0
    ? fail("InvalidConfiguration", "handshakeTimeout is a duration longer than nothing")
    : Result.succeed(timeout.value)
}

/** No algorithm twice, and no more than there is room for (RFC 8879 section 3). */
const compressors = (all: ReadonlyArray<CertificateCompressor>): Outcome<ReadonlyArray<CertificateCompressor>> => {
  const twice = all.find(({ algorithm }, i) => all.findIndex((each) => each.algorithm === algorithm) < i)
  if (twice !== undefined) {
    const name = CertificateCompressionAlgorithm.show(twice.algorithm)
    return fail("InvalidConfiguration", `certificateCompression has ${name} twice`)
  }
  return all.length > 127
    ? fail("InvalidConfiguration", `certificateCompression has ${all.length} algorithms, 127 at most`)
    : Result.succeed(all)
}

/** What is spoken unless something else is asked for. */
const everyVersion: ReadonlyArray<Version> = ["TLSv1.3", "TLSv1.2"]

/** The suites that are meant, and the versions of which there is one, with a group for it. */
const spoken = resultFn(function* (
  options: Options,
  crypto: CryptoProvider["Service"],
  groups: ReadonlyArray<NamedGroup>
) {
  const { suites: all } = options
  const { suites, suites12 } = yield* all === undefined
    ? Result.succeed(crypto)
    : Result.mapError(namedSuites(crypto, all), (detail) => failure("InvalidConfiguration", detail))
  const { versions = everyVersion } = options
  const unknown = versions.find((version) => version !== "TLSv1.3" && version !== "TLSv1.2")
  if (unknown !== undefined) yield* fail("InvalidConfiguration", `there is no version ${escape(String(unknown))} here`)
  if (new Set(versions).size < versions.length) yield* fail("InvalidConfiguration", "`versions` names a version twice")
  const left = versionsOf({ versions, suites, suites12, groups })
  if (left.length === 0) {
    const named = versions.length === 0 ? "any version" : versions.join(" and ")
    yield* fail("InvalidConfiguration", `\`versions\`, \`suites\` and \`groups\` leave nothing of ${named}`)
  }
  return { versions: left, suites, suites12 } as const
})

const common = resultFn(function* (
  options: Options,
  crypto: CryptoProvider["Service"],
  schemes: ReadonlyArray<SignatureScheme>
) {
  const groups = crypto.groups.map((name) => ({ name }))
  yield* handshakeDuration(options.handshakeTimeout)
  yield* RecordOptions.checked(options)
  if (schemes.length === 0) yield* fail("InvalidConfiguration", "the verifier accepts no signature scheme")
  const chosenGroups = (yield* chosen("group", groups, options.groups)).map(({ name }): NamedGroup => name)
  return {
    ...(yield* spoken(options, crypto, chosenGroups)),
    extendedMasterSecret: options.extendedMasterSecret ?? "required",
    groups: chosenGroups,
    schemes,
    protocols: yield* protocols(options.alpnProtocols ?? []),
    compatibility: options.compatibility ?? "middlebox",
    grease: options.grease ?? "on",
    certificateCompression: yield* compressors(options.certificateCompression ?? []),
    stapling: options.stapling,
    recordSizeLimit: options.recordSizeLimit
  } as const
})

/** What clients say besides. */
export interface ClientOptions extends Options, Resumption.ClientOptions {
  /** Whom to reach: a DNS name or an IP address, as it must stand in the server's certificate. */
  readonly serverName: string
  /** Names of the groups to send a share for at once; by default the first hybrid and the first other. */
  readonly shares?: ReadonlyArray<string> | undefined
  /** Whether the extensions of the ClientHello have a new order in every connection; `shuffled` by default. */
  readonly extensionOrder?: ExtensionOrder | undefined
  /**
   * Where `ExternalPsks` have keys for this server: `required`, the default, refuses a server that takes none of them,
   * and resumes no session; with `preferred` a certificate that the `ServerVerifier` believes will do too.
   */
  readonly externalPskPolicy?: ExternalPskPolicy | undefined
  /**
   * Whether the server is told which authorities the `ServerVerifier` believes, to choose among its certificates by
   * (RFC 9846 section 4.3.4). It tells everybody on the way too, and is left out when they are many; `omit` by default.
   */
  readonly certificateAuthorities?: "omit" | "send" | undefined
}

/** What verifiers and credentials add to a client's configuration. */
export type ClientTypes = Pick<
  ClientConfig,
  "serverCertificateTypes" | "clientCertificateTypes" | "authorities" | "resumption"
>

/** A client's. */
export const client = resultFn(function* (
  options: ClientOptions,
  crypto: CryptoProvider["Service"],
  schemes: ReadonlyArray<SignatureScheme>,
  { authorities, ...types }: ClientTypes = {}
): Returns<ClientConfig, Failure> {
  const config = yield* common(options, crypto, schemes)
  const groups = config.groups.map((name) => ({ name }))
  const shares = yield* chosen("group among `groups`", groups, options.shares ?? sharesOf(config.groups).map(String))
  return {
    ...config,
    ...types,
    authorities: options.certificateAuthorities === "send" ? authorities : undefined,
    server: yield* parseServerIdentity(options.serverName),
    shares: shares.map(({ name }) => name),
    extensionOrder: options.extensionOrder ?? "shuffled",
    stapling: options.stapling ?? "ask",
    earlyData: options.earlyData?.length
  }
})

/** A server's. */
export const server = (
  clientAuthentication: ClientAuthentication,
  options: Options,
  crypto: CryptoProvider["Service"],
  schemes: ReadonlyArray<SignatureScheme>,
  types: Pick<ServerConfig, "clientCertificateTypes" | "resumption"> = {}
): Outcome<ServerConfig> =>
  Result.map(common(options, crypto, schemes), (config) => ({
    ...config,
    ...types,
    clientAuthentication,
    // A server that says nothing would not keep to what its client says (RFC 8449 section 4).
    recordSizeLimit: config.recordSizeLimit ?? maxInnerPlaintext13
  }))
