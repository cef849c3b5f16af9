/** The list of logs that browsers use, as JSON: https://www.gstatic.com/ct/log_list/v3/log_list.json, version 3. */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import type { LogList, TransparencyLog } from "../state/path/transparency.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"

const At = Schema.Struct({ timestamp: Schema.String })

const Log = Schema.Struct({
  description: Schema.optionalKey(Schema.String),
  /** Base64 of the SubjectPublicKeyInfo. */
  key: Schema.String,
  state: Schema.optionalKey(
    Schema.Struct({
      pending: Schema.optionalKey(Schema.Unknown),
      qualified: Schema.optionalKey(Schema.Unknown),
      usable: Schema.optionalKey(Schema.Unknown),
      readonly: Schema.optionalKey(Schema.Unknown),
      retired: Schema.optionalKey(At),
      rejected: Schema.optionalKey(Schema.Unknown)
    })
  ),
  temporal_interval: Schema.optionalKey(Schema.Struct({ start_inclusive: Schema.String, end_exclusive: Schema.String }))
})

const Document = Schema.fromJsonString(
  Schema.Struct({
    log_list_timestamp: Schema.String,
    operators: Schema.Array(
      Schema.Struct({
        name: Schema.String,
        logs: Schema.Array(Log),
        tiled_logs: Schema.optionalKey(Schema.Array(Log))
      })
    )
  })
)

const bad = (what: string): Result.Result<never, TlsError> => Result.fail(misconfigured(`list of logs: ${what}`))

const timeOf = (text: string): Result.Result<number, TlsError> => {
  const time = Date.parse(text)
  return Number.isNaN(time) ? bad("a time that is none") : Result.succeed(time)
}

/** A log that is, or was, good enough; those that were never are left out. */
const logOf = resultFn(function* (
  operator: string,
  log: typeof Log.Type
): Returns<TransparencyLog | undefined, TlsError> {
  const { description = `a log of ${operator}`, key, state = {}, temporal_interval: interval } = log
  const { qualified, usable, readonly, retired } = state
  if ((qualified ?? usable ?? readonly ?? retired) === undefined) return undefined
  return {
    description,
    operator,
    key: yield* Result.mapError(Base64.decode(key), () =>
      misconfigured(`list of logs: the key of ${description} is not base64`)
    ),
    retired: retired === undefined ? undefined : yield* timeOf(retired.timestamp),
    expiry:
      interval === undefined
        ? undefined
        : { start: yield* timeOf(interval.start_inclusive), end: yield* timeOf(interval.end_exclusive) }
  }
})

/**
 * The logs of a log_list.json of version 3: qualified, usable, read-only, and retired ones up to the day they were.
 * Fails with `InvalidConfiguration`.
 */
export const fromJson = resultFn(function* (text: string): Returns<LogList, TlsError> {
  const document = yield* Result.mapError(Schema.decodeResult(Document)(text), () =>
    misconfigured("list of logs: not a log_list.json of version 3")
  )
  const logs: Array<TransparencyLog> = []
  for (const { name, logs: rfc6962, tiled_logs: tiled = [] } of document.operators) {
    for (const one of [...rfc6962, ...tiled]) {
      const log = yield* logOf(name, one)
      if (log !== undefined) logs.push(log)
    }
  }
  return { date: yield* timeOf(document.log_list_timestamp), logs }
})
