/** JA4: a fingerprint of the software behind a ClientHello, which order, GREASE and the server's name do not change. */
import { hex } from "../../codec/bytes.ts"
import { find } from "../../codec/extension/extension.ts"
import type { ClientHello } from "../../codec/handshake/clientHello.ts"
import { CipherSuite } from "../../codec/registry/cipherSuite.ts"
import { ExtensionType } from "../../codec/registry/extensionType.ts"
import { isGrease } from "../../codec/registry/grease.ts"
import { ProtocolVersion } from "../../codec/registry/protocolVersion.ts"
import { SignatureScheme } from "../../codec/registry/signatureScheme.ts"
import type { Hash } from "../../crypto/primitives.ts"

/** `sorted` is JA4 itself; `original` keeps the client's order and is known as JA4_o. */
export type Order = "sorted" | "original"

const versions = new Map([
  [0x0304, "13"],
  [0x0303, "12"],
  [0x0302, "11"],
  [0x0301, "10"],
  [0x0300, "s3"],
  [0x0002, "s2"]
])

const real = (codes: ReadonlyArray<number>): ReadonlyArray<number> => codes.filter((code) => !isGrease(code))

/** Four hexadecimal digits each, with commas between them. */
const listed = (codes: ReadonlyArray<number>, order: Order): string => {
  const digits = codes.map((code) => code.toString(16).padStart(4, "0"))
  return (order === "sorted" ? digits.sort() : digits).join(",")
}

const count = (codes: ReadonlyArray<number>): string => String(Math.min(codes.length, 99)).padStart(2, "0")

/** The highest of supported_versions, else the version in the message. */
const version = ({ extensions, legacy_version }: ClientHello): string => {
  const offered = find(extensions, "supported_versions")?.versions ?? [legacy_version]
  return versions.get(Math.max(...real(offered.map(ProtocolVersion.code)))) ?? "00"
}

/** First and last character of the first protocol; of its hexadecimal digits when either is no letter or digit. */
const protocol = ({ extensions }: ClientHello): string => {
  const [first = ""] = find(extensions, "application_layer_protocol_negotiation")?.protocol_name_list ?? []
  if (first === "") return "00"
  const plain = /^[0-9a-z]$/i.test(first.charAt(0)) && /^[0-9a-z]$/i.test(first.slice(-1))
  const shown = plain ? first : [...first].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("")
  return shown.charAt(0) + shown.slice(-1)
}

/** The three parts before anything is hashed. */
const parts = (hello: ClientHello, order: Order): readonly [about: string, suites: string, rest: string] => {
  const suites = real(hello.cipher_suites.map(CipherSuite.code))
  const extensions = real(hello.extensions.map(({ type }) => ExtensionType.code(type)))
  const { server_name, application_layer_protocol_negotiation: alpn } = ExtensionType.registry
  const transport = extensions.includes(ExtensionType.registry.quic_transport_parameters) ? "q" : "t"
  const name = extensions.includes(server_name) ? "d" : "i"
  const hashed = order === "sorted" ? extensions.filter((code) => code !== server_name && code !== alpn) : extensions
  const schemes = find(hello.extensions, "signature_algorithms")?.supported_signature_algorithms ?? []
  const signatures = listed(real(schemes.map(SignatureScheme.code)), "original")
  return [
    transport + version(hello) + name + count(suites) + count(extensions) + protocol(hello),
    listed(suites, order),
    listed(hashed, order) + (signatures === "" ? "" : `_${signatures}`)
  ]
}

/** The first 12 hexadecimal digits of SHA-256; zeros for nothing. */
const hash12 = (sha256: Hash, text: string): string =>
  text === "" ? "000000000000" : hex(sha256.digest(new TextEncoder().encode(text)).subarray(0, 6))

/**
 * The JA4 fingerprint of a ClientHello, 36 characters: how it speaks, its suites, its extensions with its signature
 * algorithms. QUIC is told by quic_transport_parameters.
 *
 * @param sha256 the SHA-256 of any provider: `primitives.hashes.sha256`
 * @example Fingerprint.ja4(hello, noblePrimitives.hashes.sha256) // "t13d1516h2_8daaf6152771_e5627efa2ab1"
 */
export const ja4 = (hello: ClientHello, sha256: Hash, order: Order = "sorted"): string => {
  const [about, suites, rest] = parts(hello, order)
  return `${about}_${hash12(sha256, suites)}_${hash12(sha256, rest)}`
}

/** JA4_r, for people: the same with the lists instead of their hashes; with `original` JA4_ro. */
export const ja4Raw = (hello: ClientHello, order: Order = "sorted"): string => parts(hello, order).join("_")
