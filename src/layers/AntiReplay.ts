/** Whether early data came before: the strike register of 0-RTT (RFC 9846 section 8.2, ClientHello recording). */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"

/** What a register of early data does. */
export interface Shape {
  /**
   * Half the recording window: how far a ClientHello may be from its expected arrival, early or late, to be judged at
   * all (section 8.3). Who asks checks that first, and lets a ClientHello be remembered to the end of its window.
   */
  readonly window: Duration.Duration
  /**
   * Judges a ClientHello by its binder, 32 bytes or more, which must have been verified: anybody can vary another one.
   * `fresh` is said once for a binder until `until` (milliseconds since 1970) has passed. When in doubt the answer is
   * `replayed`, which costs the client a round trip and nothing else.
   */
  readonly judge: (binder: Uint8Array, until: number) => Effect.Effect<"fresh" | "replayed">
}

const defaultWindow = Duration.seconds(10)

const rejecting: Shape = { window: defaultWindow, judge: () => Effect.succeed("replayed") }

/** The register in use. By default everything counts as replayed, so that no early data is accepted. */
export const AntiReplay: Context.Reference<Shape> = Context.Reference("effect-tls/layers/AntiReplay", {
  defaultValue: () => rejecting
})

/** Any register, such as one that a fleet shares. */
export const layer = (register: Shape): Layer.Layer<never> => Layer.succeed(AntiReplay, register)

/** No early data. */
export const layerReject: Layer.Layer<never> = layer(rejecting)

/** How much the register in memory remembers, and for how long. */
export interface Options {
  /** How far from its expected arrival a ClientHello may be, early or late; 10 seconds by default. */
  readonly window?: Duration.Input | undefined
  /** ClientHellos remembered at once, some 100 bytes each; 100 000 by default. When it is full, all are replays. */
  readonly capacity?: number | undefined
  /**
   * How long after the start everything is a replay, since nobody knows what came before. By default twice the
   * window: so long may a ClientHello stay fresh that another process accepted just before (section 8.2).
   */
  readonly warmUp?: Duration.Input | undefined
}

/** A binder is a MAC: half of the shortest is enough to tell them apart. */
const recorded = 16

/** A full register is looked through for what has expired this often at most, in milliseconds. */
const sweepEvery = 1000

const make = (window: Duration.Duration, warmUp: number, capacity: number, started: number): Shape => {
  const register = new Map<string, number>()
  let swept = started
  const sweep = (now: number): void => {
    if (now >= swept && now - swept < sweepEvery) return
    swept = now
    for (const [binder, until] of register) if (until < now) register.delete(binder)
  }
  const judge = (binder: string, until: number, now: number): "fresh" | "replayed" => {
    const known = register.get(binder)
    if (known !== undefined && known >= now) return "replayed"
    if (register.size >= capacity) sweep(now)
    if (until < now || register.size >= capacity) return "replayed"
    register.set(binder, until)
    // what is refused while warming up is recorded too: it is resent as ordinary data, and must not be taken later
    return now < started + warmUp ? "replayed" : "fresh"
  }
  return {
    window,
    judge: (binder, until) =>
      Effect.map(Clock.currentTimeMillis, (now) => judge(Hex.encode(binder.subarray(0, recorded)), until, now))
  }
}

/**
 * Remembers ClientHellos in the memory of this process. Servers that share tickets need a register that they share, or
 * each of them accepts a replay once (section 8).
 */
export const layerMemory = (options: Options = {}): Layer.Layer<never> =>
  Layer.effect(
    AntiReplay,
    Effect.map(Clock.currentTimeMillis, (now) => {
      const window = Duration.fromInputUnsafe(options.window ?? defaultWindow)
      const warmUp = Duration.fromInputUnsafe(options.warmUp ?? Duration.times(window, 2))
      return make(window, Duration.toMillis(warmUp), options.capacity ?? 100_000, now)
    })
  )
