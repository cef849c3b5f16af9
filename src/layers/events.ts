/** Watching a connection: for traces and tests, silent by default. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { ConnectionEvent } from "../state/connection.ts"

/** A handshake message, as said or heard: decoded, and its bytes. */
export type MessageEvent = Extract<ConnectionEvent, { readonly _tag: "Message" | "Message12" }>

/**
 * Told of every handshake message as it goes. It is called between two steps of a connection: it must be quick, must
 * not throw, and gets no secret. A message's bytes are good for the time of the call.
 */
export interface Observer {
  readonly onMessage: (role: "client" | "server", event: MessageEvent) => void
}

/** Who watches; nobody by default. */
export const HandshakeObserver: Context.Reference<Observer | undefined> = Context.Reference(
  "effect-tls/layers/HandshakeObserver",
  { defaultValue: (): Observer | undefined => undefined }
)

/** Watches every connection made under this layer. */
export const layerObserver = (onMessage: Observer["onMessage"]): Layer.Layer<never> =>
  Layer.succeed(HandshakeObserver, { onMessage })
