/**
 * NEGOTIATED, WAIT_CERT, WAIT_CV, AUTHENTICATING: our proof, then the client's if it was asked for (RFC 9846 sections
 * 4.5.1 and 4.5.2).
 */
import * as Result from "effect/Result"
import { resultFn } from "../../../codec/resultFn.ts"
import type { Signed } from "../../command.ts"
import type { Heard } from "../../event.ts"
import { fail } from "../../failure.ts"
import { Flight } from "../../flight.ts"
import { land, type Of, type Stepped, type Steps } from "../../machine.ts"
import { onlySolicited } from "../../negotiation/extensions.ts"
import type { PeerAuthenticated } from "../../proof.ts"
import { append } from "../../transcript.ts"
import { authenticate, presented } from "../authentication.ts"
import { unpack } from "../certificateCompression.ts"
import { askClient } from "../stapling.ts"
import { sayFinished } from "./finished.ts"
import type { Authenticating, Negotiated, WaitCertificate, WaitCertificateVerify, WaitFinished } from "./state.ts"

/** NEGOTIATED --Signed--> WAIT_CERT | WAIT_FINISHED */
export const signed = resultFn(function* (
  state: Negotiated,
  { signature }: Signed
): Steps<WaitCertificate | WaitFinished> {
  const { hs } = state
  const { config } = hs.selected.choices
  const flight = new Flight(state.transcript)
  yield* flight.say("handshake", { _tag: "CertificateVerify", body: { algorithm: state.asks.scheme, signature } })
  const end = yield* sayFinished(flight, hs)
  const { transcript } = flight
  return config.clientAuthentication._tag === "None"
    ? land({ _tag: "WAIT_FINISHED", ending: end, transcript, proof: { _tag: "Anonymous" } }, flight.actions)
    : land({ _tag: "WAIT_CERT", ending: end, transcript }, flight.actions)
})

/** WAIT_CERT --Certificate--> WAIT_CV | WAIT_FINISHED */
export const certificate = resultFn(function* (
  state: WaitCertificate,
  event: Of<Heard, "Certificate">
): Steps<WaitCertificateVerify | WaitFinished> {
  const { ending } = state
  const { config, clientCertificateType } = ending.hs.selected.choices
  const { certificate_list: chain } = yield* presented(event.body, clientCertificateType)
  for (const entry of chain) yield* onlySolicited("Certificate", entry.extensions, askClient(config.stapling))
  const transcript = append(state.transcript, event.raw)
  if (chain.length > 0) return land({ _tag: "WAIT_CV", ending, transcript, chain })
  return config.clientAuthentication._tag === "Required"
    ? yield* fail("ClientCertificateRequired", "the client shows no certificate, and one is required here")
    : land({ _tag: "WAIT_FINISHED", ending, transcript, proof: { _tag: "Anonymous" } })
})

/** WAIT_CERT --CompressedCertificate--> WAIT_CV | WAIT_FINISHED (RFC 8879) */
export const compressedCertificate = (
  state: WaitCertificate,
  event: Of<Heard, "CompressedCertificate">
): Stepped<WaitCertificateVerify | WaitFinished> =>
  Result.flatMap(unpack(event, state.ending.hs.selected.choices.config.certificateCompression), (unpacked) =>
    certificate(state, unpacked)
  )

/** WAIT_CV --CertificateVerify--> AUTHENTICATING */
export const certificateVerify = resultFn(function* (
  state: WaitCertificateVerify,
  event: Of<Heard, "CertificateVerify">
): Steps<Authenticating> {
  const { config, clientCertificateType: type } = state.ending.hs.selected.choices
  const asks = yield* authenticate({ _tag: "Client" }, config.schemes, type, state.chain, state.transcript, event.body)
  return land({
    _tag: "AUTHENTICATING",
    asks,
    ending: state.ending,
    transcript: append(state.transcript, event.raw)
  })
})

/** AUTHENTICATING --PeerAuthenticated--> WAIT_FINISHED */
export const peerAuthenticated = (state: Authenticating, proof: PeerAuthenticated): Stepped<WaitFinished> =>
  Result.succeed(land({ _tag: "WAIT_FINISHED", ending: state.ending, transcript: state.transcript, proof }))
