/** signature_algorithms_cert and certificate_authorities: what a peer says about chains (RFC 9846 4.3.3 and 4.3.4). */
import { find } from "../../codec/extension/extension.ts"
import type { Extension } from "../../codec/extension/placement.ts"
import type { SignatureScheme } from "../../codec/registry/signatureScheme.ts"
import { certificateSchemes } from "../../crypto/signature.ts"

/** What we say: certificates may be signed in ways that CertificateVerify may not. */
export const accepted = {
  type: "signature_algorithms_cert",
  data: { supported_signature_algorithms: certificateSchemes }
} as const

/** What the peer says; without the extension, signature_algorithms speaks for certificates too. */
export const ofPeer = (
  extensions: ReadonlyArray<Extension<"ClientHello"> | Extension<"CertificateRequest">>,
  schemes: ReadonlyArray<SignatureScheme>
): {
  readonly certificateSchemes: ReadonlyArray<SignatureScheme>
  readonly authorities: ReadonlyArray<Uint8Array>
} => ({
  certificateSchemes: find(extensions, "signature_algorithms_cert")?.supported_signature_algorithms ?? schemes,
  authorities: find(extensions, "certificate_authorities")?.authorities ?? []
})
