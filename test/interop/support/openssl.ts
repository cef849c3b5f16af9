/** The programs `openssl s_server` and `openssl s_client`, killed when the scope ends. */
import * as Effect from "effect/Effect"
import { fixtures, type Pair } from "./fixtures.ts"
import { type Program, start } from "./programs.ts"

const openssl = (args: ReadonlyArray<string>) => Effect.acquireDisposable(Effect.sync(() => start("openssl", args)))

/** Until the program says this. */
export const says = (program: Program, pattern: RegExp) => Effect.promise(() => program.until(pattern))

/** TLS 1.3 and nothing else, unless other versions are named: it takes one such flag, or some that rule others out. */
const version = (args: ReadonlyArray<string>) => (args.some((arg) => /^-(no_)?tls1_/.test(arg)) ? [] : ["-tls1_3"])

/** `s_server` on a free port; `args` go to it as they are. */
export const server = Effect.fnUntraced(function* (pair: Pair, ...args: ReadonlyArray<string>) {
  const files = ["-cert", pair.cert, "-key", pair.key, "-CAfile", fixtures.ca.cert]
  const program = yield* openssl(["s_server", "-accept", "127.0.0.1:0", ...version(args), ...files, ...args])
  const [, port] = yield* says(program, /ACCEPT 127\.0\.0\.1:(\d+)/)
  return { program, port: Number(port) }
})

/** `s_client` to a port of this machine, which believes our authority and nobody else. */
export const client = (port: number, ...args: ReadonlyArray<string>) =>
  openssl([
    ...["s_client", "-connect", `127.0.0.1:${port}`, ...version(args), "-CAfile", fixtures.ca.cert],
    ...["-verify_return_error", "-servername", "localhost", ...args]
  ])

/** Its exit status. */
export const ended = (program: Program) => Effect.promise(() => program.exit)
