/** Early data, for services that treat it like what comes after it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import type { ByteSocket, TlsConnection } from "../layers/TlsConnection.ts"

/**
 * The socket of a connection, whose reader yields early data before all else, while the handshake is still under way.
 * Until that is done whoever reads it may be hearing a replay (RFC 9846 section 8).
 */
export const earlyFirst = ({ earlyData, info, socket }: TlsConnection): ByteSocket => {
  if (info.earlyData !== "accepted") return socket
  const reader = Effect.gen(function* () {
    const early = yield* Stream.toPull(earlyData)
    const rest = yield* socket.reader
    let pull: typeof rest.pull = early.pipe(
      Effect.mapError((error) =>
        Cause.isDone(error) ? error : new Socket.SocketError({ reason: new Socket.SocketReadError({ cause: error }) })
      ),
      Pull.catchDone(() => {
        pull = rest.pull
        return rest.pull
      })
    )
    return { ...rest, pull: Effect.suspend(() => pull) }
  })
  return { ...socket, reader }
}
