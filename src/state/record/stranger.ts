/** Who is calling, when it is not TLS: a hint for the person who reads the error. */
import { escape } from "../failure.ts"

const greetings: ReadonlyArray<readonly [RegExp, string]> = [
  [/^(GET |PUT |POST|HEAD|DELE|OPTI|PATC|CONN|TRAC)/, "an HTTP request; the peer speaks plain HTTP to a TLS port"],
  [/^HTTP/, "an HTTP response; this port speaks plain HTTP, not TLS"],
  [/^PRI /, "an HTTP/2 preface in the clear; the peer speaks HTTP/2 without TLS"],
  [/^SSH-/, "an SSH banner; this is an SSH peer, not a TLS one"],
  [/^(220[ -]|EHLO|HELO)/, "an SMTP or FTP greeting; such a server wants STARTTLS first"],
  [/^(\+OK |\* OK)/, "a POP3 or IMAP greeting; such a server wants STARTTLS first"]
]

/** What the first bytes of a connection look like that are no TLS record. `bytes` has at least five from `at` on. */
export const describeStranger = (bytes: Uint8Array, at: number): string => {
  const first = bytes.subarray(at, at + 5)
  const text = String.fromCharCode(...first)
  const known = greetings.find(([pattern]) => pattern.test(text))
  if (known !== undefined) return `the first bytes look like ${known[1]}`
  // An SSL 2.0 record: two bytes of length with the top bit set, then CLIENT-HELLO (1).
  if ((first[0] ?? 0) >= 0x80 && first[2] === 1) return "the first bytes look like an SSL 2.0 ClientHello"
  return `the first bytes are not a TLS record: "${escape(text)}"`
}
