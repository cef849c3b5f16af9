/** What a handshake came to: the part of it that people and programs ask about. */
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { Secret } from "../crypto/secret.ts"
import type { CipherSuite13 } from "../crypto/suite.ts"
import type { PeerAuthenticated } from "./proof.ts"

export interface Established {
  readonly version: "TLSv1.3"
  readonly suite: CipherSuite13
  readonly group: NamedGroup
  /** How the server signed. */
  readonly scheme: SignatureScheme
  readonly protocol: string | undefined
  /** What the client asked for by name (RFC 6066 section 3). */
  readonly serverName: string | undefined
  /** Whether it took one round trip or two. */
  readonly kind: "full" | "retried"
  /** The peer, where it proved who it is. */
  readonly peer: PeerAuthenticated | undefined
  readonly exporter: Secret<"exporter main">
}
