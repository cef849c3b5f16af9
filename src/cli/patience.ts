/** How long a server may be silent. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Socket from "effect/socket/Socket"
import { type CliFailure, failed } from "./failure.ts"

/** Milliseconds that a server may say nothing, once there is nothing left that it could wait for. */
export const Patience: Context.Reference<number> = Context.Reference("effect-tls/cli/Patience", {
  defaultValue: () => 30_000
})

/** The failure of a server whose time is up. */
export const tired = (patience: number, since: string): CliFailure =>
  failed(`the server has neither said anything nor closed in ${patience / 1000} s after ${since}`)

/** The same socket, but reading fails after so long a silence. Only the time counts in which somebody is reading. */
export const patient = (socket: Socket.Socket, patience: number, since: string): Socket.Socket => ({
  ...socket,
  reader: Effect.map(socket.reader, (reader) => ({
    ...reader,
    pull: Effect.timeoutOrElse(reader.pull, {
      duration: patience,
      orElse: () =>
        Effect.fail(new Socket.SocketError({ reason: new Socket.SocketReadError({ cause: tired(patience, since) }) }))
    })
  }))
})
