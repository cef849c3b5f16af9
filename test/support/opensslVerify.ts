/** `openssl verify` as a second opinion on certificate paths. */
import { execFile, execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { encodePem } from "../../src/codec/x509/pem.ts"

/** `OpenSSL 3.0.17 …`, or undefined where there is none. */
export const opensslVersion: string | undefined = (() => {
  try {
    return execFileSync("openssl", ["version"], { encoding: "utf8" }).trim()
  } catch {
    return undefined
  }
})()

export interface Chain {
  readonly roots: ReadonlyArray<Uint8Array>
  readonly intermediates: ReadonlyArray<Uint8Array>
  readonly leaf: Uint8Array
}

/** What openssl says: `accepted`, or `error N at D depth lookup: …` as it prints it. */
export type Opinion = (chain: Chain, args: ReadonlyArray<string>) => Effect.Effect<string>

const pem = (certificates: ReadonlyArray<Uint8Array>) =>
  certificates.map((der) => encodePem("CERTIFICATE", der)).join("")

/** Asks with files in a directory of its own, which goes with the scope. */
export const makeOpinion: Effect.Effect<Opinion, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-tls-verify-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  ),
  (directory) => {
    let asked = 0
    return ({ roots, intermediates, leaf }, args) =>
      Effect.callback<string>((resume) => {
        const file = (name: string) => join(directory, `${name}${asked}.pem`)
        asked++
        const [root, middle, end] = [file("root"), file("middle"), file("end")]
        writeFileSync(root, pem(roots))
        writeFileSync(middle, pem(intermediates))
        writeFileSync(end, pem([leaf]))
        const untrusted = intermediates.length === 0 ? [] : ["-untrusted", middle]
        const all = ["verify", "-no-CApath", "-no-CAstore", "-CAfile", root, ...untrusted, ...args, end]
        execFile("openssl", all, { timeout: 10_000 }, (error, stdout, stderr) => {
          const text = `${stdout}${stderr}`
          const said = /error \d+ at \d+ depth lookup: .*/.exec(text)?.[0]
          resume(Effect.succeed(error === null ? "accepted" : (said ?? text.trim())))
        })
      })
  }
)
