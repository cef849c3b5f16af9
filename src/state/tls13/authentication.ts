/** What Certificate and CertificateVerify mean in either role (RFC 9846 sections 4.5.1 and 4.5.2). */
import * as Result from "effect/Result"
import type { Extension } from "../../codec/extension/placement.ts"
import type { Certificate } from "../../codec/handshake/certificate.ts"
import type { CertificateVerify } from "../../codec/handshake/certificateVerify.ts"
import type { SignatureScheme } from "../../codec/registry/signatureScheme.ts"
import type { AuthenticatePeer, Credential } from "../command.ts"
import type { CertificateKind } from "../config.ts"
import type { Established13 } from "../established.ts"
import { type Failure, fail } from "../failure.ts"
import { selected } from "../negotiation/signatureScheme.ts"
import type { PeerAuthenticated, PskSelected } from "../proof.ts"
import type { Hashing } from "../transcript.ts"
import { signedContent } from "./certificateVerify.ts"
import { stapled, staples } from "./stapling.ts"

/** What a peer asks of the Certificate that it is going to hear. */
export type Asked = ReadonlyArray<Extension<"ClientHello"> | Extension<"CertificateRequest">>

/** The Certificate for a credential, with what is stapled to it; none is the empty list of a client that declines. */
export const certificateOf = (credential: Credential | undefined, asked: Asked = []): Certificate => ({
  certificate_request_context: new Uint8Array(0),
  certificate_list: (credential?.chain ?? []).map((cert_data, i) => ({
    cert_data,
    extensions: i === 0 && credential !== undefined ? staples(credential, asked) : []
  }))
})

/** Whether ServerHello came at once or after a retry. */
export type Rounds = Extract<Established13["kind"], "full" | "retried">

/** What a handshake was, by what spoke for the server and how many round trips it took. */
export const kindOf = (proof: PeerAuthenticated | PskSelected | undefined, rounds: Rounds): Established13["kind"] =>
  proof?._tag === "PskSelected" ? proof.kind : rounds

/** A Certificate of the handshake: its context is empty, and a raw public key stands alone. */
export const presented = (body: Certificate, type: CertificateKind): Result.Result<Certificate, Failure> => {
  const { certificate_request_context: context, certificate_list: list } = body
  if (context.length > 0) {
    return fail("UnexpectedCertificateContext", "a Certificate of the handshake has an empty context")
  }
  return type === "RawPublicKey" && list.length > 1
    ? fail(
        "SeveralRawPublicKeys",
        `a Certificate with ${list.length} entries, and one raw public key is what was agreed`
      )
    : Result.succeed(body)
}

/** The question that CertificateVerify raises: the chain and the signature are judged together. */
export const authenticate = (
  peer: AuthenticatePeer["peer"],
  accepted: ReadonlyArray<SignatureScheme>,
  certificateType: CertificateKind,
  chain: Certificate["certificate_list"],
  toCertificate: Hashing,
  { algorithm, signature }: CertificateVerify
): Result.Result<AuthenticatePeer, Failure> =>
  Result.map(selected(accepted, algorithm), (scheme) => ({
    _tag: "AuthenticatePeer",
    peer,
    certificateType,
    chain: chain.map((entry) => entry.cert_data),
    scheme,
    signature,
    content: signedContent(peer._tag, toCertificate),
    ...stapled(chain)
  }))
