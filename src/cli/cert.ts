/** `effect-tls cert`: throw-away certificates, and what stands in certificates. */
import * as Console from "effect/Console"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { describe } from "../codec/presentation/wire.ts"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import { type Certificate, parseCertificate } from "../codec/x509/certificate.ts"
import { inspectCertificate } from "../codec/x509/inspect.ts"
import { certificatesFromPem, parsePem } from "../codec/x509/pem.ts"
import { primitives } from "../crypto/node/index.ts"
import { CryptoProvider } from "../layers/CryptoProvider.ts"
import * as NodeCryptoProvider from "../layers/node/NodeCryptoProvider.ts"
import { type Issued, issue, makeCa, makeIntermediate } from "../layers/testing/certificates.ts"
import { layerDeterministic } from "../layers/testing/deterministic.ts"
import { makeCrl, makeOcspResponse } from "../layers/testing/revocation.ts"
import { parseServerIdentity } from "../state/path/host.ts"
import { type CliFailure, failed, usage } from "./failure.ts"
import { makeDirectory, readFile, writeFile } from "./files.ts"
import { optionalText, repeatedText, toggle } from "./flags.ts"
import { verdict } from "./paths.ts"

const keyTypes = ["p256", "p384", "p521", "ed25519", "rsa2048", "rsa3072", "rsa-pss"] as const

/** Certificate and key, as two files side by side. */
const write = Effect.fnUntraced(function* (directory: string, certificate: string, key: string, issued: Issued) {
  const pem = issued.chain.length === 0 ? issued.certificatePem : issued.chainPem
  yield* writeFile(`${directory}/${certificate}`, pem, "everybody")
  yield* writeFile(`${directory}/${key}`, issued.privateKeyPem, "owner")
  yield* Console.log(`${directory}/${certificate}\n${directory}/${key}`)
})

/** A name that a client can ask for, in the one way to write it; a wildcard is the whole first label. */
const serverName = resultFn(function* (text: string): Returns<string, CliFailure> {
  const wildcard = text.startsWith("*.")
  const parsed = parseServerIdentity(wildcard ? text.slice(2) : text)
  const identity = yield* Result.mapError(parsed, ({ detail }) => usage(`--name: ${detail}`))
  if (identity._tag === "DnsName") return wildcard ? `*.${identity.name}` : identity.name
  return wildcard ? yield* Result.fail(usage(`--name: ${text}: an address has no wildcard`)) : identity.text
})

/** Every authority has a name of its own: of two with one name, the wrong one gives puzzling errors. */
const authorityName = CryptoProvider.use(({ randomBytes }) =>
  Effect.map(randomBytes(8), (bytes) => `effect-tls test CA ${Hex.encode(bytes)}`)
)

/** Randomness of the machine, or what a seed makes of itself; RSA has no part in the latter. */
const provider = (seed: string | undefined, keyType: (typeof keyTypes)[number]) => {
  if (seed === undefined) return Effect.succeed(NodeCryptoProvider.layer)
  return keyType.startsWith("rsa")
    ? usage("--seed makes keys on curves; RSA keys come out new each time")
    : Effect.succeed(layerDeterministic(seed))
}

const timeOf = (text: string | undefined): Effect.Effect<number | undefined, CliFailure> => {
  if (text === undefined) return Effect.undefined
  const time = Date.parse(text)
  return Number.isNaN(time) || time % 1000 !== 0
    ? usage(`--not-before wants a date, such as 2026-01-31 or 2026-01-31T12:00:00Z, not ${JSON.stringify(text)}`)
    : Effect.succeed(time)
}

type Status = "good" | "revoked"

interface Answers {
  readonly ca: Issued
  readonly issuer: Issued
  readonly server: Issued
}

/** The lists of all authorities and a response of the server's, which agree; for as long as the server is valid. */
const makeAnswers = Effect.fnUntraced(function* (status: Status, { ca, issuer, server }: Answers, made: Made) {
  const { notBefore: thisUpdate, days = 90 } = made
  const period = thisUpdate === undefined ? {} : { thisUpdate, nextUpdate: thisUpdate + days * 86_400_000 }
  const reason = status === "revoked" ? "keyCompromise" : undefined
  const lists = yield* Effect.forEach(new Set([issuer, ca]), (authority) => {
    const isRevoked = status === "revoked" && authority === issuer
    return makeCrl(authority, { ...period, revoked: isRevoked ? [{ certificate: server, reason }] : [] })
  })
  const ocsp = yield* makeOcspResponse(issuer, server, { ...period, status, reason })
  return { crl: lists.map(({ pem }) => pem).join(""), ocsp }
})

