/** What a ServerHello of TLS 1.2 fixes (RFC 5246 section 7.4.1.3), and what of it the client refuses. */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import { placedIn12 } from "../../../codec/extension/placement.ts"
import type { ServerHello } from "../../../codec/handshake/serverHello.ts"
import { ExtensionType } from "../../../codec/registry/extensionType.ts"
import { type Returns, resultFn } from "../../../codec/resultFn.ts"
import { equal } from "../../../crypto/constantTime.ts"
import { type Failure, fail } from "../../failure.ts"
import { logKey } from "../../flight.ts"
import type { Offer } from "../../hello/clientHello.ts"
import { land, type Steps } from "../../machine.ts"
import * as Alpn from "../../negotiation/alpn.ts"
import * as CipherSuite from "../../negotiation/cipherSuite.ts"
import { onlySolicited } from "../../negotiation/extensions.ts"
import * as RecordSizeLimit from "../../negotiation/recordSizeLimit.ts"
import { sessionResumed } from "../../proof.ts"
import type { Heard } from "../../transcript.ts"
import { writeKeys } from "../keySchedule.ts"
import { masterOf } from "./resumption.ts"
import type {
  Negotiated,
  OfferedSession,
  ResumedWaitChangeCipherSpec,
  ResumedWaitNewSessionTicket,
  WaitServerCertificate
} from "./state.ts"

/** What must not be otherwise, whatever is negotiated. */
const check = resultFn(function* (offer: Offer, hello: ServerHello): Returns<void, Failure> {
  const { extensions } = hello
  if (offer.earlyData._tag === "Offered") {
    yield* fail("UnsupportedVersion", "the server speaks TLSv1.2 now, and no early data, which was sent to it")
  }
  if (hello.legacy_compression_method !== 0) {
    yield* fail("BadCompressionMethods", `the server chose compression method ${hello.legacy_compression_method}`)
  }
  yield* onlySolicited("ServerHello", extensions, offer.hello.extensions)
  const stray = extensions.find(({ type }) => !placedIn12(type, "ServerHello"))
  if (stray !== undefined) {
    yield* fail("MisplacedExtension", `a TLS 1.2 ServerHello carries ${ExtensionType.show(stray.type)}`)
  }
  const points = find(extensions, "ec_point_formats")?.ec_point_format_list
  if (points !== undefined && !points.includes("uncompressed")) {
    yield* fail("NoUncompressedPoints", "the server does not take uncompressed points, and there are no others")
  }
  const kinds = [find(extensions, "server_certificate_type"), find(extensions, "client_certificate_type")]
  if (kinds.some((kind) => kind !== undefined && kind.certificate_type !== "X509")) {
    yield* fail("UnofferedCertificateType", "the server chose a raw public key, and those are for TLS 1.3 here")
  }
  // RFC 5746 section 3.4: empty in a first handshake, and there is no other here.
  const renegotiation = find(extensions, "renegotiation_info")?.renegotiated_connection
  if (renegotiation === undefined) {
    yield* fail("NoSecureRenegotiation", "the server does not say renegotiation_info, so it may be open to injection")
  } else if (renegotiation.length > 0) {
    yield* fail("RenegotiationInfoMismatch", "renegotiation_info is of an earlier handshake, and there was none")
  }
})

/** RFC 7627 section 5.2. */
const masterSecretOf = (
  offer: Offer,
  { extensions }: ServerHello
): Result.Result<Negotiated["masterSecret"], Failure> =>
  find(extensions, "extended_master_secret") !== undefined
    ? Result.succeed("extended")
    : offer.config.extendedMasterSecret === "optional"
      ? Result.succeed("plain")
      : fail("NoExtendedMasterSecret", "the server does not bind the master secret to this handshake")

const negotiate = resultFn(function* (offer: Offer, hello: ServerHello): Returns<Negotiated, Failure> {
  yield* check(offer, hello)
  const { extensions } = hello
  const { config } = offer
  const chosen = find(extensions, "application_layer_protocol_negotiation")?.protocol_name_list
  return {
    offer,
    suite: yield* CipherSuite.selected(config.suites12 ?? [], hello.cipher_suite),
    randoms: { client: offer.hello.random, server: hello.random.slice() },
    masterSecret: yield* masterSecretOf(offer, hello),
    protocol: yield* Alpn.selected(config.protocols, chosen),
    sessionId: hello.legacy_session_id_echo.slice(),
    ticket: find(extensions, "session_ticket") === undefined ? "none" : "promised",
    status: find(extensions, "status_request") === undefined ? "none" : "promised",
    timestamps: find(extensions, "signed_certificate_timestamp")?.sct_list.map((each) => each.slice())
  } as const
})

/** Whether the server resumes what was offered: it says the session ID that we said with it (RFC 5077 section 3.4). */
const resumed = (
  offer: Offer,
  { legacy_session_id_echo: id }: ServerHello
): Result.Result<OfferedSession | undefined, Failure> => {
  if (id.length === 0 || !equal(id, offer.hello.legacy_session_id)) return Result.succeed(undefined)
  return offer.session12 === undefined
    ? fail("SessionIdMismatch", "the server resumes a session by an ID that stands for none")
    : Result.succeed(offer.session12)
}

/** RFC 7627 section 5.3 and RFC 5246 section 7.4.1.3: what a session was, it still is. */
const unchanged = ({ suite, masterSecret }: Negotiated, { session }: OfferedSession): Result.Result<void, Failure> => {
  if (masterSecret !== "extended") {
    return fail(
      "ExtendedMasterSecretChanged",
      "the session has an extended master secret, and the server says no more of it"
    )
  }
  return suite.name === session.suite
    ? Result.succeed(undefined)
    : fail("SuiteChangedOnResumption", `the session has ${session.suite}, and the server chose ${suite.name}`)
}

/** WAIT_SH --ServerHello--> WAIT_SERVER_CERTIFICATE | RESUMED_… */
export const serverHello = resultFn(function* (
  offer: Offer,
  transcript: Heard,
  hello: ServerHello
): Steps<WaitServerCertificate | ResumedWaitNewSessionTicket | ResumedWaitChangeCipherSpec> {
  const negotiated = yield* negotiate(offer, hello)
  const limits = RecordSizeLimit.agreed(offer.config, find(hello.extensions, "record_size_limit"))
  const offered = yield* resumed(offer, hello)
  if (offered === undefined) return land({ _tag: "WAIT_SERVER_CERTIFICATE", negotiated, transcript }, limits)
  yield* unchanged(negotiated, offered)
  const { session } = offered
  const master = masterOf(session)
  const keyed = { negotiated, proof: sessionResumed(session), group: session.group, master }
  const keys = writeKeys(negotiated.suite, master, negotiated.randoms)
  const actions = [logKey("CLIENT_RANDOM", negotiated.randoms.client, master), ...limits]
  return negotiated.ticket === "promised"
    ? land({ _tag: "RESUMED_WAIT_NEW_SESSION_TICKET", keyed, keys, transcript }, actions)
    : land({ _tag: "RESUMED_WAIT_CHANGE_CIPHER_SPEC", keyed, keys, kept: again(offered), transcript }, actions)
})

/** What the server resumed once it may resume again: what stands for the session goes back to the store. */
const again = ({ ticket, left }: OfferedSession): ResumedWaitChangeCipherSpec["kept"] => ({
  _tag: "Ticket",
  ticket: ticket.ticket,
  form: ticket.form ?? "ticket",
  lifetime: left
})
