/** RETRYING, WAIT_SH_2, AGREEING: from the server's hello to a shared secret (RFC 9846 sections 4.2.3, 4.2.4, 7.4). */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import { placedIn13 } from "../../../codec/extension/placement.ts"
import type { HelloRetryRequest, ServerHello } from "../../../codec/handshake/serverHello.ts"
import { NamedGroup } from "../../../codec/registry/namedGroup.ts"
import { type Returns, resultFn } from "../../../codec/resultFn.ts"
import { equal } from "../../../crypto/constantTime.ts"
import type { KeyShareMade, SecretAgreed } from "../../command.ts"
import type { Heard } from "../../event.ts"
import { type Failure, fail } from "../../failure.ts"
import { Flight, installKeys, logKey } from "../../flight.ts"
import { type Offer, second, shareFor } from "../../hello/clientHello.ts"
import type { Of } from "../../machine.ts"
import { land, type Stepped, type Steps } from "../../machine.ts"
import * as CipherSuite from "../../negotiation/cipherSuite.ts"
import { onlySolicited, required } from "../../negotiation/extensions.ts"
import { serverChose13 } from "../../negotiation/version.ts"
import * as Transcript from "../../transcript.ts"
import type { Rounds } from "../authentication.ts"
import { beforeSecondFlight } from "../compatibility.ts"
import * as KeySchedule from "../keySchedule.ts"
import type { OfferedPsk } from "../psk.ts"
import { handshakeKeys, mayBeAccepted, refusedByRetry } from "./earlyData.ts"
import type { Agreeing, Handshake, Retry, Retrying, WaitEncryptedExtensions, WaitServerHello2 } from "./state.ts"

/** What ServerHello and HelloRetryRequest must both echo (section 4.2.3). */
const checkEcho = (offer: Offer, hello: ServerHello | HelloRetryRequest): Result.Result<void, Failure> => {
  if (!equal(hello.legacy_session_id_echo, offer.hello.legacy_session_id)) {
    return fail("SessionIdMismatch", "legacy_session_id_echo is not the legacy_session_id that was sent")
  }
  if (hello.legacy_compression_method !== 0) {
    return fail("BadCompressionMethods", `the server chose compression method ${hello.legacy_compression_method}`)
  }
  return Result.succeed(undefined)
}

/** WAIT_SH hears HelloRetryRequest: what it fixes, once it is known to ask for a change (section 4.2.4). */
export const retry = resultFn(function* (
  offer: Offer,
  transcript: Transcript.Heard,
  event: Of<Heard, "HelloRetryRequest">
): Returns<{ readonly retry: Retry; readonly transcript: Transcript.Hashing }, Failure> {
  const hello = event.body
  yield* serverChose13(hello)
  yield* checkEcho(offer, hello)
  yield* onlySolicited("HelloRetryRequest", hello.extensions, offer.hello.extensions, ["cookie"])
  const suite = yield* CipherSuite.selected(offer.config.suites, hello.cipher_suite)
  const group = find(hello.extensions, "key_share")?.selected_group
  const cookie = find(hello.extensions, "cookie")?.cookie
  if (group === undefined && cookie === undefined) {
    return yield* fail("PointlessRetry", "HelloRetryRequest asks for no change")
  }
  if (group !== undefined && !offer.config.groups.includes(group)) {
    return yield* fail("UnofferedGroup", `HelloRetryRequest asks for ${NamedGroup.show(group)}, which was not offered`)
  }
  if (group !== undefined && shareFor(offer, group) !== undefined) {
    return yield* fail("RetryForSharedGroup", `HelloRetryRequest asks for ${NamedGroup.show(group)}, which it has`)
  }
  const hashed = Transcript.messageHash(transcript, suite.hash)
  return {
    retry: { suite, group, cookie: cookie === undefined ? undefined : Uint8Array.from(cookie) },
    transcript: Transcript.append(hashed, event.raw)
  }
})

/** Says the second ClientHello. */
export const retried = resultFn(function* (
  state: Pick<Retrying, "offer" | "retry" | "transcript">,
  shares: Offer["shares"]
): Steps<WaitServerHello2> {
  const { retry, transcript } = state
  const offer = yield* second(state.offer, { ...retry, shares, transcript })
  const flight = new Flight(transcript)
  flight.do(...refusedByRetry(state.offer))
  if (offer.earlyData._tag === "None") flight.do(...beforeSecondFlight(offer.config))
  yield* flight.say("plaintext", { _tag: "ClientHello", body: offer.hello })
  return land({ _tag: "WAIT_SH_2", offer, retry, transcript: flight.transcript }, flight.actions)
})

/** RETRYING --KeyShareMade--> WAIT_SH_2 */
export const keyShareMade = (state: Retrying, event: KeyShareMade): Stepped<WaitServerHello2> =>
  retried(state, [event.share])

