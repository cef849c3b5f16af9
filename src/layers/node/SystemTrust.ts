/** Trust anchors of the machine, and those in files. */
import { readFile } from "node:fs/promises"
import * as tls from "node:tls"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { certificatesFromPem } from "../../codec/x509/pem.ts"
import { type Failure, make as failure } from "../../state/failure.ts"
import { anchorFromDer, type TrustAnchor } from "../../state/path/anchor.ts"
import { fromPem, TrustAnchors } from "../TrustAnchors.ts"

const read = (path: string): Effect.Effect<string, Failure> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (cause) => {
      const reason = cause instanceof Error ? cause.message : "cannot be read"
      return failure("InvalidConfiguration", `trusted certificates in ${path}: ${reason}`)
    }
  })

/** The certificates in PEM files. Fails with `InvalidConfiguration`, naming the file, when one has none. */
export const layerPemFiles = (paths: ReadonlyArray<string>): Layer.Layer<TrustAnchors, Failure> =>
  Layer.effect(
    TrustAnchors,
    Effect.map(
      Effect.forEach(paths, (path) =>
        Effect.flatMap(read(path), (text) =>
          Effect.mapError(Effect.fromResult(fromPem(text)), ({ reason, detail }) =>
            failure(reason, `${path}: ${detail}`)
          )
        )
      ),
      (lists) => ({ anchors: lists.flat() })
    )
  )

/** Where the distributions keep them: Debian and Alpine, Fedora, SUSE, and what they all link to. */
const bundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem"
]

/** The first bundle that exists. */
const bundle = Effect.firstSuccessOf(bundles.map(read)).pipe(
  Effect.mapError(() => failure("InvalidConfiguration", `no trusted certificates in ${bundles.join(", ")}`))
)

/** What Node trusts (its own list and NODE_EXTRA_CA_CERTS), where it says so: from 22.15 on. */
const ofNode = Effect.sync(() => tls.getCACertificates?.("default").join("\n") ?? "")

const pem = Effect.suspend(() => {
  const { SSL_CERT_FILE } = process.env
  if (SSL_CERT_FILE !== undefined && SSL_CERT_FILE !== "") return read(SSL_CERT_FILE)
  return Effect.filterOrElse(
    ofNode,
    (text) => text !== "",
    () => bundle
  )
})

/** A list made by others may hold a root that we do not understand; nobody is trusted for it. */
const readable = (text: string): Result.Result<ReadonlyArray<TrustAnchor>, unknown> =>
  Result.map(certificatesFromPem(text), (list) =>
    list.map(anchorFromDer).flatMap((anchor) => (Result.isSuccess(anchor) ? anchor.success : []))
  )

/**
 * The roots of this machine: the file that SSL_CERT_FILE names if it is set, what Node trusts otherwise, and the
 * bundle of the distribution where Node cannot tell. Fails with `InvalidConfiguration` when there is none.
 */
export const layerSystem: Layer.Layer<TrustAnchors, Failure> = Layer.effect(
  TrustAnchors,
  Effect.flatMap(pem, (text) =>
    Effect.fromResult(
      Result.mapBoth(readable(text), {
        onSuccess: (anchors) => ({ anchors }),
        onFailure: () => failure("InvalidConfiguration", "no certificate among those that this machine trusts")
      })
    )
  )
)
