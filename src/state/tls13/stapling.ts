/** What is stapled to a certificate: an OCSP response and SCTs, in either role (RFC 9846 section 4.5.1.1). */
import { find } from "../../codec/extension/extension.ts"
import type { Extension } from "../../codec/extension/placement.ts"
import type { Certificate } from "../../codec/handshake/certificate.ts"
import type { Credential } from "../command.ts"
import type { Stapling } from "../config.ts"
import type { Staples } from "../proof.ts"

/** What a ClientHello asks: no responder in particular, and no extension of OCSP. */
export const askServer = (stapling: Stapling = "none"): ReadonlyArray<Extension<"ClientHello">> =>
  stapling === "none"
    ? []
    : [
        {
          type: "status_request",
          data: {
            status_type: "ocsp",
            request: { responder_id_list: [], request_extensions: new Uint8Array(0) }
          }
        },
        { type: "signed_certificate_timestamp", data: {} }
      ]

/** What a CertificateRequest asks: both are empty there. */
export const askClient = (stapling: Stapling = "none"): ReadonlyArray<Extension<"CertificateRequest">> =>
  stapling === "none"
    ? []
    : [
        { type: "status_request", data: {} },
        { type: "signed_certificate_timestamp", data: {} }
      ]

/** The extensions of our own leaf: what we have of what the peer has asked for; a raw public key has no status. */
export const staples = (
  { ocspStaple, signedCertificateTimestamps = [], certificateType }: Credential,
  asked: ReadonlyArray<Extension<"ClientHello"> | Extension<"CertificateRequest">>
): ReadonlyArray<Extension<"Certificate">> => {
  const wanted = new Set(certificateType === "RawPublicKey" ? [] : asked.map(({ type }) => type))
  return [
    ...(ocspStaple !== undefined && wanted.has("status_request")
      ? [{ type: "status_request", data: { status_type: "ocsp", response: ocspStaple } } as const]
      : []),
    ...(signedCertificateTimestamps.length > 0 && wanted.has("signed_certificate_timestamp")
      ? [{ type: "signed_certificate_timestamp", data: { sct_list: signedCertificateTimestamps } } as const]
      : [])
  ]
}

/** What the peer has stapled to its leaf, as it came: a verifier judges it. */
export const stapled = (chain: Certificate["certificate_list"]): Staples => {
  const leaf = chain[0]?.extensions ?? []
  const status = find(leaf, "status_request")
  return {
    ocsp: status?.status_type === "ocsp" ? status.response : undefined,
    timestamps: find(leaf, "signed_certificate_timestamp")?.sct_list
  }
}