/** The PSK that the server took, if any, checked as section 4.3.11 wants it. */
const selectedPsk = (
  offer: Offer,
  suite: Agreeing["suite"],
  { extensions }: ServerHello
): Result.Result<OfferedPsk | undefined, Failure> => {
  const index = find(extensions, "pre_shared_key")?.selected_identity
  if (index === undefined) {
    return offer.config.externalPskPolicy === "required"
      ? fail("PskRequired", "the server takes none of the keys that were offered, and nothing else will do")
      : Result.succeed(undefined)
  }
  const psk = offer.psks[index]
  if (psk === undefined) {
    return fail("UnofferedPsk", `the server chose PSK ${index}, and ${offer.psks.length} were offered`)
  }
  if (psk.hash.name !== suite.hash.name) {
    return fail("PskHashMismatch", `the PSK belongs to ${psk.hash.name}, and the server chose ${suite.name}`)
  }
  return find(extensions, "key_share") === undefined
    ? fail("PskWithoutKeyShare", "the server took a PSK without a key exchange, which was not offered")
    : Result.succeed(psk)
}

/** What both ServerHellos lead to: the share that answers ours. */
export const serverHello = resultFn(function* (
  offer: Offer,
  kind: Rounds,
  transcript: (suite: Agreeing["suite"]) => Transcript.Hashing,
  hello: ServerHello
): Steps<Agreeing> {
  yield* serverChose13(hello)
  yield* checkEcho(offer, hello)
  yield* onlySolicited("ServerHello", hello.extensions, offer.hello.extensions)
  const stray = hello.extensions.find(({ type }) => !placedIn13(type, "ServerHello"))
  if (stray !== undefined) {
    return yield* fail("MisplacedExtension", `ServerHello carries ${stray.type}, which TLS 1.3 puts elsewhere`)
  }
  const suite = yield* CipherSuite.selected(offer.config.suites, hello.cipher_suite)
  const psk = yield* selectedPsk(offer, suite, hello)
  const { server_share } = yield* required("ServerHello", "key_share", find(hello.extensions, "key_share"))
  const key = shareFor(offer, server_share.group)
  if (key === undefined) {
    return yield* fail(
      "UnofferedGroup",
      `the server's share is for ${NamedGroup.show(server_share.group)}, and none was sent for it`
    )
  }
  return land({
    _tag: "AGREEING",
    asks: { _tag: "AgreeSecret", key, peerShare: server_share.key_exchange },
    offer,
    suite,
    psk,
    kind,
    transcript: transcript(suite)
  })
})

/** WAIT_SH_2 --ServerHello--> AGREEING: after a retry nothing that it fixed may change. */
export const serverHello2 = resultFn(function* (
  state: WaitServerHello2,
  event: Of<Heard, "ServerHello">
): Steps<Agreeing> {
  const { extensions } = event.body
  const { retry } = state
  if (find(extensions, "supported_versions") === undefined) {
    return yield* fail("UnofferedVersion", "HelloRetryRequest said TLSv1.3, and ServerHello no longer does")
  }
  const group = find(extensions, "key_share")?.server_share.group
  if (retry.group !== undefined && group !== undefined && group !== retry.group) {
    return yield* fail("GroupChangedAfterRetry", `HelloRetryRequest said ${NamedGroup.show(retry.group)}`)
  }
  const step = yield* serverHello(
    state.offer,
    "retried",
    () => Transcript.append(state.transcript, event.raw),
    event.body
  )
  if (step.state.suite !== retry.suite) {
    return yield* fail("SuiteChangedAfterRetry", `HelloRetryRequest said ${retry.suite.name}`)
  }
  return step
})

/**
 * AGREEING --SecretAgreed--> WAIT_EE: handshake keys in both directions; but as long as early data may have been
 * accepted, ours go on to be the early ones.
 */
export const secretAgreed = (state: Agreeing, event: SecretAgreed): Stepped<WaitEncryptedExtensions> => {
  const { suite, transcript, offer, psk, kind } = state
  const early = psk?.early ?? KeySchedule.earlySecret(suite.hash)
  const secret = KeySchedule.handshakeSecret(suite.hash, early, event.secret)
  const hs: Handshake = {
    offer,
    suite,
    group: state.asks.key.group,
    psk,
    kind,
    secret,
    client: KeySchedule.clientHandshakeTraffic(secret, transcript),
    server: KeySchedule.serverHandshakeTraffic(secret, transcript)
  }
  return Result.succeed(
    land({ _tag: "WAIT_EE", hs, transcript }, [
      logKey("CLIENT_HANDSHAKE_TRAFFIC_SECRET", offer.hello.random, hs.client),
      logKey("SERVER_HANDSHAKE_TRAFFIC_SECRET", offer.hello.random, hs.server),
      ...(kind === "full" && offer.earlyData._tag === "None" ? beforeSecondFlight(offer.config) : []),
      installKeys("read", "handshake", suite, hs.server),
      ...(mayBeAccepted(hs) ? [] : handshakeKeys(hs))
    ])
  )
}
