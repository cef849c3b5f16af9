/** What was negotiated, for people and for programs. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { parseCertificate } from "../codec/x509/certificate.ts"
import { showGeneralName } from "../codec/x509/generalName.ts"
import { showBytes, showTime } from "../codec/x509/inspect.ts"
import { showName } from "../codec/x509/name.ts"
import { primitives } from "../crypto/node/index.ts"
import type { TlsConnection } from "../layers/TlsConnection.ts"
import { escape } from "../state/failure.ts"
import type { Common } from "./flags.ts"

/** One certificate of the peer's chain. */
export interface CertificateSummary {
  readonly subject: string
  readonly issuer: string
  readonly names: ReadonlyArray<string>
  /** `2026-01-31 12:00:00 UTC`. */
  readonly validFrom: string
  readonly validUntil: string
  /** SHA-256 of the DER. */
  readonly sha256: string
}

/** What `--summary json` prints, on one line. */
export interface Summary {
  readonly version: string
  readonly suite: string
  readonly group: string
  readonly signatureScheme: string | null
  readonly alpn: string | null
  readonly serverName: string | null
  readonly kind: string
  readonly earlyData: string
  /** How the peer came to be believed; `null` when it did not say who it is. */
  readonly peer: string | null
  /** The external PSK that spoke for both, and the two names where it is imported. */
  readonly psk: string | null
  /** `X509`, or `RawPublicKey`, whose digest `peer` tells; `null` when the peer showed none. */
  readonly peerCertificateType: string | null
  /** The end-entity first; empty for a raw public key. */
  readonly peerChain: ReadonlyArray<CertificateSummary>
  /** What came stapled to it: bytes of an OCSP response, and how many signed certificate timestamps. */
  readonly stapled: { readonly ocsp: number; readonly timestamps: number }
}

const summarizeCertificate = (der: Uint8Array): CertificateSummary => {
  const sha256 = showBytes(primitives.hashes.sha256.digest(der))
  return Result.match(parseCertificate(der), {
    onSuccess: ({ subject, issuer, validity, known }) => ({
      subject: showName(subject),
      issuer: showName(issuer),
      names: (known.subjectAltName ?? []).map(showGeneralName),
      validFrom: showTime(validity.notBefore),
      validUntil: showTime(validity.notAfter),
      sha256
    }),
    onFailure: () => ({ subject: "(unreadable)", issuer: "", names: [], validFrom: "", validUntil: "", sha256 })
  })
}

export const summarize = ({ info, peerCertificates, peerCertificateType, peerStaples }: TlsConnection): Summary => ({
  version: info.version,
  suite: info.suite,
  group: info.group,
  signatureScheme: info.signatureScheme ?? null,
  alpn: info.alpnProtocol === undefined ? null : escape(info.alpnProtocol),
  // A client's words: whoever reads them may be looking at a terminal.
  serverName: info.serverName === undefined ? null : escape(info.serverName),
  kind: info.kind,
  earlyData: info.earlyData,
  peer: info.peer ?? null,
  psk: info.psk ?? null,
  peerCertificateType: peerCertificateType ?? null,
  peerChain: peerCertificateType === "RawPublicKey" ? [] : peerCertificates.map(summarizeCertificate),
  stapled: { ocsp: peerStaples.ocsp?.length ?? 0, timestamps: peerStaples.timestamps?.length ?? 0 }
})

const kinds: { readonly [kind: string]: string } = {
  full: "full handshake, one round trip",
  "full TLSv1.2": "full handshake, two round trips",
  retried: "full handshake, two round trips (HelloRetryRequest)",
  resumed: "resumed session, one round trip",
  external: "by a key that both were given"
}

const chainLines = (chain: Summary["peerChain"]): ReadonlyArray<readonly [string, string]> =>
  chain.flatMap(({ subject, issuer, names, validUntil }, i) => [
    [i === 0 ? "Peer chain" : "", `${i} ${subject || "(no subject)"}`] as const,
    ["", `  issued by ${issuer}, valid until ${validUntil}`] as const,
    ...(names.length === 0 ? [] : [["", `  names ${names.join(", ")}`] as const])
  ])

const stapledLine = ({ ocsp, timestamps }: Summary["stapled"]): ReadonlyArray<readonly [string, string]> => {
  const parts = [
    ...(ocsp === 0 ? [] : [`OCSP response of ${ocsp} bytes`]),
    ...(timestamps === 0 ? [] : [`${timestamps} signed certificate timestamps`])
  ]
  return parts.length === 0 ? [] : [["Stapled", parts.join(", ")]]
}

/** A label and a value a line. */
export const toText = (summary: Summary): string => {
  const lines: ReadonlyArray<readonly [string, string]> = [
    ["Version", summary.version],
    ["Suite", summary.suite],
    ["Group", summary.group],
    ["Signature", summary.signatureScheme ?? "(none: a session or a given key spoke for the server)"],
    ["ALPN", summary.alpn ?? "(none)"],
    ["Server name", summary.serverName ?? "(none)"],
    ["Kind", kinds[`${summary.kind} ${summary.version}`] ?? kinds[summary.kind] ?? summary.kind],
    ...(summary.psk === null ? [] : [["External PSK", summary.psk] as const]),
    ["Early data", summary.earlyData === "none" ? "(none)" : summary.earlyData],
    ["Peer", summary.peer ?? "(did not say who it is)"],
    ...chainLines(summary.peerChain),
    ...stapledLine(summary.stapled)
  ]
  return lines.map(([label, value]) => `${label.padEnd(13)}${value}`.trimEnd()).join("\n")
}

/** All of it on one line, for servers with many clients. */
export const toLine = ({ version, suite, group, signatureScheme, alpn, serverName, kind, ...rest }: Summary): string =>
  [
    `accepted: ${[version, suite, group, ...(signatureScheme === null ? [] : [signatureScheme]), kind].join(" ")}`,
    `ALPN ${alpn ?? "(none)"}`,
    `server name ${serverName ?? "(none)"}`,
    ...(rest.earlyData === "none" ? [] : [`early data ${rest.earlyData}`]),
    ...(rest.peer === null ? [] : [`client ${rest.peer}`]),
    ...(rest.psk === null ? [] : [`external PSK ${rest.psk}`])
  ].join(", ")

/** Prints to standard error, in the form that was asked for. */
export const print = (
  connection: TlsConnection,
  form: Common["summary"],
  text: (summary: Summary) => string
): Effect.Effect<void> =>
  form === "none"
    ? Effect.void
    : Effect.suspend(() => {
        const summary = summarize(connection)
        return Console.error(form === "json" ? JSON.stringify(summary) : text(summary))
      })
