/** External PSKs on the command line: from a file, imported under a name or used as they are. */
import type * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { CryptoProvider } from "../layers/CryptoProvider.ts"
import * as ExternalPsks from "../layers/ExternalPsks.ts"
import { type CliFailure, usage } from "./failure.ts"
import { readText } from "./files.ts"
import { optionalText } from "./flags.ts"

/** In both commands. */
export const pskFlags = {
  psk: optionalText("psk", "FILE", "Keys that both sides have, in place of certificates: lines of IDENTITY:HEX"),
  pskName: optionalText("psk-name", "NAME", "Import them (RFC 9258) under this name of ours; as they are without it")
}

/** What they are read as. */
export type PskFlags = Command.Command.Config.Infer<typeof pskFlags>

/** The lines of the file, as `psktool` and `openssl rand -hex 32` make them. */
const keysIn = (file: string) =>
  Effect.flatMap(readText(file), (text) =>
    Effect.forEach(
      text.split(/\r?\n/).filter((line) => line !== ""),
      (line, i) => {
        const [, identity, digits] = /^(.+):((?:[0-9a-fA-F]{2})+)$/.exec(line) ?? []
        return identity === undefined || digits === undefined
          ? usage(`${file}: line ${i + 1} is not IDENTITY:HEX`, "for example fleet:$(openssl rand -hex 32)")
          : Effect.succeed({ identity, secret: Redacted.make(Uint8Array.from(Buffer.from(digits, "hex"))) })
      }
    )
  )

/** What can be refused before anything is opened; `server` is whom a client means to reach. */
export const checkPsk = Effect.fnUntraced(function* ({ psk: file, pskName: name }: PskFlags, server?: string) {
  if (name === undefined) return
  if (file === undefined) return yield* usage("--psk-name needs --psk FILE")
  if (name.toLowerCase() === server?.toLowerCase()) {
    const text = `--psk-name ${name} is the server's name: a key is imported for two names, and nobody has one with himself`
    return yield* usage(text, "choose a name for this client, one that the server need not know")
  }
})

/** The keys of `--psk`, for one role. */
export const keys = (
  { psk: file, pskName: name }: PskFlags,
  role: "client" | "server"
): Layer.Layer<never, CliFailure, FileSystem.FileSystem | CryptoProvider> => {
  if (file === undefined) return Layer.empty
  return Layer.unwrap(
    Effect.map(keysIn(file), (keys) =>
      (name === undefined
        ? ExternalPsks.dangerouslyUnimported({ role, keys })
        : ExternalPsks.layerImported({ name, keys })
      ).pipe(
        Layer.catch(({ reason }) =>
          Layer.effectDiscard(
            usage(`--psk ${file}${name === undefined ? "" : ` --psk-name ${name}`}: ${reason.detail}`)
          )
        )
      )
    )
  )
}
