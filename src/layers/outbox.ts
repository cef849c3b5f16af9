/**
 * The way out of a connection: one fiber owns the inner writer.
 *
 * What is sealed has a place in the order of sequence numbers and must leave in it, all of it, whoever is interrupted
 * meanwhile. So the fibers that write do not touch the transport: they queue a job and wait. The writer fiber seals
 * and hands over; it is parked when there is nothing to do, and resumed on the spot by whoever brings something, so
 * that on an idle connection a write is still one call of the inner writer and no turn of the event loop.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { Writer } from "effect/socket/Socket"
import { type Failure, make as failure } from "../state/failure.ts"
import { describeCause } from "./transport.ts"

/** Bytes of plaintext that are sealed before the inner writer has taken what was sealed earlier: 64 KiB. */
export const maxPiece = 2 ** 16

/** Bytes of our answers to a peer (KeyUpdate, alerts) that may wait before it is read no further: 1 MiB. */
export const maxBacklog = 2 ** 20

/** Something to send, in its turn. */
interface Job {
  /** Bytes of plaintext still to seal. */
  size: number
  /** Seals at most `room` bytes, and fewer only when there are no more. */
  readonly seal: (room: number) => Result.Result<ReadonlyArray<Uint8Array>, Failure>
  /** How it ended; a writer that waits is told. */
  readonly settle: (outcome: Effect.Effect<void, Failure>) => void
}

export interface Outbox {
  /** Takes records that are sealed already. Nobody waits for them. */
  readonly push: (records: ReadonlyArray<Uint8Array>) => void
  /** Sends plaintext, whole and in its turn; done when the inner writer has taken it. */
  readonly data: (plaintext: Uint8Array) => Effect.Effect<void, Failure>
  /** Sends the records that `make` seals when their turn comes. */
  readonly records: (make: () => Result.Result<ReadonlyArray<Uint8Array>, Failure>) => Effect.Effect<void, Failure>
  /** Bytes that are sealed and not yet with the inner writer. */
  readonly backlog: () => number
  /** Whether nothing waits. */
  readonly idle: () => boolean
  /** How many times the inner writer has taken something: whether there is progress. */
  readonly handedOver: () => number
  /** Done when everything that was queued before is with the inner writer. */
  readonly flushed: Effect.Effect<void, Failure>
  /** Done when a writer has to wait. */
  readonly stalled: Effect.Effect<void>
  /** Ends it: whoever waits fails, and so does everyone later. */
  readonly fail: (reason: Failure) => void
  /** What the writer fiber does, until it is interrupted or the inner writer fails. */
  readonly run: Effect.Effect<void>
}

const sizeOf = (parts: ReadonlyArray<Uint8Array>): number => {
  let size = 0
  for (const part of parts) size += part.length
  return size
}

const isNonEmpty = <A>(list: ReadonlyArray<A>): list is NonEmptyReadonlyArray<A> => list.length > 0

/** The queue of one connection. `send` seals application data. */
export const make = (
  writer: Writer,
  send: (plaintext: Uint8Array) => Result.Result<ReadonlyArray<Uint8Array>, Failure>
): Outbox => {
  let sealed: Array<Uint8Array> = []
  let backlog = 0
  const jobs: Array<Job> = []
  /** Jobs whose last records the inner writer is taking. */
  let leaving: Array<Job> = []
  let broken: Failure | undefined
  let handedOver = 0
  let unpark: (() => void) | undefined
  let onStall: (() => void) | undefined

  const push = (records: ReadonlyArray<Uint8Array>): void => {
    if (records.length === 0 || broken !== undefined) return
    sealed.push(...records)
    backlog += sizeOf(records)
    unpark?.()
  }

  /** One piece of the first job; what is left of the room afterwards. */
  const sealOne = (job: Job, room: number): number => {
    const records = job.seal(room)
    if (Result.isFailure(records)) {
      jobs.shift()
      job.settle(Effect.fail(records.failure))
      return room
    }
    sealed.push(...records.success)
    backlog += sizeOf(records.success)
    const rest = room - Math.min(job.size, room)
    job.size -= room - rest
    if (job.size === 0) {
      jobs.shift()
      leaving.push(job)
    }
    return rest
  }

  /** Seals jobs in their order as long as they fit in one piece; a larger one is sealed piece by piece. */
  const seal = (): void => {
    let room = maxPiece
    for (let job = jobs[0]; job !== undefined && (job.size <= room || room === maxPiece); job = jobs[0]) {
      room = sealOne(job, room)
    }
  }

  const park = Effect.callback<void>((resume) => {
    if (sealed.length > 0 || jobs.length > 0) return resume(Effect.void)
    unpark = () => {
      unpark = undefined
      resume(Effect.void)
    }
  })

  const settle = (outcome: Effect.Effect<void, Failure>): void => {
    const settled = leaving
    leaving = []
    for (const job of settled) job.settle(outcome)
  }

  const loop = Effect.gen(function* () {
    while (true) {
      seal()
      const records = sealed
      if (isNonEmpty(records)) {
        sealed = []
        yield* records.length === 1 ? writer.write(records[0]) : writer.writeAll(records)
        backlog = sizeOf(sealed)
        handedOver++
      }
      settle(Effect.void)
      if (sealed.length === 0 && jobs.length === 0) yield* park
    }
  })

  const fail = (reason: Failure): void => {
    broken ??= reason
    sealed = []
    backlog = 0
    leaving.push(...jobs.splice(0))
    settle(Effect.fail(broken))
  }

  const stop = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
    Effect.sync(() => {
      unpark = undefined
      fail(
        Cause.hasInterruptsOnly(cause)
          ? failure("ConnectionClosed", "the connection was closed on this side")
          : failure("TransportFailed", `writing: ${describeCause(cause)}`)
      )
    })

  const submit = (size: number, seal: Job["seal"]): Effect.Effect<void, Failure> =>
    Effect.callback((resume) => {
      if (broken !== undefined) return resume(Effect.fail(broken))
      const job: Job = { size, seal, settle: resume }
      jobs.push(job)
      unpark?.()
      if (jobs.length > 0 || backlog > 0) onStall?.()
      // An interrupted writer takes back what is not sealed yet.
      return Effect.sync(() => {
        const at = jobs.indexOf(job)
        if (at >= 0) jobs.splice(at, 1)
      })
    })

  const data = (plaintext: Uint8Array): Effect.Effect<void, Failure> => {
    if (plaintext.length <= maxPiece) return submit(plaintext.length, () => send(plaintext))
    let from = 0
    return submit(plaintext.length, (room) => {
      const piece = plaintext.subarray(from, from + room)
      from += room
      return send(piece)
    })
  }

  const stalled = Effect.callback<void>((resume) => {
    onStall = () => {
      onStall = undefined
      resume(Effect.void)
    }
  })

  const records: Outbox["records"] = (make) => submit(0, make)

  return {
    push,
    data,
    records,
    backlog: () => backlog,
    idle: () => backlog === 0 && jobs.length === 0,
    handedOver: () => handedOver,
    flushed: records(() => Result.succeed([])),
    stalled,
    fail,
    run: Effect.onExit(loop, (exit) => stop(Exit.isFailure(exit) ? exit.cause : Cause.empty)).pipe(Effect.ignore)
  }
}
