/** WAIT_CLIENT_CERTIFICATE, WAIT_CERTIFICATE_VERIFY, AUTHENTICATING_CLIENT (RFC 5246 sections 7.4.6 and 7.4.8). */
import * as Result from "effect/Result"
import { acceptable12 } from "../../../crypto/signature.ts"
import type { Heard12 } from "../../event.ts"
import { fail } from "../../failure.ts"
import { land, type Of, type Stepped } from "../../machine.ts"
import type { PeerAuthenticated } from "../../proof.ts"
import { hear, spoken } from "../../transcript.ts"
import { authenticate } from "../authentication.ts"
import type {
  AuthenticatingClient,
  WaitCertificateVerify,
  WaitClientCertificate,
  WaitClientChangeCipherSpec,
  WaitClientKeyExchange
} from "./state.ts"

/** WAIT_CLIENT_CERTIFICATE --Certificate--> WAIT_CLIENT_KEY_EXCHANGE */
export const certificate = (
  { selected, share, transcript }: WaitClientCertificate,
  event: Of<Heard12, "Certificate">
): Stepped<WaitClientKeyExchange> => {
  const { certificate_list: chain } = event.body
  const heard = hear(transcript, event.raw)
  if (chain.length > 0) {
    const auth = { _tag: "Shown", chain } as const
    return Result.succeed(land({ _tag: "WAIT_CLIENT_KEY_EXCHANGE", selected, share, auth, transcript: heard }))
  }
  return selected.choices.config.clientAuthentication._tag === "Required"
    ? fail("ClientCertificateRequired12", "the client shows no certificate, and one is required here")
    : Result.succeed(
        land({ _tag: "WAIT_CLIENT_KEY_EXCHANGE", selected, share, auth: { _tag: "Anonymous" }, transcript: heard })
      )
}

/** WAIT_CERTIFICATE_VERIFY --CertificateVerify--> AUTHENTICATING_CLIENT: all that was said so far is signed. */
export const certificateVerify = (
  { hs, chain, transcript }: WaitCertificateVerify,
  event: Of<Heard12, "CertificateVerify">
): Stepped<AuthenticatingClient> => {
  const presented = {
    peer: { _tag: "Client" },
    chain,
    content: spoken(transcript),
    ocsp: undefined,
    timestamps: undefined
  } as const
  const { schemes } = hs.selected.choices.config
  return Result.map(authenticate(presented, acceptable12(schemes), ["ECDSA", "RSA"], event.body), (asks) =>
    land({ _tag: "AUTHENTICATING_CLIENT", asks, hs, transcript: hear(transcript, event.raw) })
  )
}

/** AUTHENTICATING_CLIENT --PeerAuthenticated--> WAIT_CLIENT_CHANGE_CIPHER_SPEC */
export const peerAuthenticated = (
  { hs, transcript }: AuthenticatingClient,
  proof: PeerAuthenticated
): Stepped<WaitClientChangeCipherSpec> =>
  Result.succeed(land({ _tag: "WAIT_CLIENT_CHANGE_CIPHER_SPEC", hs, proof, transcript }))
