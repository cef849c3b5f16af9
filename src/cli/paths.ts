/** The certificate paths that were tried for a refused chain, a line a certificate; and `cert inspect`'s own verdict. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { primitives } from "../crypto/node/index.ts"
import { hintFor } from "../layers/hints.ts"
import { find } from "../layers/TlsError.ts"
import { TrustAnchors } from "../layers/TrustAnchors.ts"
import { makeWebPki } from "../layers/webPki.ts"
import { type Failure, type RefusedPath, reasons } from "../state/failure.ts"
import { parseServerIdentity } from "../state/path/host.ts"
import { nameText, subjectText } from "../state/path/refusal.ts"
import { failed, usage } from "./failure.ts"
import { anchors } from "./identity.ts"

/** One path for people: the end-entity first, a mark at the certificate that was refused, and why. */
const showPath = ({ subjects, at, reason, detail }: RefusedPath, i: number): string => {
  const why = `${reason}, ${reasons[reason].see}: ${detail}`
  const steps = subjects.map((subject, place) => `  ${place === at ? "!" : " "} ${subject}`)
  return [`Path ${i + 1}: ${why}`, ...steps].join("\n")
}

const showPaths = (paths: ReadonlyArray<RefusedPath>): string => paths.map(showPath).join("\n")

/** Prints on standard error what was tried, where an error tells. */
export const explainPaths = (error: unknown): Effect.Effect<void> => {
  const paths = find(error)?.paths
  return paths === undefined ? Effect.void : Console.error(showPaths(paths))
}

export interface Question {
  /** Files of the authorities to believe; none means those of this machine. */
  readonly ca: ReadonlyArray<string>
  /** Whom the first certificate must be; absent means anybody. */
  readonly servername: string | undefined
}

/** Whether a chain would do for a server, now: prints the path it is believed by, or fails after all that were tried. */
export const verdict = Effect.fnUntraced(function* (chain: ReadonlyArray<Uint8Array>, { ca, servername }: Question) {
  const identity =
    servername === undefined
      ? undefined
      : yield* Effect.mapError(Effect.fromResult(parseServerIdentity(servername)), ({ detail }) =>
          usage(`--servername: ${detail}`)
        )
  const trusted = yield* Effect.provide(
    TrustAnchors.useSync(({ anchors }) => anchors),
    Layer.fresh(anchors(ca))
  )
  const judged = makeWebPki(primitives, trusted).judge({ purpose: "serverAuth", identity, chain })
  const { path } = yield* judged.pipe(
    Effect.tapError(({ paths }) => (paths === undefined ? Effect.void : Console.error(showPaths(paths)))),
    Effect.mapError(({ reason, detail }: Failure) =>
      failed(`${reason}: ${detail} (${reasons[reason].see})`, hintFor(reason))
    )
  )
  const subjects = [...path.certificates.map(subjectText), nameText(path.anchor.subject)]
  yield* Console.log(`\nBelieved by this path:\n${subjects.map((subject) => `    ${subject}`).join("\n")}`)
})
