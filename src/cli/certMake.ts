/** `effect-tls cert make`: throw-away certificates of an authority of their own, right ones and odd ones. */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import type { Extension, KeyUsage } from "../codec/x509/extension.ts"
import { type GeneralName, showGeneralName } from "../codec/x509/generalName.ts"
import { CryptoProvider } from "../layers/CryptoProvider.ts"
import * as NodeCryptoProvider from "../layers/node/NodeCryptoProvider.ts"
import { type Issued, issue, type LeafOptions, makeCa, makeIntermediate } from "../layers/testing/certificates.ts"
import { layerDeterministic } from "../layers/testing/deterministic.ts"
import { makeCrl, makeOcspResponse } from "../layers/testing/revocation.ts"
import { listOf, listToJson, makeLog } from "../layers/testing/transparency.ts"
import {
  parseCrlUrl,
  parseExtension,
  parseKeyUsage,
  parsePolicy,
  parsePurposes,
  parseValidity,
  type Validity
} from "./certFlags.ts"
import { parseConstraint, parseName, parseSubject } from "./certNames.ts"
import { type CliFailure, usage } from "./failure.ts"
import { makeDirectory, type Readers, writeFile } from "./files.ts"
import { optionalInt, optionalText, repeatedText, toggle } from "./flags.ts"

const keyTypes = ["p256", "p384", "p521", "ed25519", "rsa2048", "rsa3072", "rsa-pss"] as const
const statuses = ["good", "revoked"] as const

const flags = {
  out: Flag.String("out").pipe(Flag.withMetavar("DIR"), Flag.withDescription("Where the files go; made if absent")),
  name: repeatedText(
    "name",
    "NAME",
    "A host name or an IP address of the server, or email:…, uri:…, dirname:…, repeatable; default localhost, 127.0.0.1, ::1"
  ),
  subject: optionalText("subject", "CN=…,O=…,C=…", "Its subject; the first name as the common name unless given"),
  keyType: Flag.Literals("key-type", keyTypes).pipe(
    Flag.withDefault("p256" as const),
    Flag.withDescription("Of all keys made")
  ),
  client: toggle("client", "Make client-cert.pem and client-key.pem too"),
  intermediate: toggle("intermediate", "Issue under an intermediate authority, which the chain includes"),
  notBefore: optionalText("not-before", "TIME", "When all of them begin to be valid; an hour ago unless given"),
  notAfter: optionalText("not-after", "TIME", "When server and client end, to the second; a time that is past will do"),
  days: optionalInt("days", "N", [1, 36_500], "How long server and client are valid; 90 unless given"),
  permitted: repeatedText(
    "permitted",
    "TYPE:NAME",
    "Only such names may the authority that issues certify: dns:, ip: (a network), email:, uri:, dirname:; repeatable"
  ),
  excluded: repeatedText("excluded", "TYPE:NAME", "Such names it may not certify; repeatable"),
  pathLength: optionalInt(
    "path-length",
    "N",
    [0, 0xffff],
    "So many authorities may follow below the root; no limit unless given"
  ),
  keyUsage: optionalText("key-usage", "A,B", "What the server's key is for; digitalSignature unless given"),
  extKeyUsage: optionalText("ext-key-usage", "A,B", "Its purposes, by name or OID; serverAuth unless given"),
  policy: repeatedText("policy", "OID", "A certificate policy of the server's and the intermediate, repeatable"),
  crlUrl: repeatedText("crl-url", "URL", "A distribution point of lists in the server's certificate, repeatable"),
  mustStaple: toggle("must-staple", "The server's certificate is not to be believed without an OCSP response"),
  ctLogs: optionalInt(
    "ct-logs",
    "N",
    [1, 16],
    "Embed timestamps of N logs made for it, of N operators; ct-log-list.json is theirs"
  ),
  extension: repeatedText(
    "extension",
    "OID=[critical,]DER:HEX",
    "Any extension of the server's certificate, in the place of one that would be there anyway; repeatable"
  ),
  status: Flag.Literals("status", statuses).pipe(
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withDescription("Make crl.pem and ocsp.der too, which say this of the server's certificate")
  ),
  seed: optionalText("seed", "TEXT", "Make the same files for the same text and dates; never for keys that matter")
}

