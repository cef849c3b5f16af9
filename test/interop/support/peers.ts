/** Deno, Bun and workerd, where `npm ci --prefix test/interop/peers` has brought them or the PATH has them. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import * as Effect from "effect/Effect"
import { fixtures, type Pair } from "./fixtures.ts"
import { finish, type Program, start } from "./programs.ts"

const folder = new URL("../peers/", import.meta.url).pathname

/** The program, if it is there and runs. */
const find = (name: string, packaged: string): string | undefined => {
  const path = `${folder}node_modules/${packaged}`
  const program = existsSync(path) ? path : name
  return spawnSync(program, ["--version"], { timeout: 10_000 }).status === 0 ? program : undefined
}

export const deno = find("deno", "@deno/linux-x64-glibc/deno")
export const bun = find("bun", "@oven/bun-linux-x64-baseline/bin/bun")
export const workerd = find("workerd", "@cloudflare/workerd-linux-64/bin/workerd")

/** A script of `peers` and what runs it. */
export interface Peer {
  readonly program: string
  readonly args: ReadonlyArray<string>
}

const denoArgs = ["run", "--allow-all", "--no-config", "--quiet"]

/** By an API of its own, or by its `node:tls`. */
export const denoPeer = (script: "deno.js" | "nodeTls.js"): Peer => ({
  program: deno ?? "deno",
  args: [...denoArgs, folder + script]
})
export const bunPeer = (script: "bun.js" | "nodeTls.js"): Peer => ({ program: bun ?? "bun", args: [folder + script] })

/** What a script may be told; what it does not know it ignores. */
export interface PeerOptions {
  readonly pair?: Pair | undefined
  readonly alpn?: ReadonlyArray<string> | undefined
  /** Client: the server name, how many bytes it sends and wants back, how many connections follow each other. */
  readonly name?: string | undefined
  readonly size?: number | undefined
  readonly connections?: number | undefined
  /** Client, of node:tls: the oldest version that it speaks, TLS 1.3 by default. */
  readonly minVersion?: "TLSv1.3" | "TLSv1.2" | undefined
  /** Server: whether a client needs a certificate. */
  readonly requestCert?: boolean | undefined
}

/** What a script says of a connection. */
export interface Said {
  /** The digests of what it sent and of what came back. */
  readonly sent?: string
  readonly got?: string
  readonly alpn?: string | null
  /** The server name that it heard. */
  readonly name?: string
  /** The SHA-256 fingerprint of the other end's certificate. */
  readonly peer?: string
  readonly resumed?: boolean
  readonly status?: number
  readonly ended?: string
  readonly error?: string
}

const told = ({ pair, ...options }: PeerOptions & { readonly port?: number }) =>
  JSON.stringify({ ...options, ca: fixtures.ca.cert, cert: pair?.cert, key: pair?.key })

const lines = (text: string): ReadonlyArray<Said> =>
  text.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []))

/** The script as a client, to its end; one line for each connection. */
export const client = (peer: Peer, port: number, options: PeerOptions = {}, role: "client" | "fetching" = "client") =>
  Effect.promise(async () => {
    const { status, stdout, stderr } = await finish(peer.program, [...peer.args, role, told({ port, ...options })])
    if (status !== 0) throw new Error(`${peer.args.at(-1)} ended with ${status}: ${stdout}${stderr}`)
    return lines(stdout)
  })

export interface PeerServer {
  readonly port: number
  readonly program: Program
  /** Waits until it says this, and yields all that it has said of connections. */
  readonly says: (pattern: RegExp) => Effect.Effect<ReadonlyArray<Said>>
}

/** The script as an echo server on a free port; killed when the scope ends. */
export const server = Effect.fnUntraced(function* (peer: Peer, options: PeerOptions = {}) {
  const program = yield* Effect.acquireDisposable(
    Effect.sync(() => start(peer.program, [...peer.args, "server", told({ pair: fixtures.server.p256, ...options })]))
  )
  const says = (pattern: RegExp) =>
    Effect.map(
      Effect.promise(() => program.until(pattern)),
      () => lines(program.stdout()).slice(1)
    )
  const [, port] = yield* Effect.promise(() => program.until(/^\{"port":(\d+)\}/))
  return { port: Number(port), program, says } satisfies PeerServer
})
