/**
 * The way into a connection: whoever pulls decrypted data pulls the transport, one call for each batch, and nobody
 * reads ahead, so that a reader that stops stops the peer.
 *
 * With one exception. A socket that broke while nobody was reading says so to its next reader only, and a write on it
 * may never return. So when a write makes no progress for a while and nobody pulls, a worker does.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Reader, SocketError } from "effect/socket/Socket"
import { make as failure } from "../state/failure.ts"
import { maxBacklog, type Outbox } from "./outbox.ts"
import { Worker } from "./worker.ts"

/** How long a write may make no progress before somebody looks whether the peer is still there. */
export const patience = "5 seconds"

/** How many such times a write may wait for a peer that has closed its own side, and may be gone altogether. */
export const lastStalls = 6

type Pull<A> = Effect.Effect<NonEmptyReadonlyArray<A>, SocketError>

/** What is done with what comes. */
export interface Receiver {
  /** Data that is decrypted and was not taken yet; taking it empties it. */
  readonly takeReady: () => ReadonlyArray<Uint8Array>
  /** Why no more data will come, once that is so. */
  readonly ended: () => SocketError | undefined
  /** Bytes of the peer. An effect where they ask something that takes time. */
  readonly hear: (chunks: NonEmptyReadonlyArray<Uint8Array | string>) => Effect.Effect<void> | undefined
  /** The end of the transport; yields the error to pass on unchanged, if it is our own doing. */
  readonly hearEnd: (error: SocketError) => SocketError | undefined
}

const isNonEmpty = <A>(list: ReadonlyArray<A>): list is NonEmptyReadonlyArray<A> => list.length > 0

export class Inbox {
  readonly pull: Pull<Uint8Array>
  readonly #more: Pull<Uint8Array>
  readonly #inner: Reader
  readonly #outbox: Outbox
  readonly #receiver: Receiver
  readonly #watcher: Worker
  /** Who has a pull of the transport under way. */
  #puller: "nobody" | "reader" | "watcher" = "nobody"
  #onWatched: (() => void) | undefined
  /** Whether the peer's side of the transport is seen to have ended. */
  #transport: "open" | "ended" = "open"

  constructor(inner: Reader, outbox: Outbox, receiver: Receiver, services: Context.Context<never>) {
    this.#inner = inner
    this.#outbox = outbox
    this.#receiver = receiver
    this.#watcher = new Worker(
      services,
      () => Effect.gen(() => this.#watch()),
      () => !outbox.idle
    )
    // An arrow function that is assigned to a property as it is written lives in old space, and with it the connection.
    const stalled = () => this.#watcher.wake()
    outbox.onStall = stalled
    this.pull = Effect.suspend(() => this.#next())
    const interrupted = () =>
      Effect.sync(() => {
        this.#puller = "nobody"
      })
    const pulled = Effect.matchEffect(Effect.onInterrupt(inner.pull, interrupted), {
      onSuccess: (chunks) => this.#hear(chunks),
      onFailure: (error) => this.#end(error)
    })
    this.#more = Effect.suspend(() => {
      this.#puller = "reader"
      return pulled
    })
  }

  /** Whether a pull of the transport is under way: what it yields is for this connection. */
  get pulling(): boolean {
    return this.#puller !== "nobody"
  }

  /** Runs what reads the transport in our place: the rest of a handshake, behind early data. */
  lend<A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E> {
    const back = Effect.sync(() => {
      this.#puller = "nobody"
    })
    return Effect.suspend(() => {
      this.#puller = "reader"
      return Effect.ensuring(work, back)
    })
  }

  /** Looks after writers no more. */
  stop(): Effect.Effect<void> {
    return this.#watcher.stop()
  }

  #next(): Pull<Uint8Array> {
    const chunks = this.#receiver.takeReady()
    if (isNonEmpty(chunks)) return Effect.succeed(chunks)
    const ended = this.#receiver.ended()
    if (ended !== undefined) return Effect.fail(ended)
    if (this.#puller === "watcher") return Effect.andThen(this.#watched(), this.pull)
    // A peer that makes us answer and does not read is read no further.
    if (this.#outbox.backlog > maxBacklog) return Effect.andThen(Effect.ignore(this.#outbox.flushed()), this.#more)
    return this.#more
  }

  #hear(chunks: NonEmptyReadonlyArray<Uint8Array | string>): Pull<Uint8Array> {
    this.#puller = "nobody"
    const heard = this.#receiver.hear(chunks)
    return heard === undefined ? this.#next() : Effect.andThen(heard, this.pull)
  }

  #end(error: SocketError): Pull<Uint8Array> {
    this.#puller = "nobody"
    this.#transport = "ended"
    const ours = this.#receiver.hearEnd(error)
    return ours === undefined ? this.pull : Effect.fail(ours)
  }

  /** Until the watcher has pulled. */
  #watched(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.#puller !== "watcher") return resume(Effect.void)
      const watched = () => resume(Effect.void)
      this.#onWatched = watched
    })
  }

  /** Looks, as long as writers wait, whether they are served. */
  *#watch() {
    let stalls = 0
    while (!this.#outbox.idle) {
      const before = this.#outbox.handedOver
      yield* Effect.sleep(patience)
      const stuck = !this.#outbox.idle && this.#outbox.handedOver === before
      stalls = stuck && this.#transport === "ended" ? stalls + 1 : 0
      if (stalls === lastStalls) this.#outbox.fail(failure("TransportFailed", "the peer hung up, and takes nothing"))
      else if (stuck && this.#puller === "nobody") yield* this.#look()
    }
  }

  #look(): Effect.Effect<void> {
    this.#puller = "watcher"
    const pulled = Effect.matchEffect(this.#inner.pull, {
      onSuccess: (chunks) => this.#receiver.hear(chunks) ?? Effect.void,
      onFailure: (error) =>
        Effect.sync(() => {
          this.#transport = "ended"
          this.#receiver.hearEnd(error)
        })
    })
    const looked = Effect.sync(() => {
      this.#puller = "nobody"
      this.#onWatched?.()
      this.#onWatched = undefined
    })
    return Effect.ensuring(pulled, looked)
  }
}
