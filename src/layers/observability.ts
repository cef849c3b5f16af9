/** What operators see of a handshake: one span and three metrics. Names of suites and reasons, never a secret. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { TlsConnection } from "./TlsConnection.ts"
import type { TlsError } from "./TlsError.ts"

type Role = "client" | "server"

/** Handshakes that were done, by `role`, `suite` and `kind`. */
export const handshakes = Metric.counter("tls_handshakes_total", {
  description: "TLS handshakes that were completed",
  incremental: true
})

/** Handshakes that failed, by `role` and `reason`: a name of the failure table. */
export const handshakeFailures = Metric.counter("tls_handshake_failures_total", {
  description: "TLS handshakes that failed",
  incremental: true
})

/** How long handshakes took, failed ones included, by `role`. */
export const handshakeDuration = Metric.timer("tls_handshake_duration", { description: "Duration of TLS handshakes" })

const durations = {
  client: Metric.withAttributes(handshakeDuration, { role: "client" }),
  server: Metric.withAttributes(handshakeDuration, { role: "server" })
}

const succeeded = (role: Role, { info }: TlsConnection): Effect.Effect<void> =>
  Effect.andThen(
    Effect.annotateCurrentSpan({
      "tls.protocol.version": info.version.slice("TLSv".length),
      "tls.cipher": info.suite,
      "tls.curve": info.group,
      "tls.next_protocol": info.alpnProtocol,
      "tls.resumed": info.kind === "resumed"
    }),
    Metric.update(Metric.withAttributes(handshakes, { role, suite: info.suite, kind: info.kind }), 1)
  )

const failed = (role: Role, { reason }: TlsError): Effect.Effect<void> =>
  Effect.andThen(
    Effect.annotateCurrentSpan({ "error.type": reason._tag }),
    Metric.update(Metric.withAttributes(handshakeFailures, { role, reason: reason._tag }), 1)
  )

/** Wraps a handshake in its span, and counts it. */
export const observed =
  (role: Role) =>
  (
    handshake: Effect.Effect<TlsConnection, TlsError, Scope.Scope>
  ): Effect.Effect<TlsConnection, TlsError, Scope.Scope> =>
    handshake.pipe(
      Effect.tap((connection) => succeeded(role, connection)),
      Effect.tapError((error) => failed(role, error)),
      Effect.trackDuration(durations[role]),
      Effect.withSpan("Tls.handshake", { kind: role }, { captureStackTrace: false })
    )