type Flags = Command.Command.Config.Infer<typeof flags>

/** What the flags come to. */
interface Made extends Pick<Flags, "keyType" | "client" | "intermediate" | "pathLength" | "status">, Validity {
  readonly days: number | undefined
  /** What only the server's certificate says. */
  readonly server: LeafOptions
  readonly policies: ReadonlyArray<string> | undefined
  readonly constraints: LeafOptions["nameConstraints"]
  readonly logs: number
}

const some = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> | undefined => (list.length === 0 ? undefined : list)

/** The text of a host name or an address, which does for a common name. */
const commonName = (name: GeneralName | undefined): string | undefined =>
  name?._tag === "dNSName" || name?._tag === "iPAddress" ? showGeneralName(name).replace(/^\w+:/, "") : undefined

/** What the server's certificate says, and no other. */
const serverOptions = resultFn(function* (given: Flags): Returns<LeafOptions, CliFailure> {
  const names = yield* Result.all(given.name.map((text) => parseName("--name", text)))
  const subject = given.subject === undefined ? undefined : yield* parseSubject("--subject", given.subject)
  const keyUsage: ReadonlyArray<KeyUsage> | undefined = yield* parseKeyUsage(given.keyUsage)
  const extensions: ReadonlyArray<Extension> = yield* Result.all(given.extension.map(parseExtension))
  const twice = extensions.find(({ extnID }, i) => extensions.findIndex((one) => one.extnID === extnID) !== i)
  if (twice !== undefined) yield* Result.fail(usage(`--extension: ${twice.extnID} is given twice`))
  return {
    ...(names.length === 0 ? {} : { names: [], generalNames: names, commonName: commonName(names[0]) }),
    subject,
    keyUsage,
    extKeyUsage: yield* parsePurposes(given.extKeyUsage),
    crlUrls: some(yield* Result.all(given.crlUrl.map(parseCrlUrl))),
    features: given.mustStaple ? [5] : undefined,
    extensions
  }
})

const constraintsOf = resultFn(function* ({ permitted, excluded }: Flags): Returns<Made["constraints"], CliFailure> {
  const only = yield* Result.all(permitted.map((text) => parseConstraint("--permitted", text)))
  const not = yield* Result.all(excluded.map((text) => parseConstraint("--excluded", text)))
  if (only.length + not.length === 0) return undefined
  return { ...(only.length > 0 && { permitted: only }), ...(not.length > 0 && { excluded: not }) }
})

const meant = Effect.fnUntraced(function* (given: Flags): Effect.fn.Return<Made, CliFailure> {
  const policies = yield* Effect.fromResult(Result.all(given.policy.map(parsePolicy)))
  return {
    ...given,
    ...(yield* parseValidity(given)),
    server: yield* Effect.fromResult(serverOptions(given)),
    policies: some([...new Set(policies)]),
    constraints: yield* Effect.fromResult(constraintsOf(given)),
    logs: given.ctLogs ?? 0
  }
})

/** Every authority has a name of its own: of two with one name, the wrong one gives puzzling errors. */
const authorityName = CryptoProvider.use(({ randomBytes }) =>
  Effect.map(randomBytes(8), (bytes) => `effect-tls test CA ${Hex.encode(bytes)}`)
)

interface Answers {
  readonly ca: Issued
  readonly issuer: Issued
  readonly server: Issued
}

const day = 86_400_000

