/** RFC 9846 section 4.3.11.2: binders, which bind a PSK to the ClientHello that offers it. */
import * as Result from "effect/Result"
import type { Extension } from "../../codec/extension/placement.ts"
import { type ClientHello, truncatedLength } from "../../codec/handshake/clientHello.ts"
import { equal } from "../../crypto/constantTime.ts"
import type { Hash } from "../../crypto/primitives.ts"
import { type Failure, fail } from "../failure.ts"
import { encodeHandshake } from "../flight.ts"
import * as Transcript from "../transcript.ts"
import { verifyData } from "./finished.ts"
import { binderKey, type OfferedPsk, type Psk } from "./psk.ts"

/** What was said before the ClientHello that is bound: nothing, or the first one and its HelloRetryRequest. */
export type Before = Transcript.Hashing | undefined

const transcript = (before: Before, hash: Hash, truncated: Uint8Array): Transcript.Hashing =>
  Transcript.append(before ?? { _tag: "Hashing", hash, state: hash.start }, truncated)

/** `Truncate(ClientHello)`: up to and including the identities. */
const truncate = (raw: Uint8Array): Result.Result<Uint8Array, Failure> => {
  const length = truncatedLength(raw)
  return length === undefined
    ? fail("IllegalValue", "pre_shared_key is not the last extension of the ClientHello")
    : Result.succeed(raw.subarray(0, length))
}

/** The binder of one PSK: a Finished whose base key is the binder key. */
const binder = (psk: Psk, heard: Transcript.Hashing): Uint8Array => {
  const key = binderKey(psk)
  const value = verifyData(key, heard)
  key.wipe()
  return value
}

const offered = (psks: ReadonlyArray<OfferedPsk>, binders: ReadonlyArray<Uint8Array>): Extension<"ClientHello"> => ({
  type: "pre_shared_key",
  data: {
    identities: psks.map(({ identity, obfuscatedAge }) => ({ identity, obfuscated_ticket_age: obfuscatedAge })),
    binders
  }
})

/** A ClientHello that offers these PSKs, bound to it. Without any it stays as it is. */
export const bind = (
  hello: ClientHello,
  psks: ReadonlyArray<OfferedPsk>,
  before: Before
): Result.Result<ClientHello, Failure> => {
  if (psks.length === 0) return Result.succeed(hello)
  const withBinders = (binders: ReadonlyArray<Uint8Array>): ClientHello => ({
    ...hello,
    extensions: [...hello.extensions, offered(psks, binders)]
  })
  const body = withBinders(psks.map(({ hash }) => new Uint8Array(hash.size)))
  return Result.map(Result.flatMap(encodeHandshake({ _tag: "ClientHello", body }), truncate), (truncated) =>
    withBinders(psks.map((psk) => binder(psk, transcript(before, psk.hash, truncated))))
  )
}

/** The server's check of the one binder that matters: that of the PSK it goes on with. */
export const verifyBinder = (
  psk: Psk,
  received: Uint8Array | undefined,
  raw: Uint8Array,
  before: Before
): Result.Result<void, Failure> =>
  Result.flatMap(truncate(raw), (truncated) =>
    received !== undefined && equal(received, binder(psk, transcript(before, psk.hash, truncated)))
      ? Result.succeed(undefined)
      : fail("BinderMismatch", "the binder does not fit the PSK and the ClientHello that offers it")
  )
