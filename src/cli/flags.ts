/** The flags that `connect` and `serve` share, and what they come to. */
import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { primitives as noble } from "../crypto/noble/index.ts"
import { primitives as node } from "../crypto/node/index.ts"
import * as CryptoProvider from "../layers/CryptoProvider.ts"
import type { Options } from "../layers/configuration.ts"
import * as KeyLogFile from "../layers/node/KeyLogFile.ts"
import * as NodeCertificateCompression from "../layers/node/NodeCertificateCompression.ts"
import { layerAllocator } from "../layers/node/NodeTls.ts"
import { minFragmentSize, minRecordSizeLimit } from "../layers/recordOptions.ts"
import type { Version } from "../state/config.ts"
import { maxInnerPlaintext13, maxPlaintext } from "../state/record/limits.ts"
import * as Padding from "../state/record/padding.ts"
import { type CliFailure, usage } from "./failure.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description))

export const optionalText = (name: string, metavar: string, description: string) =>
  text(name, metavar, description).pipe(Flag.optional, Flag.map(Option.getOrUndefined))

/** A whole number from one to another, both included. */
export const int = (name: string, [from, to]: readonly [from: number, to: number]) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (n) => n >= from && n <= to,
      () => `a whole number from ${from} to ${to}`
    )
  )

export const optionalInt = (
  name: string,
  metavar: string,
  range: readonly [from: number, to: number],
  description: string
) =>
  int(name, range).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )

export const repeatedText = (name: string, metavar: string, description: string) =>
  text(name, metavar, description).pipe(Flag.atLeast(0))

export const toggle = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDefault(false), Flag.withDescription(description))

const list = (text: string): ReadonlyArray<string> => text.split(",").filter((item) => item !== "")

/** In both commands. */
export const common = {
  alpn: text("alpn", "A,B", "Application protocols, the preferred first").pipe(
    Flag.map(list),
    Flag.filter(
      (names) => names.length > 0,
      () => "names of protocols, for example h2,http/1.1"
    ),
    Flag.optional,
    Flag.map(Option.getOrElse((): ReadonlyArray<string> => []))
  ),
  tls: Flag.Literals("tls", ["1.2", "1.3"]).pipe(
    Flag.withDescription("A version to allow, repeatable; both unless told"),
    Flag.atLeast(0)
  ),
  dangerouslyPlainMasterSecret: toggle(
    "dangerously-plain-master-secret",
    "Speak TLS 1.2 with peers that lack extended_master_secret too: whoever is in between can join two connections"
  ),
  suite: repeatedText("suite", "NAME", "A cipher suite to allow, repeatable, the preferred first"),
  group: repeatedText(
    "group",
    "NAME",
    "A group to allow, repeatable, the preferred first; X25519MLKEM768, x25519, secp256r1, secp384r1 unless given"
  ),
  grease: Flag.Literals("grease", ["on", "off"]).pipe(
    Flag.withDefault("on" as const),
    Flag.withDescription(
      "Whether some values that mean nothing are offered, to keep peers used to unknown ones (RFC 8701)"
    )
  ),
  maxFragment: optionalInt(
    "max-fragment",
    "N",
    [minFragmentSize, maxPlaintext],
    "At most N bytes of data in a record, 512 to 16384"
  ),
  recordSizeLimit: optionalInt(
    "record-size-limit",
    "N",
    [minRecordSizeLimit, maxInnerPlaintext13],
    "Ask for records of at most N bytes, 64 to 16385 (RFC 8449)"
  ),
  padding: optionalInt(
    "padding",
    "N",
    [1, maxPlaintext],
    "Pad the data of every record to a multiple of N bytes, in TLS 1.3"
  ),
  keyPasswordFile: optionalText("key-password-file", "FILE", "Whose first line opens encrypted keys (PKCS#8)"),
  keylog: optionalText("keylog", "FILE", "Append the secrets to FILE, for Wireshark; who has it reads everything"),
  crypto: Flag.Literals("crypto", ["node", "noble"]).pipe(
    Flag.withDefault("node" as const),
    Flag.withDescription("Who does the cryptography: node:crypto, or JavaScript")
  ),
  summary: Flag.Literals("summary", ["text", "json", "none"]).pipe(
    Flag.withDefault("text" as const),
    Flag.withDescription(
      "What standard error tells; with json every line there is one object: a summary, a warning or an error"
    )
  )
}

/** What they are read as. */
export type Common = Command.Command.Config.Infer<typeof common>

/** The versions that the flags name, the better one first; undefined for what is usual. */
const versionsOf = ({ tls }: Pick<Common, "tls">): ReadonlyArray<Version> | undefined => {
  const named = (["1.3", "1.2"] as const).filter((version) => tls.includes(version))
  return named.length === 0 ? undefined : named.map((version): Version => `TLSv${version}`)
}

/** Flags that mean nothing to one of the versions, by their names in code. */
const only12 = ["dangerouslyPlainMasterSecret"] as const
const only13 = ["padding", "earlyData", "maxEarlyData", "psk", "rawKey", "serverKeyPin", "clientKeyPin"] as const

const isGiven = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false && value !== 0

/** Where one version alone is allowed, what is for the other one cannot be meant. */
export const checkVersions = (
  flags: Common & { readonly [flag in (typeof only13)[number]]?: unknown }
): Effect.Effect<void, CliFailure> => {
  const [version, ...more] = versionsOf(flags) ?? []
  if (version === undefined || more.length > 0) return Effect.void
  const stray = (version === "TLSv1.2" ? only13 : only12).find((name) => isGiven(flags[name]))
  if (stray === undefined) return Effect.void
  const flag = `--${stray.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  const [of, allowed] = version === "TLSv1.2" ? ["1.3", "1.2"] : ["1.2", "1.3"]
  return usage(`${flag} is for TLS ${of}, which --tls ${allowed} leaves out`, "drop the one or the other")
}

/** What the flags come to, for a client or a server. */
export const optionsOf = (flags: Common): Options => ({
  versions: versionsOf(flags),
  extendedMasterSecret: flags.dangerouslyPlainMasterSecret ? "optional" : "required",
  alpnProtocols: flags.alpn,
  grease: flags.grease,
  maxFragmentSize: flags.maxFragment,
  recordSizeLimit: flags.recordSizeLimit,
  padding: flags.padding === undefined ? undefined : Padding.toMultipleOf(flags.padding)
})

/** The services of Node that both commands use, and the key log of `--keylog`. */
export const nodeLayer = ({ keylog }: Common) =>
  Layer.mergeAll(
    layerAllocator,
    NodeCertificateCompression.layer,
    keylog === undefined ? Layer.empty : KeyLogFile.layerFile(keylog)
  )

const some = (names: ReadonlyArray<string>) => (names.length === 0 ? undefined : names)

/** The cryptography that the flags ask for. */
export const cryptoLayer = (flags: Common): Layer.Layer<CryptoProvider.CryptoProvider, CliFailure> =>
  Layer.effect(
    CryptoProvider.CryptoProvider,
    Effect.suspend(() => {
      const primitives = flags.crypto === "node" ? node : noble
      const provider = CryptoProvider.makeWith(primitives, { suites: some(flags.suite), groups: some(flags.group) })
      return Effect.fromResult(Result.mapError(provider, ({ detail }) => usage(detail)))
    })
  )
