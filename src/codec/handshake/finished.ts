/** RFC 9846 sections 4.5.3, 4.6 and 4.1: Finished, the messages that say nothing, and the synthetic message_hash. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import { remainder } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** `opaque verify_data[Hash.length]`. The codec does not know the hash: whoever compares also compares the length. */
export const Finished = codec("Finished", struct({ verify_data: remainder }))
export type Finished = Wire.Type<typeof Finished>

/** `struct {}`: after this the client's records have handshake keys. */
export const EndOfEarlyData = codec("EndOfEarlyData", struct({}))
export type EndOfEarlyData = Wire.Type<typeof EndOfEarlyData>

/** What stands for the first ClientHello in a transcript after a HelloRetryRequest: its hash. It is never sent. */
export const MessageHash = codec("MessageHash", struct({ hash: remainder }))
export type MessageHash = Wire.Type<typeof MessageHash>

/** RFC 5246 section 7.4.1.1: a server of TLS 1.2 would like to negotiate anew. */
export const HelloRequest = codec("HelloRequest", struct({}))
export type HelloRequest = Wire.Type<typeof HelloRequest>

/** RFC 5246 section 7.4.5: the server has said its part. */
export const ServerHelloDone = codec("ServerHelloDone", struct({}))
export type ServerHelloDone = Wire.Type<typeof ServerHelloDone>
