/** Trust anchors of the machine, and those in files. */
import { readdir, readFile } from "node:fs/promises"
import { delimiter, join } from "node:path"
import * as tls from "node:tls"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { certificatesFromPem } from "../../codec/x509/pem.ts"
import { anchorFromDer, type TrustAnchor } from "../../state/path/anchor.ts"
import { misconfigured, type TlsError } from "../TlsError.ts"
import { fromPem, TrustAnchors } from "../TrustAnchors.ts"

const read = (path: string): Effect.Effect<string, TlsError> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (cause) => {
      const reason = cause instanceof Error ? cause.message : "cannot be read"
      return misconfigured(`trusted certificates in ${path}: ${reason}`)
    }
  })

/** The certificates in PEM files. Fails with `InvalidConfiguration`, naming the file, when one has none. */
export const layerPemFiles = (paths: ReadonlyArray<string>): Layer.Layer<TrustAnchors, TlsError> =>
  Layer.effect(
    TrustAnchors,
    Effect.map(
      Effect.forEach(paths, (path) =>
        Effect.flatMap(read(path), (text) =>
          Effect.mapError(Effect.fromResult(fromPem(text)), ({ reason }) => misconfigured(`${path}: ${reason.detail}`))
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
  Effect.mapError(() => misconfigured(`no trusted certificates in ${bundles.join(", ")}`))
)

/** The first of some names of files and directories, as OpenSSL separates them. */
const listed = (name: "SSL_CERT_FILE" | "SSL_CERT_DIR"): ReadonlyArray<string> => {
  const value = process.env[name] ?? ""
  return name === "SSL_CERT_DIR" ? value.split(delimiter).filter((path) => path !== "") : value === "" ? [] : [value]
}

/** Every file of a directory that can be read; OpenSSL has links by hash there, which name the same ones again. */
const readDirectory = (path: string): Effect.Effect<ReadonlyArray<string>, TlsError> =>
  Effect.tryPromise({
    try: async () => {
      const names = (await readdir(path)).sort()
      return Promise.all(names.map((name) => readFile(join(path, name), "utf8").catch(() => "")))
    },
    catch: (cause) => {
      const reason = cause instanceof Error ? cause.message : "cannot be read"
      return misconfigured(`trusted certificates in ${path}: ${reason}`)
    }
  })

/** What Node tells, where it does: from 22.15 on. `extra` is NODE_EXTRA_CA_CERTS, `default` its own list and that. */
const ofNode = (type: "system" | "extra" | "default") =>
  Effect.sync((): string => tls.getCACertificates?.(type).join("\n") ?? "")

const isEmpty = (text: string): boolean => !text.includes("-----BEGIN")

/** What the machine has: the system's store, the distribution's bundle or, where neither is, the list of Node. */
const ofMachine = Effect.gen(function* () {
  const system = yield* ofNode("system")
  if (!isEmpty(system)) return system
  return yield* Effect.catch(bundle, (none) =>
    Effect.filterOrFail(
      ofNode("default"),
      (text) => !isEmpty(text),
      () => none
    )
  )
})

const pem = Effect.gen(function* () {
  const [files, directories] = [listed("SSL_CERT_FILE"), listed("SSL_CERT_DIR")]
  // who names a list means that one, even when nothing is in it
  if (files.length + directories.length === 0) return [yield* ofMachine, yield* ofNode("extra")]
  const found = yield* Effect.forEach(directories, readDirectory)
  return [...(yield* Effect.forEach(files, read)), ...found.flat()]
})

/** A list made by others may hold a root that we do not understand; nobody is trusted for it. */
const readable = (texts: ReadonlyArray<string>): ReadonlyArray<TrustAnchor> => {
  const all = texts.flatMap((text) => Result.getOrElse(certificatesFromPem(text), () => []))
  const each = new Map(all.map((der) => [Buffer.from(der).toString("base64"), der]))
  return [...each.values()].map(anchorFromDer).flatMap((anchor) => (Result.isSuccess(anchor) ? [anchor.success] : []))
}

/**
 * The roots of this machine: the file that SSL_CERT_FILE names and the directories of SSL_CERT_DIR, and no others, if
 * they are set; otherwise the store of the system as Node reads it, the bundle of the distribution or, where there is
 * neither, the list that Node carries, and those of NODE_EXTRA_CA_CERTS. Fails with `InvalidConfiguration` when there is
 * none.
 */
export const layerSystem: Layer.Layer<TrustAnchors, TlsError> = Layer.effect(
  TrustAnchors,
  Effect.flatMap(pem, (texts) => {
    const anchors = readable(texts)
    return anchors.length > 0
      ? Effect.succeed({ anchors })
      : Effect.fail(misconfigured("no certificate among those that this machine trusts"))
  })
)
