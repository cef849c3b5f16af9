/** `effect-tls cert`: what stands in certificates; `certMake.ts` makes them. */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { describe } from "../codec/presentation/wire.ts"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import { type Certificate, parseCertificate } from "../codec/x509/certificate.ts"
import { inspectCertificate } from "../codec/x509/inspect.ts"
import { certificatesFromPem, parsePem } from "../codec/x509/pem.ts"
import { primitives } from "../crypto/node/index.ts"
import { make } from "./certMake.ts"
import { type CliFailure, failed } from "./failure.ts"
import { readFile } from "./files.ts"
import { optionalText, repeatedText } from "./flags.ts"
import { verdict } from "./paths.ts"

const isPem = (bytes: Uint8Array): boolean => bytes[0] !== 0x30

/** The certificates of a file, PEM or DER; what is wrong with it is said about the file. */
const certificatesOf = resultFn(function* (
  path: string,
  bytes: Uint8Array
): Returns<ReadonlyArray<Certificate>, CliFailure> {
  const text = isPem(bytes) ? new TextDecoder().decode(bytes) : undefined
  const list = text === undefined ? Result.succeed([bytes]) : certificatesFromPem(text)
  const certificates: Array<Certificate> = []
  const blocks = yield* Result.mapError(list, (failure) => {
    const labels = Result.getOrElse(parsePem(text ?? ""), () => []).map(({ label }) => label)
    const found = labels.length === 0 ? "" : `; it holds ${[...new Set(labels)].join(", ")}`
    return failed(`${path}: ${describe(failure)}${found}`)
  })
  for (const [i, der] of blocks.entries()) {
    const place = blocks.length === 1 ? path : `${path}, certificate ${i + 1}`
    certificates.push(
      yield* Result.mapError(parseCertificate(der), (failure) => failed(`${place}: ${describe(failure)}`))
    )
  }
  return certificates
})

const inspect = Command.make(
  "inspect",
  {
    file: Argument.String("file").pipe(Argument.withDescription("Certificates as PEM, or one as DER")),
    ca: repeatedText("ca", "FILE", "Say whether the authorities in FILE (PEM) vouch for the chain, and why not"),
    servername: optionalText("servername", "NAME", "Say whether the first certificate is a server's of this NAME")
  },
  Effect.fnUntraced(function* ({ file, ca, servername }) {
    const bytes = yield* readFile(file)
    const certificates = yield* Effect.fromResult(certificatesOf(file, bytes))
    const { sha256 } = primitives.hashes
    const now = yield* Clock.currentTimeMillis
    const shown = certificates.map((one) =>
      inspectCertificate(one, sha256.digest(one.der), sha256.digest(one.publicKey.spki), now)
    )
    yield* Console.log(shown.join("\n\n"))
    if (ca.length === 0 && servername === undefined) return
    yield* verdict(
      certificates.map(({ der }) => der),
      { ca, servername }
    )
  })
).pipe(
  Command.withDescription("Print what stands in certificates, and with --ca or --servername whether they are believed")
)

export const cert = Command.make("cert").pipe(
  Command.withDescription("Make and read certificates"),
  Command.withSubcommands([make, inspect])
)
