/** Certificate Transparency (RFC 6962): whether enough logs promise to have published a certificate. */

import * as Result from "effect/Result"
import { hex } from "../../codec/bytes.ts"
import type { CodecFailure } from "../../codec/presentation/cursor.ts"
import { decode } from "../../codec/presentation/wire.ts"
import { type Returns, resultFn } from "../../codec/resultFn.ts"
import type { Certificate } from "../../codec/x509/certificate.ts"
import {
  type LogEntry,
  precertEntry,
  SignedCertificateTimestamp,
  signedContent,
  type TimestampV1,
  timestampAlgorithm,
  timestampsIn
} from "../../codec/x509/sct.ts"
import type { Hash, PublicKey } from "../../crypto/primitives.ts"
import type { Failure } from "../failure.ts"
import { refuse } from "./refusal.ts"

/** A log, and for what it is believed. */
export interface TransparencyLog {
  /** For people. */
  readonly description: string
  /** Who runs it: timestamps of one operator count as one. */
  readonly operator: string
  /** SubjectPublicKeyInfo, DER. */
  readonly key: Uint8Array
  /** Timestamps from this time on are not believed: when the log was retired. Milliseconds since 1970. */
  readonly retired?: number | undefined
  /** Certificates that it takes, by the end of their validity: `start` inclusive, `end` exclusive. */
  readonly expiry?: { readonly start: number; readonly end: number } | undefined
}

/** A list of logs as it was on a day. */
export interface LogList {
  /** When it was made, milliseconds since 1970. */
  readonly date: number
  readonly logs: ReadonlyArray<TransparencyLog>
}

/** A log whose key is ready. */
export interface LoadedLog {
  readonly log: TransparencyLog
  readonly key: PublicKey
}

/** A list older than this many days is no ground to refuse anybody: logs that came later are not in it. */
export const maxListAge = 70 * 86_400_000

/** Timestamps that are looked at, of all three places together; each costs a signature. */
export const maxTimestamps = 32

/** What there is to judge. */
export interface Logged {
  readonly certificate: Certificate
  /** SubjectPublicKeyInfo of its issuer, DER; without it timestamps in the certificate say nothing. */
  readonly issuerKey: Uint8Array | undefined
  /** Serialized timestamps that came beside it: by TLS, or in an OCSP response. */
  readonly beside: ReadonlyArray<Uint8Array>
  /** Milliseconds since 1970. */
  readonly now: number
}

export interface Rules {
  /** By the SHA-256 of their keys, in hexadecimal. */
  readonly logs: ReadonlyMap<string, LoadedLog>
  /** How many different operators must have logged it. */
  readonly operators: number
  readonly sha256: Hash
}

/** Why a timestamp does not count; `undefined` when it does. */
const objection = (
  sct: TimestampV1,
  entry: LogEntry,
  { log, key }: LoadedLog,
  { certificate, now }: Logged
): string | undefined => {
  const { notAfter } = certificate.validity
  // section 5.2: "TLS clients MUST reject SCTs whose timestamp is in the future"
  if (sct.timestamp > BigInt(now)) return "is of the future"
  if (log.retired !== undefined && sct.timestamp >= BigInt(log.retired)) return "was made after the log was retired"
  if (log.expiry !== undefined && (notAfter < log.expiry.start || notAfter >= log.expiry.end)) {
    return "is of a log for certificates that end at another time"
  }
  const algorithm = timestampAlgorithm(sct.algorithm)
  const content = signedContent(sct, entry)
  return algorithm !== undefined && Result.isSuccess(content) && key.verify(algorithm, content.success, sct.signature)
    ? undefined
    : "has a wrong signature"
}

/** Every timestamp with what it is about; those of the certificate first. */
const gather = resultFn(function* (
  { certificate, issuerKey, beside }: Logged,
  { sha256 }: Rules
): Returns<ReadonlyArray<readonly [Uint8Array, LogEntry]>, CodecFailure> {
  const whole: LogEntry = { entry_type: "x509_entry", signed_entry: certificate.der }
  const others = beside.map((bytes) => [bytes, whole] as const)
  const { signedCertificateTimestamps: list } = certificate.known
  if (list === undefined || issuerKey === undefined) return others
  const entry = yield* precertEntry(certificate, sha256.digest(issuerKey))
  return [...(yield* timestampsIn(list)).map((bytes) => [bytes, entry] as const), ...others]
})

/** What was found: who logged it, and what did not count. */
interface Tally {
  readonly operators: ReadonlyMap<string, string>
  readonly objections: ReadonlyArray<string>
}

const tally = (found: ReadonlyArray<readonly [Uint8Array, LogEntry]>, logged: Logged, { logs }: Rules): Tally => {
  const operators = new Map<string, string>()
  const objections = new Set<string>()
  for (const [bytes, entry] of found.slice(0, maxTimestamps)) {
    const sct = Result.getOrUndefined(decode(SignedCertificateTimestamp.wire, bytes))
    if (sct === undefined || sct.sct_version !== "v1") {
      objections.add(sct === undefined ? "one is malformed" : "one is of a version that is not known")
      continue
    }
    const id = hex(sct.content.log_id)
    const log = logs.get(id)
    const why = log === undefined ? "is of a log that is not on the list" : objection(sct.content, entry, log, logged)
    if (log !== undefined && why === undefined) operators.set(log.log.operator, log.log.description)
    else objections.add(`that of ${log?.log.description ?? `log ${id.slice(0, 16)}…`} ${why}`)
  }
  return { operators, objections: [...objections] }
}

/**
 * The descriptions of logs, one of each operator, that promise to have published a certificate; `CertificateNotLogged`
 * when they are of too few operators. Timestamps that do not count are no reason to refuse: only missing ones are.
 */
export const checkTimestamps = (logged: Logged, rules: Rules): Result.Result<ReadonlyArray<string>, Failure> => {
  const { certificate } = logged
  const found = gather(logged, rules)
  if (Result.isFailure(found)) return refuse("CertificateNotLogged", certificate, "holds no list of timestamps")
  const { operators, objections } = tally(found.success, logged, rules)
  if (operators.size >= rules.operators) return Result.succeed([...operators.values()])
  const whom = `${operators.size} of ${rules.operators} log operators vouch for it`
  const rest = objections.length === 0 ? [`${found.success.length} timestamps came with it`] : objections
  return refuse("CertificateNotLogged", certificate, `is not publicly logged: ${[whom, ...rest].join("; ")}`)
}
