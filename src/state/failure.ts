/** Every way to die: a reason decides the alert and the section of the RFC that asks for it. */
import * as Result from "effect/Result"
import type { CodecFailure } from "../codec/presentation/cursor.ts"
import { describe } from "../codec/presentation/wire.ts"
import type { AlertDescription } from "../codec/registry/alert.ts"

/** What the reasons are about, for people who want to handle a family of them. */
export type FailureKind =
  | "PeerMisbehaved" // broke a rule of the protocol
  | "PeerIncompatible" // kept the rules, but there is no common ground
  | "CertificateRefused" // who it says it is was not believed
  | "AlertReceived" // the peer gave up, and said why
  | "ConnectionLost" // the transport ended, or time ran out
  | "Misuse" // the API was asked for what cannot be
  | "Internal" // a bug of ours, or of a layer given to us

/** A row of the table: who is to blame, the alert that is sent, and the section that says so. */
export interface Reason {
  readonly kind: FailureKind
  /** The alert that goes out; `none` where the peer is gone, or has sent one itself. */
  readonly alert: Extract<AlertDescription, string> | "none"
  readonly see: string
}

const misbehaved = (alert: Reason["alert"], see: string) => ({ kind: "PeerMisbehaved", alert, see }) as const
const incompatible = (alert: Reason["alert"], see: string) => ({ kind: "PeerIncompatible", alert, see }) as const
const refused = (alert: Reason["alert"], see: string) => ({ kind: "CertificateRefused", alert, see }) as const

