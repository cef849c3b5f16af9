/** RECVD_CLIENT_HELLO: select parameters, or resume (RFC 5246 sections 7.4.1 and 7.3). */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import type { ClientHello } from "../../../codec/handshake/clientHello.ts"
import { CipherSuite } from "../../../codec/registry/cipherSuite.ts"
import { resultFn } from "../../../codec/resultFn.ts"
import { authentication12, foreignCurve, signable12 } from "../../../crypto/signature.ts"
import type { CipherSuite12 } from "../../../crypto/suite.ts"
import type { Credential, HelloResolved, ResolveHello } from "../../command.ts"
import type { ServerConfig } from "../../config.ts"
import type { Heard } from "../../event.ts"
import { type Failure, fail } from "../../failure.ts"
import { land, type Of, type Steps } from "../../machine.ts"
import * as Alpn from "../../negotiation/alpn.ts"
import * as CertificateSchemes from "../../negotiation/certificateSchemes.ts"
import { namesOf } from "../../negotiation/names.ts"
import * as ServerName from "../../negotiation/serverName.ts"
import { servedVersions } from "../../negotiation/version.ts"
import { resumingAs } from "../../session.ts"
import * as Transcript from "../../transcript.ts"
import { groups12 } from "../keyExchange.ts"
import { keptBy, resume, select } from "./resumption.ts"
import type {
  Choices,
  OfferingKey,
  ReceivedClientHello,
  ResumedSealingTicket,
  ResumedWaitClientChangeCipherSpec,
  Selected
} from "./state.ts"

const nullCompression = 0

/** Everything that TLS 1.2 fixes about a ClientHello, whatever is chosen from it. */
const check = ({ extensions, legacy_compression_methods: methods }: ClientHello): Result.Result<void, Failure> => {
  if (!methods.includes(nullCompression)) {
    return fail("BadCompressionMethods", "a ClientHello offers the null compression, and this one does not")
  }
  const formats = find(extensions, "ec_point_formats")?.ec_point_format_list
  if (formats !== undefined && !formats.includes("uncompressed")) {
    return fail("NoUncompressedPoints", "ec_point_formats without uncompressed (RFC 8422 section 5.1.2)")
  }
  const renegotiated = find(extensions, "renegotiation_info")?.renegotiated_connection
  return renegotiated !== undefined && renegotiated.length > 0
    ? fail("RenegotiationInfoMismatch", "renegotiation_info of a first handshake is empty (RFC 5746 section 3.6)")
    : Result.succeed(undefined)
}

/** Whether the master secret is bound to the handshake; who does not offer that is refused unless it is allowed. */
const masterSecret = (config: ServerConfig, hello: ClientHello): Result.Result<Choices["masterSecret"], Failure> => {
  if (find(hello.extensions, "extended_master_secret") !== undefined) return Result.succeed("extended")
  return config.extendedMasterSecret === "optional"
    ? Result.succeed("plain")
    : fail("NoExtendedMasterSecret", "the client does not offer extended_master_secret, which is required here")
}

/** The suites of both. */
const suites = (config: ServerConfig, hello: ClientHello): Result.Result<Choices["suites"], Failure> => {
  const common = (config.suites12 ?? []).filter(({ name }) => hello.cipher_suites.includes(name))
  return common.length > 0
    ? Result.succeed(common)
    : fail("NoCommonCipherSuite", `the client offers ${namesOf(CipherSuite, hello.cipher_suites)} for TLS 1.2`)
}

/** The client's schemes, as far as one of the suites goes with them: a credential is chosen by what is left. */
const schemes = ({ extensions }: ClientHello, suites: Choices["suites"]): Choices["schemes"] => {
  const theirs = find(extensions, "signature_algorithms")?.supported_signature_algorithms ?? []
  return theirs.filter((scheme) => suites.some(({ authentication }) => authentication12(scheme) === authentication))
}

/** What a client would resume: the session of its ticket, or else that of its session ID (RFC 5077 section 3.4). */
const offered = ({ config, hello }: Choices): Pick<ResolveHello, "identities" | "byId"> => {
  if (config.resumption === undefined) return { identities: [] }
  const ticket = find(hello.extensions, "session_ticket")?.ticket
  if (ticket !== undefined && ticket.length > 0) return { identities: [ticket], byId: { offered: undefined } }
  const { legacy_session_id: id } = hello
  return { identities: [], byId: { offered: id.length > 0 ? id : undefined } }
}

/** What the client says of curves; who says nothing takes any (RFC 8422 section 4). */
const listed = ({ extensions }: ClientHello) => find(extensions, "supported_groups")?.named_group_list

