/** RFC 6962: signed certificate timestamps, what they sign, and where certificates carry them. */
import * as Result from "effect/Result"
import { decodeDer, encodeDer } from "../der/der.ts"
import { octetString } from "../der/primitive.ts"
import { SignedCertificateTimestampList } from "../extension/signedCertificateTimestamp.ts"
import { codec } from "../presentation/codec.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { openEnum } from "../presentation/enum.ts"
import { uint8, uint64 } from "../presentation/number.ts"
import { constant, select, struct } from "../presentation/struct.ts"
import { opaque, remainder } from "../presentation/vector.ts"
import { decode, encode, type Wire } from "../presentation/wire.ts"
import { SignatureScheme } from "../registry/signatureScheme.ts"
import type { SignatureAlgorithm } from "./algorithm.ts"
import { type Certificate, encodeTbs, TBSCertificate } from "./certificate.ts"
import { type Extension, extensionOids } from "./extension.ts"
import { parseOcspResponse } from "./ocsp.ts"

/** `Version sct_version`: v1 is 0; what later ones hold is not known. */
export const SctVersion = openEnum(1, { v1: 0 })

const extensions = opaque({ min: 0, max: 2 ** 16 - 1 })

/** Section 3.2, of version 1: the log by the SHA-256 of its key, the time, and the log's signature. */
export const TimestampV1 = struct({
  /** SHA-256 of the log's SubjectPublicKeyInfo. */
  log_id: opaque(32),
  /** Milliseconds since 1970. */
  timestamp: uint64,
  extensions,
  /** `digitally-signed` of TLS 1.2: hash and signature algorithm, two bytes which schemes took over. */
  algorithm: SignatureScheme,
  signature: opaque({ min: 0, max: 2 ** 16 - 1 })
})
export type TimestampV1 = Wire.Type<typeof TimestampV1>

/** `SignedCertificateTimestamp`: one element of the list. */
export const SignedCertificateTimestamp = codec(
  "SignedCertificateTimestamp",
  select("sct_version", SctVersion, "content", { v1: TimestampV1 }, remainder)
)
export type SignedCertificateTimestamp = Wire.Type<typeof SignedCertificateTimestamp>

export const LogEntryType = openEnum(2, { x509_entry: 0, precert_entry: 1 })

const certificate = opaque({ min: 1, max: 2 ** 24 - 1 })

/** Section 3.2: what a log signs, of a certificate or of what was to become one. */
export const CertificateTimestamp = codec(
  "CertificateTimestamp",
  struct({
    sct_version: constant(uint8, 0),
    /** `certificate_timestamp`; a tree head would be 1. */
    signature_type: constant(uint8, 0),
    timestamp: uint64,
    entry: select(
      "entry_type",
      LogEntryType,
      "signed_entry",
      {
        x509_entry: certificate,
        /** `issuer_key_hash`: SHA-256 of the issuer's SubjectPublicKeyInfo. */
        precert_entry: struct({ issuer_key_hash: opaque(32), tbs_certificate: certificate })
      },
      remainder
    ),
    extensions
  })
)

/** What a timestamp is about. */
export type LogEntry =
  | { readonly entry_type: "x509_entry"; readonly signed_entry: Uint8Array }
  | {
      readonly entry_type: "precert_entry"
      readonly signed_entry: { readonly issuer_key_hash: Uint8Array; readonly tbs_certificate: Uint8Array }
    }

/** The bytes under the signature of a timestamp about an entry. */
export const signedContent = (
  { timestamp, extensions }: Pick<TimestampV1, "timestamp" | "extensions">,
  entry: LogEntry
): Result.Result<Uint8Array, CodecFailure> =>
  encode(CertificateTimestamp.wire, { sct_version: 0, signature_type: 0, timestamp, entry, extensions })

/** Section 3.2: a TBSCertificate as it was before its timestamps were put into it. */
export const withoutTimestamps = (tbs: TBSCertificate): TBSCertificate => {
  const rest = tbs.extensions?.filter(({ extnID }) => extnID !== extensionOids.signedCertificateTimestamps)
  return { ...tbs, extensions: rest?.length === 0 ? undefined : rest }
}

/** The entry that timestamps in a certificate are about; the hash is of its issuer's key. */
export const precertEntry = (
  { tbs }: Pick<Certificate, "tbs">,
  issuerKeyHash: Uint8Array
): Result.Result<LogEntry, CodecFailure> =>
  Result.map(
    Result.flatMap(decodeDer(TBSCertificate, tbs), (value) => encodeTbs(withoutTimestamps(value))),
    (tbs_certificate) => ({
      entry_type: "precert_entry",
      signed_entry: { issuer_key_hash: issuerKeyHash, tbs_certificate }
    })
  )

/** Section 3.3: the serialized timestamps in the value of the extension of a certificate. */
export const timestampsIn = (list: Uint8Array): Result.Result<ReadonlyArray<Uint8Array>, CodecFailure> =>
  Result.map(decode(SignedCertificateTimestampList.wire, list), ({ sct_list }) => sct_list)

/** Where an OCSP response carries them, in the extensions of a single response. */
const ocspExtension = "1.3.6.1.4.1.11129.2.4.5"

/**
 * Serialized timestamps in an OCSPResponse, DER; none when it cannot be read, which is for others to judge. They need
 * no trust in the responder: each is signed by its log, about the certificate itself.
 */
export const timestampsInOcsp = (der: Uint8Array): ReadonlyArray<Uint8Array> => {
  const parsed = Result.getOrUndefined(parseOcspResponse(der))
  const responses = parsed?._tag === "Basic" ? parsed.response.responses : []
  const extensions = responses.flatMap(({ singleExtensions = [] }) => singleExtensions)
  return extensions
    .filter(({ extnID }) => extnID === ocspExtension)
    .flatMap(({ extnValue }) =>
      Result.getOrElse(Result.flatMap(decodeDer(octetString, extnValue), timestampsIn), () => [])
    )
}

/** Serialized timestamps as an extension of a certificate, or of a single response of OCSP; not critical. */
export const timestampsExtension = (
  list: ReadonlyArray<Uint8Array>,
  carrier: "certificate" | "ocsp"
): Result.Result<Extension, CodecFailure> =>
  Result.map(
    Result.flatMap(encode(SignedCertificateTimestampList.wire, { sct_list: list }), (bytes) =>
      encodeDer(octetString, bytes)
    ),
    (extnValue) => ({
      extnID: carrier === "ocsp" ? ocspExtension : extensionOids.signedCertificateTimestamps,
      critical: false,
      extnValue
    })
  )

/** How a log signs, as certificates call it: the scheme's hash with whatever curve the log's key is on. */
export const timestampAlgorithm = (scheme: SignatureScheme): SignatureAlgorithm | undefined => {
  switch (scheme) {
    case "ecdsa_secp256r1_sha256":
      return "ecdsa_sha256"
    case "ecdsa_secp384r1_sha384":
      return "ecdsa_sha384"
    case "ecdsa_secp521r1_sha512":
      return "ecdsa_sha512"
    case "rsa_pkcs1_sha256":
    case "rsa_pkcs1_sha384":
    case "rsa_pkcs1_sha512":
      return scheme
    default:
      return undefined
  }
}
