/** `--trace`: the flights of a handshake on standard error, every message with its bytes explained. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Handshake, Handshake12 } from "../codec/handshake/handshake.ts"
import { explain, render } from "../codec/presentation/explain.ts"
import { HandshakeObserver, type MessageEvent } from "../layers/events.ts"
import type { Common } from "./flags.ts"

/** One message: an arrow for its direction, its name, and below it every field. */
const showMessage = ({ _tag, direction, message, raw }: MessageEvent): string => {
  const arrow = direction === "said" ? "-->" : "<--"
  const heading = `${arrow} ${message._tag}, ${raw.length} bytes`
  const fields = _tag === "Message12" ? explain(Handshake12.wire, raw) : explain(Handshake.wire, raw)
  return `${heading}\n${render(fields)}`.replace(/\n/g, "\n    ")
}

/** One message for programs, without the explanation. */
const toJson = ({ direction, message, raw }: MessageEvent): string =>
  JSON.stringify({ trace: { direction, message: message._tag, bytes: Buffer.from(raw).toString("hex") } })

/** Prints the messages of every connection below it. */
export const layer = (form: Common["summary"]): Layer.Layer<never> =>
  Layer.effect(
    HandshakeObserver,
    Effect.map(Console.Console, (console) => ({
      onMessage: (_role: "client" | "server", event: MessageEvent) =>
        console.error(form === "json" ? toJson(event) : showMessage(event))
    }))
  )
