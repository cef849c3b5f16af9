/**
 * RFC 9846 section 7.1, the key schedule: one type for each stage, one function for each arrow.
 *
 * ```text
 *             0
 *             |
 *             v
 *   PSK -> HKDF-Extract = Early Secret
 *             |
 *             +-----> Derive-Secret(., "ext binder" | "res binder" | "imp binder", "")
 *             |                     = binder_key
 *             +-----> Derive-Secret(., "c e traffic", ClientHello)
 *             |                     = client_early_traffic_secret
 *             +-----> Derive-Secret(., "e exp master", ClientHello)
 *             |                     = early_exporter_secret
 *             v
 *       Derive-Secret(., "derived", "")
 *             |
 *             v
 * (EC)DHE -> HKDF-Extract = Handshake Secret
 *             |
 *             +-----> Derive-Secret(., "c hs traffic", ClientHello...ServerHello)
 *             |                     = client_handshake_traffic_secret
 *             +-----> Derive-Secret(., "s hs traffic", ClientHello...ServerHello)
 *             |                     = server_handshake_traffic_secret
 *             v
 *       Derive-Secret(., "derived", "")
 *             |
 *             v
 *   0 ---> HKDF-Extract = Main Secret
 *             |
 *             +-----> Derive-Secret(., "c ap traffic", ClientHello...server Finished)
 *             |                     = client_application_traffic_secret_0
 *             +-----> Derive-Secret(., "s ap traffic", ClientHello...server Finished)
 *             |                     = server_application_traffic_secret_0
 *             +-----> Derive-Secret(., "exp master", ClientHello...server Finished)
 *             |                     = exporter_secret
 *             +-----> Derive-Secret(., "res master", ClientHello...client Finished)
 *                                   = resumption_secret
 * ```
 */
import { expandLabel, extract } from "../../crypto/hkdf.ts"
import type { Hash } from "../../crypto/primitives.ts"
import { Secret } from "../../crypto/secret.ts"
import { digest, type Hashing } from "../transcript.ts"

export type EarlySecret = Secret<"early">
export type ClientEarlyTrafficSecret = Secret<"client early traffic">
export type EarlyExporterSecret = Secret<"early exporter">
export type HandshakeSecret = Secret<"handshake">
export type MainSecret = Secret<"main">
export type ClientHandshakeTrafficSecret = Secret<"client handshake traffic">
export type ServerHandshakeTrafficSecret = Secret<"server handshake traffic">
export type ClientApplicationTrafficSecret = Secret<"client application traffic">
export type ServerApplicationTrafficSecret = Secret<"server application traffic">
export type ExporterSecret = Secret<"exporter main">
export type ResumptionSecret = Secret<"resumption main">

const none = new Uint8Array(0)
/** "0" of the diagram: Hash.length zero bytes. */
const zero = (hash: Hash): Uint8Array => new Uint8Array(hash.size)

/** `Derive-Secret(Secret, Label, Messages)`, the hash of the messages given. */
const deriveSecret = <Stage extends string>(
  stage: Stage,
  hash: Hash,
  secret: Secret<string>,
  label: string,
  transcriptHash: Uint8Array
): Secret<Stage> => new Secret(stage, expandLabel(hash, secret, label, transcriptHash, hash.size))

/** `Derive-Secret(., "derived", "")`, the salt of the next stage. */
const derived = (hash: Hash, secret: Secret<string>): Secret<"derived"> =>
  deriveSecret("derived", hash, secret, "derived", hash.start.digest())

/** The next stage: its salt has served its purpose then, and is erased. */
const nextStage = <Stage extends string>(
  stage: Stage,
  hash: Hash,
  previous: Secret<string>,
  input: Uint8Array
): Secret<Stage> => {
  const salt = derived(hash, previous)
  const secret = new Secret(stage, extract(hash, salt, input))
  salt.wipe()
  return secret
}

