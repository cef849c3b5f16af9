/**
 * WAIT_CERT_CR, CHOOSING_CREDENTIAL, WAIT_CERT, WAIT_CV, AUTHENTICATING: who the server is, and whether it wants to
 * know who we are (RFC 9846 sections 4.4.2, 4.5.1 and 4.5.2).
 */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import type { CertificateRequest } from "../../../codec/handshake/certificateRequest.ts"
import { resultFn } from "../../../codec/resultFn.ts"
import type { ChooseCredential, Credential, CredentialChosen } from "../../command.ts"
import type { Heard } from "../../event.ts"
import { fail } from "../../failure.ts"
import { land, type Of, type Stepped, type Steps } from "../../machine.ts"
import * as CertificateSchemes from "../../negotiation/certificateSchemes.ts"
import { onlySolicited, required } from "../../negotiation/extensions.ts"
import * as SignatureScheme from "../../negotiation/signatureScheme.ts"
import type { PeerAuthenticated } from "../../proof.ts"
import { append } from "../../transcript.ts"
import { authenticate, presented } from "../authentication.ts"
import { unpack } from "../certificateCompression.ts"
import type {
  Authenticating,
  ChoosingCredential,
  ClientAuth,
  Parameters,
  WaitCertificate,
  WaitCertificateOrRequest,
  WaitCertificateVerify,
  WaitFinished
} from "./state.ts"

/** WAIT_CERT_CR --CertificateRequest--> CHOOSING_CREDENTIAL */
export const certificateRequest = resultFn(function* (
  state: WaitCertificateOrRequest,
  event: Of<Heard, "CertificateRequest">
): Steps<ChoosingCredential> {
  const { certificate_request_context, extensions } = event.body
  if (certificate_request_context.length > 0) {
    return yield* fail("UnexpectedCertificateContext", "a CertificateRequest of the handshake has an empty context")
  }
  const schemes = yield* required(
    "CertificateRequest",
    "signature_algorithms",
    find(extensions, "signature_algorithms")
  )
  return land({
    _tag: "CHOOSING_CREDENTIAL",
    asks: {
      _tag: "ChooseCredential",
      schemes: schemes.supported_signature_algorithms,
      ...CertificateSchemes.ofPeer(extensions, schemes.supported_signature_algorithms),
      certificateTypes: [state.parameters.certificateTypes.client],
      filters: find(extensions, "oid_filters")?.filters ?? []
    },
    request: event.body,
    parameters: state.parameters,
    transcript: append(state.transcript, event.raw)
  })
})

/** CHOOSING_CREDENTIAL --CredentialChosen--> WAIT_CERT */
export const credentialChosen = (state: ChoosingCredential, event: CredentialChosen): Stepped<WaitCertificate> => {
  const { parameters, transcript, asks, request } = state
  const auth = choose(event.credential, asks, request.extensions)
  return Result.succeed(land({ _tag: "WAIT_CERT", parameters, transcript, auth }))
}

/** Without an appropriate certificate the client declines (section 4.5.1), and the server decides what that means. */
const choose = (
  credential: Credential | undefined,
  { schemes, certificateTypes }: ChooseCredential,
  asked: CertificateRequest["extensions"]
): ClientAuth =>
  credential === undefined || !certificateTypes?.includes(credential.certificateType ?? "X509")
    ? { _tag: "Declined" }
    : Result.match(SignatureScheme.select(credential.schemes, schemes), {
        onSuccess: (scheme): ClientAuth => ({ _tag: "Chosen", credential, scheme, asked }),
        onFailure: () => ({ _tag: "Declined" })
      })

const certificate = resultFn(function* (
  parameters: Parameters,
  transcript: WaitCertificate["transcript"],
  auth: ClientAuth,
  event: Of<Heard, "Certificate">
): Steps<WaitCertificateVerify> {
  const { certificate_list } = yield* presented(event.body, parameters.certificateTypes.server)
  if (certificate_list.length === 0) {
    return yield* fail("EmptyCertificateList", "the server shows no certificate")
  }
  for (const entry of certificate_list) {
    yield* onlySolicited("Certificate", entry.extensions, parameters.hs.offer.hello.extensions)
  }
  return land({
    _tag: "WAIT_CV",
    parameters,
    transcript: append(transcript, event.raw),
    auth,
    chain: certificate_list
  })
})

/** WAIT_CERT_CR --Certificate--> WAIT_CV */
export const certificateUnasked = (
  state: WaitCertificateOrRequest,
  event: Of<Heard, "Certificate">
): Stepped<WaitCertificateVerify> => certificate(state.parameters, state.transcript, { _tag: "NotRequested" }, event)

/** WAIT_CERT --Certificate--> WAIT_CV */
export const certificateAsked = (
  state: WaitCertificate,
  event: Of<Heard, "Certificate">
): Stepped<WaitCertificateVerify> => certificate(state.parameters, state.transcript, state.auth, event)

/** WAIT_CERT_CR --CompressedCertificate--> WAIT_CV (RFC 8879) */
export const compressedUnasked = (
  state: WaitCertificateOrRequest,
  event: Of<Heard, "CompressedCertificate">
): Stepped<WaitCertificateVerify> =>
  Result.flatMap(unpack(event, compressors(state)), (unpacked) => certificateUnasked(state, unpacked))

/** WAIT_CERT --CompressedCertificate--> WAIT_CV (RFC 8879) */
export const compressedAsked = (
  state: WaitCertificate,
  event: Of<Heard, "CompressedCertificate">
): Stepped<WaitCertificateVerify> =>
  Result.flatMap(unpack(event, compressors(state)), (unpacked) => certificateAsked(state, unpacked))

const compressors = ({ parameters }: { readonly parameters: Parameters }) =>
  parameters.hs.offer.config.certificateCompression

/** WAIT_CV --CertificateVerify--> AUTHENTICATING */
export const certificateVerify = resultFn(function* (
  state: WaitCertificateVerify,
  event: Of<Heard, "CertificateVerify">
): Steps<Authenticating> {
  const { hs, certificateTypes } = state.parameters
  const { config } = hs.offer
  const peer = { _tag: "Server", identity: config.server } as const
  const asks = yield* authenticate(
    peer,
    config.schemes,
    certificateTypes.server,
    state.chain,
    state.transcript,
    event.body
  )
  return land({
    _tag: "AUTHENTICATING",
    asks,
    parameters: state.parameters,
    transcript: append(state.transcript, event.raw),
    auth: state.auth
  })
})

/** AUTHENTICATING --PeerAuthenticated--> WAIT_FINISHED */
export const peerAuthenticated = (state: Authenticating, proof: PeerAuthenticated): Stepped<WaitFinished> =>
  Result.succeed(
    land({
      _tag: "WAIT_FINISHED",
      parameters: state.parameters,
      transcript: state.transcript,
      auth: state.auth,
      proof
    })
  )
