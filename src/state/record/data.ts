/** Application data of any length, with new keys wherever the present one has done enough (RFC 9846 section 5.5). */
import * as Result from "effect/Result"
import type { Failure } from "../failure.ts"
import type { RecordWriter } from "./writer.ts"

type Outcome = Result.Result<void, Failure>

/** Writes all of `bytes`; `update` says KeyUpdate and changes the key. What one key may still protect is one piece. */
export const writeData = (writer: RecordWriter, bytes: Uint8Array, update: () => Outcome): Outcome => {
  for (let rest = bytes; ; ) {
    const fresh: Outcome = writer.keyUpdateDue ? update() : Result.succeed(undefined)
    if (Result.isFailure(fresh)) return fresh
    const { room } = writer
    const written = writer.applicationData(rest.length > room ? rest.subarray(0, room) : rest)
    if (Result.isFailure(written) || rest.length <= room) return written
    rest = rest.subarray(room)
  }
}
