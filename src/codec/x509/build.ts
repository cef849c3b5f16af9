/** Making certificates (RFC 5280 section 4.1): what to sign, and what to do with the signature. */
import * as Result from "effect/Result"
import { decodeDer, encodeDer } from "../der/der.ts"
import { timeOf } from "../der/time.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { type Returns, resultFn } from "../resultFn.ts"
import { algorithmIdentifier, type SignatureAlgorithm } from "./algorithm.ts"
import { encodeTbs, SignedCertificate, type TBSCertificate, type Version } from "./certificate.ts"
import type { Extension } from "./extension.ts"
import type { Name } from "./name.ts"
import { SubjectPublicKeyInfo } from "./publicKey.ts"

/** Everything a certificate says. */
export interface CertificateTemplate {
  readonly version: Version
  /** Big-endian two's complement in its shortest form, at most 20 bytes, positive. */
  readonly serialNumber: Uint8Array
  readonly algorithm: SignatureAlgorithm
  readonly issuer: Name
  readonly subject: Name
  /** Milliseconds since 1970, whole seconds, both ends inclusive. */
  readonly validity: { readonly notBefore: number; readonly notAfter: number }
  /** DER. */
  readonly spki: Uint8Array
  readonly extensions: ReadonlyArray<Extension>
}

/** The TBSCertificate of a template; fails for an algorithm that cannot stand in a certificate. */
export const makeTbs = resultFn(function* (template: CertificateTemplate): Returns<TBSCertificate, CodecFailure> {
  const { version, serialNumber, issuer, subject, validity, spki } = template
  const signature = algorithmIdentifier(template.algorithm)
  if (signature === undefined) {
    const expected = "an algorithm that certificates are signed with"
    return yield* Result.fail<CodecFailure>({ alert: "illegal_parameter", offset: 0, expected, path: ["signature"] })
  }
  return {
    version,
    serialNumber,
    signature,
    issuer,
    validity: { notBefore: timeOf(validity.notBefore), notAfter: timeOf(validity.notAfter) },
    subject,
    subjectPublicKeyInfo: { value: yield* decodeDer(SubjectPublicKeyInfo, spki), der: spki },
    issuerUniqueID: undefined,
    subjectUniqueID: undefined,
    extensions: template.extensions.length === 0 ? undefined : template.extensions
  }
})

/** The certificate, DER, of what was signed (`encodeTbs` of it) and the signature. */
export const makeCertificate = (
  tbs: TBSCertificate,
  signatureValue: Uint8Array
): Result.Result<Uint8Array, CodecFailure> =>
  Result.flatMap(encodeTbs(tbs), (der) =>
    encodeDer(SignedCertificate, {
      tbsCertificate: { value: tbs, der },
      signatureAlgorithm: tbs.signature,
      signatureValue
    })
  )