/** The failure table. Section numbers are RFC 9846's unless another RFC is named. */
export const reasons = {
  // Framing
  DecodeFailed: misbehaved("decode_error", "RFC 9846 6.2"),
  IllegalValue: misbehaved("illegal_parameter", "RFC 9846 6.2"),
  UnexpectedMessage: misbehaved("unexpected_message", "RFC 9846 4"),
  UnexpectedRecord: misbehaved("unexpected_message", "RFC 9846 5"),
  InterleavedRecord: misbehaved("unexpected_message", "RFC 9846 5.1"),
  MessageAcrossKeyChange: misbehaved("unexpected_message", "RFC 9846 5.1"),
  HandshakeMessageTooLong: misbehaved("illegal_parameter", "RFC 9846 4"),
  RecordOverflow: misbehaved("record_overflow", "RFC 9846 5.2"),
  BadRecordMac: misbehaved("bad_record_mac", "RFC 9846 5.2"),
  MissingContentType: misbehaved("unexpected_message", "RFC 9846 5.4"),
  EmptyFragment: misbehaved("unexpected_message", "RFC 9846 5.1"),
  TooManyEmptyRecords: misbehaved("unexpected_message", "RFC 9846 5.1"),
  TooManyChangeCipherSpecs: misbehaved("unexpected_message", "RFC 9846 E.4"),
  TooManyWarnings: misbehaved("unexpected_message", "RFC 9846 6"),
  TooManyPostHandshakeMessages: misbehaved("unexpected_message", "RFC 9846 4.7.3"),
  ReadLimitReached: misbehaved("unexpected_message", "RFC 9846 5.5"),

  // Negotiation
  UnsupportedVersion: incompatible("protocol_version", "RFC 9846 4.3.1"),
  UnofferedVersion: misbehaved("illegal_parameter", "RFC 9846 4.3.1"),
  BadLegacyVersion: misbehaved("protocol_version", "RFC 9846 4.2.2"),
  Downgraded: misbehaved("illegal_parameter", "RFC 9846 4.2.3"),
  NoCommonCipherSuite: incompatible("handshake_failure", "RFC 9846 4.2.1"),
  NoCommonGroup: incompatible("handshake_failure", "RFC 9846 4.2.1"),
  NoCommonSignatureScheme: incompatible("handshake_failure", "RFC 9846 4.5.1.2"),
  NoCommonProtocol: incompatible("no_application_protocol", "RFC 7301 3.2"),
  NoCredential: incompatible("handshake_failure", "RFC 9846 4.5.1.2"),
  NoCommonCertificateType: incompatible("unsupported_certificate", "RFC 7250 4.2"),
  UnrecognizedName: incompatible("unrecognized_name", "RFC 6066 3"),
  UnofferedCipherSuite: misbehaved("illegal_parameter", "RFC 9846 4.2.3"),
  UnofferedGroup: misbehaved("illegal_parameter", "RFC 9846 4.3.8"),
  UnofferedProtocol: misbehaved("illegal_parameter", "RFC 7301 3.2"),
  UnofferedCertificateType: misbehaved("illegal_parameter", "RFC 7250 4.2"),
  UnofferedSignatureScheme: misbehaved("illegal_parameter", "RFC 9846 4.5.2"),
  UnsolicitedExtension: misbehaved("unsupported_extension", "RFC 9846 4.3"),
  MisplacedExtension: misbehaved("illegal_parameter", "RFC 9846 4.3"),
  MissingExtension: misbehaved("missing_extension", "RFC 9846 9.2"),
  BadCompressionMethods: misbehaved("illegal_parameter", "RFC 9846 4.2.2"),
  SessionIdMismatch: misbehaved("illegal_parameter", "RFC 9846 4.2.3"),
  InvalidKeyShare: misbehaved("illegal_parameter", "RFC 9846 4.3.8.2"),
  ShareOutsideGroups: misbehaved("illegal_parameter", "RFC 9846 4.3.8"),

  // Retry
  PointlessRetry: misbehaved("illegal_parameter", "RFC 9846 4.2.4"),
  RetryForSharedGroup: misbehaved("illegal_parameter", "RFC 9846 4.3.8"),
  SuiteChangedAfterRetry: misbehaved("illegal_parameter", "RFC 9846 4.2.4"),
  GroupChangedAfterRetry: misbehaved("illegal_parameter", "RFC 9846 4.3.8"),
  HelloChangedAfterRetry: misbehaved("illegal_parameter", "RFC 9846 4.2.2"),

  // Pre-shared keys and early data
  BinderMismatch: misbehaved("decrypt_error", "RFC 9846 4.3.11"),
  UnknownPsk: incompatible("decrypt_error", "RFC 9846 6.2"),
  PskRequired: incompatible("handshake_failure", "RFC 9846 2.2"),
  UnofferedPsk: misbehaved("illegal_parameter", "RFC 9846 4.3.11"),
  PskHashMismatch: misbehaved("illegal_parameter", "RFC 9846 4.3.11"),
  PskWithoutKeyShare: misbehaved("illegal_parameter", "RFC 9846 4.3.11"),
  EarlyDataMismatch: misbehaved("illegal_parameter", "RFC 9846 4.3.10"),
  TooMuchEarlyData: misbehaved("unexpected_message", "RFC 9846 4.7.1"),

  // TLS 1.2
  NoExtendedMasterSecret: incompatible("handshake_failure", "RFC 7627 5.2"),
  ExtendedMasterSecretChanged: misbehaved("handshake_failure", "RFC 7627 5.3"),
  NoSecureRenegotiation: incompatible("handshake_failure", "RFC 5746 3.4"),
  RenegotiationInfoMismatch: misbehaved("handshake_failure", "RFC 5746 3"),
  RenegotiationRefused: misbehaved("unexpected_message", "RFC 9325 3.5"),
  NoUncompressedPoints: misbehaved("illegal_parameter", "RFC 8422 5.1.2"),
  SuiteChangedOnResumption: misbehaved("illegal_parameter", "RFC 5246 7.4.1.3"),
  InappropriateFallback: misbehaved("inappropriate_fallback", "RFC 7507 3"),
  ClientCertificateRequired12: incompatible("handshake_failure", "RFC 5246 7.4.6"),

  // Authentication
  EmptyCertificateList: misbehaved("decode_error", "RFC 9846 4.5.1.3"),
  UnexpectedCertificateContext: misbehaved("illegal_parameter", "RFC 9846 4.5.1"),
  SeveralRawPublicKeys: misbehaved("illegal_parameter", "RFC 9846 4.5.1"),
  UnsolicitedCompression: misbehaved("unexpected_message", "RFC 8879 4"),
  UnofferedCompression: misbehaved("illegal_parameter", "RFC 8879 4"),
  CertificateDecompressionFailed: misbehaved("bad_certificate", "RFC 8879 4"),
  ClientCertificateRequired: incompatible("certificate_required", "RFC 9846 4.5.1.3"),
  SignatureMismatch: misbehaved("decrypt_error", "RFC 9846 4.5.2"),
  FinishedMismatch: misbehaved("decrypt_error", "RFC 9846 4.5.3"),

  // Certificates
  CertificateMalformed: refused("bad_certificate", "RFC 5280 4.1"),
  CertificateExpired: refused("certificate_expired", "RFC 5280 4.1.2.5"),
  CertificateNotYetValid: refused("certificate_expired", "RFC 5280 4.1.2.5"),
  CertificateNameMismatch: refused("bad_certificate", "RFC 9525 6"),
  CertificateSignatureInvalid: refused("bad_certificate", "RFC 5280 6.1.3"),
  CertificateIssuerUnknown: refused("unknown_ca", "RFC 5280 6.1"),
  CertificateRootUntrusted: refused("unknown_ca", "RFC 5280 6.1"),
  CertificateNotAuthority: refused("bad_certificate", "RFC 5280 4.2.1.9"),
  CertificatePathTooLong: refused("bad_certificate", "RFC 5280 4.2.1.9"),
  CertificateNameConstrained: refused("bad_certificate", "RFC 5280 4.2.1.10"),
  CertificatePolicyMismatch: refused("bad_certificate", "RFC 5280 6.1.5"),
  CertificatePurposeMismatch: refused("unsupported_certificate", "RFC 5280 4.2.1.12"),
  CertificateKeyUsageMismatch: refused("unsupported_certificate", "RFC 5280 4.2.1.3"),
  CertificateExtensionUnknown: refused("unsupported_certificate", "RFC 5280 4.2"),
  CertificateKeyUnsupported: refused("unsupported_certificate", "RFC 9846 4.5.1.2"),
  CertificateAlgorithmUnsupported: refused("unsupported_certificate", "RFC 9846 4.3.3"),
  CertificateHashWeak: refused("bad_certificate", "RFC 9846 4.5.1.3"),
  CertificateRevoked: refused("certificate_revoked", "RFC 5280 6.3"),
  CertificateStatusUnknown: refused("certificate_unknown", "RFC 9846 6.2"),
  CertificateStatusResponseInvalid: refused("bad_certificate_status_response", "RFC 6066 8"),
  CertificateSearchExhausted: refused("bad_certificate", "RFC 5280 6.1"),
  CertificateRejected: refused("certificate_unknown", "RFC 9846 6.2"),
  CertificateNotLogged: refused("bad_certificate", "RFC 6962 5.2"),
  CertificateKeyChanged: refused("certificate_unknown", "RFC 9846 6.2"),

  // QUIC; without an alert it is a PROTOCOL_VIOLATION
  QuicWrongLevel: misbehaved("none", "RFC 9001 4.1.3"),
  QuicPostHandshakeRequest: misbehaved("none", "RFC 9001 4.4"),
  QuicTicketEarlyData: misbehaved("none", "RFC 9001 4.6.1"),
  QuicCompatibilityMode: misbehaved("none", "RFC 9001 8.4"),
  QuicKeyUpdate: misbehaved("unexpected_message", "RFC 9001 6"),
  QuicEndOfEarlyData: misbehaved("unexpected_message", "RFC 9001 8.3"),
  QuicOutsideQuic: misbehaved("unsupported_extension", "RFC 9001 8.2"),

  // Ends
  AlertReceived: { kind: "AlertReceived", alert: "none", see: "RFC 9846 6.2" },
  UncleanClose: { kind: "ConnectionLost", alert: "none", see: "RFC 9846 6.1" },
  ClosedDuringHandshake: { kind: "ConnectionLost", alert: "none", see: "RFC 9846 6.1" },
  TransportFailed: { kind: "ConnectionLost", alert: "none", see: "RFC 9846 6.1" },
  HandshakeCanceled: { kind: "ConnectionLost", alert: "user_canceled", see: "RFC 9846 6.1" },
  HandshakeTimeout: { kind: "ConnectionLost", alert: "user_canceled", see: "RFC 9846 6.1" },
  TooBusy: { kind: "ConnectionLost", alert: "none", see: "RFC 9846 6.2" },
  ConnectionClosed: { kind: "Misuse", alert: "none", see: "RFC 9846 6.1" },
  InvalidConfiguration: { kind: "Misuse", alert: "none", see: "RFC 9846 4.2.1" },
  UnreadData: { kind: "Misuse", alert: "none", see: "RFC 9846 5.3" },
  NoChannelBinding: { kind: "Misuse", alert: "none", see: "RFC 5929 4.1" },
  NoEarlyData: { kind: "Misuse", alert: "none", see: "RFC 9846 4.3.10" },
  NotInThisVersion: { kind: "Misuse", alert: "none", see: "RFC 9846 4.7.3" },
  NoExporter: { kind: "Misuse", alert: "none", see: "RFC 7627 5.4" },
  NotEstablished: { kind: "Misuse", alert: "none", see: "RFC 9846 7.5" },
  WriteLimitReached: { kind: "Internal", alert: "internal_error", see: "RFC 9846 5.5" },
  AnswerFailed: { kind: "Internal", alert: "internal_error", see: "RFC 9846 6.2" },
  InternalError: { kind: "Internal", alert: "internal_error", see: "RFC 9846 6.2" }
} as const satisfies Record<string, Reason>

