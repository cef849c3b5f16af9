/**
 * The way into a connection: whoever pulls decrypted data pulls the transport, one call for each batch, and nobody
 * reads ahead, so that a reader that stops stops the peer.
 *
 * With one exception. A socket that broke while nobody was reading says so to its next reader only, and a write on it
 * may never return. So when a write makes no progress for a while and nobody pulls, `watch` does.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { Reader, SocketError } from "effect/socket/Socket"
import type { Outbox } from "./outbox.ts"
import { maxBacklog } from "./outbox.ts"

/** How long a write may make no progress before somebody looks whether the peer is still there. */
export const patience = "5 seconds"

type Pull<A> = Effect.Effect<NonEmptyReadonlyArray<A>, SocketError>

/** What the inbox is told to do with what comes. */
export interface Receiver {
  /** Data that is decrypted and was not taken yet; taking it empties it. */
  readonly take: () => ReadonlyArray<Uint8Array>
  /** Why no more data will come, once that is so. */
  readonly ended: () => SocketError | undefined
  /** Bytes of the peer. An effect where they ask something that takes time. */
  readonly hear: (chunks: NonEmptyReadonlyArray<Uint8Array | string>) => Effect.Effect<void> | undefined
  /** The end of the transport; yields the error to pass on unchanged, if it is our own doing. */
  readonly end: (error: SocketError) => SocketError | undefined
}

export interface Inbox {
  readonly pull: Pull<Uint8Array>
  /** Runs as long as the connection: looks after writers whom nobody else would tell that the peer is gone. */
  readonly watch: Effect.Effect<never>
}

const isNonEmpty = <A>(list: ReadonlyArray<A>): list is NonEmptyReadonlyArray<A> => list.length > 0

export const make = (inner: Reader, outbox: Outbox, receiver: Receiver): Inbox => {
  /** Who has a pull of the transport under way. */
  let puller: "nobody" | "reader" | "watch" = "nobody"
  let waiting: (() => void) | undefined

  const next: Pull<Uint8Array> = Effect.suspend(() => {
    const chunks = receiver.take()
    if (isNonEmpty(chunks)) return Effect.succeed(chunks)
    const ended = receiver.ended()
    if (ended !== undefined) return Effect.fail(ended)
    if (puller === "watch") return Effect.andThen(watched, next)
    // A peer that makes us answer and does not read is read no further.
    if (outbox.backlog() > maxBacklog) return Effect.andThen(Effect.ignore(outbox.flushed), more)
    return more
  })

  const hear = (chunks: NonEmptyReadonlyArray<Uint8Array | string>): Pull<Uint8Array> => {
    puller = "nobody"
    const heard = receiver.hear(chunks)
    return heard === undefined ? next : Effect.andThen(heard, next)
  }

  const end = (error: SocketError): Pull<Uint8Array> => {
    puller = "nobody"
    const ours = receiver.end(error)
    return ours === undefined ? next : Effect.fail(ours)
  }

  const pullInner = Effect.matchEffect(inner.pull, { onSuccess: hear, onFailure: end })
  const more: Pull<Uint8Array> = Effect.suspend(() => {
    puller = "reader"
    return pullInner
  })

  /** Until the watch has pulled. */
  const watched = Effect.callback<void>((resume) => {
    if (puller !== "watch") return resume(Effect.void)
    waiting = () => resume(Effect.void)
  })

  const look = Effect.suspend(() => {
    puller = "watch"
    return Effect.matchEffect(inner.pull, {
      onSuccess: (chunks) => receiver.hear(chunks) ?? Effect.void,
      onFailure: (error) => Effect.sync(() => void receiver.end(error))
    })
  })

  const looked = Effect.sync(() => {
    puller = "nobody"
    waiting?.()
    waiting = undefined
  })

  const watch = Effect.gen(function* () {
    while (true) {
      yield* outbox.stalled
      const before = outbox.handedOver()
      yield* Effect.sleep(patience)
      if (puller === "nobody" && !outbox.idle() && outbox.handedOver() === before) yield* Effect.ensuring(look, looked)
    }
  })

  return { pull: next, watch }
}
