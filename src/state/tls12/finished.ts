/** RFC 5246 section 7.4.9: Finished. */
import * as Result from "effect/Result"
import { equal } from "../../crypto/constantTime.ts"
import { prf } from "../../crypto/prf.ts"
import type { Hash } from "../../crypto/primitives.ts"
import { type Failure, fail } from "../failure.ts"
import { type FinishedVerified, finishedVerified } from "../proof.ts"
import { digestOf, type Heard } from "../transcript.ts"
import type { MasterSecret } from "./keySchedule.ts"

/** `verify_data_length`, in bytes. */
export const verifyDataSize = 12

/** `PRF(master_secret, finished_label, Hash(handshake_messages))`; the transcript ends before the Finished itself. */
export const verifyData = (
  sender: "client" | "server",
  hash: Hash,
  master: MasterSecret,
  transcript: Heard
): Uint8Array => prf(hash, master, `${sender} finished`, digestOf(transcript, hash), verifyDataSize)

/** The check of what the peer says. */
export const verifyFinished = (
  received: Uint8Array,
  sender: "client" | "server",
  hash: Hash,
  master: MasterSecret,
  transcript: Heard
): Result.Result<FinishedVerified, Failure> => {
  if (received.length !== verifyDataSize) {
    return fail("DecodeFailed", `Finished: expected ${verifyDataSize} bytes, got ${received.length}`)
  }
  return equal(received, verifyData(sender, hash, master, transcript))
    ? Result.succeed(finishedVerified)
    : fail("FinishedMismatch", "the peer's Finished does not fit what was said: somebody changed the handshake")
}