/** The lists of all authorities and a response of the server's, which agree; for as long as the server is valid. */
const makeAnswers = Effect.fnUntraced(function* (
  status: NonNullable<Made["status"]>,
  { ca, issuer, server }: Answers,
  { notBefore: thisUpdate, notAfter, days = 90 }: Made
) {
  const period = thisUpdate === undefined ? {} : { thisUpdate, nextUpdate: notAfter ?? thisUpdate + days * day }
  const reason = status === "revoked" ? "keyCompromise" : undefined
  const lists = yield* Effect.forEach(new Set([issuer, ca]), (authority) => {
    const isRevoked = status === "revoked" && authority === issuer
    return makeCrl(authority, { ...period, revoked: isRevoked ? [{ certificate: server, reason }] : [] })
  })
  const ocsp = yield* makeOcspResponse(issuer, server, { ...period, status, reason })
  return { crl: lists.map(({ pem }) => pem).join(""), ocsp }
})

/** As long as usual, and no shorter than what they issue. */
const authorityDays = ({ notBefore, notAfter, days = 90 }: Made): number =>
  Math.max(3650, notBefore === undefined || notAfter === undefined ? days : Math.ceil((notAfter - notBefore) / day))

const makeAll = Effect.fnUntraced(function* (made: Made) {
  const { keyType, notBefore, notAfter, days, policies, status } = made
  const authority = { keyType, notBefore, days: authorityDays(made) }
  const constrained = { nameConstraints: made.constraints }
  const ca = yield* makeCa({
    ...authority,
    ...(made.intermediate ? {} : constrained),
    commonName: yield* authorityName,
    pathLength: made.pathLength
  })
  const issuer = made.intermediate
    ? yield* makeIntermediate(ca, { ...authority, ...constrained, pathLength: 0, policies })
    : ca
  const operators = Array.from({ length: made.logs }, (_, i) => `effect-tls test operator ${i + 1}`)
  const logs = yield* Effect.forEach(operators, (operator) => makeLog({ operator }))
  const date = notBefore ?? Math.floor((yield* Clock.currentTimeMillis) / 1000) * 1000
  const leaf = { keyType, notBefore, notAfter, days }
  const server = yield* issue(issuer, { ...leaf, ...made.server, policies, logs, timestamps: { timestamp: date } })
  const user = made.client ? yield* issue(issuer, { ...leaf, purpose: "client" }) : undefined
  const answers = status === undefined ? undefined : yield* makeAnswers(status, { ca, issuer, server }, made)
  return { ca, server, user, answers, logList: logs.length === 0 ? undefined : listToJson(listOf(logs, date)) }
})

type All = Effect.Success<ReturnType<typeof makeAll>>

type File = readonly [name: string, content: string | Uint8Array, readers: Readers]

/** Certificate and key, as two files side by side. */
const pair = (certificate: string, key: string, issued: Issued): ReadonlyArray<File> => [
  [certificate, issued.chain.length === 0 ? issued.certificatePem : issued.chainPem, "everybody"],
  [key, issued.privateKeyPem, "owner"]
]

const filesOf = ({ ca, server, user, answers, logList }: All): ReadonlyArray<File> => [
  ...pair("ca.pem", "ca.key", ca),
  ...pair("cert.pem", "key.pem", server),
  ...(user === undefined ? [] : pair("client-cert.pem", "client-key.pem", user)),
  ...(answers === undefined
    ? []
    : ([
        ["crl.pem", answers.crl, "everybody"],
        ["ocsp.der", answers.ocsp, "everybody"]
      ] as const)),
  ...(logList === undefined ? [] : [["ct-log-list.json", logList, "everybody"] as const])
]

export const make = Command.make(
  "make",
  flags,
  Effect.fnUntraced(function* (given) {
    const directory = given.out.replace(/(?<=.)\/+$/, "")
    const made = yield* meant(given)
    const provider = given.seed === undefined ? NodeCryptoProvider.layer : layerDeterministic(given.seed)
    const all = yield* makeAll(made).pipe(
      Effect.provide(provider),
      Effect.mapError(({ message }) => usage(message))
    )
    yield* makeDirectory(directory)
    const paths: Array<string> = []
    for (const [name, content, readers] of filesOf(all)) {
      const path = `${directory}/${name}`
      yield* writeFile(path, content, readers)
      paths.push(path)
    }
    yield* Console.log(paths.join("\n"))
  })
).pipe(Command.withDescription("Make a throw-away authority, and a server certificate signed by it"))
