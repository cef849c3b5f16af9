/** RFC 6960: what an OCSP responder says. Its module has explicit tags where nothing else is said. */
import * as Result from "effect/Result"
import { type Der, decodeDer, encodeDer } from "../der/der.ts"
import { namedOid } from "../der/objectIdentifier.ts"
import { any, bitOctets, enumerated, integer, integerBetween, nothing, octetString } from "../der/primitive.ts"
import { derCodec } from "../der/schema.ts"
import {
  choice,
  explicit,
  implicit,
  named,
  optional,
  retained,
  sequence,
  sequenceOf,
  withDefault
} from "../der/structure.ts"
import { generalizedTime } from "../der/time.ts"
import { within } from "../der/tlv.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { type Returns, resultFn } from "../resultFn.ts"
import { AlgorithmIdentifier, type SignatureAlgorithm, signatureAlgorithmOf } from "./algorithm.ts"
import { CRLReason } from "./crlExtension.ts"
import { Extension } from "./extension.ts"
import { extensionReader } from "./extensionReader.ts"
import { Name } from "./name.ts"

/** Section 4.2.1. */
export const OCSPResponseStatus = named(enumerated, {
  successful: 0,
  malformedRequest: 1,
  internalError: 2,
  tryLater: 3,
  sigRequired: 5,
  unauthorized: 6
})
export type OCSPResponseStatus = Der.Type<typeof OCSPResponseStatus>

const responseTypes = { basic: "1.3.6.1.5.5.7.48.1.1" } as const

export const OCSPResponse = sequence({
  responseStatus: OCSPResponseStatus,
  responseBytes: optional(explicit(0, sequence({ responseType: namedOid(responseTypes), response: octetString })))
})

/** Section 4.1.1: which certificate, by its serial number and hashes of its issuer's name and key. */
export const CertID = sequence({
  hashAlgorithm: AlgorithmIdentifier,
  issuerNameHash: octetString,
  issuerKeyHash: octetString,
  serialNumber: integer
})
export type CertID = Der.Type<typeof CertID>

export const RevokedInfo = sequence({
  revocationTime: generalizedTime,
  revocationReason: optional(explicit(0, CRLReason))
})

export const CertStatus = choice({
  good: implicit(0, nothing),
  revoked: implicit(1, RevokedInfo),
  unknown: implicit(2, nothing)
})
export type CertStatus = Der.Type<typeof CertStatus>

export const SingleResponse = sequence({
  certID: CertID,
  certStatus: CertStatus,
  thisUpdate: generalizedTime,
  nextUpdate: optional(explicit(0, generalizedTime)),
  singleExtensions: optional(explicit(1, sequenceOf(Extension, 1)))
})
/** Times are milliseconds since 1970. */
export type SingleResponse = Der.Type<typeof SingleResponse>

/** `byKey` is the SHA-1 of the key's BIT STRING, without tag, length and unused bits. */
export const ResponderID = choice({ byName: explicit(1, Name), byKey: explicit(2, octetString) })
export type ResponderID = Der.Type<typeof ResponderID>

export const ResponseData = sequence({
  version: withDefault(explicit(0, integerBetween(0, 0)), 0),
  responderID: ResponderID,
  producedAt: generalizedTime,
  responses: sequenceOf(SingleResponse, 1),
  responseExtensions: optional(explicit(1, sequenceOf(Extension, 1)))
})
export type ResponseData = Der.Type<typeof ResponseData>

export const BasicOCSPResponse = sequence({
  tbsResponseData: retained(ResponseData),
  signatureAlgorithm: AlgorithmIdentifier,
  signature: bitOctets,
  certs: optional(explicit(0, sequenceOf(any)))
})

/** The Schema between the structure and its DER. */
export const OCSPResponseCodec = derCodec("OCSPResponse", OCSPResponse)

/** Section 4.4.1: the nonce of a request, repeated. The other extensions mean nothing to a verifier. */
const readOcspExtensions = extensionReader({ nonce: "1.3.6.1.5.5.7.48.1.2" }, { nonce: octetString })

/** A response that says something, read; nothing is said about who made it. */
export interface BasicResponse {
  /** The ResponseData: the bytes that are signed. */
  readonly tbs: Uint8Array
  readonly responderID: ResponderID
  /** Milliseconds since 1970. */
  readonly producedAt: number
  readonly responses: ReadonlyArray<SingleResponse>
  readonly extensions: ReadonlyArray<Extension>
  readonly nonce: Uint8Array | undefined
  readonly signatureAlgorithm: SignatureAlgorithm | undefined
  readonly signatureOid: string
  readonly signature: Uint8Array
  /** Certificates, DER, among which the responder's may be. */
  readonly certificates: ReadonlyArray<Uint8Array>
}

