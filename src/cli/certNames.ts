/** The names of `cert make`: of servers and users, of what an authority may certify, and of subjects. */
import * as Result from "effect/Result"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import type { GeneralName } from "../codec/x509/generalName.ts"
import { parseIpAddress } from "../codec/x509/ipAddress.ts"
import { abbreviations, makeName } from "../codec/x509/name.ts"
import { dnsName, parseServerIdentity } from "../state/path/host.ts"
import { type CliFailure, usage } from "./failure.ts"

/** The types as openssl writes them before a colon, in any case. */
type Type = "dns" | "ip" | "email" | "uri" | "dirname"

const typed = (text: string): readonly [type: Type | undefined, value: string] => {
  const [, type, value] = /^(dns|ip|email|uri|dirname):(.*)$/is.exec(text) ?? []
  const known = (["dns", "ip", "email", "uri", "dirname"] as const).find((one) => one === type?.toLowerCase())
  return known === undefined ? [undefined, text] : [known, value ?? ""]
}

type Parsed<A> = Result.Result<A, CliFailure>

const quote = (text: string): string => JSON.stringify(text)

/** Attribute and value of each part, the last part of the name first, as RFC 4514 writes it: `CN=a,O=b,C=CH`. */
export const parseSubject = (
  flag: string,
  text: string
): Parsed<ReadonlyArray<readonly [type: string, text: string]>> => {
  const parts = text.match(/(?:\\.|[^\\,])+/gs) ?? []
  const attributes: Array<readonly [string, string]> = []
  for (const part of parts) {
    const [, short = "", value = ""] = /^\s*([A-Za-z]+|\d[\d.]*)=(.+)$/s.exec(part) ?? []
    const long = [...abbreviations].find(([, one]) => one === short.toUpperCase())?.[0] ?? short
    if (value === "") {
      return Result.fail(usage(`${flag} wants a name such as CN=Example,O=Example Ltd,C=CH, not ${quote(text)}`))
    }
    attributes.push([long, value.replace(/\\(.)/gs, "$1")])
  }
  const name = makeName(attributes)
  return attributes.length === 0 || Result.isFailure(name)
    ? Result.fail(
        usage(`${flag}: ${quote(text)} is no name of a subject; its parts are CN, O, OU, L, ST, C, DC, UID … or OIDs`)
      )
    : Result.succeed(attributes.reverse())
}

const directoryName = (flag: string, text: string): Parsed<GeneralName> =>
  Result.flatMap(parseSubject(flag, text), (attributes) =>
    Result.mapBoth(makeName(attributes), {
      onSuccess: (value): GeneralName => ({ _tag: "directoryName", value }),
      onFailure: () => usage(`${flag}: ${quote(text)} is no name of a subject`)
    })
  )

/** A name that a client can ask for, in the one way to write it; a wildcard is the whole first label. */
const serverName = resultFn(function* (flag: string, text: string): Returns<GeneralName, CliFailure> {
  const wildcard = text.startsWith("*.")
  const parsed = parseServerIdentity(wildcard ? text.slice(2) : text)
  const identity = yield* Result.mapError(parsed, ({ detail }) => usage(`${flag}: ${detail}`))
  if (identity._tag === "DnsName") return { _tag: "dNSName", value: wildcard ? `*.${identity.name}` : identity.name }
  if (wildcard) yield* Result.fail(usage(`${flag}: ${text}: an address has no wildcard`))
  return { _tag: "iPAddress", value: identity.address }
})

/** What a certificate is for: a host name or an address, or with its type before it any other name. */
export const parseName = (flag: string, text: string): Parsed<GeneralName> => {
  const [type, value] = typed(text)
  switch (type) {
    case "email":
      return /^[\x21-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$/.test(value)
        ? Result.succeed({ _tag: "rfc822Name", value })
        : Result.fail(usage(`${flag} email: wants user@host, not ${quote(value)}`))
    case "uri":
      return /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(value)
        ? Result.succeed({ _tag: "uniformResourceIdentifier", value })
        : Result.fail(usage(`${flag} uri: wants scheme:…, not ${quote(value)}`))
    case "dirname":
      return directoryName(`${flag} dirname:`, value)
    case "ip":
    case "dns":
    case undefined:
      return Result.flatMap(serverName(flag, value), (name) =>
        type === undefined || (type === "ip") === (name._tag === "iPAddress")
          ? Result.succeed(name)
          : Result.fail(usage(`${flag} ${type}: ${quote(value)} is ${type === "ip" ? "no address" : "an address"}`))
      )
  }
}

/** So many ones, then zeros. */
const mask = (length: number, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => 0xff & (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))))

/** Address and mask (RFC 5280 section 4.2.1.10) of `192.0.2.0/24`, or of an address alone. */
const network = (flag: string, text: string): Parsed<GeneralName> => {
  const [, start = "", length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = parseIpAddress(start)
  const bits = address === undefined ? 0 : address.length * 8
  const prefix = length === undefined ? bits : Number(length)
  if (address === undefined || prefix > bits) {
    return Result.fail(usage(`${flag} ip: wants a network such as 192.0.2.0/24 or 2001:db8::/32, not ${quote(text)}`))
  }
  const ones = mask(prefix, address.length)
  if (address.some((byte, i) => (byte & ~(ones[i] ?? 0)) !== 0)) {
    return Result.fail(usage(`${flag} ip: ${text} has bits beyond its mask: is /${prefix} right?`))
  }
  return Result.succeed({ _tag: "iPAddress", value: Uint8Array.of(...address, ...ones) })
}

/** A host, or with a dot in front a domain. */
const isHost = (text: string): boolean => dnsName(text.replace(/^\./, "")) !== undefined

/** What a name constraint is about, with its type before it: all names below a domain, of a network, of a subtree. */
export const parseConstraint = (flag: string, text: string): Parsed<GeneralName> => {
  const [type, value] = typed(text)
  const wanted = (what: string) => Result.fail(usage(`${flag} ${type}: wants ${what}, not ${quote(value)}`))
  switch (type) {
    case "dns":
      return value === "" || dnsName(value) !== undefined
        ? Result.succeed({ _tag: "dNSName", value })
        : wanted("a domain without a dot before it, or nothing for every name")
    case "ip":
      return network(flag, value)
    case "email":
      return isHost(value) || /^[\x21\x23-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$/.test(value)
        ? Result.succeed({ _tag: "rfc822Name", value })
        : wanted("user@host, a host, or .domain for the hosts below it")
    case "uri":
      return isHost(value)
        ? Result.succeed({ _tag: "uniformResourceIdentifier", value })
        : wanted("a host, or .domain for the hosts below it")
    case "dirname":
      return directoryName(`${flag} dirname:`, value)
    case undefined:
      return Result.fail(
        usage(`${flag} wants TYPE:NAME, where TYPE is dns, ip, email, uri or dirname, not ${quote(text)}`)
      )
  }
}
