/**
 * RFC 7468: PEM, the text form of certificates and keys.
 *
 * One pass, line by line, so that no text costs more than its length. What stands between blocks is ignored; a block
 * that is broken is a failure and never skipped, as half a list of trusted certificates is not that list.
 */
import * as Result from "effect/Result"
import type { CodecFailure } from "../presentation/cursor.ts"
import { type Returns, resultFn } from "../resultFn.ts"

/** One block. */
export interface PemBlock {
  /** What stands after BEGIN: `CERTIFICATE`, `PRIVATE KEY` … */
  readonly label: string
  /** Lines such as `Proc-Type: 4,ENCRYPTED`, which only old encrypted keys have. */
  readonly headers: ReadonlyArray<string>
  readonly bytes: Uint8Array
}

/** Characters that are read at most: 16 MiB. */
const maxPemLength = 2 ** 24

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const sextets = new Map(Array.from(alphabet, (character, value) => [character.charCodeAt(0), value]))

/** Base64 without white space (RFC 4648 section 4), padded, its spare bits zero; `undefined` for anything else. */
const fromBase64 = (text: string): Uint8Array | undefined => {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0
  if (text.length % 4 !== 0) return undefined
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  let [bits, held, at] = [0, 0, 0]
  for (let i = 0; i < text.length - padding; i++) {
    const sextet = sextets.get(text.charCodeAt(i))
    if (sextet === undefined) return undefined
    bits = (bits << 6) | sextet
    held += 6
    if (held >= 8) {
      held -= 8
      bytes[at++] = bits >> held
      bits &= (1 << held) - 1
    }
  }
  return bits === 0 ? bytes : undefined
}

const toBase64 = (bytes: Uint8Array): string => {
  let text = ""
  for (let i = 0; i < bytes.length; i += 3) {
    const word = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    const size = Math.min(3, bytes.length - i) + 1
    for (let n = 0; n < 4; n++) text += n < size ? alphabet.charAt((word >> (18 - 6 * n)) & 63) : "="
  }
  return text
}

/** The label of `-----BEGIN label-----` or `-----END label-----`. */
const labelOf = (line: string, word: "BEGIN" | "END"): string | undefined => {
  const head = `-----${word} `
  if (!line.startsWith(head) || !line.endsWith("-----") || line.length > 80) return undefined
  const label = line.slice(head.length, -5)
  return /^[\x21-\x2c\x2e-\x7e]+([ -][\x21-\x2c\x2e-\x7e]+)*$/.test(label) ? label : undefined
}

const fail = (offset: number, expected: string): Result.Result<never, CodecFailure> =>
  Result.fail({ alert: "decode_error", offset, expected, path: [] })

/** A block of which the end has not come yet. */
interface Open {
  readonly label: string
  readonly start: number
  readonly headers: Array<string>
  readonly lines: Array<string>
}

const close = ({ label, start, headers, lines }: Open): Result.Result<PemBlock, CodecFailure> => {
  const bytes = fromBase64(lines.join(""))
  return bytes === undefined ? fail(start, `base64 in the block ${label}`) : Result.succeed({ label, headers, bytes })
}

/** All blocks of a text, in order. Offsets in failures are characters. */
export const parsePem = resultFn(function* (text: string): Returns<ReadonlyArray<PemBlock>, CodecFailure> {
  if (text.length > maxPemLength) yield* fail(maxPemLength, `at most ${maxPemLength} characters of PEM`)
  const blocks: Array<PemBlock> = []
  let open: Open | undefined
  for (let start = 0, end = 0; start < text.length; start = end + 1) {
    const newline = text.indexOf("\n", start)
    end = newline === -1 ? text.length : newline
    const line = text.slice(start, end).trim()
    const begins = labelOf(line, "BEGIN")
    if (open === undefined) {
      if (begins !== undefined) open = { label: begins, start, headers: [], lines: [] }
    } else if (line === `-----END ${open.label}-----`) {
      blocks.push(yield* close(open))
      open = undefined
    } else if (line.startsWith("-----")) yield* fail(start, `-----END ${open.label}-----`)
    else if (open.lines.length === 0 && line.includes(":")) open.headers.push(line)
    else if (line !== "") open.lines.push(line)
  }
  if (open !== undefined) yield* fail(text.length, `-----END ${open.label}-----`)
  return blocks
})

/** One block, with lines of 64 characters and a newline at the end. */
export const encodePem = (label: string, bytes: Uint8Array): string => {
  const base64 = toBase64(bytes)
  let body = ""
  for (let i = 0; i < base64.length; i += 64) body += `${base64.slice(i, i + 64)}\n`
  return `-----BEGIN ${label}-----\n${body}-----END ${label}-----\n`
}

const certificateLabels: ReadonlyArray<string> = ["CERTIFICATE", "X509 CERTIFICATE", "X.509 CERTIFICATE"]

/** The certificates of a text, DER, in order; blocks with other labels are passed over. Fails when there is none. */
export const certificatesFromPem = (text: string): Result.Result<ReadonlyArray<Uint8Array>, CodecFailure> =>
  Result.flatMap(parsePem(text), (blocks) => {
    const found = blocks.filter(({ label }) => certificateLabels.includes(label)).map(({ bytes }) => bytes)
    return found.length === 0 ? fail(0, "a block -----BEGIN CERTIFICATE-----") : Result.succeed(found)
  })

/** The revocation lists of a text, DER, in order; blocks with other labels are passed over. Fails when there is none. */
export const crlsFromPem = (text: string): Result.Result<ReadonlyArray<Uint8Array>, CodecFailure> =>
  Result.flatMap(parsePem(text), (blocks) => {
    const found = blocks.filter(({ label }) => label === "X509 CRL").map(({ bytes }) => bytes)
    return found.length === 0 ? fail(0, "a block -----BEGIN X509 CRL-----") : Result.succeed(found)
  })

/** Certificates as one text, in the order given. */
export const certificatesToPem = (certificates: ReadonlyArray<Uint8Array>): string =>
  certificates.map((der) => encodePem("CERTIFICATE", der)).join("")
