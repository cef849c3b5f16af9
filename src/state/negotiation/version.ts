/** Which version is spoken (RFC 9846 sections 4.2.2, 4.2.3 and 4.3.1); the rest of the machine never asks. */
import * as Result from "effect/Result"
import { type Extension, find } from "../../codec/extension/extension.ts"
import type { ClientHello } from "../../codec/handshake/clientHello.ts"
import { downgradeSentinel, type HelloRetryRequest, type ServerHello } from "../../codec/handshake/serverHello.ts"
import { ProtocolVersion } from "../../codec/registry/protocolVersion.ts"
import { type Failure, fail } from "../failure.ts"

/** The server's side: 1.3 if the client lists it, and then everything that 1.3 fixes about a ClientHello. */
export const clientSpeaks13 = (hello: ClientHello): Result.Result<void, Failure> => {
  const versions = find(hello.extensions, "supported_versions")?.versions ?? [hello.legacy_version]
  if (!versions.includes("TLSv1.3")) {
    return fail(
      "UnsupportedVersion",
      `the client speaks ${versions.slice(0, 8).map(ProtocolVersion.show).join(", ")}; here is TLSv1.3 only`
    )
  }
  if (hello.legacy_version !== "TLSv1.2") {
    return fail("BadLegacyVersion", `legacy_version is ${ProtocolVersion.show(hello.legacy_version)}`)
  }
  if (hello.legacy_compression_methods.length !== 1 || hello.legacy_compression_methods[0] !== 0) {
    return fail("BadCompressionMethods", "a TLS 1.3 ClientHello offers the null compression and no other")
  }
  return Result.succeed(undefined)
}

/** The client's side, for ServerHello and HelloRetryRequest alike. */
export const serverChose13 = (hello: ServerHello | HelloRetryRequest): Result.Result<void, Failure> => {
  const extensions: ReadonlyArray<Extension<"ServerHello"> | Extension<"HelloRetryRequest">> = hello.extensions
  const chosen = find(extensions, "supported_versions")?.selected_version
  if (chosen === undefined) {
    return "random" in hello && downgradeSentinel(hello.random) !== undefined
      ? fail("Downgraded", "the server could speak TLSv1.3, and somebody on the way made it believe that we cannot")
      : fail("UnsupportedVersion", `the server speaks ${ProtocolVersion.show(hello.legacy_version)} only`)
  }
  if (chosen !== "TLSv1.3") {
    return fail("UnofferedVersion", `the server chose ${ProtocolVersion.show(chosen)}, which was not offered`)
  }
  return hello.legacy_version === "TLSv1.2"
    ? Result.succeed(undefined)
    : fail("BadLegacyVersion", `legacy_version is ${ProtocolVersion.show(hello.legacy_version)}`)
}
