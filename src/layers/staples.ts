/** What users staple to their certificates, looked at before any peer sees it. */
import * as Result from "effect/Result"
import { DerReader, tags } from "../codec/der/tlv.ts"
import { SignedCertificateTimestampList } from "../codec/extension/signedCertificateTimestamp.ts"
import type { CodecFailure } from "../codec/presentation/cursor.ts"
import { encode } from "../codec/presentation/wire.ts"

/** What can be stapled; both may be absent. */
export interface StapleOptions {
  /** An OCSPResponse about the end-entity certificate, DER, stapled for peers that ask for one. */
  readonly ocsp?: Uint8Array | undefined
  /** Serialized SCTs (RFC 6962 section 3.3), stapled for peers that ask for them: together at most 65535 bytes. */
  readonly timestamps?: ReadonlyArray<Uint8Array> | undefined
}

/** RFC 6960 section 4.2.1: one element in DER that says `successful`; whether it is true is for verifiers. */
export const ocspResponse = (bytes: Uint8Array): Result.Result<Uint8Array, CodecFailure> => {
  const reader = new DerReader(bytes)
  reader.window(bytes.length, () =>
    reader.element(tags.SEQUENCE, () => {
      const status = reader.element(tags.ENUMERATED, () => reader.rest())
      if (reader.failure === undefined && (status.length !== 1 || status[0] !== 0)) {
        reader.fail("the responseStatus successful (0)")
      }
      reader.rest()
    })
  )
  return reader.failure === undefined ? Result.succeed(bytes) : Result.fail(reader.failure)
}

/** A list that the extension can hold. */
export const timestampList = (
  list: ReadonlyArray<Uint8Array>
): Result.Result<ReadonlyArray<Uint8Array>, CodecFailure> =>
  list.length === 0
    ? Result.succeed(list)
    : Result.map(encode(SignedCertificateTimestampList.wire, { sct_list: list }), () => list)
