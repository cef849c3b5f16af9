/** What the flags of `cert make` say that are not names: moments, extensions, usages. */
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Result from "effect/Result"
import { encodeDer } from "../codec/der/der.ts"
import { objectIdentifier } from "../codec/der/objectIdentifier.ts"
import { type Extension, KeyPurpose, type KeyUsage, keyUsages } from "../codec/x509/extension.ts"
import { type CliFailure, usage } from "./failure.ts"

const day = 86_400_000

/** RFC 3339, or the day alone, which begins at midnight in UTC. */
const instant = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?$/i

const timeOf = (flag: string, text: string | undefined): Effect.Effect<number | undefined, CliFailure> => {
  if (text === undefined) return Effect.undefined
  const midnight = new Date(`${text.slice(0, 10)}T00:00:00Z`)
  // `Date` takes the 30th of February for the 2nd of March
  const isDay = !Number.isNaN(midnight.getTime()) && midnight.toISOString().slice(0, 10) === text.slice(0, 10)
  const time = instant.test(text) && isDay ? Date.parse(text) : Number.NaN
  return Number.isNaN(time)
    ? usage(`${flag} wants a moment, such as 2026-01-31T12:00:00Z or 2026-01-31, not ${JSON.stringify(text)}`)
    : Effect.succeed(time)
}

/** The moments that the flags name; `undefined` for what is usual. */
export interface Validity {
  readonly notBefore: number | undefined
  readonly notAfter: number | undefined
}

/** `--not-before`, and the end by `--not-after` or `--days`; who names only an end may mean one that is past. */
export const parseValidity = Effect.fnUntraced(function* (flags: {
  readonly notBefore: string | undefined
  readonly notAfter: string | undefined
  readonly days: number | undefined
}): Effect.fn.Return<Validity, CliFailure> {
  const { days } = flags
  if (days !== undefined && flags.notAfter !== undefined)
    return yield* usage("--days and --not-after: give one of them")
  const notBefore = yield* timeOf("--not-before", flags.notBefore)
  const notAfter = yield* timeOf("--not-after", flags.notAfter)
  if (notAfter === undefined) return { notBefore, notAfter }
  if (notBefore === undefined) return { notBefore: notAfter - 90 * day, notAfter }
  return notAfter < notBefore
    ? yield* usage(`--not-after ${flags.notAfter} is before --not-before ${flags.notBefore}`)
    : { notBefore, notAfter }
})

/** Whether it can be written as an OBJECT IDENTIFIER. */
const isOid = (text: string): boolean =>
  /^\d+(\.\d+)+$/.test(text) && Result.isSuccess(encodeDer(objectIdentifier, text))

const addext = /^([^=\s]+)\s*=\s*(critical\s*,\s*)?DER:([0-9a-f:\s]+)$/i

/** An extension as `openssl req -addext` takes it: `1.2.3.4=critical,DER:05:00`. */
export const parseExtension = (text: string): Result.Result<Extension, CliFailure> => {
  const [, extnID = "", critical, hex = ""] = addext.exec(text) ?? []
  const extnValue = Hex.decode(hex.replace(/[:\s]/g, ""))
  return isOid(extnID) && Result.isSuccess(extnValue)
    ? Result.succeed({ extnID, critical: critical !== undefined, extnValue: extnValue.success })
    : Result.fail(
        usage(
          `--extension wants OID=DER:HEX or OID=critical,DER:HEX, such as 1.2.3.4=critical,DER:05:00, not ${JSON.stringify(text)}`
        )
      )
}

const listOf = (text: string): ReadonlyArray<string> => text.split(",").map((part) => part.trim())

/** Key usages by name, a comma between two. */
export const parseKeyUsage = (
  text: string | undefined
): Result.Result<ReadonlyArray<KeyUsage> | undefined, CliFailure> => {
  if (text === undefined) return Result.succeed(undefined)
  const found = listOf(text).map((name) => keyUsages.find((one) => one.toLowerCase() === name.toLowerCase()))
  const all = found.flatMap((one) => one ?? [])
  return all.length === found.length
    ? Result.succeed(keyUsages.filter((one) => all.includes(one)))
    : Result.fail(usage(`--key-usage wants some of ${keyUsages.join(",")}, not ${JSON.stringify(text)}`))
}

const purposes = Object.keys(KeyPurpose.registry)

/** Purposes by name or as object identifiers, a comma between two. */
export const parsePurposes = (
  text: string | undefined
): Result.Result<ReadonlyArray<string> | undefined, CliFailure> => {
  if (text === undefined) return Result.succeed(undefined)
  const found = listOf(text).map((name) => {
    const purpose = purposes.find((one) => one.toLowerCase() === name.toLowerCase())
    const named = Object.entries(KeyPurpose.registry).find(([, oid]) => oid === name)?.[0]
    return purpose ?? named ?? (isOid(name) ? name : undefined)
  })
  const all = found.flatMap((purpose) => purpose ?? [])
  return all.length === found.length
    ? Result.succeed(all)
    : Result.fail(usage(`--ext-key-usage wants some of ${purposes.join(",")} or OIDs, not ${JSON.stringify(text)}`))
}

/** Policies, which are object identifiers and nothing else. */
export const parsePolicy = (text: string): Result.Result<string, CliFailure> =>
  isOid(text)
    ? Result.succeed(text)
    : Result.fail(usage(`--policy wants an OID, such as 2.23.140.1.2.1, not ${JSON.stringify(text)}`))

/** Where lists are to be had: ours are fetched over http alone, and so are everybody's. */
export const parseCrlUrl = (text: string): Result.Result<string, CliFailure> =>
  /^(https?|ldap):\/\/[\x21-\x7e]+$/i.test(text)
    ? Result.succeed(text)
    : Result.fail(usage(`--crl-url wants a URL such as http://example.org/ca.crl, not ${JSON.stringify(text)}`))
