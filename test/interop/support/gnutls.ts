/** The programs `gnutls-serv` and `gnutls-cli`, killed when the scope ends. */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import { fixtures, type Pair } from "./fixtures.ts"
import { listening } from "./node.ts"
import { start } from "./programs.ts"

/** TLS 1.3 and nothing else, unless there are other priorities. */
const priority = (args: ReadonlyArray<string>) =>
  args.includes("--priority") ? [] : ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3"]

/** A port that was free a moment ago: `gnutls-serv` takes no 0. */
const freePort = Effect.scoped(Effect.suspend(() => listening(Net.createServer())))

/** An echo server, line by line; `args` go to it as they are. */
export const server = Effect.fnUntraced(function* (pair: Pair, ...args: ReadonlyArray<string>) {
  const port = yield* freePort
  const files = ["--x509certfile", pair.cert, "--x509keyfile", pair.key]
  const program = yield* Effect.acquireDisposable(
    Effect.sync(() => start("gnutls-serv", ["--echo", "-a", "--port", `${port}`, ...priority(args), ...files, ...args]))
  )
  yield* Effect.promise(() => program.until(/listening on IPv4.*done/))
  return { program, port }
})

/** To a port of this machine, believing our authority. */
export const client = (port: number, ...args: ReadonlyArray<string>) =>
  Effect.acquireDisposable(
    Effect.sync(() =>
      start("gnutls-cli", [
        ...["--port", `${port}`, "--x509cafile", fixtures.ca.cert, ...priority(args)],
        ...["--sni-hostname", "localhost", "--verify-hostname", "localhost", ...args, "127.0.0.1"]
      ])
    )
  )
