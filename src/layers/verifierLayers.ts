/** Layers of verifiers combined: what `ServerVerifier` and `ClientVerifier` have in common. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Verifier } from "./Verifier.ts"

/** Two layers of one service as one. */
export const zipWith =
  <I>(service: Context.Key<I, Verifier>) =>
  <E1, R1, E2, R2>(
    first: Layer.Layer<I, E1, R1>,
    second: Layer.Layer<I, E2, R2>,
    f: (first: Verifier, second: Verifier) => Verifier
  ): Layer.Layer<I, E1 | E2, Exclude<R1 | R2, Scope.Scope>> =>
    Layer.effect(
      service,
      Effect.zipWith(Layer.build(first), Layer.build(second), (one, other) =>
        f(Context.get(one, service), Context.get(other, service))
      )
    )

/** A layer of the service with its verifier changed. */
export const map =
  <I>(service: Context.Key<I, Verifier>) =>
  <E, R>(
    layer: Layer.Layer<I, E, R>,
    f: (verifier: Verifier) => Verifier
  ): Layer.Layer<I, E, Exclude<R, Scope.Scope>> =>
    Layer.effect(
      service,
      Effect.map(Layer.build(layer), (context) => f(Context.get(context, service)))
    )
