/**
 * TLS without I/O and without the Effect runtime: a `Connection`, and a way to answer its questions at once.
 *
 * ```ts
 * let progress = Core.settle(connection, connection.start(), world)
 * for (const bytes of progress.out) socket.write(bytes)
 * socket.on("data", (bytes) => { progress = Core.settle(connection, connection.receive(bytes), world) })
 * ```
 */
import * as Client from "./state/client.ts"
import type { ClientConfig, ServerConfig } from "./state/config.ts"
import type { Connection, ConnectionOptions } from "./state/connection.ts"
import * as Server from "./state/server.ts"
import { make } from "./state/shell.ts"

export type { CertificateCompressor } from "./crypto/compression.ts"
/** Header protection of QUIC packets in JavaScript; `effect-tls/node` has that of node:crypto. */
export { headerProtection as nobleHeaderProtection } from "./crypto/noble/headerProtection.ts"
/** Primitives in JavaScript, which run anywhere; `effect-tls/node` has those of node:crypto. */
export { primitives as noblePrimitives } from "./crypto/noble/index.ts"
export type { Primitives } from "./crypto/primitives.ts"
/** What protects QUIC packets: keys, header masks, the tag of a Retry packet (RFC 9001 section 5). */
export * as QuicPackets from "./crypto/quic/index.ts"
/** The bytes of a secret, as a view, for a QUIC host whose packet protection is elsewhere. */
export { type Secret, unsafeBytes as dangerouslyRevealSecret } from "./crypto/secret.ts"
/** The suites that a configuration offers or accepts. */
export { type CipherSuite12, type CipherSuite13, suites12, suites13 } from "./crypto/suite.ts"
/** Certificates compressed in JavaScript, for `certificateCompression`. */
export { zlib as portableZlib } from "./crypto/zlib.ts"
/** What a login inside a connection is bound to: `channelBinding(connection, primitives.hashes, "tls-exporter")`. */
export { type ChannelBindingType, channelBinding } from "./state/channelBinding.ts"
/** The reducer of the client: `start(config)`, `step(state, event)`, and its figure. */
export * as ClientMachine from "./state/client.ts"
export type { Answer, Command, Credential } from "./state/command.ts"
export type { ClientAuthentication, ClientConfig, ServerConfig, ServerIdentity } from "./state/config.ts"
export type { Connection, ConnectionEvent, ConnectionOptions, Progress } from "./state/connection.ts"
export type { Established } from "./state/established.ts"
export type { Failure } from "./state/failure.ts"
/** What `dangerouslyExtractTrafficSecrets` yields. */
export type { DirectionKeys, TrafficSecrets } from "./state/handOver.ts"
/** What software a ClientHello comes from: JA4. */
export * as Fingerprint from "./state/hello/ja4.ts"
/** What it takes to read a name that a client means to reach. */
export { parseServerIdentity } from "./state/path/host.ts"
/** TLS inside QUIC (RFC 9001): `quicClient` and `quicServer` make the handshake of a host's connection. */
export {
  type CryptoData,
  type CryptoLevel,
  errorCode as quicErrorCode,
  type QuicClientConfig,
  type QuicConnection,
  type QuicEvent,
  type QuicLevel,
  type QuicOptions,
  type QuicProgress,
  type QuicSecret,
  type QuicServerConfig,
  quicClient,
  quicServer
} from "./state/quic/index.ts"
/** What `ConnectionOptions.padding` may be. */
export * as Padding from "./state/record/padding.ts"
/** The reducer of the server. */
export * as ServerMachine from "./state/server.ts"
/** How questions are answered at once, by plain functions. */
export { answer, settle, settleQuic, type TicketMaker, type World } from "./state/settle.ts"
/** External PSKs imported for TLS 1.3 (RFC 9258): for `externalPsks` of a client, and a server's `externalPsk`. */
export * as PskImporter from "./state/tls13/importer.ts"
export type { ExternalPsk } from "./state/tls13/psk.ts"

/** A client; `start` yields its first question. */
export const client = (config: ClientConfig, options?: ConnectionOptions): Connection =>
  make(Client.runnable(config), options)

/** A server; it waits for bytes. */
export const server = (config: ServerConfig, options?: ConnectionOptions): Connection =>
  make(Server.runnable(config), options)
