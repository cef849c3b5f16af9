/** effect-tls: TLS 1.3 for Effect. The public names, and nothing that needs Node. */

/** Where the bytes of outgoing records are put. */
export * as Allocator from "./layers/Allocator.ts"
/** Whether early data came before. */
export * as AntiReplay from "./layers/AntiReplay.ts"
/** How certificates are compressed. */
export * as CertificateCompression from "./layers/CertificateCompression.ts"
/** Certificates must be publicly logged. */
export * as CertificateTransparency from "./layers/CertificateTransparency.ts"
/** The sessions of a client in a `KeyValueStore`. */
export * as ClientSessionKeyValueStore from "./layers/ClientSessionKeyValueStore.ts"
/** The sessions that a client may resume. */
export * as ClientSessionStore from "./layers/ClientSessionStore.ts"
/** Judges of clients. */
export * as ClientVerifier from "./layers/ClientVerifier.ts"
/** Who we are: certificates with their keys. */
export * as Credentials from "./layers/Credentials.ts"
/** The cryptography in use. */
export * as CryptoProvider from "./layers/CryptoProvider.ts"
/** Keys that both sides were given, in the place of certificates. */
export * as ExternalPsks from "./layers/ExternalPsks.ts"
/** Watching the messages of a handshake. */
export * as HandshakeObserver from "./layers/events.ts"
/** The key log of RFC 9850. */
export * as KeyLog from "./layers/KeyLog.ts"
/** What is counted. */
export * as TlsMetrics from "./layers/observability.ts"
/** Whether certificates were taken back: CRLs and stapled OCSP responses. */
export * as Revocation from "./layers/Revocation.ts"
/** CRLs fetched over an `HttpClient`. */
export * as RevocationFetch from "./layers/RevocationFetch.ts"
/** Where a server keeps the sessions of stateful tickets. */
export * as ServerSessionStore from "./layers/ServerSessionStore.ts"
/** Judges of servers. */
export * as ServerVerifier from "./layers/ServerVerifier.ts"
/** How a server makes sessions into tickets. */
export * as Tickets from "./layers/Tickets.ts"
/** TLS as a client. */
export * as TlsClient from "./layers/TlsClient.ts"
/** What a handshake yields. */
export * as TlsConnection from "./layers/TlsConnection.ts"
/** The one error. */
export * as TlsError from "./layers/TlsError.ts"
/** TLS as a server. */
export * as TlsServer from "./layers/TlsServer.ts"
/** The roots that verifiers believe. */
export * as TrustAnchors from "./layers/TrustAnchors.ts"
/** Servers known by the key that they showed first. */
export * as TrustOnFirstUse from "./layers/TrustOnFirstUse.ts"
/** How verifiers are combined. */
export * as Verifier from "./layers/Verifier.ts"
/** What software a ClientHello comes from: JA4. */
export * as Fingerprint from "./state/hello/ja4.ts"
/** How records are padded. */
export * as Padding from "./state/record/padding.ts"
