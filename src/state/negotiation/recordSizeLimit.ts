/**
 * RFC 8449: how long the records may be that each side receives, in bytes of `TLSInnerPlaintext`: content, its type and
 * padding. Each direction has a limit of its own, and none unless both sides said one.
 */
import { find } from "../../codec/extension/extension.ts"
import type { Extension } from "../../codec/extension/placement.ts"
import type { RecordSizeLimit } from "../../codec/extension/recordSizeLimit.ts"
import type { ClientHello } from "../../codec/handshake/clientHello.ts"
import type { LimitRecords } from "../action.ts"
import type { ClientConfig, ServerConfig } from "../config.ts"

const say = (limit: number) => ({ type: "record_size_limit", data: { record_size_limit: limit } }) as const

const limit = (direction: LimitRecords["direction"], size: number): LimitRecords => ({
  _tag: "LimitRecords",
  direction,
  size
})

/** In a ClientHello: where the configuration names a limit. */
export const offered = ({ recordSizeLimit }: ClientConfig): ReadonlyArray<Extension<"ClientHello">> =>
  recordSizeLimit === undefined ? [] : [say(recordSizeLimit)]

/** In EncryptedExtensions: where the configuration names a limit and the client has. */
export const answered = (
  { recordSizeLimit }: ServerConfig,
  hello: ClientHello
): ReadonlyArray<Extension<"EncryptedExtensions">> =>
  recordSizeLimit === undefined || find(hello.extensions, "record_size_limit") === undefined
    ? []
    : [say(recordSizeLimit)]

/**
 * What both sides' records are held to when both have said a limit. A server does this once both handshake keys are
 * installed, a client when it has heard EncryptedExtensions.
 */
export const agreed = (
  { recordSizeLimit }: ClientConfig | ServerConfig,
  theirs: RecordSizeLimit | undefined
): ReadonlyArray<LimitRecords> =>
  recordSizeLimit === undefined || theirs === undefined
    ? []
    : [limit("write", theirs.record_size_limit), limit("read", recordSizeLimit)]
