/** What the record layer knows of protection, whichever version makes it: one direction of one epoch. */
import type * as Result from "effect/Result"
import type { ContentType } from "../../codec/registry/contentType.ts"
import type { Failure } from "../failure.ts"

/** Writes protected records under one key. It owns key and counter, and has one owner: a copy would reuse nonces. */
export interface RecordSealer {
  /** Records sealed so far. */
  readonly sequence: number
  /** What a record of no content and no padding has behind its header, in bytes. */
  readonly expansion: number
  /** Bytes of the protected plaintext that are neither content nor padding: the content type, where it is inside. */
  readonly inner: number
  /** Whether zeros can be added to the content. */
  readonly padding: "zeros" | "none"
  /**
   * Writes one whole record into `out` at `offset`: `5 + content.length + padding + expansion` bytes, which must be
   * there. `type` is a code point. Fails with `WriteLimitReached`, and writes nothing, when no number is left.
   */
  seal(
    type: number,
    content: Uint8Array,
    out: Uint8Array,
    offset: number,
    padding?: number
  ): Result.Result<void, Failure>
  /** Forgets the IV. Nothing can be sealed afterwards. */
  wipe(): void
}

/** Reads protected records under one key. */
export interface RecordOpener {
  /** Records opened so far. */
  readonly sequence: number
  /** The most bytes that a record may have behind its header. */
  readonly mostCiphertext: number
  /** The most bytes of protected plaintext. */
  readonly mostPlaintext: number
  /** Where the content type stands: in the plaintext, behind the content, or in the header. */
  readonly type: "inside" | "outside"
  /** Whether records that show this type are protected. */
  covers(type: Extract<ContentType, string>): boolean
  /**
   * The plaintext of the record that starts at `offset` and has `length` bytes behind its header. The array is the
   * caller's own. Fails with `BadRecordMac`, whatever is wrong with the record, or `ReadLimitReached`.
   */
  open(bytes: Uint8Array, offset: number, length: number): Result.Result<Uint8Array, Failure>
  /** What was last tried was not for this key (RFC 9846 section 4.3.10). */
  retract(): void
  /** Forgets the IV. Nothing can be opened afterwards. */
  wipe(): void
}
