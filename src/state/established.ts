/** What a handshake came to: the part of it that people and programs ask about. */
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { Secret } from "../crypto/secret.ts"
import type { CipherSuite12, CipherSuite13 } from "../crypto/suite.ts"
import type { CertificateKind } from "./config.ts"
import type { Peer, Staples } from "./proof.ts"
import type { Exporter12 } from "./tls12/exporter.ts"
import type { GivenKey } from "./tls13/psk.ts"

/** What a server showed first: its end-entity certificate, or its raw public key. */
export interface EndPoint {
  readonly certificateType: CertificateKind
  /** DER, octet for octet as it stood in the Certificate message. */
  readonly der: Uint8Array
}

/** Of a chain, whoever's it is; `undefined` for an empty one. */
export const endPointOf = (
  [der]: ReadonlyArray<Uint8Array>,
  certificateType: CertificateKind = "X509"
): EndPoint | undefined => (der === undefined ? undefined : { certificateType, der })

interface Common {
  /** In TLS 1.2 a session that is resumed has no key exchange of its own: the group is that of its first handshake. */
  readonly group: NamedGroup
  /** How the server signed; `undefined` where a PSK speaks for it. */
  readonly scheme: SignatureScheme | undefined
  readonly protocol: string | undefined
  /** What the client asked for by name (RFC 6066 section 3). */
  readonly serverName: string | undefined
  /** Who the peer proved to be, in this handshake or in the one that its session began with. */
  readonly peer: Peer | undefined
  /** What came stapled to its certificate, in this handshake. */
  readonly staples: Staples | undefined
  /**
   * What the server showed, in both roles (RFC 5929 section 4). Absent where it showed nothing in this handshake, and a
   * client has no session either that remembers it.
   */
  readonly endPoint?: EndPoint | undefined
  /** The key that both were given, where it speaks for both. */
  readonly given?: GivenKey | undefined
}

/** The outcome of a TLS 1.3 handshake. */
export interface Established13 extends Common {
  readonly version: "TLSv1.3"
  readonly suite: CipherSuite13
  /** With certificates in one round trip or two, or by a session that was resumed, or by a key that both were given. */
  readonly kind: "full" | "retried" | "resumed" | "external"
  readonly earlyData: "none" | "accepted" | "rejected"
  readonly exporter: Secret<"exporter main">
}

/** The outcome of a TLS 1.2 handshake. */
export interface Established12 extends Common {
  readonly version: "TLSv1.2"
  readonly suite: CipherSuite12
  readonly kind: "full" | "resumed"
  readonly earlyData: "none"
  /** Absent without an extended master secret (RFC 7627 section 5.4). */
  readonly exporter: Exporter12 | undefined
}

/** The outcome of a handshake, by its `version`. */
export type Established = Established13 | Established12
