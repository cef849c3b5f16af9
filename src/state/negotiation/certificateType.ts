/** client_certificate_type and server_certificate_type: certificates, or raw public keys (RFC 7250 section 4). */
import * as Result from "effect/Result"
import { find } from "../../codec/extension/extension.ts"
import type { Extension } from "../../codec/extension/placement.ts"
import { CertificateType } from "../../codec/registry/certificateType.ts"
import { type Returns, resultFn } from "../../codec/resultFn.ts"
import type { Credential } from "../command.ts"
import type { CertificateKind, ClientAuthentication, ClientConfig, ServerConfig } from "../config.ts"
import { type Failure, fail } from "../failure.ts"

type Name = "client_certificate_type" | "server_certificate_type"
type Hello = ReadonlyArray<Extension<"ClientHello">>
type Kinds = ReadonlyArray<CertificateKind>

/** What is meant where nothing is said. */
const usual: Kinds = ["X509"]

const extension = (type: Name, types: Kinds = usual): Hello =>
  types.every((each) => each === "X509") ? [] : [{ type, data: { certificate_types: types } }]

/** Of a ClientHello: left out where X.509 is all there is (section 4.1). */
export const offered = (config: ClientConfig): Hello => [
  ...extension("client_certificate_type", config.clientCertificateTypes),
  ...extension("server_certificate_type", config.serverCertificateTypes)
]

const known: Kinds = ["X509", "RawPublicKey"]

/** What a client says, of the types that exist here; X.509 where it says nothing. */
const ofClient = (hello: Hello, type: Name): Kinds => {
  const types = find(hello, type)?.certificate_types
  return types === undefined ? usual : types.flatMap((each) => known.find((kind) => kind === each) ?? [])
}

const show = (types: ReadonlyArray<CertificateType>) => types.map(CertificateType.show).join(", ")

/** What the client takes from us, the preferred first. */
export const accepted = (hello: Hello): Kinds => ofClient(hello, "server_certificate_type")

/** The credential for a client, if it is of a type that the client takes. */
export const presentable = (
  credential: Credential | undefined,
  types: Kinds = usual
): Result.Result<Credential, Failure> => {
  if (credential === undefined) {
    return types.includes("X509")
      ? fail("NoCredential", "no certificate serves this name and these signature schemes")
      : fail("NoCommonCertificateType", `the client takes ${show(types)}, and there is no such credential`)
  }
  const { certificateType = "X509" } = credential
  return types.includes(certificateType)
    ? Result.succeed(credential)
    : fail("NoCommonCertificateType", `the client takes ${show(types)}, and the credential is ${certificateType}`)
}

/** What a client is asked for. Whoever cannot show it, and did not say so, is let in where nothing is required. */
export const asked = (
  config: ServerConfig,
  hello: Hello
): Result.Result<
  { readonly clientAuthentication: ClientAuthentication; readonly clientCertificateType: CertificateKind },
  Failure
> => {
  const { clientAuthentication, clientCertificateTypes: ours = usual } = config
  if (clientAuthentication._tag === "None") {
    return Result.succeed({ clientAuthentication, clientCertificateType: "X509" })
  }
  const theirs = ofClient(hello, "client_certificate_type")
  const common = ours.find((type) => theirs.includes(type))
  if (common !== undefined) return Result.succeed({ clientAuthentication, clientCertificateType: common })
  return find(hello, "client_certificate_type") === undefined && clientAuthentication._tag === "Optional"
    ? Result.succeed({ clientAuthentication: { _tag: "None" }, clientCertificateType: "X509" })
    : fail("NoCommonCertificateType", `the client can show ${show(theirs)}, and ${show(ours)} is taken here`)
}

/** Of EncryptedExtensions: an answer to each question of the client that matters in this handshake (section 4.2). */
export const answered = (
  hello: Hello,
  authentication: ClientAuthentication,
  clientCertificateType: CertificateKind,
  credential: Credential
): ReadonlyArray<Extension<"EncryptedExtensions">> => {
  const answer = (type: Name, certificate_type: CertificateKind) =>
    find(hello, type) === undefined ? [] : [{ type, data: { certificate_type } } as const]
  return [
    ...(authentication._tag === "None" ? [] : answer("client_certificate_type", clientCertificateType)),
    ...answer("server_certificate_type", credential.certificateType ?? "X509")
  ]
}

/** What both sides show in this handshake. */
export interface CertificateTypes {
  readonly client: CertificateKind
  readonly server: CertificateKind
}

const chosen = (
  answer: ReadonlyArray<Extension<"EncryptedExtensions">>,
  type: Name,
  offered: Kinds = usual
): Result.Result<CertificateKind | undefined, Failure> => {
  const selected = find(answer, type)?.certificate_type
  const kind = offered.find((each) => each === selected)
  return selected !== undefined && kind === undefined
    ? fail("UnofferedCertificateType", `the server chose ${CertificateType.show(selected)} as ${type}`)
    : Result.succeed(kind)
}

/** Where a PSK speaks for both there is nothing to select: no certificate comes. */
export const nothingShown: CertificateTypes = { client: "X509", server: "X509" }

/** What the server selected; silence means X.509, which is no answer for those who take raw public keys alone. */
export const selected = resultFn(function* (
  config: ClientConfig,
  answer: ReadonlyArray<Extension<"EncryptedExtensions">>
): Returns<CertificateTypes, Failure> {
  const { clientCertificateTypes, serverCertificateTypes = usual } = config
  const client = yield* chosen(answer, "client_certificate_type", clientCertificateTypes)
  const server = (yield* chosen(answer, "server_certificate_type", serverCertificateTypes)) ?? "X509"
  return serverCertificateTypes.includes(server)
    ? { client: client ?? "X509", server }
    : yield* fail(
        "NoCommonCertificateType",
        `the server shows a certificate, and ${show(serverCertificateTypes)} is taken`
      )
})
