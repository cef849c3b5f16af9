/**
 * WAIT_SERVER_CERTIFICATE, WAIT_CERTIFICATE_STATUS, WAIT_SERVER_KEY_EXCHANGE, AUTHENTICATING_KEY,
 * WAIT_SERVER_HELLO_DONE, CHOOSING_CLIENT_CREDENTIAL, WAIT_DONE_AFTER_REQUEST: who the server is, what its share is,
 * and whether it wants to know who we are (RFC 5246 sections 7.4.2 to 7.4.5, RFC 8422 section 5.4).
 */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import { NamedGroup } from "../../../codec/registry/namedGroup.ts"
import { resultFn } from "../../../codec/resultFn.ts"
import { authentication12 } from "../../../crypto/signature.ts"
import type { Authentication12 } from "../../../crypto/suite.ts"
import type { CredentialChosen } from "../../command.ts"
import type { Heard12 } from "../../event.ts"
import { fail } from "../../failure.ts"
import { land, type Of, type Stepped, type Steps } from "../../machine.ts"
import type { PeerAuthenticated } from "../../proof.ts"
import { type Heard, hear } from "../../transcript.ts"
import { authenticate, select } from "../authentication.ts"
import { groups12, signedParams } from "../keyExchange.ts"
import type {
  AuthenticatingKey,
  ChoosingClientCredential,
  ClientAuth,
  Exchange,
  ExchangingKey,
  WaitCertificateStatus,
  WaitDoneAfterRequest,
  WaitServerCertificate,
  WaitServerHelloDone,
  WaitServerKeyExchange
} from "./state.ts"

/** WAIT_SERVER_CERTIFICATE --Certificate--> WAIT_CERTIFICATE_STATUS | WAIT_SERVER_KEY_EXCHANGE */
export const certificate = (
  { negotiated, transcript: before }: WaitServerCertificate,
  event: Of<Heard12, "Certificate">
): Stepped<WaitCertificateStatus | WaitServerKeyExchange> => {
  const chain = event.body.certificate_list
  if (chain.length === 0) return fail("EmptyCertificateList", "the server shows no certificate")
  const transcript = hear(before, event.raw)
  return Result.succeed(
    negotiated.status === "promised"
      ? land({ _tag: "WAIT_CERTIFICATE_STATUS", negotiated, transcript, chain })
      : land({ _tag: "WAIT_SERVER_KEY_EXCHANGE", negotiated, transcript, chain, ocsp: undefined })
  )
}

/** WAIT_CERTIFICATE_STATUS --CertificateStatus--> WAIT_SERVER_KEY_EXCHANGE */
export const certificateStatus = (
  { negotiated, chain, transcript }: WaitCertificateStatus,
  event: Of<Heard12, "CertificateStatus">
): Stepped<WaitServerKeyExchange> =>
  event.body.status_type === "ocsp"
    ? Result.succeed(
        land({
          _tag: "WAIT_SERVER_KEY_EXCHANGE",
          negotiated,
          transcript: hear(transcript, event.raw),
          chain,
          ocsp: event.body.response
        })
      )
    : fail("IllegalValue", `CertificateStatus has type ${event.body.status_type}, and ocsp was asked for`)

const keyExchange = resultFn(function* (
  { negotiated, chain, transcript }: WaitCertificateStatus | WaitServerKeyExchange,
  ocsp: Uint8Array | undefined,
  event: Of<Heard12, "ServerKeyExchange">
): Steps<AuthenticatingKey> {
  const { offer, suite, randoms, timestamps } = negotiated
  const { params } = event.body
  if (!groups12(offer.config.groups).includes(params.namedcurve)) {
    yield* fail(
      "UnofferedGroup",
      `the server's share is for ${NamedGroup.show(params.namedcurve)}, which was not offered`
    )
  }
  const offered = find(offer.hello.extensions, "signature_algorithms")?.supported_signature_algorithms ?? []
  const peer = { _tag: "Server", identity: offer.config.server } as const
  const content = yield* signedParams(randoms, params)
  const presented = { peer, chain, content, ocsp, timestamps }
  const asks = yield* authenticate(presented, offered, [suite.authentication], event.body)
  return land({
    _tag: "AUTHENTICATING_KEY",
    asks,
    negotiated,
    share: { group: params.namedcurve, share: params.public },
    transcript: hear(transcript, event.raw)
  })
})

