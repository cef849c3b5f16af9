/** Certificates in fewer bytes, in either role (RFC 8879). */
import * as Result from "effect/Result"
import { CertificateCompressionAlgorithm } from "../../codec/extension/compressCertificate.ts"
import { find } from "../../codec/extension/extension.ts"
import type { Extension } from "../../codec/extension/placement.ts"
import { Certificate } from "../../codec/handshake/certificate.ts"
import type { CompressedCertificate } from "../../codec/handshake/compressedCertificate.ts"
import type { Message } from "../../codec/handshake/handshake.ts"
import { decode, encode } from "../../codec/presentation/wire.ts"
import type { CertificateCompressor } from "../../crypto/compression.ts"
import type { Heard } from "../event.ts"
import { type Failure, fail, fromCodec } from "../failure.ts"
import type { Of } from "../machine.ts"
import { maxHandshakeMessage } from "../record/limits.ts"

type Compressors = ReadonlyArray<CertificateCompressor> | undefined

/** In a ClientHello and in a CertificateRequest: what we can decompress (section 3). */
export const offer = (compressors: Compressors = []): ReadonlyArray<Offer> =>
  compressors.length === 0
    ? []
    : [{ type: "compress_certificate", data: { algorithms: compressors.map(({ algorithm }) => algorithm) } }]
type Offer = Extract<Extension<"ClientHello">, { readonly type: "compress_certificate" }>

const plain = (body: Certificate): Message => ({ _tag: "Certificate", body })

/**
 * A Certificate of ours as it is said: compressed by the first of our algorithms that the peer has asked for, where
 * that makes it shorter.
 */
export const pack = (
  body: Certificate,
  compressors: Compressors,
  asked: ReadonlyArray<Extension<"ClientHello"> | Extension<"CertificateRequest">>
): Result.Result<Message, Failure> => {
  const algorithms = find(asked, "compress_certificate")?.algorithms ?? []
  const compressor = compressors?.find(({ algorithm }) => algorithms.includes(algorithm))
  if (compressor === undefined) return Result.succeed(plain(body))
  return Result.map(Result.mapError(encode(Certificate.wire, body), internal), (bytes): Message => {
    const compressed = compressor.compress(bytes)
    if (compressed === undefined || compressed.length + overhead >= bytes.length) return plain(body)
    return {
      _tag: "CompressedCertificate",
      body: {
        algorithm: compressor.algorithm,
        uncompressed_length: bytes.length,
        compressed_certificate_message: compressed
      }
    }
  })
}

/** Bytes that CompressedCertificate has besides: algorithm, length, and the length of what was compressed. */
const overhead = 8

/** A Certificate that cannot be encoded is our own fault; whoever says it uncompressed finds the same. */
const internal = (failure: Parameters<typeof fromCodec>[1]): Failure => ({
  ...fromCodec("Certificate", failure),
  reason: "InternalError"
})

/**
 * The Certificate that a CompressedCertificate stands for (section 4). It is limited as if it had not been compressed,
 * and before anything is inflated; the bytes that the transcript hears stay those that were said.
 */
export const unpack = (
  event: Of<Heard, "CompressedCertificate">,
  compressors: Compressors = []
): Result.Result<Of<Heard, "Certificate">, Failure> =>
  Result.map(
    Result.flatMap(decompress(event.body, compressors), (bytes) =>
      Result.mapError(decode(Certificate.wire, bytes), (failure) => fromCodec("decompressed Certificate", failure))
    ),
    (body) => ({ _tag: "Certificate", body, raw: event.raw })
  )

const decompress = (
  { algorithm, uncompressed_length: size, compressed_certificate_message }: CompressedCertificate,
  compressors: ReadonlyArray<CertificateCompressor>
): Result.Result<Uint8Array, Failure> => {
  const name = CertificateCompressionAlgorithm.show(algorithm)
  if (compressors.length === 0) return fail("UnsolicitedCompression", `a certificate compressed with ${name}, unasked`)
  const compressor = compressors.find((candidate) => candidate.algorithm === algorithm)
  if (compressor === undefined) return fail("UnofferedCompression", `${name} was not among the algorithms offered`)
  if (size > maxHandshakeMessage) {
    return fail("CertificateDecompressionFailed", `${size} bytes before compression, ${maxHandshakeMessage} at most`)
  }
  const bytes = size === 0 ? undefined : compressor.decompress(compressed_certificate_message, size)
  return bytes === undefined
    ? fail("CertificateDecompressionFailed", `what was compressed with ${name} is not ${size} bytes of anything`)
    : Result.succeed(bytes)
}
