/** What a handshake yields: a socket, and what was negotiated. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import { NamedGroup } from "../codec/registry/namedGroup.ts"
import { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { ChannelBindingType, Hashes } from "../state/channelBinding.ts"
import type { CertificateKind, Version } from "../state/config.ts"
import type { PeerIdentity, Staples } from "../state/proof.ts"
import type { GivenKey } from "../state/tls13/psk.ts"
import { bytesOf, joined } from "./bytes.ts"
import type { Link } from "./driver.ts"
import { show } from "./givenKey.ts"
import type { TrafficHandOver } from "./handOver.ts"
import type { TlsError } from "./TlsError.ts"

export type { ChannelBindingType } from "../state/channelBinding.ts"
export type { DirectionKeys, TrafficSecrets } from "../state/handOver.ts"
export type { TrafficHandOver } from "./handOver.ts"

/** What was agreed, as plain values: it prints well and holds no secret. */
export interface ConnectionInfo {
  readonly version: Version
  /** `TLS_AES_128_GCM_SHA256` and so on. */
  readonly suite: string
  /** The group of the key exchange. */
  readonly group: string
  /** How the server signed; absent where a session or a given key speaks for it. */
  readonly signatureScheme: string | undefined
  /** What ALPN settled on, if it was used. */
  readonly alpnProtocol: string | undefined
  /** The DNS name that the client asked for. */
  readonly serverName: string | undefined
  /** With certificates in one round trip or two, by a session that was resumed, or by a key that both were given. */
  readonly kind: "full" | "retried" | "resumed" | "external"
  /** What became of early data; whoever sent some that was rejected may say it again. */
  readonly earlyData: "none" | "accepted" | "rejected"
  /** How the verifier came to believe the peer; absent when it did not say who it is. */
  readonly peer: string | undefined
  /** The external PSK that speaks for both: its identity and, where it is imported, the names of client and server. */
  readonly psk: string | undefined
}

/** A socket that yields bytes and never text. */
export interface ByteSocket extends Socket.Socket {
  readonly reader: Effect.Effect<Socket.Reader<Uint8Array>, Socket.SocketError, Scope.Scope>
}

/** One established connection. It lives as long as the scope it was made in, or until its socket is released. */
export interface TlsConnection {
  /**
   * The connection as an Effect socket: everything that takes a `Socket` takes it.
   *
   * `pull` fails with `SocketCloseError` 1000 after the peer's close_notify, and with `SocketReadError`, whose cause is
   * a `TlsError`, after anything else: a transport that ends without close_notify is `UncleanClose`. Releasing the
   * writer says close_notify and leaves reading open; releasing the reader ends the connection. `upgrade` is not
   * supported.
   */
  readonly socket: ByteSocket
  readonly info: ConnectionInfo
  /** Who the peer is, as the verifier judged it. */
  readonly peer: PeerIdentity | undefined
  /**
   * The external PSK that speaks for both. `peer` is what the other end calls itself by an imported one: true as far as
   * those who have the key are believed.
   */
  readonly externalPsk: GivenKey | undefined
  /** DER, the end-entity first; a raw public key is its SubjectPublicKeyInfo alone; empty when the peer showed none. */
  readonly peerCertificates: ReadonlyArray<Uint8Array>
  /** What `peerCertificates` are: a chain, or a raw public key (RFC 7250); absent when the peer showed none. */
  readonly peerCertificateType: CertificateKind | undefined
  /** What came stapled to the peer's certificate, as it came: who judges it is the verifier (RFC 9846 4.5.1.1). */
  readonly peerStaples: Staples
  /**
   * Keying material of this connection (RFC 9846 section 7.5): `length` bytes, 0 to 255 times the size of the hash.
   * No context and an empty one are the same; in TLS 1.2 they are two (RFC 5705 section 4).
   */
  readonly exportKeyingMaterial: (
    label: string,
    context: Uint8Array | undefined,
    length: number
  ) => Effect.Effect<Uint8Array, TlsError>
  /** Keying material of early data, where some was offered: a replayed connection has the same. */
  readonly exportEarlyKeyingMaterial: (
    label: string,
    context: Uint8Array | undefined,
    length: number
  ) => Effect.Effect<Uint8Array, TlsError>
  /**
   * What a client said before the handshake was done, if this server takes that: never mixed with other data. Until
   * `confirmed` is done it may be a replay of what another connection said (RFC 9846 section 8).
   */
  readonly earlyData: Stream.Stream<Uint8Array, TlsError>
  /** Done when the handshake is: at once, but for a server that took early data and may answer it before. */
  readonly confirmed: Effect.Effect<void, TlsError>
  /**
   * Bytes for a login inside the connection to be bound to, as SCRAM-…-PLUS does it (RFC 5056).
   *
   * - `tls-exporter` (RFC 9266): 32 bytes of this connection alone; with TLS 1.3 the one to use.
   * - `tls-server-end-point` (RFC 5929 section 4): the digest of the server's certificate, 32, 48 or 64 bytes, by the
   *   hash it is signed with (SHA-256 for MD5 and SHA-1). `NoChannelBinding` for a raw public key, for a handshake in
   *   which the server showed no certificate (a server that resumes a session has none to speak of), and for signatures
   *   that RFC 5929 leaves undefined: Ed25519 names no hash, and RSASSA-PSS may name two.
   *
   * There is no `tls-unique`: TLS 1.3 does not define it.
   *
   * @example
   * const binding = yield* tls.channelBinding("tls-exporter")
   */
  readonly channelBinding: (type: ChannelBindingType) => Effect.Effect<Uint8Array, TlsError>
  /** New keys for what we send, and with `requestPeer` for what the peer sends (RFC 9846 section 4.7.3). */
  readonly updateKeys: (options?: { readonly requestPeer?: boolean | undefined }) => Effect.Effect<void, TlsError>
  /**
   * The keys of both directions and the transport below, for a new owner of the records such as the kernel (kTLS): key,
   * IV and the sequence number of the next record. It comes after all that was written, and ends this connection: a
   * nonce counter with two owners would repeat itself and give the key away, so whatever is done with it afterwards
   * fails with `ConnectionClosed`, and no close_notify is said. The transport lives until the scope ends.
   *
   * Fails with `UnreadData` and changes nothing while somebody pulls, or where data has come that was not pulled. Not
   * secret from whoever holds them: they read and forge all that follows.
   *
   * @example
   * const { suite, read, write, reader, writer } = yield* tls.dangerouslyExtractTrafficSecrets
   */
  readonly dangerouslyExtractTrafficSecrets: Effect.Effect<TrafficHandOver, TlsError>
  /** Says close_notify after all that was written. Reading goes on until the peer closes too. */
  readonly close: Effect.Effect<void>
}