interface Made {
  readonly keyType: (typeof keyTypes)[number]
  readonly names: ReadonlyArray<string>
  readonly client: boolean
  readonly intermediate: boolean
  readonly notBefore: number | undefined
  readonly days: number | undefined
  readonly status: Status | undefined
}

const makeAll = Effect.fnUntraced(function* (made: Made) {
  const { keyType, names, client, intermediate, notBefore, days, status } = made
  const ca = yield* makeCa({ keyType, notBefore, commonName: yield* authorityName })
  const issuer = intermediate ? yield* makeIntermediate(ca, { keyType, notBefore, pathLength: 0 }) : ca
  const leaf = { keyType, notBefore, days }
  const server = yield* issue(issuer, { ...leaf, names: names.length === 0 ? undefined : names })
  const user = client ? yield* issue(issuer, { ...leaf, purpose: "client" }) : undefined
  const answers = status === undefined ? undefined : yield* makeAnswers(status, { ca, issuer, server }, made)
  return { ca, server, user, answers }
})

const make = Command.make(
  "make",
  {
    out: Flag.String("out").pipe(Flag.withMetavar("DIR"), Flag.withDescription("Where the files go; made if absent")),
    name: repeatedText(
      "name",
      "NAME",
      "A host name or an IP address of the server, repeatable; default localhost, 127.0.0.1, ::1"
    ),
    keyType: Flag.Literals("key-type", keyTypes).pipe(
      Flag.withDefault("p256" as const),
      Flag.withDescription("Of all keys made")
    ),
    client: toggle("client", "Make client-cert.pem and client-key.pem too"),
    intermediate: toggle("intermediate", "Issue under an intermediate authority, which the chain includes"),
    notBefore: optionalText("not-before", "DATE", "When all of them begin to be valid; an hour ago unless given"),
    days: Flag.Int("days").pipe(
      Flag.optional,
      Flag.map(Option.getOrUndefined),
      Flag.withDescription("How long server and client are valid; 90 unless given")
    ),
    status: Flag.Literals("status", ["good", "revoked"]).pipe(
      Flag.optional,
      Flag.map(Option.getOrUndefined),
      Flag.withDescription("Make crl.pem and ocsp.der too, which say this of the server's certificate")
    ),
    seed: optionalText("seed", "TEXT", "Make the same files for the same text and dates; never for keys that matter")
  },
  Effect.fnUntraced(function* ({ out, name, seed, ...flags }) {
    const directory = out.replace(/(?<=.)\/+$/, "")
    const names = yield* Effect.forEach(name, (text) => Effect.fromResult(serverName(text)))
    if (flags.days !== undefined && flags.days < 1) return yield* usage("--days wants a number of at least 1")
    const notBefore = yield* timeOf(flags.notBefore)
    const issued = yield* makeAll({ ...flags, names, notBefore }).pipe(
      Effect.provide(yield* provider(seed, flags.keyType)),
      Effect.mapError(({ message }) => usage(message))
    )
    yield* makeDirectory(directory)
    yield* write(directory, "ca.pem", "ca.key", issued.ca)
    yield* write(directory, "cert.pem", "key.pem", issued.server)
    if (issued.user !== undefined) yield* write(directory, "client-cert.pem", "client-key.pem", issued.user)
    const { answers } = issued
    if (answers === undefined) return
    yield* writeFile(`${directory}/crl.pem`, answers.crl, "everybody")
    yield* writeFile(`${directory}/ocsp.der`, answers.ocsp, "everybody")
    yield* Console.log(`${directory}/crl.pem\n${directory}/ocsp.der`)
  })
).pipe(Command.withDescription("Make a throw-away authority, and a server certificate signed by it"))

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
    const shown = certificates.map((one) =>
      inspectCertificate(one, sha256.digest(one.der), sha256.digest(one.publicKey.spki))
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
