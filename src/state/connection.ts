/**
 * The sans-I/O face of TLS: bytes in, bytes and events out, one question at a time. No socket, no clock, no randomness
 * and no Effect: whoever drives it answers what it asks.
 */
import type * as Result from "effect/Result"
import type { Message, Message12 } from "../codec/handshake/handshake.ts"
import type { EarlyDataJudged, KeepSession, StoreTicket } from "./action.ts"
import type { Answer, Command } from "./command.ts"
import type { Established } from "./established.ts"
import type { UpdateKeys } from "./event.ts"
import type { Failure } from "./failure.ts"
import type { TrafficSecrets } from "./handOver.ts"
import type { RecordWriterOptions } from "./record/writer.ts"

/** What happened, in order. */
export type ConnectionEvent =
  | { readonly _tag: "ApplicationData"; readonly bytes: Uint8Array }
  | { readonly _tag: "Established"; readonly established: Established }
  /** Early data of a client: whoever recorded it may say it again (RFC 9846 section 8). */
  | { readonly _tag: "EarlyData"; readonly bytes: Uint8Array }
  /** What became of early data that was sent. What was rejected is lost. */
  | EarlyDataJudged
  /** A session that may be resumed; it holds a secret. */
  | StoreTicket
  /** A session that a server keeps by its ID; it holds a secret. */
  | KeepSession
  /** A line of RFC 9850, when a key log is wanted. It holds a secret. */
  | { readonly _tag: "LogKey"; readonly line: string }
  /** A handshake message, for whoever wants to watch. */
  | {
      readonly _tag: "Message"
      readonly direction: "said" | "heard"
      readonly message: Message
      readonly raw: Uint8Array
    }
  /** A handshake message of TLS 1.2, whose messages have structures of their own. */
  | {
      readonly _tag: "Message12"
      readonly direction: "said" | "heard"
      readonly message: Message12
      readonly raw: Uint8Array
    }
  /** The peer's close_notify: no more data will come, ours may still go (RFC 9846 section 6.1). */
  | { readonly _tag: "PeerClosed" }
  /** The end, once. Nothing is read or written after it. */
  | { readonly _tag: "Failed"; readonly failure: Failure; readonly state: string }

/** What one call came to. */
export interface Progress {
  /** For the transport, in order. */
  readonly out: ReadonlyArray<Uint8Array>
  readonly events: ReadonlyArray<ConnectionEvent>
  /** Until this is answered no further message is read. */
  readonly asks: Command | undefined
}

/** What the owner of a connection may choose. */
export interface ConnectionOptions extends RecordWriterOptions {
  /** Whether secrets are told to the owner, for a key log. Off unless somebody asks for it by name. */
  readonly keyLog?: "off" | "on" | undefined
}

/** A connection in either role. No call throws; after a failure every call yields nothing. */
export interface Connection {
  /** The tag of the present state. */
  readonly state: string
  readonly established: Established | undefined
  /** A server that took early data is established before its handshake is done. */
  readonly handshake: "going on" | "done"
  /** The failure that ended it. */
  readonly failure: Failure | undefined
  /** The first call: a client says its ClientHello, a server waits. */
  start(): Progress
  /** Bytes of the peer, split anyhow. */
  receive(bytes: Uint8Array): Progress
  /** The answer to `asks`. */
  answer(answer: Answer): Progress
  /**
   * Records for application data of any length. Fails with `NotEstablished` or `ConnectionClosed` and changes nothing
   * when there is no open connection; when it fails and `failure` is set, the connection died of it, and the alert and
   * the `Failed` event come out of the next call.
   */
  send(plaintext: Uint8Array): Result.Result<Progress, Failure>
  /**
   * Early data, as soon as `start` was answered and until the server has spoken (RFC 9846 section 4.3.10); whether the
   * server took it is told by the event `EarlyDataJudged`. Fails with `NoEarlyData` when none was offered, or for more
   * than the session allows. It may be replayed: send nothing that does harm when it is heard twice.
   */
  sendEarlyData(plaintext: Uint8Array): Result.Result<Progress, Failure>
  /** New keys (RFC 9846 section 4.7.3); fails as `send` does, and in TLS 1.2 with `NotInThisVersion`. */
  updateKeys(request: UpdateKeys["request"]): Result.Result<Progress, Failure>
  /** Our close_notify; reading goes on. Before the handshake is done it cancels it: `HandshakeCanceled`. */
  close(): Progress
  /** The transport ended: without a close_notify that is `UncleanClose`. Answer what is asked first. */
  end(): Progress
  /** A question could not be answered, or time ran out: ends the connection with the alert of the failure. */
  abort(failure: Failure): Progress
  /** RFC 9846 section 7.5, RFC 5705 section 4; `length` in bytes. In TLS 1.2 no context and an empty one are two. */
  exportKeyingMaterial(
    label: string,
    context: Uint8Array | undefined,
    length: number
  ): Result.Result<Uint8Array, Failure>
  /** Keying material of early data, where some was offered: weaker, since it may be replayed. */
  exportEarlyKeyingMaterial(label: string, context: Uint8Array, length: number): Result.Result<Uint8Array, Failure>
  /**
   * The keys of both directions, for a new owner of the records, and the end of this one: a nonce counter with two
   * owners would repeat itself, so afterwards everything here fails with `ConnectionClosed`, and no alert is said.
   * Fails and changes nothing with `NotEstablished`, `ConnectionClosed`, `NotInThisVersion` for TLS 1.2, or with
   * `UnreadData` when bytes of the peer wait that only this connection can open. What `out` was given before belongs on
   * the wire first. KeyUpdate, alerts and tickets of the peer are the new owner's to understand.
   */
  dangerouslyExtractTrafficSecrets(): Result.Result<TrafficSecrets, Failure>
  /** Overwrites the secrets; nothing can be sent, read or exported afterwards. A failure does it by itself. */
  dispose(): void
}