/** WAIT_CERTIFICATE_STATUS --ServerKeyExchange--> AUTHENTICATING_KEY: the status was promised, and is not there. */
export const serverKeyExchangeAtOnce = (
  state: WaitCertificateStatus,
  event: Of<Heard12, "ServerKeyExchange">
): Stepped<AuthenticatingKey> => keyExchange(state, undefined, event)

/** WAIT_SERVER_KEY_EXCHANGE --ServerKeyExchange--> AUTHENTICATING_KEY */
export const serverKeyExchange = (
  state: WaitServerKeyExchange,
  event: Of<Heard12, "ServerKeyExchange">
): Stepped<AuthenticatingKey> => keyExchange(state, state.ocsp, event)

/** AUTHENTICATING_KEY --PeerAuthenticated--> WAIT_SERVER_HELLO_DONE */
export const peerAuthenticated = (
  { negotiated, share, transcript }: AuthenticatingKey,
  proof: PeerAuthenticated
): Stepped<WaitServerHelloDone> =>
  Result.succeed(land({ _tag: "WAIT_SERVER_HELLO_DONE", exchange: { negotiated, share, proof }, transcript }))

const kinds: { readonly [type: string]: Authentication12 } = { rsa_sign: "RSA", ecdsa_sign: "ECDSA" }

/** WAIT_SERVER_HELLO_DONE --CertificateRequest--> CHOOSING_CLIENT_CREDENTIAL */
export const certificateRequest = (
  { exchange, transcript }: WaitServerHelloDone,
  event: Of<Heard12, "CertificateRequest">
): Stepped<ChoosingClientCredential> => {
  const { certificate_types, supported_signature_algorithms, certificate_authorities } = event.body
  const asked = new Set(certificate_types.flatMap((type) => kinds[type] ?? []))
  const schemes = supported_signature_algorithms.filter((scheme) => {
    const kind = authentication12(scheme)
    return kind !== undefined && asked.has(kind)
  })
  return Result.succeed(
    land({
      _tag: "CHOOSING_CLIENT_CREDENTIAL",
      asks: {
        _tag: "ChooseCredential",
        version: "TLSv1.2",
        schemes,
        certificateSchemes: supported_signature_algorithms,
        authorities: certificate_authorities
      },
      exchange,
      transcript: hear(transcript, event.raw)
    })
  )
}

/** CHOOSING_CLIENT_CREDENTIAL --CredentialChosen--> WAIT_DONE_AFTER_REQUEST: without a fitting one we decline. */
export const credentialChosen = (
  { exchange, transcript, asks }: ChoosingClientCredential,
  { credential }: CredentialChosen
): Stepped<WaitDoneAfterRequest> => {
  const fits = credential !== undefined && (credential.certificateType ?? "X509") === "X509"
  const auth: ClientAuth = !fits
    ? { _tag: "Declined" }
    : Result.match(select(credential, asks.schemes, ["ECDSA", "RSA"]), {
        onSuccess: (scheme): ClientAuth => ({ _tag: "Chosen", credential, scheme }),
        onFailure: () => ({ _tag: "Declined" })
      })
  return Result.succeed(land({ _tag: "WAIT_DONE_AFTER_REQUEST", exchange, auth, transcript }))
}

const done = (exchange: Exchange, auth: ClientAuth, transcript: Heard): Stepped<ExchangingKey> =>
  Result.succeed(
    land({
      _tag: "EXCHANGING_KEY",
      asks: { _tag: "EncapsulateSecret", group: exchange.share.group, peerShare: exchange.share.share },
      exchange,
      auth,
      transcript
    })
  )

/** WAIT_SERVER_HELLO_DONE --ServerHelloDone--> EXCHANGING_KEY */
export const serverHelloDone = (
  { exchange, transcript }: WaitServerHelloDone,
  event: Of<Heard12, "ServerHelloDone">
): Stepped<ExchangingKey> => done(exchange, { _tag: "NotRequested" }, hear(transcript, event.raw))

/** WAIT_DONE_AFTER_REQUEST --ServerHelloDone--> EXCHANGING_KEY */
export const doneAfterRequest = (
  { exchange, auth, transcript }: WaitDoneAfterRequest,
  event: Of<Heard12, "ServerHelloDone">
): Stepped<ExchangingKey> => done(exchange, auth, hear(transcript, event.raw))