/** START hears ClientHello of TLS 1.2: --ClientHello--> RECVD_CLIENT_HELLO */
export const clientHello = resultFn(function* (
  config: ServerConfig,
  event: Of<Heard, "ClientHello">
): Steps<ReceivedClientHello> {
  const hello = event.body
  const { extensions } = hello
  yield* check(hello)
  const protocols = find(extensions, "application_layer_protocol_negotiation")?.protocol_name_list ?? []
  const common = yield* suites(config, hello)
  const choices: Choices = {
    config,
    hello,
    serverName: yield* ServerName.select(extensions, config.serverNamePolicy),
    protocol: yield* Alpn.select(config.protocols, protocols, config.alpnPolicy),
    suites: common,
    schemes: schemes(hello, common),
    masterSecret: yield* masterSecret(config, hello)
  }
  return land({
    _tag: "RECVD_CLIENT_HELLO",
    asks: {
      _tag: "ResolveHello",
      version: "TLSv1.2",
      serverName: choices.serverName,
      protocols,
      schemes: choices.schemes,
      groups: listed(hello),
      ...CertificateSchemes.ofPeer(
        extensions,
        find(extensions, "signature_algorithms")?.supported_signature_algorithms ?? []
      ),
      ...offered(choices),
      serverNamePolicy: config.serverNamePolicy
    },
    choices,
    transcript: Transcript.heard(event.raw)
  })
})

/** The suite and the scheme that go with the key of a credential (RFC 5246 section 7.4.3, RFC 8422 section 5.3). */
const sign = (
  { hello, suites, schemes }: Choices,
  credential: Credential
): Result.Result<Pick<Selected, "suite" | "scheme">, Failure> => {
  const foreign = foreignCurve(credential.schemes, listed(hello))
  if (foreign !== undefined) {
    return fail("NoCredential", `our certificate is for a key on ${foreign}, which the client does not list`)
  }
  const common = signable12(credential.schemes).filter((scheme) => schemes.includes(scheme))
  const pair = (suite: CipherSuite12) => {
    const scheme = common.find((candidate) => authentication12(candidate) === suite.authentication)
    return scheme === undefined ? [] : [{ suite, scheme }]
  }
  const [chosen] = suites.flatMap(pair)
  return chosen === undefined
    ? fail("NoCommonSignatureScheme", "the client accepts no signature that our key makes, with a suite that it offers")
    : Result.succeed(chosen)
}

/** The curve of the key exchange. */
const group = ({ config, hello }: Choices): Result.Result<Selected["group"], Failure> => {
  const ours = groups12(config.groups)
  const theirs = listed(hello) ?? ours
  const common = ours.find((candidate) => theirs.includes(candidate))
  return common === undefined
    ? fail("NoCommonGroup", `the client names none of ${ours.join(", ")}`)
    : Result.succeed(common)
}

/** "DOWNGRD" and 1: whoever takes our 1.3 away from a client that has it too is found out (RFC 9846 section 4.2.3). */
const sentinel = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x01)

const serverRandom = (config: ServerConfig, random: Uint8Array): Uint8Array => {
  const marked = random.slice()
  if (servedVersions(config).includes("TLSv1.3")) marked.set(sentinel, marked.length - sentinel.length)
  return marked
}

/** RECVD_CLIENT_HELLO --HelloResolved--> OFFERING_KEY | RESUMED_… */
export const helloResolved = resultFn(function* (
  state: ReceivedClientHello,
  resolved: HelloResolved
): Steps<OfferingKey | ResumedSealingTicket | ResumedWaitClientChangeCipherSpec> {
  const { transcript } = state
  const { credential } = resolved
  const choices = { ...state.choices, config: resumingAs(state.choices.config, resolved.name) }
  const randoms = { client: choices.hello.random, server: serverRandom(choices.config, resolved.random) }
  const found = select(choices, resolved)
  if (found !== undefined) return yield* resume(choices, found, { randoms, now: resolved.now }, transcript)
  yield* ServerName.served(credential, choices.config.serverNamePolicy)
  if (credential === undefined) {
    return yield* fail("NoCredential", "no certificate serves this name, these signature schemes and these curves")
  }
  const selected: Selected = {
    choices,
    ...(yield* sign(choices, credential)),
    group: yield* group(choices),
    credential,
    randoms,
    kept: keptBy(choices, resolved)
  }
  return land({
    _tag: "OFFERING_KEY",
    asks: { _tag: "MakeKeyShare", group: selected.group },
    selected,
    transcript
  })
})
