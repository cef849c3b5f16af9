/**
 * The way out of a connection: one fiber at a time owns the inner writer.
 *
 * What is sealed has a place in the order of sequence numbers and must leave in it, all of it, whoever is interrupted
 * meanwhile. So the fibers that write do not touch the transport: they queue a job and wait. A worker seals and hands
 * over until nothing waits; it begins on the spot, so that on an idle connection a write is still one call of the inner
 * writer and no turn of the event loop.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { SocketError, Writer } from "effect/socket/Socket"
import { type Failure, make as failure } from "../state/failure.ts"
import { describeCause, type Release } from "./transport.ts"
import { Worker } from "./worker.ts"

/** Bytes of plaintext that are sealed before the inner writer has taken what was sealed earlier: 64 KiB. */
export const maxPiece = 2 ** 16

/** Bytes of our answers to a peer (KeyUpdate, alerts) that may wait before it is read no further: 1 MiB. */
export const maxBacklog = 2 ** 20

type Sealed = Result.Result<ReadonlyArray<Uint8Array>, Failure>

/** Something to send, in its turn. */
interface Job {
  /** Bytes of plaintext still to seal. */
  size: number
  /** Seals at most `room` bytes, and fewer only when there are no more. */
  readonly seal: (room: number) => Sealed
  /** How it ended; a writer that waits is told. */
  readonly settle: (outcome: Effect.Effect<void, Failure>) => void
}

const sizeOf = (parts: ReadonlyArray<Uint8Array>): number => {
  let size = 0
  for (const part of parts) size += part.length
  return size
}

const isNonEmpty = <A>(list: ReadonlyArray<A>): list is NonEmptyReadonlyArray<A> => list.length > 0

/** The queue of one connection. */
export class Outbox {
  /** Called when a writer has to wait. */
  onStall: (() => void) | undefined
  readonly #writer: Writer
  readonly #send: (plaintext: Uint8Array) => Sealed
  readonly #worker: Worker
  readonly #release: Release
  #sealed: Array<Uint8Array> = []
  /** Records that the inner writer is taking. */
  #taking: Array<Uint8Array> = []
  #backlog = 0
  readonly #jobs: Array<Job> = []
  /** Jobs whose last records the inner writer is taking. */
  #leaving: Array<Job> = []
  #broken: Failure | undefined
  #handedOver = 0

