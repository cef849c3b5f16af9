/**
 * The codecs of TLS as Effect Schemas: every structure is a `Schema.Codec<A, Uint8Array>`.
 *
 * @example
 * ```ts
 * import { ClientHello, decode, Handshake } from "effect-tls/codec"
 * import * as Schema from "effect/Schema"
 *
 * const message = Schema.decodeUnknownResult(Handshake)(bytes) // header and body, as a Schema
 * const hello = decode(ClientHello.wire, body)                 // a body alone, by the direct functions
 * ```
 */
export * from "./extension/alpn.ts"
export * from "./extension/certificateAuthorities.ts"
export * from "./extension/certificateType.ts"
export * from "./extension/compressCertificate.ts"
export * from "./extension/cookie.ts"
export * from "./extension/earlyData.ts"
export { extensions, find, trailingExtensions } from "./extension/extension.ts"
export * from "./extension/keyShare.ts"
export * from "./extension/padding.ts"
export * from "./extension/placement.ts"
export * from "./extension/preSharedKey.ts"
export * from "./extension/quicTransportParameters.ts"
export * from "./extension/recordSizeLimit.ts"
export * from "./extension/serverName.ts"
export * from "./extension/signatureAlgorithms.ts"
export * from "./extension/signedCertificateTimestamp.ts"
export * from "./extension/statusRequest.ts"
export * from "./extension/supportedGroups.ts"
export * from "./extension/supportedVersions.ts"
export * from "./extension/ticketRequest.ts"
export * from "./extension/tls12.ts"
export * from "./handshake/certificate.ts"
export * from "./handshake/certificateRequest.ts"
export * from "./handshake/certificateVerify.ts"
export * from "./handshake/clientHello.ts"
export * from "./handshake/clientKeyExchange.ts"
export * from "./handshake/compressedCertificate.ts"
export * from "./handshake/encryptedExtensions.ts"
export * from "./handshake/finished.ts"
export {
  decodeMessage,
  decodeMessage12,
  encodeMessage,
  encodeMessage12,
  Handshake,
  Handshake12,
  type Message,
  type Message12,
  messageHash,
  type UnknownHandshake
} from "./handshake/handshake.ts"
export * from "./handshake/keyUpdate.ts"
export * from "./handshake/newSessionTicket.ts"
export { downgradeSentinel, HelloRetryRequest, ServerHello } from "./handshake/serverHello.ts"
export * from "./handshake/serverKeyExchange.ts"
export { type Codec, codec } from "./presentation/codec.ts"
export { type CodecFailure, Reader, Writer } from "./presentation/cursor.ts"
export * from "./presentation/enum.ts"
export { explain, type Line, render } from "./presentation/explain.ts"
export * from "./presentation/number.ts"
export { constant, refine, select, struct } from "./presentation/struct.ts"
export { type Bounds, distinct, opaque, remainder, text, vector } from "./presentation/vector.ts"
export { decode, describe, encode, type Wire } from "./presentation/wire.ts"
export * from "./psk/importedIdentity.ts"
export * from "./record/alert.ts"
export * from "./record/changeCipherSpec.ts"
export { TLSCiphertext, TLSInnerPlaintext, TLSPlaintext } from "./record/record.ts"
export * from "./registry/alert.ts"
export * from "./registry/certificateType.ts"
export * from "./registry/cipherSuite.ts"
export * from "./registry/clientCertificateType.ts"
export * from "./registry/contentType.ts"
export * from "./registry/extensionType.ts"
export * from "./registry/grease.ts"
export * from "./registry/handshakeType.ts"
export * from "./registry/namedGroup.ts"
export * from "./registry/protocolVersion.ts"
export * from "./registry/signatureScheme.ts"
export * from "./session/session.ts"
export * as X509 from "./x509/index.ts"
