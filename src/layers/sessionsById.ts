/** Sessions of TLS 1.2 that a server keeps by their IDs, in its `ServerSessionStore` (RFC 5246 section 7.3). */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { KeepSession } from "../state/action.ts"
import { begin, decodeSession, encodeSession, type Session } from "../state/session.ts"
import type { Shape as Store } from "./ServerSessionStore.ts"

export interface SessionsById {
  /** The session of an ID that is not expired. It is forgotten by that, until its handshake has come to its end. */
  readonly find: (id: Uint8Array) => Effect.Effect<Session | undefined>
  /** The secret of the draft is wiped. */
  readonly keep: (session: KeepSession) => Effect.Effect<void>
}

const put = (store: Store, id: Uint8Array, session: Session): Effect.Effect<void> => {
  const encoded = encodeSession(session)
  session.secret.wipe()
  if (Result.isFailure(encoded)) return Effect.void
  const wipe = Effect.sync(() => encoded.success.fill(0))
  return Effect.ensuring(store.put(id, encoded.success, session.expires), wipe)
}

/** The session of bytes that are of no use afterwards. */
const restored = (bytes: Uint8Array | undefined): Session | undefined => {
  const session = bytes && decodeSession(bytes)
  bytes?.fill(0)
  return session
}

/** Over any store; `lifetime` is that of new sessions. */
export const make = (store: Store, lifetime: Duration.Duration): SessionsById => ({
  find: Effect.fnUntraced(function* (id) {
    const seen = restored(yield* store.get(id))
    seen?.secret.wipe()
    // The tickets of TLS 1.3 may be in the same store, and are not used up by whoever says one as an ID.
    if (seen?.version !== "TLSv1.2") return undefined
    const session = restored(yield* store.take(id))
    if (session === undefined || session.expires > (yield* Clock.currentTimeMillis)) return session
    session.secret.wipe()
    return undefined
  }),
  keep: ({ id, draft, expires }) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const session = begin(draft, { now, lifetime: Duration.toMillis(lifetime), ageAdd: 0 })
      return put(store, id, { ...session, expires: expires ?? session.expires })
    })
})
