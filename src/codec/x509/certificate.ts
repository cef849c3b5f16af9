/** RFC 5280 section 4.1: certificates. The signed bytes are kept as they were read. */

import * as Result from "effect/Result"
import { same } from "../bytes.ts"
import { type Der, decodeDer, encodeDer } from "../der/der.ts"
import { bitOctets, bitString, integer, integerBetween } from "../der/primitive.ts"
import { derCodec } from "../der/schema.ts"
import { explicit, implicit, named, optional, retained, sequence, sequenceOf, withDefault } from "../der/structure.ts"
import { Time, timeOf } from "../der/time.ts"
import { within } from "../der/tlv.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { type Returns, resultFn } from "../resultFn.ts"
import { AlgorithmIdentifier, type SignatureAlgorithm, signatureAlgorithmOf } from "./algorithm.ts"
import { Extension, type KnownExtensions, readExtensions } from "./extension.ts"
import { Name } from "./name.ts"
import { type PublicKeyInfo, parsePublicKey, SubjectPublicKeyInfo } from "./publicKey.ts"

export const Version = named(integerBetween(0, 2), { v1: 0, v2: 1, v3: 2 })
export type Version = Der.Type<typeof Version>

export const Validity = sequence({ notBefore: Time, notAfter: Time })

export const TBSCertificate = sequence({
  version: withDefault(explicit(0, Version), "v1"),
  serialNumber: integer,
  signature: AlgorithmIdentifier,
  issuer: Name,
  validity: Validity,
  subject: Name,
  subjectPublicKeyInfo: retained(SubjectPublicKeyInfo),
  issuerUniqueID: optional(implicit(1, bitString)),
  subjectUniqueID: optional(implicit(2, bitString)),
  extensions: optional(explicit(3, sequenceOf(Extension, 1)))
})
export type TBSCertificate = Der.Type<typeof TBSCertificate>

/** `Certificate ::= SEQUENCE { … }` to the letter; `Certificate` below is what the rest of the code works with. */
export const SignedCertificate = sequence({
  tbsCertificate: retained(TBSCertificate),
  signatureAlgorithm: AlgorithmIdentifier,
  signatureValue: bitOctets
})
export type SignedCertificate = Der.Type<typeof SignedCertificate>

/** The Schema between a certificate's structure and its DER. */
export const SignedCertificateCodec = derCodec("Certificate", SignedCertificate)

/** When a certificate may be believed. */
export interface CertificateValidity {
  /** Milliseconds since 1970, both ends inclusive. */
  readonly notBefore: number
  readonly notAfter: number
  /** Whether both are written as section 4.1.2.5 wants them: UTCTime through 2049. */
  readonly form: "profile" | "early GeneralizedTime"
}

/** A certificate, read and found consistent in itself; nothing is said about who made it. */
export interface Certificate {
  /** The whole certificate, as it was given. */
  readonly der: Uint8Array
  /** The TBSCertificate: the bytes that are signed. */
  readonly tbs: Uint8Array
  readonly version: Version
  /** Big-endian two's complement; zero and negative ones exist, and are refused where a path is judged. */
  readonly serialNumber: Uint8Array
  /** How it is signed; `undefined` for an algorithm, or parameters, that we have no name for. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined
  /** The object identifier of that algorithm. */
  readonly signatureOid: string
  readonly signature: Uint8Array
  /** Names compare by their `der`. */
  readonly issuer: Name
  readonly subject: Name
  readonly validity: CertificateValidity
  readonly publicKey: PublicKeyInfo
  /** All of them in order, for criticality and for those that are not known. */
  readonly extensions: ReadonlyArray<Extension>
  /** The known ones by name, for example `known.basicConstraints?.cA`. */
  readonly known: KnownExtensions
}

const fail = (expected: string, ...path: ReadonlyArray<string>): Result.Result<never, CodecFailure> =>
  Result.fail({ alert: "decode_error", offset: 0, expected, path })

const sameOrAbsent = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && same(a, b))

/** What the versions allow (sections 4.1.2.1, 4.1.2.8, 4.1.2.9), and the two statements of one algorithm (4.1.1.2). */
const consistent = ({ tbsCertificate, signatureAlgorithm }: SignedCertificate): Result.Result<void, CodecFailure> => {
  const tbs = tbsCertificate.value
  if (tbs.extensions !== undefined && tbs.version !== "v3") return fail("no extensions before version 3", "version")
  const hasUniqueId = tbs.issuerUniqueID !== undefined || tbs.subjectUniqueID !== undefined
  if (hasUniqueId && tbs.version === "v1") return fail("no unique identifiers in version 1", "version")
  const isSameAlgorithm =
    tbs.signature.algorithm === signatureAlgorithm.algorithm &&
    sameOrAbsent(tbs.signature.parameters, signatureAlgorithm.parameters)
  return isSameAlgorithm ? Result.void : fail("the algorithm that tbsCertificate names", "signatureAlgorithm")
}

const validityOf = ({ notBefore, notAfter }: Der.Type<typeof Validity>): CertificateValidity => ({
  notBefore: notBefore.value,
  notAfter: notAfter.value,
  form: [notBefore, notAfter].every(({ _tag, value }) => _tag === timeOf(value)._tag)
    ? "profile"
    : "early GeneralizedTime"
})

/**
 * Reads a certificate: strict DER, every known extension read too, none twice, the version's rules kept.
 *
 * Fails with the path to the part that is wrong. The result aliases `der`.
 *
 * ```ts
 * const certificate = Result.getOrThrow(parseCertificate(der))
 * certificate.known.subjectAltName // [{ _tag: "dNSName", value: "example.org" }]
 * ```
 */
export const parseCertificate = resultFn(function* (der: Uint8Array): Returns<Certificate, CodecFailure> {
  const signed = yield* decodeDer(SignedCertificate, der)
  yield* consistent(signed)
  const tbs = signed.tbsCertificate.value
  const extensions = tbs.extensions ?? []
  const { der: spki } = tbs.subjectPublicKeyInfo
  const part = (path: string, offset: number) => (failure: CodecFailure) =>
    within(failure, offset, ["tbsCertificate", path])
  return {
    der,
    tbs: signed.tbsCertificate.der,
    version: tbs.version,
    serialNumber: tbs.serialNumber,
    signatureAlgorithm: signatureAlgorithmOf(signed.signatureAlgorithm),
    signatureOid: signed.signatureAlgorithm.algorithm,
    signature: signed.signatureValue,
    issuer: tbs.issuer,
    subject: tbs.subject,
    validity: validityOf(tbs.validity),
    publicKey: yield* Result.mapError(
      parsePublicKey(spki),
      part("subjectPublicKeyInfo", spki.byteOffset - der.byteOffset)
    ),
    extensions,
    known: yield* Result.mapError(readExtensions(extensions, der), part("extensions", 0))
  }
})

/** The bytes to sign. */
export const encodeTbs = (tbs: TBSCertificate): Result.Result<Uint8Array, CodecFailure> =>
  encodeDer(TBSCertificate, tbs)
