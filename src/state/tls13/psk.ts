/** Pre-shared keys (RFC 9846 sections 2.2 and 4.3.11): where they come from, and what of them a handshake carries. */
import type { Hash, HashName } from "../../crypto/primitives.ts"
import type { Secret } from "../../crypto/secret.ts"
import type { Session, Session12, Session13, Ticket } from "../session.ts"
import * as KeySchedule from "./keySchedule.ts"

/** A key that both sides were given outside of TLS. It is its owner's, and outlives the connections that use it. */
export interface ExternalPsk {
  /** What the client sends to name it, 1 to 65,535 bytes; for an imported key the serialized ImportedIdentity. */
  readonly identity: Uint8Array
  readonly secret: Secret<"external PSK">
  /** The hash it belongs to; SHA-256 where nothing else was agreed (section 4.3.11). */
  readonly hash: HashName
  /** As given, or made by the importer of RFC 9258. */
  readonly kind: "external" | "imported"
  /** What it is called, for people; a peer's text in it is escaped. */
  readonly label?: string | undefined
  /** Who is at the other end by the context of an imported key, as far as those who have the key are believed. */
  readonly peer?: string | undefined
}

/** What may be said of a key that both were given. */
export type GivenKey = Omit<ExternalPsk, "secret" | "hash">

/** What an identity was found to stand for: a session that is being resumed, or a key that was given. */
export type KnownPsk =
  | { readonly _tag: "Session"; readonly session: Session13 }
  | { readonly _tag: "External"; readonly external: ExternalPsk }

/** The same, or what began in TLS 1.2 and can be resumed there only. */
export type Known =
  | KnownPsk
  | { readonly _tag: "Session12"; readonly session: Session12; readonly sealed?: SealedBy | undefined }

/** Whether today's key sealed a ticket, or one before it. */
export type SealedBy = "current key" | "older key"

/** A session that was found. */
export const known = (session: Session, sealed?: SealedBy): Known =>
  session.version === "TLSv1.3" ? { _tag: "Session", session } : { _tag: "Session12", session, sealed }

/** A PSK in a handshake: the identity that names it, and the first stage of the key schedule made of it. */
export interface Psk {
  readonly identity: Uint8Array
  readonly hash: Hash
  readonly early: KeySchedule.EarlySecret
  readonly origin: KnownPsk
}

/** A PSK in our own ClientHello. */
export interface OfferedPsk extends Psk {
  /** The age of the ticket in milliseconds, plus its `ticket_age_add`, modulo 2^32; 0 for an external PSK. */
  readonly obfuscatedAge: number
}

/** A PSK that a server goes on with. */
export interface SelectedPsk extends Psk {
  /** The place of the PSK among the client's identities. */
  readonly index: number
}

/** `binder_key`, under the label of where the PSK comes from (section 7.1; RFC 9258 section 5.2). */
export const binderKey = ({ hash, early, origin }: Psk): Secret<"binder"> =>
  KeySchedule.binderKey(
    hash,
    early,
    origin._tag === "Session" ? "res binder" : origin.external.kind === "external" ? "ext binder" : "imp binder"
  )

/** A session as it is resumed. */
export const ofSession = (identity: Uint8Array, session: Session13, hash: Hash): Psk => ({
  identity,
  hash,
  early: KeySchedule.earlySecret(hash, session.secret),
  origin: { _tag: "Session", session }
})

/** A key that was given. */
export const ofExternal = (external: ExternalPsk, hash: Hash): Psk => ({
  identity: external.identity,
  hash,
  early: KeySchedule.earlySecret(hash, external.secret),
  origin: { _tag: "External", external }
})

/** A ticket as a client offers it (section 4.3.11.1). */
export const ofTicket = (session: Session13, { ticket }: Ticket, hash: Hash, now: number): OfferedPsk => ({
  ...ofSession(ticket, session, hash),
  obfuscatedAge: (Math.max(0, Math.floor(now - session.created)) + session.ageAdd) % 2 ** 32
})
