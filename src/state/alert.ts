/** What an alert means (RFC 9846 section 6, RFC 5246 section 7.2). */
import * as Result from "effect/Result"
import { decode } from "../codec/presentation/wire.ts"
import { Alert, isClosure } from "../codec/record/alert.ts"
import { AlertDescription, AlertLevel } from "../codec/registry/alert.ts"
import type { Version } from "./config.ts"
import { type Failure, fail, make as failure, fromCodec } from "./failure.ts"

/**
 * The two closure alerts end nothing by themselves; every other one, known or not, is the peer's end in TLS 1.3. In
 * TLS 1.2 a warning is not, unless it is close_notify: it is passed over, but not again and again.
 */
export const hearAlert = (
  fragment: Uint8Array,
  state: string,
  version: Version
): Result.Result<"close_notify" | "user_canceled" | "a warning", Failure> => {
  const alert = Result.mapError(decode(Alert.wire, fragment), (e) => fromCodec("Alert", e))
  if (Result.isFailure(alert)) return Result.fail(alert.failure)
  const { level, description } = alert.success
  if (typeof level === "number") return fail("IllegalValue", `Alert: a level of ${level}`)
  if (isClosure(description)) return Result.succeed(description)
  // A server of TLS 1.2 may warn that it does not know a name before it says which version it speaks (RFC 6066 3).
  const early = state === "WAIT_SH" && description === "unrecognized_name"
  if (level === "warning" && (version === "TLSv1.2" || early)) return Result.succeed("a warning")
  const detail = `the peer gave up in our state ${state}: ${AlertDescription.show(description)}`
  return Result.fail({ ...failure("AlertReceived", detail), received: description })
}

/** The level an alert is sent with (sections 6.1 and 6.2). */
export const levelOf = (description: AlertDescription): number =>
  AlertLevel.code(isClosure(description) ? "warning" : "fatal")
