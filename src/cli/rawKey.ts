/** Raw public keys (RFC 7250) on the command line: one of ours from a file, the peer's by their SHA-256. */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Credentials from "../layers/Credentials.ts"
import type { CryptoProvider } from "../layers/CryptoProvider.ts"
import { type CliFailure, usage } from "./failure.ts"
import { readText } from "./files.ts"
import { password } from "./identity.ts"

/** The key of `--raw-key`, if there is one. */
export const rawKey = (
  file: string | undefined,
  passwordFile?: string | undefined
): Effect.Effect<ReadonlyArray<Credentials.LoadedCredential>, CliFailure, FileSystem.FileSystem | CryptoProvider> =>
  file === undefined
    ? Effect.succeed([])
    : Effect.flatMap(Effect.all({ key: readText(file), password: password(passwordFile) }), (options) =>
        Effect.mapBoth(Credentials.loadRawPublicKey(options), {
          onSuccess: (credential) => [credential],
          onFailure: ({ reason }) => usage(`${file}: ${reason.detail}`)
        })
      )

/** 32 bytes each; `AB:CD:…`, as `cert inspect` prints them, or without colons. */
export const pins = (
  flag: string,
  texts: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Uint8Array>, CliFailure> =>
  Effect.forEach(texts, (text) => {
    const digits = text.replaceAll(":", "")
    return /^[0-9a-fA-F]{64}$/.test(digits)
      ? Effect.succeed(Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)))
      : usage(`${flag} wants the SHA-256 of a public key, 64 hexadecimal digits`, "effect-tls cert inspect FILE")
  })
