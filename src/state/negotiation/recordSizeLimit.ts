/**
 * RFC 8449: how long the records may be that each side receives, in bytes of `TLSInnerPlaintext`: content, its type and
 * padding; in TLS 1.2 of content alone, at most 2^14. Each direction has a limit of its own, and none unless both sides
 * said one.
 */
import { find } from "../../codec/extension/extension.ts"
import type { Extension } from "../../codec/extension/placement.ts"
import type { RecordSizeLimit } from "../../codec/extension/recordSizeLimit.ts"
import type { ClientHello } from "../../codec/handshake/clientHello.ts"
import type { LimitRecords } from "../action.ts"
import type { ClientConfig, ServerConfig, Version } from "../config.ts"
import { maxInnerPlaintext13, maxPlaintext } from "../record/limits.ts"
import { offeredVersions } from "./version.ts"

const say = (limit: number) => ({ type: "record_size_limit", data: { record_size_limit: limit } }) as const

const limit = (direction: LimitRecords["direction"], size: number): LimitRecords => ({
  _tag: "LimitRecords",
  direction,
  size
})

/** Nobody says more than what the best version allows that it offers, or the one that was chosen (section 4). */
const most = (versions: ReadonlyArray<Version>): number =>
  versions.includes("TLSv1.3") ? maxInnerPlaintext13 : maxPlaintext

/** In a ClientHello: where the configuration names a limit. */
export const offered = (config: ClientConfig): ReadonlyArray<Extension<"ClientHello">> =>
  config.recordSizeLimit === undefined ? [] : [say(Math.min(config.recordSizeLimit, most(offeredVersions(config))))]

/** In EncryptedExtensions, or ServerHello of TLS 1.2: where the configuration names a limit and the client has. */
export const answered = (
  { recordSizeLimit }: ServerConfig,
  hello: ClientHello,
  version: Version
): ReadonlyArray<Extension<"EncryptedExtensions"> & Extension<"ServerHello">> =>
  recordSizeLimit === undefined || find(hello.extensions, "record_size_limit") === undefined
    ? []
    : [say(Math.min(recordSizeLimit, most([version])))]

/**
 * What both sides' records are held to when both have said a limit. A server does this once both handshake keys are
 * installed, a client when it has heard EncryptedExtensions; in TLS 1.2 both do with ServerHello, before any key.
 */
export const agreed = (
  { recordSizeLimit }: ClientConfig | ServerConfig,
  theirs: RecordSizeLimit | undefined
): ReadonlyArray<LimitRecords> =>
  recordSizeLimit === undefined || theirs === undefined
    ? []
    : [limit("write", theirs.record_size_limit), limit("read", recordSizeLimit)]