/** What came: a response, or why there is none. */
export type OcspResponse =
  | { readonly _tag: "Basic"; readonly response: BasicResponse }
  | { readonly _tag: "Refused"; readonly status: Exclude<OCSPResponseStatus, "successful"> }
  | { readonly _tag: "UnknownType"; readonly responseType: string }

const fail = (expected: string, ...path: ReadonlyArray<string>): Result.Result<never, CodecFailure> =>
  Result.fail({ alert: "decode_error", offset: 0, expected, path })

const parseBasic = resultFn(function* (der: Uint8Array): Returns<BasicResponse, CodecFailure> {
  const basic = yield* decodeDer(BasicOCSPResponse, der)
  const { responderID, producedAt, responses, responseExtensions = [] } = basic.tbsResponseData.value
  const { nonce } = yield* Result.mapError(readOcspExtensions(responseExtensions, der), (failure) =>
    within(failure, 0, ["tbsResponseData", "responseExtensions"])
  )
  return {
    tbs: basic.tbsResponseData.der,
    responderID,
    producedAt,
    responses,
    extensions: responseExtensions,
    nonce,
    signatureAlgorithm: signatureAlgorithmOf(basic.signatureAlgorithm),
    signatureOid: basic.signatureAlgorithm.algorithm,
    signature: basic.signature,
    certificates: basic.certs ?? []
  }
})

/** Reads a response, DER: strict, as certificates are. The result aliases `der`. */
export const parseOcspResponse = resultFn(function* (der: Uint8Array): Returns<OcspResponse, CodecFailure> {
  const { responseStatus: status, responseBytes: bytes } = yield* decodeDer(OCSPResponse, der)
  if (status !== "successful") return { _tag: "Refused", status }
  if (bytes === undefined) return yield* fail("responseBytes, as the status is successful", "responseBytes")
  const { responseType, response } = bytes
  if (responseType !== "basic") return { _tag: "UnknownType", responseType }
  const part = (failure: CodecFailure) =>
    within(failure, response.byteOffset - der.byteOffset, ["responseBytes", "response"])
  return { _tag: "Basic", response: yield* Result.mapError(parseBasic(response), part) }
})

/** The bytes to sign. */
export const encodeResponseData = (data: ResponseData): Result.Result<Uint8Array, CodecFailure> =>
  encodeDer(ResponseData, data)

/** A successful response, DER, of what was signed, the signature, and the responder's certificate where it needs one. */
export const makeBasicResponse = resultFn(function* (
  data: ResponseData,
  signatureAlgorithm: AlgorithmIdentifier,
  signature: Uint8Array,
  certs: ReadonlyArray<Uint8Array>
): Returns<Uint8Array, CodecFailure> {
  const response = yield* encodeDer(BasicOCSPResponse, {
    tbsResponseData: { value: data, der: yield* encodeResponseData(data) },
    signatureAlgorithm,
    signature,
    certs: certs.length === 0 ? undefined : certs
  })
  return yield* encodeDer(OCSPResponse, {
    responseStatus: "successful",
    responseBytes: { responseType: "basic", response }
  })
})

/** A response that says only why there is none, DER. */
export const makeOcspRefusal = (
  responseStatus: Exclude<OCSPResponseStatus, "successful">
): Result.Result<Uint8Array, CodecFailure> => encodeDer(OCSPResponse, { responseStatus, responseBytes: undefined })

/** The hash functions that a CertID may name (RFC 3279 section 2.2.1, RFC 5754 section 2). */
export const certIdHashes = {
  "1.3.14.3.2.26": "sha1",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512"
} as const
export type CertIdHash = (typeof certIdHashes)[keyof typeof certIdHashes]

/** `id-pkix-ocsp-nocheck` (section 4.2.2.2.1): a responder's certificate that nobody need look for on a list. */
export const ocspNoCheck = "1.3.6.1.5.5.7.48.1.5"

/** The hash function that a CertID uses, if it is one of those. */
export const hashOfCertId = ({ hashAlgorithm }: CertID): CertIdHash | undefined =>
  Object.entries(certIdHashes).find(([oid]) => oid === hashAlgorithm.algorithm)?.[1]
