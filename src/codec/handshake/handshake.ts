/** RFC 9846 section 4, RFC 5246 section 7.4: a handshake message, from its type to the structure of its body. */
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CertificateStatus } from "../extension/statusRequest.ts"
import { type Codec, codec } from "../presentation/codec.ts"
import type { CodecFailure, Reader } from "../presentation/cursor.ts"
import { remainder } from "../presentation/vector.ts"
import { decode, encode, type Wire } from "../presentation/wire.ts"
import { HandshakeType } from "../registry/handshakeType.ts"
import { Certificate, Certificate12 } from "./certificate.ts"
import { CertificateRequest, CertificateRequest12 } from "./certificateRequest.ts"
import { CertificateVerify } from "./certificateVerify.ts"
import { ClientHello } from "./clientHello.ts"
import { ClientKeyExchange } from "./clientKeyExchange.ts"
import { CompressedCertificate } from "./compressedCertificate.ts"
import { EncryptedExtensions } from "./encryptedExtensions.ts"
import { EndOfEarlyData, Finished, HelloRequest, ServerHelloDone } from "./finished.ts"
import { KeyUpdate } from "./keyUpdate.ts"
import { NewSessionTicket, NewSessionTicket12 } from "./newSessionTicket.ts"
import { HelloRetryRequest, isHelloRetryRequestRandom, ServerHello } from "./serverHello.ts"
import { ServerKeyExchange } from "./serverKeyExchange.ts"

/** `msg_type` and `uint24 length`. */
export const HEADER_LENGTH = 4

type TypeName = keyof typeof HandshakeType.registry
type Bodies = { readonly [tag: string]: { readonly type: TypeName; readonly body: { readonly wire: Wire.Any } } }
type Value<B> = {
  [T in keyof B & string]: B[T] extends { readonly body: infer C }
    ? { readonly _tag: T; readonly body: Wire.Type<C> }
    : never
}[keyof B & string]

/** A message that this version of TLS does not have: its code point and its bytes. */
export interface UnknownHandshake {
  readonly _tag: "UnknownHandshake"
  readonly type: number
  readonly body: Uint8Array
}

/** The messages of TLS 1.3 by name, in the order of a handshake. */
const bodies13 = {
  ClientHello: { type: "client_hello", body: ClientHello },
  ServerHello: { type: "server_hello", body: ServerHello },
  HelloRetryRequest: { type: "server_hello", body: HelloRetryRequest },
  EncryptedExtensions: { type: "encrypted_extensions", body: EncryptedExtensions },
  CertificateRequest: { type: "certificate_request", body: CertificateRequest },
  Certificate: { type: "certificate", body: Certificate },
  CompressedCertificate: { type: "compressed_certificate", body: CompressedCertificate },
  CertificateVerify: { type: "certificate_verify", body: CertificateVerify },
  Finished: { type: "finished", body: Finished },
  EndOfEarlyData: { type: "end_of_early_data", body: EndOfEarlyData },
  NewSessionTicket: { type: "new_session_ticket", body: NewSessionTicket },
  KeyUpdate: { type: "key_update", body: KeyUpdate }
} as const

/** The messages of TLS 1.2 by name, in the order of RFC 5246 figure 1, with those of RFC 5077 and RFC 6066. */
const bodies12 = {
  HelloRequest: { type: "hello_request", body: HelloRequest },
  ClientHello: { type: "client_hello", body: ClientHello },
  ServerHello: { type: "server_hello", body: ServerHello },
  Certificate: { type: "certificate", body: Certificate12 },
  CertificateStatus: { type: "certificate_status", body: CertificateStatus },
  ServerKeyExchange: { type: "server_key_exchange", body: ServerKeyExchange },
  CertificateRequest: { type: "certificate_request", body: CertificateRequest12 },
  ServerHelloDone: { type: "server_hello_done", body: ServerHelloDone },
  ClientKeyExchange: { type: "client_key_exchange", body: ClientKeyExchange },
  CertificateVerify: { type: "certificate_verify", body: CertificateVerify },
  NewSessionTicket: { type: "new_session_ticket", body: NewSessionTicket12 },
  Finished: { type: "finished", body: Finished }
} as const

/** A handshake message of TLS 1.3: `{ _tag, body }`. */
export type Message = Value<typeof bodies13> | UnknownHandshake

