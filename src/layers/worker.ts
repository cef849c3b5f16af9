/** A fiber that is there only while there is work: one that waits for it costs every idle connection 2 KiB. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

export class Worker {
  #state: "resting" | "working" | "stopped" = "resting"
  #fiber: Fiber.Fiber<unknown, unknown> | undefined
  readonly #services: Context.Context<never>
  readonly #work: () => Effect.Effect<void>
  readonly #pending: () => boolean

  /** `work` ends when nothing is `pending`, and begins again when something is. */
  constructor(services: Context.Context<never>, work: () => Effect.Effect<void>, pending: () => boolean) {
    this.#services = services
    this.#work = work
    this.#pending = pending
  }

  /** Begins the work, on the spot, unless it is under way. */
  wake(): void {
    if (this.#state !== "resting") return
    this.#state = "working"
    const work = Effect.withFiber((fiber) => {
      this.#fiber = fiber
      return this.#work()
    })
    Effect.runForkWith(this.#services)(work).addObserver(() => this.#rest())
  }

  #rest(): void {
    this.#fiber = undefined
    if (this.#state === "stopped") return
    this.#state = "resting"
    // What came between the last look at it and here.
    if (this.#pending()) this.wake()
  }

  /** Interrupts the work, and lets no more begin. */
  stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#state = "stopped"
      return this.#fiber === undefined ? Effect.void : Fiber.interrupt(this.#fiber)
    })
  }
}
