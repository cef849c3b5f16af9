/** What a key that both sides were given must be, before anything is done with it (RFC 9257 section 6). */

import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { hex } from "../codec/bytes.ts"
import type { Secret } from "../crypto/secret.ts"
import { escape } from "../state/failure.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"

/** One key. */
export interface Key {
  /** What it is called by both sides, and by everybody who listens on the way: 1 to 4,096 bytes, text as UTF-8. */
  readonly identity: string | Uint8Array
  /** 16 bytes or more of a random generator. A password is no key: who hears one handshake can try them all. */
  readonly secret: Redacted.Redacted<Uint8Array>
  /** The hash that it belongs to, on both sides; SHA-256 unless they agreed on another. */
  readonly hash?: "sha256" | "sha384" | undefined
}

const encoder = new TextEncoder()

export const identityOf = ({ identity }: Pick<Key, "identity">): Uint8Array =>
  typeof identity === "string" ? encoder.encode(identity) : identity.slice()

/** An identity for people: text where it is printable ASCII, else hexadecimal; cut where it is long. */
export const show = (identity: Uint8Array): string => {
  const start = identity.subarray(0, 257)
  return start.every((byte) => byte >= 0x20 && byte <= 0x7e)
    ? escape(String.fromCharCode(...start))
    : escape(`0x${hex(start)}`)
}

/** Fewer bytes can be guessed. */
const leastSecret = 16

/** Two identities of one key fit into a ClientHello, with what else stands in them. */
export const mostIdentity = 2 ** 12

const oneKey = Effect.fnUntraced(function* (key: Key) {
  const identity = identityOf(key)
  if (identity.length < 1 || identity.length > mostIdentity) {
    return yield* misconfigured(
      `the identity of an external PSK has 1 to ${mostIdentity} bytes, not ${identity.length}`
    )
  }
  const name = `the external PSK "${show(identity)}"`
  const secret = Redacted.value(key.secret)
  if (secret.length < leastSecret) {
    return yield* misconfigured(`${name} has ${secret.length} bytes, and ${leastSecret} random ones are the least`)
  }
  if (secret.every((byte) => byte === secret[0])) {
    return yield* misconfigured(`${name} is the same byte again and again, which is no key`)
  }
})

/** Keys, each with a name of its own. */
export const checked = Effect.fnUntraced(function* (keys: ReadonlyArray<Key>): Effect.fn.Return<void, TlsError> {
  if (keys.length === 0) return yield* misconfigured("at least one external PSK is needed")
  yield* Effect.forEach(keys, oneKey, { discard: true })
  const names = keys.map(identityOf)
  const twice = names.find((name, i) => names.findIndex((each) => hex(each) === hex(name)) < i)
  if (twice !== undefined) return yield* misconfigured(`the external PSK "${show(twice)}" is given twice`)
})

/** A secret that is wiped when its layer is gone. */
export const owned = <S extends Secret<string>>(secret: S) =>
  Effect.acquireRelease(Effect.succeed(secret), (secret) => Effect.sync(() => secret.wipe()))