/** In a handler of `TlsServer.layer`: the connection whose socket it was given. */
export const current: Context.Reference<Option.Option<TlsConnection>> = Context.Reference(
  "effect-tls/layers/TlsConnection/current",
  { defaultValue: () => Option.none<TlsConnection>() }
)

const writeError = (cause: TlsError): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause }) })

/** The write side of a link. A close event with a code over 1000 cuts the connection without close_notify. */
const writerOf = (link: Link): Socket.Writer => ({
  write: (chunk) => {
    if (!Socket.isCloseEvent(chunk)) return Effect.mapError(link.write(bytesOf(chunk)), writeError)
    const farewell = chunk.code > 1000 ? Effect.void : link.close
    return Effect.andThen(farewell, link.destroy(chunk))
  },
  writeAll: (chunks) =>
    Effect.mapError(link.write(chunks.length === 1 ? bytesOf(chunks[0]) : joined(chunks)), writeError)
})

const socketOf = (link: Link): ByteSocket => ({
  [Socket.TypeId]: Socket.TypeId,
  reader: Effect.acquireRelease(
    Effect.succeed({ pull: link.pull, upgrade: Socket.SocketUpgradeError.unsupported }),
    () => link.shutDown
  ),
  writer: Effect.acquireRelease(Effect.succeed(writerOf(link)), () => link.close)
})

/** The public face of a link; `hashes` are those that a certificate may be hashed with. */
export const make = (link: Link, hashes: Hashes): TlsConnection => {
  const { established } = link
  const identity = established.peer
  return {
    socket: socketOf(link),
    info: {
      version: established.version,
      suite: established.suite.name,
      group: NamedGroup.show(established.group),
      signatureScheme: established.scheme === undefined ? undefined : SignatureScheme.show(established.scheme),
      alpnProtocol: established.protocol,
      serverName: established.serverName,
      kind: established.kind,
      earlyData: established.earlyData,
      peer: identity?.description,
      psk: established.given?.label ?? (established.given === undefined ? undefined : show(established.given.identity))
    },
    peer: identity,
    externalPsk: established.given,
    peerCertificates: identity?.chain ?? [],
    peerCertificateType: established.peer?.certificateType,
    peerStaples: established.staples ?? { ocsp: undefined, timestamps: undefined },
    exportKeyingMaterial: link.exportKeyingMaterial,
    exportEarlyKeyingMaterial: (label, context, length) =>
      link.exportEarlyKeyingMaterial(label, context ?? new Uint8Array(0), length),
    earlyData: link.earlyData.stream,
    confirmed: link.confirmed,
    channelBinding: (type) => link.channelBinding(hashes, type),
    updateKeys: ({ requestPeer = false } = {}) =>
      link.updateKeys(requestPeer ? "update_requested" : "update_not_requested"),
    dangerouslyExtractTrafficSecrets: link.dangerouslyExtractTrafficSecrets,
    close: link.close
  }
}