/** `PSK -> HKDF-Extract = Early Secret`; without a PSK, zeros stand for it. */
export const earlySecret = (hash: Hash, psk: Secret<string> | Uint8Array = zero(hash)): EarlySecret =>
  new Secret("early", extract(hash, zero(hash), psk))

/** `"ext binder" | "res binder" | "imp binder", ""` (the last in RFC 9258 section 5.2). */
export const binderKey = (
  hash: Hash,
  secret: EarlySecret,
  label: "ext binder" | "res binder" | "imp binder"
): Secret<"binder"> => deriveSecret("binder", hash, secret, label, hash.start.digest())

/** `"c e traffic", ClientHello`. */
export const clientEarlyTraffic = (secret: EarlySecret, toClientHello: Hashing): ClientEarlyTrafficSecret =>
  deriveSecret("client early traffic", toClientHello.hash, secret, "c e traffic", digest(toClientHello))

/** `"e exp master", ClientHello`. */
export const earlyExporter = (secret: EarlySecret, toClientHello: Hashing): EarlyExporterSecret =>
  deriveSecret("early exporter", toClientHello.hash, secret, "e exp master", digest(toClientHello))

/** `(EC)DHE -> HKDF-Extract = Handshake Secret`. */
export const handshakeSecret = (hash: Hash, early: EarlySecret, shared: Uint8Array): HandshakeSecret =>
  nextStage("handshake", hash, early, shared)

/** `"c hs traffic", ClientHello...ServerHello`. */
export const clientHandshakeTraffic = (secret: HandshakeSecret, toServerHello: Hashing): ClientHandshakeTrafficSecret =>
  deriveSecret("client handshake traffic", toServerHello.hash, secret, "c hs traffic", digest(toServerHello))

/** `"s hs traffic", ClientHello...ServerHello`. */
export const serverHandshakeTraffic = (secret: HandshakeSecret, toServerHello: Hashing): ServerHandshakeTrafficSecret =>
  deriveSecret("server handshake traffic", toServerHello.hash, secret, "s hs traffic", digest(toServerHello))

/** `0 -> HKDF-Extract = Main Secret`. */
export const mainSecret = (hash: Hash, handshake: HandshakeSecret): MainSecret =>
  nextStage("main", hash, handshake, zero(hash))

/** `"c ap traffic", ClientHello...server Finished`. */
export const clientApplicationTraffic = (secret: MainSecret, toFinished: Hashing): ClientApplicationTrafficSecret =>
  deriveSecret("client application traffic", toFinished.hash, secret, "c ap traffic", digest(toFinished))

/** `"s ap traffic", ClientHello...server Finished`. */
export const serverApplicationTraffic = (secret: MainSecret, toFinished: Hashing): ServerApplicationTrafficSecret =>
  deriveSecret("server application traffic", toFinished.hash, secret, "s ap traffic", digest(toFinished))

/** `"exp master", ClientHello...server Finished`. */
export const exporterSecret = (secret: MainSecret, toFinished: Hashing): ExporterSecret =>
  deriveSecret("exporter main", toFinished.hash, secret, "exp master", digest(toFinished))

/** `"res master", ClientHello...client Finished`. */
export const resumptionSecret = (secret: MainSecret, toClientFinished: Hashing): ResumptionSecret =>
  deriveSecret("resumption main", toClientFinished.hash, secret, "res master", digest(toClientFinished))

/** RFC 9846 section 4.7.1: the PSK of one ticket. */
export const ticketSecret = (hash: Hash, resumption: ResumptionSecret, nonce: Uint8Array): Secret<"session"> =>
  deriveSecret("session", hash, resumption, "resumption", nonce)

/** RFC 9846 section 7.2: `application_traffic_secret_N+1`. */
export const nextTraffic = <Stage extends "client application traffic" | "server application traffic">(
  hash: Hash,
  secret: Secret<Stage>
): Secret<Stage> => new Secret(secret.stage, expandLabel(hash, secret, "traffic upd", none, hash.size))
