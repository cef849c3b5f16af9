/**
 * The sans-I/O face of TLS for a QUIC host (RFC 9001 section 4.1): bytes of CRYPTO frames in and out, by encryption
 * level, and the secrets of each level. Packets, their protection, retransmission and order are the host's.
 */
import type * as Result from "effect/Result"
import type { Message } from "../../codec/handshake/handshake.ts"
import type { Secret } from "../../crypto/secret.ts"
import type { CipherSuite13 } from "../../crypto/suite.ts"
import type { Direction, EarlyDataJudged, StoreTicket } from "../action.ts"
import type { Answer, Command } from "../command.ts"
import type { Established } from "../established.ts"
import type { Failure } from "../failure.ts"

/** The encryption levels (section 2.1): Initial, 0-RTT, Handshake and 1-RTT packets. */
export type QuicLevel = "initial" | "early" | "handshake" | "application"

/** The levels that carry CRYPTO frames: all but 0-RTT (section 4.1.3). */
export type CryptoLevel = Exclude<QuicLevel, "early">

/** Handshake bytes to append to the CRYPTO stream of their level. */
export interface CryptoData {
  readonly level: CryptoLevel
  readonly bytes: Uint8Array
}

/** The secret of one direction of one level (section 4.1.4), for `QuicPackets.packetKeys` and `headerKey`. */
export interface QuicSecret {
  readonly level: Exclude<QuicLevel, "initial">
  readonly direction: Direction
  readonly suite: CipherSuite13
  /** The host's own, of `suite.hash.size` bytes: to be wiped when the level is discarded (section 4.9). */
  readonly secret: Secret<string>
}

/** What happened, in order. */
export type QuicEvent =
  /** The peer's transport parameters, not authenticated before `Established` (section 8.2). */
  | { readonly _tag: "TransportParameters"; readonly parameters: Uint8Array }
  /**
   * A client may send 0-RTT packets from here on; how much, and under which transport parameters of the server, is what
   * the host remembers with the session (section 7.4.1 of RFC 9000).
   */
  | { readonly _tag: "OfferEarlyData" }
  /** What the server said of early data; what it rejected is lost with its packets (section 4.6.2). */
  | EarlyDataJudged
  /** A server takes 0-RTT packets, and may answer them in 1-RTT packets at once. */
  | { readonly _tag: "AcceptEarlyData"; readonly established: Established }
  /**
   * A ticket came (section 4.5): a session that may be resumed, which the host keeps together with the transport
   * parameters of this connection.
   */
  | StoreTicket
  /** The handshake is complete (section 4.1.1); a server's is confirmed with it. */
  | { readonly _tag: "Established"; readonly established: Established }
  /** A line of RFC 9850, when a key log is wanted. It holds a secret. */
  | { readonly _tag: "LogKey"; readonly line: string }
  /** A handshake message, for whoever wants to watch. */
  | {
      readonly _tag: "Message"
      readonly direction: "said" | "heard"
      readonly message: Message
      readonly raw: Uint8Array
    }
  /** The end, once. `errorCode` is for a CONNECTION_CLOSE frame of type 0x1c (section 4.8). */
  | { readonly _tag: "Failed"; readonly failure: Failure; readonly errorCode: number; readonly state: string }

/** What one call came to. */
export interface QuicProgress {
  /** To be sent, in order. */
  readonly out: ReadonlyArray<CryptoData>
  /** In order; what `out` needs is among those of this call or of an earlier one. */
  readonly secrets: ReadonlyArray<QuicSecret>
  readonly events: ReadonlyArray<QuicEvent>
  /** Until this is answered no further message is read. */
  readonly asks: Command | undefined
}

/** What the host of a connection decides. */
export interface QuicOptions {
  /** The bytes of our quic_transport_parameters (section 8.2); what they mean is between the hosts. */
  readonly transportParameters: Uint8Array
  /** Whether secrets are told to the host, for a key log. Off unless somebody asks for it by name. */
  readonly keyLog?: "off" | "on" | undefined
}

/** The handshake of a QUIC connection in either role. No call throws; after a failure every call yields nothing. */
export interface QuicConnection {
  /** The tag of the present state. */
  readonly state: string
  /** The level whose CRYPTO bytes are read now. Those of a later one are the host's to keep. */
  readonly reading: CryptoLevel
  readonly established: Established | undefined
  /** The failure that ended it. */
  readonly failure: Failure | undefined
  /** The first call: a client says its ClientHello, a server waits. */
  start(): QuicProgress
  /**
   * New bytes of the CRYPTO stream of a level, in order and once each, cut anyhow. Bytes of a level that is not read
   * now are `QuicWrongLevel`: of an earlier one they extend what was complete, of a later one they came too soon.
   * About 80 KiB may wait for an answer; more is `HandshakeMessageTooLong`.
   */
  receive(level: CryptoLevel, bytes: Uint8Array): QuicProgress
  /** The answer to `asks`. */
  answer(answer: Answer): QuicProgress
  /** A question could not be answered, or time ran out: ends the handshake. */
  abort(failure: Failure): QuicProgress
  /** RFC 9846 section 7.5; `length` in bytes. */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Result.Result<Uint8Array, Failure>
  /** Keying material of early data, where a client offered it or a server took it; else `NoEarlyData`. */
  exportEarlyKeyingMaterial(label: string, context: Uint8Array, length: number): Result.Result<Uint8Array, Failure>
  /** Overwrites the secrets that are kept here, not those that the host was given. A failure does it by itself. */
  dispose(): void
}
