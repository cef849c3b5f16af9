/**
 * Whom the verifiers believe: the roots, as a service.
 *
 * Of two layers of one service Effect's `Layer.merge` keeps one. Lists of roots are added up by `merge` and `addPem`,
 * which never replace any.
 */

import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { same } from "../codec/bytes.ts"
import { describe } from "../codec/presentation/wire.ts"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import { certificatesFromPem } from "../codec/x509/pem.ts"
import { anchorFromDer, type TrustAnchor } from "../state/path/anchor.ts"
import { anchorOfRoot } from "./mozillaRoot.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"

/** The roots that certificate chains must lead to. */
export class TrustAnchors extends Context.Service<TrustAnchors, { readonly anchors: ReadonlyArray<TrustAnchor> }>()(
  "effect-tls/layers/TrustAnchors"
) {}

const decoder = new TextDecoder()

/** The anchors in certificates, DER; one that cannot be read fails all, with its place in the list. */
export const fromDer = resultFn(function* (
  list: ReadonlyArray<Uint8Array>
): Returns<ReadonlyArray<TrustAnchor>, TlsError> {
  const anchors: Array<TrustAnchor> = []
  for (const [i, der] of list.entries()) {
    anchors.push(
      yield* Result.mapError(anchorFromDer(der), ({ detail }) =>
        misconfigured(`trusted certificate ${i + 1} of ${list.length}: ${detail}`)
      )
    )
  }
  return anchors
})

/** The anchors in a PEM text; fails when there is no certificate in it. */
export const fromPem = (pem: string | Uint8Array): Result.Result<ReadonlyArray<TrustAnchor>, TlsError> =>
  Result.flatMap(
    Result.mapError(certificatesFromPem(typeof pem === "string" ? pem : decoder.decode(pem)), (reason) =>
      misconfigured(`trusted certificates: ${describe(reason)}`)
    ),
    fromDer
  )

/** Anchors as they are. */
export const layer = (anchors: ReadonlyArray<TrustAnchor>): Layer.Layer<TrustAnchors> =>
  Layer.succeed(TrustAnchors, { anchors })

/** Nobody is believed: every chain is refused. */
export const empty: Layer.Layer<TrustAnchors> = layer([])

const layerResult = (
  anchors: () => Result.Result<ReadonlyArray<TrustAnchor>, TlsError>
): Layer.Layer<TrustAnchors, TlsError> =>
  Layer.effect(
    TrustAnchors,
    Effect.suspend(() => Effect.fromResult(Result.map(anchors(), (anchors) => ({ anchors }))))
  )

/** The certificates, DER. Fails with `InvalidConfiguration` when one of them cannot be read. */
export const layerDer = (list: ReadonlyArray<Uint8Array>): Layer.Layer<TrustAnchors, TlsError> =>
  layerResult(() => fromDer(list))

/**
 * The certificates of a PEM text. Fails with `InvalidConfiguration` when there is none or one cannot be read.
 *
 * @example
 * const Anchors = TrustAnchors.merge(SystemTrust.layerSystem, TrustAnchors.layerPem(ourCa))
 */
export const layerPem = (pem: string | Uint8Array): Layer.Layer<TrustAnchors, TlsError> =>
  layerResult(() => fromPem(pem))

/** Whether two anchors are one: the same certificate, or without any the same name, key and constraints. */
const isSame = (a: TrustAnchor, b: TrustAnchor): boolean =>
  a.certificate === undefined || b.certificate === undefined
    ? a.certificate === b.certificate &&
      same(a.subject.der, b.subject.der) &&
      same(a.publicKey.spki, b.publicKey.spki) &&
      a.nameConstraints === b.nameConstraints
    : same(a.certificate.der, b.certificate.der)

/** The anchors of all layers together; none replaces another, and the same one twice is one. */
export const merge = <E, R>(
  ...layers: ReadonlyArray<Layer.Layer<TrustAnchors, E, R>>
): Layer.Layer<TrustAnchors, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(
    TrustAnchors,
    Effect.map(
      Effect.forEach(layers, (layer) => Layer.build(layer)),
      (contexts) => {
        const all = contexts.flatMap((context) => Context.get(context, TrustAnchors).anchors)
        return { anchors: all.filter((anchor, i) => all.findIndex((other) => isSame(anchor, other)) === i) }
      }
    )
  )

/**
 * Roots of one's own besides others. Fails with `InvalidConfiguration` as {@link layerPem} does.
 *
 * @example
 * const Anchors = TrustAnchors.layerMozilla.pipe(TrustAnchors.addPem(ourCa))
 */
export const addPem =
  (pem: string | Uint8Array) =>
  <E, R>(layer: Layer.Layer<TrustAnchors, E, R>): Layer.Layer<TrustAnchors, E | TlsError, Exclude<R, Scope.Scope>> =>
    merge<E | TlsError, R>(layer, layerPem(pem))

/** Milliseconds after which the bundled list warns: 400 days. */
const staleAfter = 400 * 86_400_000

/**
 * The roots that Mozilla trusts for servers, bundled and dated: the same on every machine, and as old as this package.
 * A list older than 400 days warns when it is built. Only names and keys are in it: the dates after which Mozilla takes
 * no new certificates of some roots are not.
 */
export const layerMozilla: Layer.Layer<TrustAnchors> = Layer.effect(
  TrustAnchors,
  Effect.gen(function* () {
    const { roots, source } = yield* Effect.promise(() => import("./mozillaRoots.ts"))
    if ((yield* Clock.currentTimeMillis) - Date.parse(source.date) > staleAfter) {
      yield* Effect.logWarning(`The bundled roots are of ${source.date}: update effect-tls, or trust the machine's own`)
    }
    return { anchors: yield* Effect.orDie(Effect.fromResult(Result.all(roots.map(anchorOfRoot)))) }
  })
)