/** A handshake message of TLS 1.2. Names are the same where the RFCs give the same, and bodies are not. */
export type Message12 = Value<typeof bodies12> | UnknownHandshake

/** Whether the body at the cursor, of type server_hello, is a HelloRetryRequest. */
const isRetry = (reader: Reader): boolean =>
  isHelloRetryRequestRandom(reader.bytes.subarray(reader.offset + 2, reader.offset + 34))

/** The messages of one version of TLS: a table of bodies makes the whole codec. */
const dialect = <const B extends Bodies>(bodies: B): Wire<Value<B> | UnknownHandshake> => {
  type A = Value<B> | UnknownHandshake
  const rows = Object.entries(bodies).map(([tag, { type, body }]) => ({
    tag,
    code: HandshakeType.registry[type],
    wire: body.wire as unknown as Wire<unknown>
  }))
  const byTag = new Map(rows.map((row) => [row.tag, row]))
  const tagOf = new Map<number, string>(rows.map(({ code, tag }) => [code, tag]))
  tagOf.set(HandshakeType.registry.server_hello, "ServerHello")
  const known = new Set<number>(rows.map(({ code }) => code))
  const unknown = Schema.TaggedStruct("UnknownHandshake", {
    type: Schema.Int.check(
      Schema.isBetween({ minimum: 0, maximum: 255 }),
      Schema.makeFilter((code) => !known.has(code), { expected: "a type without a structure" })
    ),
    body: remainder.schema
  })
  const named = rows.map(({ tag, wire }) => Schema.TaggedStruct(tag, { body: wire.schema }))
  return {
    schema: Schema.Union([...named, unknown]) as unknown as Schema.Codec<A>,
    read: (reader) => {
      const type = HandshakeType.code(reader.field("msg_type", HandshakeType.read))
      const length = reader.field("length", (r) => r.uint(3))
      const found = tagOf.get(type)
      const tag =
        found === "ServerHello" && byTag.has("HelloRetryRequest") && isRetry(reader)
          ? "HelloRetryRequest"
          : (found ?? "UnknownHandshake")
      const wire = byTag.get(tag)?.wire ?? remainder
      const body = reader.field(tag, (r) => r.window(length, wire.read))
      return (found === undefined ? { _tag: tag, type, body } : { _tag: tag, body }) as A
    },
    write: (writer, message) => {
      const row = byTag.get(message._tag)
      const { type: code } = message as UnknownHandshake
      const wire = row?.wire ?? remainder
      writer.uint(1, row?.code ?? code)
      writer.vector(3, 0, 2 ** 24 - 1, () =>
        writer.field(message._tag, () => (wire as Wire<unknown>).write(writer, message.body))
      )
    }
  }
}

/** The handshake messages of TLS 1.3, header and body. */
export const Handshake: Codec<Message> = codec("Handshake", dialect(bodies13))

/**
 * A handshake message of TLS 1.3 from all its bytes, the header of 4 bytes included.
 *
 * A type that TLS 1.3 does not have yields `UnknownHandshake`; what is wrong inside a body fails with the path to it
 * and the alert for it. The value may alias `raw`.
 */
export const decodeMessage = (raw: Uint8Array): Result.Result<Message, CodecFailure> => decode(Handshake.wire, raw)

/** The bytes of a handshake message of TLS 1.3, header and body. */
export const encodeMessage = (message: Message): Result.Result<Uint8Array, CodecFailure> =>
  encode(Handshake.wire, message)

/** The handshake messages of TLS 1.2, header and body. */
export const Handshake12: Codec<Message12> = codec("Handshake12", dialect(bodies12))

/** A whole message of TLS 1.2, decoded as {@link decodeMessage} does it. */
export const decodeMessage12 = (raw: Uint8Array): Result.Result<Message12, CodecFailure> =>
  decode(Handshake12.wire, raw)

/** The bytes of a handshake message of TLS 1.2, header and body. */
export const encodeMessage12 = (message: Message12): Result.Result<Uint8Array, CodecFailure> =>
  encode(Handshake12.wire, message)

/** RFC 9846 section 4.1: the synthetic message that holds the hash of the first ClientHello. */
export const messageHash = (hash: Uint8Array): Uint8Array =>
  Uint8Array.of(HandshakeType.registry.message_hash, 0, 0, hash.length, ...hash)
