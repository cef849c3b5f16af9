/** effect-tls/node: what needs Node. */

/** Certificates compressed by node:zlib, for `effect-tls/core`. */
export { certificateCompressors as nodeCertificateCompressors } from "../../crypto/node/compression.ts"
/** Header protection of QUIC packets on node:crypto. */
export { headerProtection as nodeHeaderProtection } from "../../crypto/node/headerProtection.ts"
/** The primitives of node:crypto, for `effect-tls/core`. */
export { primitives as nodePrimitives } from "../../crypto/node/index.ts"
/** Certificates in files, read again when they change. */
export * as CredentialFiles from "./CredentialFiles.ts"
/** A socket as a Node stream. */
export * as SocketDuplex from "./duplex.ts"
/** The key log as a file. */
export * as KeyLogFile from "./KeyLogFile.ts"
/** Certificates compressed by node:zlib. */
export * as NodeCertificateCompression from "./NodeCertificateCompression.ts"
/** `CryptoProvider` on node:crypto. */
export * as NodeCryptoProvider from "./NodeCryptoProvider.ts"
/** TCP sockets that bulk data costs less on. */
export * as NodeTcp from "./NodeTcp.ts"
/** Everything that TLS needs on Node, as one layer. */
export * as NodeTls from "./NodeTls.ts"
/** The sessions of a client in a file. */
export * as SessionFile from "./SessionFile.ts"
/** Trust anchors of the machine, and those in files. */
export * as SystemTrust from "./SystemTrust.ts"
