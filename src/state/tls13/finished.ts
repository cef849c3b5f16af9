/** RFC 9846 section 4.5.3: Finished. */
import * as Result from "effect/Result"
import { equal } from "../../crypto/constantTime.ts"
import { expandLabel } from "../../crypto/hkdf.ts"
import { Secret } from "../../crypto/secret.ts"
import { type Failure, fail } from "../failure.ts"
import { type FinishedVerified, finishedVerified } from "../proof.ts"
import { digest, type Hashing } from "../transcript.ts"

const none = new Uint8Array(0)

/** `HMAC(finished_key, Transcript-Hash(…))`; the base key is the sender's handshake traffic secret. */
export const verifyData = (baseKey: Secret<string>, transcript: Hashing): Uint8Array => {
  const { hash } = transcript
  const finishedKey = new Secret("finished", expandLabel(hash, baseKey, "finished", none, hash.size))
  const verifyData = finishedKey.mac(hash)(digest(transcript))
  finishedKey.wipe()
  return verifyData
}

/** The only place that makes a `FinishedVerified`. The transcript ends before the Finished itself. */
export const verifyFinished = (
  received: Uint8Array,
  baseKey: Secret<string>,
  transcript: Hashing
): Result.Result<FinishedVerified, Failure> => {
  if (received.length !== transcript.hash.size) {
    return fail("DecodeFailed", `Finished: expected ${transcript.hash.size} bytes, got ${received.length}`)
  }
  return equal(received, verifyData(baseKey, transcript))
    ? Result.succeed(finishedVerified)
    : fail("FinishedMismatch", "the peer's Finished does not fit what was said: somebody changed the handshake")
}