  /** `send` seals application data, `release` is told what the inner writer has taken. */
  constructor(
    writer: Writer,
    services: Context.Context<never>,
    send: (plaintext: Uint8Array) => Sealed,
    release: Release
  ) {
    this.#writer = writer
    this.#send = send
    this.#release = release
    this.#worker = new Worker(
      services,
      () => this.#work(),
      () => this.#sealed.length > 0 || this.#jobs.length > 0
    )
  }

  /** Bytes that are sealed and not yet with the inner writer. */
  get backlog(): number {
    return this.#backlog
  }

  /** Whether nothing waits. */
  get idle(): boolean {
    return this.#backlog === 0 && this.#jobs.length === 0
  }

  /** How many times the inner writer has taken something: whether there is progress. */
  get handedOver(): number {
    return this.#handedOver
  }

  /** Takes records that are sealed already. Nobody waits for them. */
  push(records: ReadonlyArray<Uint8Array>): void {
    if (records.length === 0 || this.#broken !== undefined) return
    this.#keep(records)
    this.#worker.wake()
  }

  /** Sends plaintext, whole and in its turn; done when the inner writer has taken it. */
  data(plaintext: Uint8Array): Effect.Effect<void, Failure> {
    if (plaintext.length <= maxPiece) return this.#submit(plaintext.length, () => this.#send(plaintext))
    let from = 0
    return this.#submit(plaintext.length, (room) => {
      const piece = plaintext.subarray(from, from + room)
      from += room
      return this.#send(piece)
    })
  }

  /** Sends the records that `make` seals when their turn comes. */
  records(make: () => Sealed): Effect.Effect<void, Failure> {
    return this.#submit(0, make)
  }

  /** Done when everything that was queued before is with the inner writer. */
  flushed(): Effect.Effect<void, Failure> {
    return this.records(() => Result.succeed([]))
  }

  /** Ends it: whoever waits fails, and so does everyone later. */
  fail(reason: Failure): void {
    this.#broken ??= reason
    this.#sealed = []
    this.#backlog = 0
    this.#leaving.push(...this.#jobs.splice(0))
    this.#settle(Effect.fail(this.#broken))
  }

  /** Ends it because the connection is closed on this side; what the inner writer has begun to take is cut off. */
  stop(): Effect.Effect<void> {
    const ended = Effect.sync(() => this.fail(failure("ConnectionClosed", "the connection was closed on this side")))
    return Effect.andThen(this.#worker.stop(), ended)
  }

  #submit(size: number, seal: Job["seal"]): Effect.Effect<void, Failure> {
    return Effect.callback((resume) => {
      if (this.#broken !== undefined) return resume(Effect.fail(this.#broken))
      const job: Job = { size, seal, settle: resume }
      this.#jobs.push(job)
      this.#worker.wake()
      if (this.idle) return
      this.onStall?.()
      // An interrupted writer takes back what is not sealed yet.
      return Effect.sync(() => {
        const at = this.#jobs.indexOf(job)
        if (at >= 0) this.#jobs.splice(at, 1)
      })
    })
  }

  #keep(records: ReadonlyArray<Uint8Array>): void {
    this.#sealed.push(...records)
    this.#backlog += sizeOf(records)
  }

  /** What the worker does. */
  #work(): Effect.Effect<void> {
    const handOver = Effect.whileLoop({
      while: () => this.#seal(),
      body: () => this.#handOver(),
      step: () => {
        for (const taken of this.#taking.splice(0)) this.#release(taken)
        this.#backlog = sizeOf(this.#sealed)
        this.#handedOver++
        this.#settle(Effect.void)
      }
    })
    return Effect.catchCause(handOver, (cause) =>
      Effect.sync(() => this.fail(failure("TransportFailed", `writing: ${describeCause(cause)}`)))
    )
  }

  #handOver(): Effect.Effect<void, SocketError> {
    const records = this.#sealed
    if (!isNonEmpty(records)) return Effect.void
    this.#sealed = []
    this.#taking = records
    return records.length === 1 ? this.#writer.write(records[0]) : this.#writer.writeAll(records)
  }

  /** Seals what has its turn, and says whether there is anything to hand over. */
  #seal(): boolean {
    while (true) {
      this.#sealPiece()
      if (this.#sealed.length > 0) return true
      this.#settle(Effect.void)
      if (this.#jobs.length === 0 && this.#sealed.length === 0) return false
    }
  }

  /** Seals jobs in their order as long as they fit in one piece; a larger one is sealed piece by piece. */
  #sealPiece(): void {
    let room = maxPiece
    const jobs = this.#jobs
    for (let job = jobs[0]; job !== undefined && (job.size <= room || room === maxPiece); job = jobs[0]) {
      room = this.#sealOne(job, room)
    }
  }

  /** One piece of the first job; what is left of the room afterwards. */
  #sealOne(job: Job, room: number): number {
    const records = job.seal(room)
    if (Result.isFailure(records)) {
      this.#jobs.shift()
      job.settle(Effect.fail(records.failure))
      return room
    }
    this.#keep(records.success)
    const rest = room - Math.min(job.size, room)
    job.size -= room - rest
    if (job.size === 0) {
      this.#jobs.shift()
      this.#leaving.push(job)
    }
    return rest
  }

  #settle(outcome: Effect.Effect<void, Failure>): void {
    const settled = this.#leaving
    if (settled.length === 0) return
    this.#leaving = []
    for (const job of settled) job.settle(outcome)
  }
}
