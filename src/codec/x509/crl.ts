/** RFC 5280 section 5.1: certificate revocation lists. The signed bytes are kept as they were read. */

import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { same } from "../bytes.ts"
import { type Der, decodeDer, encodeDer, type Tagged, tagged } from "../der/der.ts"
import { bitOctets, integerBetween } from "../der/primitive.ts"
import { derCodec, drawn } from "../der/schema.ts"
import { explicit, named, optional, retained, sequence, sequenceOf } from "../der/structure.ts"
import { Time } from "../der/time.ts"
import { tags, within } from "../der/tlv.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { type Returns, resultFn } from "../resultFn.ts"
import { AlgorithmIdentifier, type SignatureAlgorithm, signatureAlgorithmOf } from "./algorithm.ts"
import { type CrlEntries, RevokedCertificate, readEntries } from "./crlEntries.ts"
import { type KnownCrlExtensions, readCrlExtensions } from "./crlExtension.ts"
import { Extension } from "./extension.ts"
import { Name } from "./name.ts"

const entryList = sequenceOf(RevokedCertificate)

/** `SEQUENCE OF` RevokedCertificate, of which the contents are left as they stand: `readEntries` reads them. */
const RevokedCertificates: Tagged<Uint8Array> = tagged(
  "SEQUENCE OF",
  tags.SEQUENCE,
  drawn(
    "revokedCertificates",
    (value): value is Uint8Array => value instanceof Uint8Array && Result.isSuccess(readEntries(value)),
    Schema.Array(RevokedCertificate.schema).check(Schema.isMaxLength(4)),
    (list) => {
      const encoded = list.map((entry) =>
        Result.getOrElse(encodeDer(RevokedCertificate, entry), () => new Uint8Array(0))
      )
      return Uint8Array.from(encoded.flatMap((bytes) => [...bytes]))
    },
    () => []
  ),
  (reader) => reader.rest(),
  (writer, contents) => writer.put(contents)
)

/** The entries of a list as `TBSCertList` wants them. */
export const encodeEntries = (entries: Der.Type<typeof entryList>): Result.Result<Uint8Array, CodecFailure> =>
  Result.flatMap(encodeDer(entryList, entries), (der) => decodeDer(RevokedCertificates, der))

export const TBSCertList = sequence({
  version: optional(named(integerBetween(1, 1), { v2: 1 })),
  signature: AlgorithmIdentifier,
  issuer: Name,
  thisUpdate: Time,
  nextUpdate: optional(Time),
  revokedCertificates: optional(RevokedCertificates),
  crlExtensions: optional(explicit(0, sequenceOf(Extension, 1)))
})
export type TBSCertList = Der.Type<typeof TBSCertList>

/** `CertificateList ::= SEQUENCE { … }` to the letter. */
export const SignedCertificateList = sequence({
  tbsCertList: retained(TBSCertList),
  signatureAlgorithm: AlgorithmIdentifier,
  signatureValue: bitOctets
})

/** The Schema between a list's structure and its DER. */
export const SignedCertificateListCodec = derCodec("CertificateList", SignedCertificateList)

/** A list, read and found consistent in itself; nothing is said about who made it. */
export interface CertificateList {
  /** The whole list, as it was given. */
  readonly der: Uint8Array
  /** The TBSCertList: the bytes that are signed. */
  readonly tbs: Uint8Array
  readonly version: "v1" | "v2"
  readonly signatureAlgorithm: SignatureAlgorithm | undefined
  readonly signatureOid: string
  readonly signature: Uint8Array
  readonly issuer: Name
  /** Milliseconds since 1970. */
  readonly thisUpdate: number
  /** When there will be a newer one; RFC 5280 section 5.1.2.5 wants it, ASN.1 does not. */
  readonly nextUpdate: number | undefined
  readonly extensions: ReadonlyArray<Extension>
  readonly known: KnownCrlExtensions
  readonly entries: CrlEntries
}

const noEntries: CrlEntries = { count: 0, find: () => undefined, obstacle: undefined }

const fail = (expected: string, ...path: ReadonlyArray<string>): Result.Result<never, CodecFailure> =>
  Result.fail({ alert: "decode_error", offset: 0, expected, path })

const sameOrAbsent = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && same(a, b))

/**
 * Reads a list: strict DER, every entry looked at, in time and memory that grow with its length.
 *
 * Fails with the path to the part that is wrong. The result aliases `der`.
 *
 * ```ts
 * const list = Result.getOrThrow(parseCertificateList(der))
 * list.entries.find(certificate.serialNumber)?.reason // "keyCompromise"
 * ```
 */
export const parseCertificateList = resultFn(function* (der: Uint8Array): Returns<CertificateList, CodecFailure> {
  const { tbsCertList, signatureAlgorithm, signatureValue } = yield* decodeDer(SignedCertificateList, der)
  const tbs = tbsCertList.value
  const version = tbs.version ?? "v1"
  const extensions = tbs.crlExtensions ?? []
  if (extensions.length > 0 && version === "v1") yield* fail("no extensions before version 2", "version")
  const isSameAlgorithm =
    tbs.signature.algorithm === signatureAlgorithm.algorithm &&
    sameOrAbsent(tbs.signature.parameters, signatureAlgorithm.parameters)
  if (!isSameAlgorithm) yield* fail("the algorithm that tbsCertList names", "signatureAlgorithm")
  const part = (path: string, offset: number) => (failure: CodecFailure) =>
    within(failure, offset, ["tbsCertList", path])
  const contents = tbs.revokedCertificates
  return {
    der,
    tbs: tbsCertList.der,
    version,
    signatureAlgorithm: signatureAlgorithmOf(signatureAlgorithm),
    signatureOid: signatureAlgorithm.algorithm,
    signature: signatureValue,
    issuer: tbs.issuer,
    thisUpdate: tbs.thisUpdate.value,
    nextUpdate: tbs.nextUpdate?.value,
    extensions,
    known: yield* Result.mapError(readCrlExtensions(extensions, der), part("crlExtensions", 0)),
    entries:
      contents === undefined
        ? noEntries
        : yield* Result.mapError(
            readEntries(contents),
            part("revokedCertificates", contents.byteOffset - der.byteOffset)
          )
  }
})

/** The bytes to sign. */
export const encodeTbsCertList = (tbs: TBSCertList): Result.Result<Uint8Array, CodecFailure> =>
  encodeDer(TBSCertList, tbs)

/** The list, DER, of what was signed and the signature. */
export const makeCertificateList = (
  tbs: TBSCertList,
  signatureValue: Uint8Array
): Result.Result<Uint8Array, CodecFailure> =>
  Result.flatMap(encodeTbsCertList(tbs), (der) =>
    encodeDer(SignedCertificateList, {
      tbsCertList: { value: tbs, der },
      signatureAlgorithm: tbs.signature,
      signatureValue
    })
  )
