/** The one public error. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { AlertDescription } from "../codec/registry/alert.ts"
import {
  type Failure,
  type FailureKind,
  make as failure,
  type ReasonName,
  type RefusedPath,
  reasons
} from "../state/failure.ts"
import { hintFor } from "./hints.ts"

/** One reason: its name in the failure table, what exactly happened, what family it is of, and who says so. */
export interface TlsReason<Name extends ReasonName> {
  readonly _tag: Name
  /** For people: no secret, the peer's text escaped. */
  readonly detail: string
  readonly kind: FailureKind
  /** The section of an RFC that asks for this end, such as `RFC 9846 4.5.3`. */
  readonly see: string
}

/** Every reason there is, told apart by `_tag`. */
export type TlsErrorReason = { readonly [Name in ReasonName]: TlsReason<Name> }[ReasonName]

const names = Object.keys(reasons) as ReadonlyArray<ReasonName>

/** The same as a Schema. A cast, since a union over a mapped list of names is more than the compiler can follow. */
export const TlsErrorReason = Schema.Union(
  names.map((name) =>
    Schema.Struct({
      _tag: Schema.tag(name),
      detail: Schema.String,
      kind: Schema.Literal(reasons[name].kind),
      see: Schema.Literal(reasons[name].see)
    })
  )
) as unknown as Schema.Codec<TlsErrorReason>

/** A certificate path that was tried: see {@link RefusedPath}. */
const TriedPath = Schema.Struct({
  subjects: Schema.Array(Schema.String),
  at: Schema.Int,
  reason: Schema.Literals(names),
  detail: Schema.String
}) satisfies Schema.Codec<RefusedPath>

/**
 * What ended a connection, or kept it from beginning.
 *
 * `reason._tag` is a name of the failure table, so one reason is caught with `Effect.catchReason` and all of them with
 * `Effect.catchTag`. It survives `Schema.encode`, JSON and back.
 *
 * @example
 * TlsClient.connect(socket, { serverName: "example.org" }).pipe(
 *   Effect.catchReason("TlsError", "CertificateExpired", ({ detail }) => askTheUser(detail))
 * )
 */
export class TlsError extends Schema.TaggedError<TlsError>("~effect-tls/TlsError")("TlsError", {
  reason: TlsErrorReason,
  /** The state of the handshake: a name of RFC 9846 appendix A where it has one, or `configuration`. */
  phase: Schema.String,
  /** The alert that we sent because of it. */
  alertSent: Schema.optional(Schema.String),
  /** The alert that the peer sent. */
  alertReceived: Schema.optional(Schema.String),
  /** Whom we talked to, as text for people. */
  peer: Schema.optional(Schema.String),
  /**
   * For a refused chain, the certificate paths that were tried, that of `reason` first: whom each leads through, which
   * of them failed, and why. At most 16; absent where none was built, because the end-entity alone was wrong.
   */
  paths: Schema.optional(Schema.Array(TriedPath))
}) {
  /** What to try. */
  get hint(): string | undefined {
    return hintFor(this.reason._tag, this.alertReceived)
  }

  override get message(): string {
    const { _tag, detail, kind, see } = this.reason
    const about = [
      ...(this.peer === undefined ? [] : [`peer ${this.peer}`]),
      `in ${this.phase}`,
      ...(this.alertSent === undefined ? [] : [`alert sent: ${this.alertSent}`]),
      // No RFC has a section on how this API is used.
      ...(kind === "Misuse" ? [] : [see]),
      ...(this.paths !== undefined && this.paths.length > 1 ? [`the best of ${this.paths.length} paths tried`] : [])
    ]
    const { hint } = this
    return `${_tag}: ${detail} (${about.join("; ")})${hint === undefined ? "" : `. Hint: ${hint}`}`
  }
}

/** Where and with whom a failure happened. */
export interface Circumstances {
  readonly phase: string
  readonly alertSent?: string | undefined
  readonly peer?: string | undefined
}

/** A failure of the core as the error that users see. */
export const fromFailure = (value: Failure, { phase, alertSent, peer }: Circumstances): TlsError => {
  const { kind, see } = reasons[value.reason]
  const reason = { _tag: value.reason, detail: value.detail, kind, see } as TlsErrorReason
  const alertReceived = value.received === undefined ? undefined : AlertDescription.show(value.received)
  return new TlsError({ reason, phase, alertSent, alertReceived, peer, paths: value.paths })
}

/** What was asked for cannot be done; nothing was sent. */
export const misconfigured = (detail: string): TlsError =>
  fromFailure(failure("InvalidConfiguration", detail), { phase: "configuration" })

/** A failure before there is a connection, as an error. */
export const fromConfiguration = (value: Failure): TlsError => fromFailure(value, { phase: "configuration" })

const maxDepth = 8

/**
 * The `TlsError` inside any error, such as a `SocketError` whose cause it is; `undefined` when there is none.
 *
 * @example
 * Effect.catchTag("SocketError", (error) => Effect.logError(TlsError.find(error)?.message ?? error.message))
 */
export const find = (error: unknown): TlsError | undefined => {
  let at = error
  for (let depth = 0; depth < maxDepth && typeof at === "object" && at !== null; depth++) {
    if (at instanceof TlsError) return at
    at = "cause" in at && at.cause !== undefined ? at.cause : "reason" in at ? at.reason : undefined
  }
  return undefined
}

/** Turns the failures of an effect into errors about the configuration. */
export const asConfiguration = <A, R>(effect: Effect.Effect<A, Failure, R>): Effect.Effect<A, TlsError, R> =>
  Effect.mapError(effect, fromConfiguration)
