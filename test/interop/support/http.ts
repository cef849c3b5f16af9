/** Our server with node:http above it, which sends the body of a request back, one request a connection. */
import * as Http from "node:http"
import * as Effect from "effect/Effect"
import { toDuplex } from "../../../src/layers/node/duplex.ts"
import * as Ours from "./ours.ts"

export const serveHttp = (options: Omit<Ours.ServerOptions, "serve"> = {}) => {
  const http = Http.createServer((request, response) => void request.pipe(response.setHeader("connection", "close")))
  return Ours.serve({
    alpnProtocols: ["http/1.1"],
    ...options,
    serve: ({ socket }) =>
      Effect.flatMap(toDuplex(socket), (duplex) =>
        Effect.callback<void, Error>((resume) => {
          duplex.once("error", (error) => resume(Effect.fail(error)))
          duplex.once("close", () => resume(Effect.void))
          http.emit("connection", duplex)
        })
      )
  })
}