/** The names of the rows. */
export type ReasonName = keyof typeof reasons

/** One certificate path that was tried, and why it does not do. */
export interface RefusedPath {
  /** Whom it leads through, for people: the end-entity first, and last the trust anchor if it reached one. */
  readonly subjects: ReadonlyArray<string>
  /** Which of them was refused, counted from 0; -1 where no single one is to blame. */
  readonly at: number
  readonly reason: ReasonName
  /** What was wrong, and the value that was. */
  readonly detail: string
}

/** One failure of one connection. Its detail is for people: no secret, no unescaped text of the peer. */
export interface Failure {
  readonly _tag: "Failure"
  readonly reason: ReasonName
  readonly detail: string
  /** The alert that the peer sent, for `AlertReceived`. */
  readonly received?: AlertDescription | undefined
  /** DER of the certificate that it is about, where it is about one. */
  readonly certificate?: Uint8Array | undefined
  /** The paths that were tried for a chain, that of this failure first; the first few where there are many. */
  readonly paths?: ReadonlyArray<RefusedPath> | undefined
}

/** A failure of this reason; `detail` is for people and never goes on the wire. */
export const make = (reason: ReasonName, detail: string): Failure => ({ _tag: "Failure", reason, detail })

/** The same as a `Result`: a handler ends with `return yield* fail("FinishedMismatch", "…")`. */
export const fail = (reason: ReasonName, detail: string): Result.Result<never, Failure> =>
  Result.fail(make(reason, detail))

/** The alert that a failure puts on the wire, if any. */
export const alertOf = (failure: Failure): Reason["alert"] => reasons[failure.reason].alert

/** What a codec refuses: a structure that is malformed, or a value that no rule allows. */
export const fromCodec = (what: string, failure: CodecFailure): Failure =>
  make(failure.alert === "decode_error" ? "DecodeFailed" : "IllegalValue", `${what}: ${describe(failure)}`)

const most = 256

/** A peer's text, safe to show: printable ASCII, everything else escaped, at most 256 characters. */
export const escape = (text: string): string => {
  const cut = text.slice(0, most) // what is cut away below need not be escaped first
  const safe = cut.replace(/[^\x20-\x7e]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
  return text.length > most || safe.length > most ? `${safe.slice(0, most - 1)}…` : safe
}
