/**
 * Channel bindings (RFC 5056): bytes that both ends of a connection have and that no other connection has, or no other
 * server, for a login inside the connection to be bound to (SCRAM, GSS-API, HTTP authentication).
 *
 * `tls-unique` is not among them: it is not defined for TLS 1.3, and RFC 9266 replaces it.
 */
import * as Result from "effect/Result"
import { decodeDer } from "../codec/der/der.ts"
import { SignedCertificate } from "../codec/x509/certificate.ts"
import { type SignatureHash, signatureHashOf } from "../codec/x509/signatureHash.ts"
import type { Hash, HashName } from "../crypto/primitives.ts"
import type { EndPoint, Established } from "./established.ts"
import { escape, type Failure, fail } from "./failure.ts"

/** Registered names: of a connection (RFC 9266), and of a server (RFC 5929 section 4). */
export type ChannelBindingType = "tls-exporter" | "tls-server-end-point"

/** What it takes of a connection: of records or of QUIC. */
export interface Bindable {
  readonly established: Established | undefined
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Result.Result<Uint8Array, Failure>
}

/** The hashes a certificate may be hashed with. */
export type Hashes = { readonly [H in HashName]: Hash }

const none = new Uint8Array(0)

/** RFC 9266 section 2: the label, no context, and the size. */
const exporterLabel = "EXPORTER-Channel-Binding"
const exporterSize = 32

/**
 * The channel binding of an established connection.
 *
 * `tls-exporter` is 32 bytes and differs in every connection; it fails with `NotEstablished` or `ConnectionClosed`.
 * `tls-server-end-point` is the digest of the server's certificate, of 32, 48 or 64 bytes; where there is none, and
 * where RFC 5929 does not say how to hash it, it fails with `NoChannelBinding`.
 */
export const channelBinding = (
  connection: Bindable,
  hashes: Hashes,
  type: ChannelBindingType
): Result.Result<Uint8Array, Failure> => {
  switch (type) {
    case "tls-exporter":
      return connection.exportKeyingMaterial(exporterLabel, none, exporterSize)
    case "tls-server-end-point":
      return connection.established === undefined
        ? fail("NotEstablished", "there are channel bindings after the handshake only")
        : serverEndPoint(connection.established.endPoint, hashes)
    default: // callers without types
      return fail("NoChannelBinding", `TLS 1.3 has no channel binding "${escape(String(type))}"`)
  }
}

/** RFC 5929 section 4.1. Two ends that guess differently cannot log in, so nothing is guessed. */
const serverEndPoint = (endPoint: EndPoint | undefined, hashes: Hashes): Result.Result<Uint8Array, Failure> => {
  if (endPoint === undefined) {
    return fail(
      "NoChannelBinding",
      "the server showed no certificate in this handshake, which resumed a session or used a pre-shared key"
    )
  }
  if (endPoint.certificateType === "RawPublicKey") {
    return fail("NoChannelBinding", "the server showed a raw public key, and tls-server-end-point is of certificates")
  }
  return Result.match(decodeDer(SignedCertificate, endPoint.der), {
    onFailure: () => fail("NoChannelBinding", "how the server's certificate is signed cannot be read"),
    onSuccess: ({ signatureAlgorithm }) =>
      Result.map(hashFor(signatureHashOf(signatureAlgorithm), signatureAlgorithm.algorithm), (hash) =>
        hashes[hash].digest(endPoint.der)
      )
  })
}

/** The hash of the signature; SHA-256 in the place of MD5 and SHA-1 (RFC 5929 section 4.1). */
const hashFor = (hash: SignatureHash, oid: string): Result.Result<HashName, Failure> => {
  const undefinedFor = (why: string) =>
    fail("NoChannelBinding", `tls-server-end-point is not defined for the server's certificate, ${why}`)
  switch (hash) {
    case "md5":
    case "sha1":
      return Result.succeed("sha256")
    case "none":
      return undefinedFor("whose signature algorithm (Ed25519 or Ed448) names no hash function")
    case "several":
      return undefinedFor("whose RSASSA-PSS signature names two hash functions")
    case "unknown":
      return undefinedFor(`whose signature algorithm ${oid} names no hash function that is known here`)
    default:
      return Result.succeed(hash)
  }
}
