/**
 * The key log of RFC 9850: lines with which a tool such as Wireshark reads what was said. Whoever has them reads
 * everything, so nothing is written unless one of these layers is provided by name.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"

/** Takes one line, without its end: `LABEL SP client_random SP secret`. */
export interface KeyLogger {
  readonly log: (line: string) => Effect.Effect<void>
}

/** Who keeps the key log. By default nobody, and then the secrets do not leave the connection at all. */
export const KeyLog: Context.Reference<KeyLogger | undefined> = Context.Reference("effect-tls/layers/KeyLog", {
  defaultValue: (): KeyLogger | undefined => undefined
})

/** Any function as a key log. */
export const layer = (log: (line: string) => Effect.Effect<void>): Layer.Layer<never> => Layer.succeed(KeyLog, { log })

/** Lines go to whoever subscribes. */
export const layerPubSub = (lines: PubSub.PubSub<string>): Layer.Layer<never> =>
  layer((line) => Effect.asVoid(PubSub.publish(lines, line)))

/** Lines are pushed to an array, for tests. */
export const layerArray = (lines: Array<string>): Layer.Layer<never> =>
  layer((line) => Effect.sync(() => void lines.push(line)))
