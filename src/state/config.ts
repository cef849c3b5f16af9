/** What a client or a server was told to do: plain values, checked before the first byte. */
import type { CertificateType } from "../codec/registry/certificateType.ts"
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { CertificateCompressor } from "../crypto/compression.ts"
import type { CipherSuite12, CipherSuite13 } from "../crypto/suite.ts"
import type { ExternalPsk } from "./tls13/psk.ts"

/** What stands in a Certificate message: a chain of X.509, or one SubjectPublicKeyInfo (RFC 7250). */
export type CertificateKind = Extract<CertificateType, string>

/** Whom a client means to reach (RFC 9525 section 1.8): a DNS name in A-labels, or an address. */
export type ServerIdentity =
  | { readonly _tag: "DnsName"; readonly name: string }
  | { readonly _tag: "IpAddress"; readonly address: Uint8Array; readonly text: string }

/** Whether values are offered that mean nothing, so that peers stay used to unknown ones (RFC 8701). */
export type Grease = "on" | "off"

/** Whether the extensions of a ClientHello stand in an order of their own in every connection. */
export type ExtensionOrder = "shuffled" | "fixed"

/** Whether the records of RFC 9846 E.4, which only middleboxes read, are sent. */
export type Compatibility = "middlebox" | "none"

/** Whether a peer is asked to staple an OCSP response and signed certificate timestamps to its certificate. */
export type Stapling = "ask" | "none"

/** What carries the handshake, where it is not records: `parameters` are quic_transport_parameters (RFC 9001 8.2). */
export type Transport = { readonly _tag: "Quic"; readonly parameters: Uint8Array }

/** The versions of TLS that this library speaks. */
export type Version = "TLSv1.3" | "TLSv1.2"

/** Whether TLS 1.2 is spoken with peers that do not bind the master secret to the handshake (RFC 7627 section 5). */
export type ExtendedMasterSecret = "required" | "optional"

interface Config {
  /** The versions, of which the newest is spoken that the peer has too; TLS 1.3 alone when absent, and inside QUIC. */
  readonly versions?: ReadonlyArray<Version> | undefined
  /** The suites of TLS 1.3, in order of preference. */
  readonly suites: ReadonlyArray<CipherSuite13>
  /** The suites of TLS 1.2, in order of preference; none when absent. */
  readonly suites12?: ReadonlyArray<CipherSuite12> | undefined
  /** `required` when absent. */
  readonly extendedMasterSecret?: ExtendedMasterSecret | undefined
  readonly groups: ReadonlyArray<NamedGroup>
  /** Signature schemes accepted from the peer, in order of preference. */
  readonly schemes: ReadonlyArray<SignatureScheme>
  /** Application protocols (RFC 7301); empty when none is negotiated. */
  readonly protocols: ReadonlyArray<string>
  readonly compatibility: Compatibility
  /** `off` when absent. */
  readonly grease?: Grease | undefined
  /** How Certificate messages may be compressed (RFC 8879), both ways, in order of preference; absent for not at all. */
  readonly certificateCompression?: ReadonlyArray<CertificateCompressor> | undefined
  /** Whether the peer is asked for what its certificate's status is (RFC 9846 section 4.5.1.1); absent for not. */
  readonly stapling?: Stapling | undefined
  /** Records when absent. `quicClient` and `quicServer` set it, and nothing else should. */
  readonly transport?: Transport | undefined
  /**
   * The longest `TLSInnerPlaintext` we want to receive, in bytes, its content type included (RFC 8449): 64 to 2^14 + 1.
   * A client offers it, a server answers with it. Absent: record_size_limit is not negotiated.
   */
  readonly recordSizeLimit?: number | undefined
}

/** What a client offers and demands. */
export interface ClientConfig extends Config {
  readonly server: ServerIdentity
  /** What the server may show, the preferred first (RFC 7250); absent for certificates only. */
  readonly serverCertificateTypes?: ReadonlyArray<CertificateKind> | undefined
  /** What we may show when we are asked; absent for certificates only. */
  readonly clientCertificateTypes?: ReadonlyArray<CertificateKind> | undefined
  /** Distinguished names, DER, of the authorities that we tell the server we know (section 4.3.4); absent for none. */
  readonly authorities?: ReadonlyArray<Uint8Array> | undefined
  /** The groups a share is sent for at once; a subset of `groups`. */
  readonly shares: ReadonlyArray<NamedGroup>
  /** `fixed` when absent. */
  readonly extensionOrder?: ExtensionOrder | undefined
  /** Present when sessions are kept to be resumed. */
  readonly resumption?: ClientResumption | undefined
  /** Keys that both sides were given, to be offered behind a session. */
  readonly externalPsks?: ReadonlyArray<ExternalPsk> | undefined
  /** Required: no session is offered, and a server that takes none of the keys is refused. Preferred when absent. */
  readonly externalPskPolicy?: ExternalPskPolicy | undefined
  /** Bytes that the application has to say in early data, if a session allows so many; none when absent. */
  readonly earlyData?: number | undefined
}

/** Whether a certificate will do where there are keys that both sides were given. */
export type ExternalPskPolicy = "required" | "preferred"

/** What a client resumes by (RFC 9846 section 2.2). */
export interface ClientResumption {
  /**
   * A digest of the policy that judges servers, and of what we may show them: a session that began under another one,
   * or as somebody else, is not resumed.
   */
  readonly policy: Uint8Array
  /** How many tickets to ask for (RFC 9149); when absent it is left to the server. */
  readonly tickets?: { readonly fresh: number; readonly resumed: number } | undefined
}

/** What a server resumes by. */
export interface ServerResumption {
  /** A digest of the policy that judges clients: a session that began under another one is not resumed. */
  readonly policy: Uint8Array
  /** Tickets after each handshake, unless the client asks for fewer. */
  readonly tickets: number
  /** Bytes of early data that a session may begin with; 0 for none. */
  readonly maxEarlyData: number
  /** Milliseconds by which the age of a ticket may be off when early data is taken (RFC 9846 section 8.3). */
  readonly freshness: number
}

/** Whether a server asks its clients who they are (RFC 9846 section 4.4.2). */
export type ClientAuthentication =
  | { readonly _tag: "None" }
  | { readonly _tag: "Optional"; readonly authorities: ReadonlyArray<Uint8Array> }
  | { readonly _tag: "Required"; readonly authorities: ReadonlyArray<Uint8Array> }

/** Whether a server serves clients that leave something unsaid, or say what it does not know. */
export type Policy = "lenient" | "strict"

/** What a server accepts and demands. */
export interface ServerConfig extends Config {
  /** Strict: only clients that ask for a name which is known here (RFC 6066 section 3); lenient when absent. */
  readonly serverNamePolicy?: Policy | undefined
  /** Strict: only clients that take part in ALPN, where `protocols` are named (RFC 7301); lenient when absent. */
  readonly alpnPolicy?: Policy | undefined
  readonly clientAuthentication: ClientAuthentication
  /** What clients may show, the preferred first (RFC 7250); absent for certificates only. */
  readonly clientCertificateTypes?: ReadonlyArray<CertificateKind> | undefined
  /** Present when sessions may be resumed. */
  readonly resumption?: ServerResumption | undefined
  /**
   * Whether PSKs that are no tickets are looked up; by default not. Only: nobody else is served, so that a client
   * cannot tell an identity that is not known from a key that is wrong (appendix "PSK Identity Exposure").
   */
  readonly externalPsks?: "lookup" | "only" | undefined
}
