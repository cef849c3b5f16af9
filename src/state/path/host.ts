/** RFC 9525: whom a client means to reach, and whether a certificate is theirs. */

import * as Result from "effect/Result"
import { same } from "../../codec/bytes.ts"
import type { Certificate } from "../../codec/x509/certificate.ts"
import type { GeneralNames } from "../../codec/x509/generalName.ts"
import { parseIpAddress, showIpAddress } from "../../codec/x509/ipAddress.ts"
import { attributesOf } from "../../codec/x509/name.ts"
import type { ServerIdentity } from "../config.ts"
import { escape, type Failure, fail } from "../failure.ts"
import { generalNameText, refuse } from "./refusal.ts"

/** Names of a certificate that are looked at (SECURITY: a name check must not cost more than that). */
export const maxNames = 1024

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** ASCII letters only: what Unicode calls lower case is nothing that a DNS name may hold. */
const lowerCase = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/**
 * A DNS name in lower case: labels of letters, digits and hyphens (RFC 1123 section 2.1), 63 bytes each and 253
 * together, without a final dot; `undefined` for anything else.
 */
export const dnsName = (text: string): string | undefined => {
  if (text.length > 253) return undefined
  const name = lowerCase(text)
  return name.split(".").every((part) => label.test(part)) ? name : undefined
}

const refuseText = (text: string, hint: string): Result.Result<never, Failure> =>
  fail("InvalidConfiguration", `"${escape(text)}" is not a server's name: ${hint}`)

const address = (bytes: Uint8Array): Result.Result<ServerIdentity, Failure> =>
  Result.succeed({ _tag: "IpAddress", address: bytes, text: showIpAddress(bytes) })

const bracketed = (text: string): Result.Result<ServerIdentity, Failure> => {
  const inner = text.endsWith("]") ? text.slice(1, -1) : ""
  const bytes = parseIpAddress(inner)
  return bytes?.length === 16 ? address(bytes) : refuseText(text, "brackets enclose an IPv6 address")
}

/**
 * Reads the text of a server's identity: a DNS name, four decimal numbers, or an IPv6 address with or without brackets.
 *
 * Strict on purpose and never a URL parser: `127.1`, `0x7f.1` and `fe80::1%eth0` are refused, so that what is checked
 * is what is meant. Names in other scripts are refused too: whoever has one converts it to A-labels (`xn--…`) first.
 * Fails with `InvalidConfiguration`.
 *
 * @example
 * parseServerIdentity("WWW.Example.org.") // Result.succeed({ _tag: "DnsName", name: "www.example.org" })
 * parseServerIdentity("[::1]")            // Result.succeed({ _tag: "IpAddress", … , text: "::1" })
 */
export const parseServerIdentity = (text: string): Result.Result<ServerIdentity, Failure> => {
  if (text === "") return refuseText(text, "it is empty")
  if (text.includes("%")) return refuseText(text, "a zone (%…) means nothing to the peer; leave it out")
  if (text.startsWith("[")) return bracketed(text)
  const bytes = parseIpAddress(text)
  if (bytes !== undefined) return address(bytes)
  if (text.includes(":")) return refuseText(text, "neither an IPv6 address nor a name without a port")
  if (/[\u0080-\uffff]/.test(text)) {
    return refuseText(text, "write other scripts in A-labels (xn--…), which domainToASCII of node:url turns them into")
  }
  if (/[^\x21-\x7e]/.test(text)) return refuseText(text, "no name has spaces or control characters")
  const name = dnsName(text.endsWith(".") ? text.slice(0, -1) : text)
  if (name === undefined) {
    return refuseText(text, "labels are 1 to 63 letters, digits and inner hyphens, at most 253 bytes in all")
  }
  if (/(^|\.)(\d+|0x[0-9a-f]*)$/.test(name)) return refuseText(text, "an IPv4 address is four decimal numbers")
  return Result.succeed({ _tag: "DnsName", name })
}

/**
 * Whether one presented name is the reference name (section 6.3). A wildcard is the whole left-most label, stands for
 * exactly one label, and has two at least behind it.
 */
const matchesDns = (presented: string, name: string, parent: string | undefined): boolean => {
  if (presented.length > 253) return false
  const pattern = lowerCase(presented)
  return pattern.startsWith("*.") ? parent?.includes(".") === true && pattern.slice(2) === parent : pattern === name
}

const shown = 5

const listed = (names: GeneralNames): string => {
  const rest = names.length - shown
  const text = names.slice(0, shown).map(generalNameText)
  return rest > 0 ? `${text.join(", ")} and ${rest} more` : text.join(", ")
}

/** The identity as its user would write it. */
export const serverText = (identity: ServerIdentity): string =>
  identity._tag === "DnsName" ? identity.name : identity.text

/**
 * Checks that a certificate is for a server. Only subjectAltName counts: dNSName for names, iPAddress for addresses,
 * and never the common name (RFC 9525 section 2).
 */
export const matchIdentity = (identity: ServerIdentity, certificate: Certificate): Result.Result<void, Failure> => {
  const names = certificate.known.subjectAltName
  const wanted = identity._tag === "DnsName" ? identity.name : identity.text
  const mismatch = (detail: string) => refuse("CertificateNameMismatch", certificate, detail)
  if (names === undefined) {
    const [common] = attributesOf(certificate.subject, "commonName")
    const hint = common === undefined ? "" : "; its common name does not count (RFC 9525 section 2)"
    return mismatch(`has no subjectAltName, so it is not for ${wanted}${hint}`)
  }
  if (names.length > maxNames) return mismatch(`has ${names.length} names, more than ${maxNames}`)
  const dot = wanted.indexOf(".")
  const parent = dot === -1 ? undefined : wanted.slice(dot + 1)
  const matches = names.some((name) =>
    identity._tag === "DnsName"
      ? name._tag === "dNSName" && matchesDns(name.value, identity.name, parent)
      : name._tag === "iPAddress" && same(name.value, identity.address)
  )
  return matches ? Result.void : mismatch(`is for ${listed(names)}, not for ${wanted}`)
}
