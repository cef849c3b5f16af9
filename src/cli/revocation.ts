/** `--crl` and `--revocation`: how `connect` finds out whether a server's certificate was taken back. */

import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { describe } from "../codec/presentation/wire.ts"
import { readLists } from "../layers/crlSource.ts"
import * as Revocation from "../layers/Revocation.ts"
import { escape } from "../state/failure.ts"
import { usage } from "./failure.ts"
import { readFile } from "./files.ts"
import { repeatedText } from "./flags.ts"

export const revocationFlags = {
  crl: repeatedText("crl", "FILE", "Revocation lists (PEM or DER), repeatable; they are never fetched"),
  revocation: Flag.Literals("revocation", ["require", "prefer", "off"]).pipe(
    Flag.withDefault("prefer" as const),
    Flag.withDescription(
      "Whether the server must be known not to be revoked: by the OCSP response that it staples or, with --crl, the whole chain by lists; prefer refuses only who is known to be"
    )
  )
}

/** What they are read as. */
export type RevocationFlags = Command.Command.Config.Infer<typeof revocationFlags>

const readCrl = Effect.fnUntraced(function* (file: string) {
  const bytes = yield* readFile(file)
  const lists = readLists(bytes)
  if (Result.isFailure(lists)) return yield* usage(`${file}: no revocation list: ${escape(describe(lists.failure))}`)
  return bytes
})

/** What the flags ask for. */
export const revocationLayer = ({ crl, revocation: policy }: RevocationFlags) =>
  Layer.unwrap(Effect.map(Effect.forEach(crl, readCrl), (crls) => Revocation.layer({ crls, policy })))

/** What can be refused before anything is opened. */
export const checkRevocation = ({ crl, revocation }: RevocationFlags, believes: "certificates" | "others") => {
  if (crl.length === 0) return Effect.void
  if (revocation === "off") return usage("--revocation off looks at no list: --crl has no use with it")
  return believes === "certificates"
    ? Effect.void
    : usage("--crl is about certificates that are verified: it has no use with --insecure and --server-key-pin")
}
