/** Which version is spoken (RFC 9846 sections 4.2.2, 4.2.3 and 4.3.1); the rest of the machine never asks. */
import * as Result from "effect/Result"
import { type Extension, find } from "../../codec/extension/extension.ts"
import type { ClientHello } from "../../codec/handshake/clientHello.ts"
import { downgradeSentinel, type HelloRetryRequest, type ServerHello } from "../../codec/handshake/serverHello.ts"
import { ProtocolVersion } from "../../codec/registry/protocolVersion.ts"
import type { CertificateKind, ClientConfig, ServerConfig, Version } from "../config.ts"
import { type Failure, fail } from "../failure.ts"
import { groups12 } from "../tls12/keyExchange.ts"
import { namesOf } from "./names.ts"

const usual: ReadonlyArray<CertificateKind> = ["X509"]
const only13: ReadonlyArray<Version> = ["TLSv1.3"]
const newestFirst: ReadonlyArray<Version> = ["TLSv1.3", "TLSv1.2"]

/** The versions that a configuration speaks, the preferred first. TLS 1.2 needs a suite and a group of its own. */
export const versionsOf = ({
  versions = only13,
  transport,
  suites,
  suites12 = [],
  groups
}: Pick<
  ClientConfig | ServerConfig,
  "versions" | "transport" | "suites" | "suites12" | "groups"
>): ReadonlyArray<Version> => {
  if (transport !== undefined) return only13
  const can: { readonly [V in Version]: boolean } = {
    "TLSv1.3": suites.length > 0,
    "TLSv1.2": suites12.length > 0 && groups12(groups).length > 0
  }
  return versions.filter((version) => can[version])
}

/** What a client offers: where no certificate will do, it is TLS 1.3, as TLS 1.2 has nothing else here. */
export const offeredVersions = (config: ClientConfig): ReadonlyArray<Version> => {
  const { clientCertificateTypes: ours = usual, serverCertificateTypes: theirs = usual, externalPskPolicy } = config
  const needs13 =
    externalPskPolicy === "required" || !theirs.includes("X509") || (ours.length > 0 && !ours.includes("X509"))
  return needs13 ? versionsOf(config).filter((version) => version !== "TLSv1.2") : versionsOf(config)
}

/**
 * What a client says that it speaks: the list, and nothing else where there is one. Without it that is TLS 1.2 at the
 * most, whatever the old field says (RFC 9846 section 4.3.1).
 */
const spoken = ({ extensions, legacy_version }: ClientHello): ReadonlyArray<ProtocolVersion> =>
  find(extensions, "supported_versions")?.versions ??
  (ProtocolVersion.code(legacy_version) >= ProtocolVersion.registry["TLSv1.2"] ? ["TLSv1.2"] : [legacy_version])

/**
 * RFC 7507 section 3: a client says that it has fallen back. If we could have spoken better, somebody made it do so.
 */
const notFallenBack = (
  ours: ReadonlyArray<Version>,
  chosen: Version,
  hello: ClientHello
): Result.Result<Version, Failure> =>
  chosen === "TLSv1.2" && ours.includes("TLSv1.3") && hello.cipher_suites.includes("TLS_FALLBACK_SCSV")
    ? fail("InappropriateFallback", "the client has fallen back to TLSv1.2, and TLSv1.3 is spoken here")
    : Result.succeed(chosen)

/** What a server speaks. TLS 1.2 has no keys that both were given, so who wants nothing else has no use for it. */
export const servedVersions = (config: ServerConfig): ReadonlyArray<Version> =>
  config.externalPsks === "only" ? versionsOf(config).filter((version) => version !== "TLSv1.2") : versionsOf(config)

/**
 * The server's choice: the newest that both speak, in whatever order it was configured. A client of both that is given
 * the older one would see that it could have had the newer one, and leave (RFC 9846 section 4.2.3).
 */
export const select = (config: ServerConfig, hello: ClientHello): Result.Result<Version, Failure> => {
  const ours = servedVersions(config)
  const theirs = spoken(hello)
  const version = newestFirst.find((candidate) => ours.includes(candidate) && theirs.includes(candidate))
  return version === undefined
    ? fail(
        "UnsupportedVersion",
        `the client speaks ${namesOf(ProtocolVersion, theirs)}; here ${ours.length === 1 ? "is" : "are"} ${namesOf(ProtocolVersion, ours)}`
      )
    : notFallenBack(ours, version, hello)
}

/** Everything that TLS 1.3 fixes about a ClientHello (RFC 9846 section 4.2.2). */
export const fixedBy13 = (hello: ClientHello): Result.Result<void, Failure> => {
  if (hello.legacy_version !== "TLSv1.2") {
    return fail("BadLegacyVersion", `legacy_version is ${ProtocolVersion.show(hello.legacy_version)}`)
  }
  if (hello.legacy_compression_methods.length !== 1 || hello.legacy_compression_methods[0] !== 0) {
    return fail("BadCompressionMethods", "a TLS 1.3 ClientHello offers the null compression and no other")
  }
  return Result.succeed(undefined)
}

/** The client's side, for ServerHello and HelloRetryRequest alike: TLS 1.2 has no word for itself but legacy_version. */
export const serverChose = (
  offered: ReadonlyArray<Version>,
  hello: ServerHello | HelloRetryRequest
): Result.Result<Version, Failure> => {
  const extensions: ReadonlyArray<Extension<"ServerHello"> | Extension<"HelloRetryRequest">> = hello.extensions
  const chosen = find(extensions, "supported_versions")?.selected_version
  if (chosen === undefined) return serverChose12(offered, hello)
  // Section 4.2.3: the extension selects TLS 1.3 or later, never anything before.
  if (chosen !== "TLSv1.3" || !offered.includes(chosen)) {
    return fail("UnofferedVersion", `the server chose ${ProtocolVersion.show(chosen)}, which was not offered`)
  }
  return hello.legacy_version === "TLSv1.2"
    ? Result.succeed(chosen)
    : fail("BadLegacyVersion", `legacy_version is ${ProtocolVersion.show(hello.legacy_version)}`)
}

const serverChose12 = (
  offered: ReadonlyArray<Version>,
  hello: ServerHello | HelloRetryRequest
): Result.Result<Version, Failure> => {
  if (offered.includes("TLSv1.3") && "random" in hello && downgradeSentinel(hello.random) !== undefined) {
    return fail("Downgraded", "the server could speak TLSv1.3, and somebody on the way made it believe that we cannot")
  }
  return hello.legacy_version === "TLSv1.2" && offered.includes("TLSv1.2") && "random" in hello
    ? Result.succeed("TLSv1.2")
    : fail("UnsupportedVersion", `the server speaks ${ProtocolVersion.show(hello.legacy_version)} only`)
}

/** Whether a server chose TLS 1.3, where nothing else can follow. */
export const serverChose13 = (hello: ServerHello | HelloRetryRequest): Result.Result<void, Failure> =>
  Result.map(serverChose(only13, hello), () => undefined)
