/** Who we are and whom we believe, from the files that flags name. */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as CertificateTransparency from "../layers/CertificateTransparency.ts"
import * as Credentials from "../layers/Credentials.ts"
import type { CryptoProvider } from "../layers/CryptoProvider.ts"
import * as CredentialFiles from "../layers/node/CredentialFiles.ts"
import * as SystemTrust from "../layers/node/SystemTrust.ts"
import type { TlsError } from "../layers/TlsError.ts"
import * as TrustAnchors from "../layers/TrustAnchors.ts"
import { type CliFailure, usage } from "./failure.ts"
import { readFile, readText } from "./files.ts"

const anchorsIn = (file: string) =>
  Effect.flatMap(readText(file), (text) =>
    Effect.mapError(Effect.fromResult(TrustAnchors.fromPem(text)), ({ reason }) => usage(`${file}: ${reason.detail}`))
  )

const ofFiles = (files: ReadonlyArray<string>) =>
  Effect.map(Effect.forEach(files, anchorsIn), (lists) => ({ anchors: lists.flat() }))

/** The certificates in these files and nothing else; those that this machine trusts when no file is named. */
export const anchors = (
  files: ReadonlyArray<string>
): Layer.Layer<TrustAnchors.TrustAnchors, CliFailure | TlsError, FileSystem.FileSystem> =>
  files.length === 0 ? SystemTrust.layerSystem : Layer.effect(TrustAnchors.TrustAnchors, ofFiles(files))

/** The logs of `--ct-log-list`, of which two operators must vouch for a certificate; nothing without the flag. */
export const transparency = (
  file: string | undefined
): Layer.Layer<never, CliFailure, FileSystem.FileSystem | CryptoProvider> =>
  file === undefined
    ? Layer.empty
    : Layer.unwrap(
        Effect.gen(function* () {
          const list = yield* Effect.fromResult(CertificateTransparency.fromJson(yield* readText(file)))
          return CertificateTransparency.layer({ list })
        })
      ).pipe(Layer.catchTag("TlsError", ({ reason }) => Layer.effectDiscard(usage(`${file}: ${reason.detail}`))))

/** What besides certificates and keys may be given. */
export interface CredentialFlags {
  readonly staples?: ReadonlyArray<string>
  readonly passwordFile?: string | undefined
}

/** The password of `--key-password-file`: its first line. */
export const password = (
  file: string | undefined
): Effect.Effect<Redacted.Redacted<Uint8Array> | undefined, CliFailure, FileSystem.FileSystem> =>
  file === undefined
    ? Effect.undefined
    : Effect.map(readFile(file), (bytes) => Redacted.make(CredentialFiles.firstLine(bytes)))

/**
 * `--cert` and `--key`, in pairs, each with the `--ocsp` in its place if there is one; the password opens whichever keys
 * are encrypted.
 */
export const credentials = (
  certificates: ReadonlyArray<string>,
  keys: ReadonlyArray<string>,
  { staples = [], passwordFile }: CredentialFlags = {}
): Effect.Effect<ReadonlyArray<Credentials.LoadedCredential>, CliFailure, FileSystem.FileSystem | CryptoProvider> =>
  Effect.gen(function* () {
    if (certificates.length !== keys.length) {
      const counts = `${certificates.length} --cert and ${keys.length} --key`
      return yield* usage(`every --cert needs its --key: there are ${counts}`)
    }
    if (staples.length > certificates.length) {
      return yield* usage(`every --ocsp belongs to a --cert: there are ${staples.length} and ${certificates.length}`)
    }
    const secret = yield* password(passwordFile)
    return yield* Effect.forEach(certificates, (certificate, i) =>
      loadPair(certificate, keys[i] ?? "", staples[i], secret)
    )
  })

const loadPair = Effect.fnUntraced(function* (
  certificate: string,
  key: string,
  staple: string | undefined,
  password: Redacted.Redacted<Uint8Array> | undefined
) {
  const ocsp = staple === undefined ? undefined : yield* readFile(staple)
  const pem = { chain: yield* readText(certificate), key: yield* readText(key), password, ocsp }
  const files = [certificate, key, ...(staple === undefined ? [] : [staple])].join(" with ")
  return yield* Effect.mapError(Credentials.loadPem(pem), ({ reason }) => usage(`${files}: ${reason.detail}`))
})
