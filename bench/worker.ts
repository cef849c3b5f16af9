/** A child process that plays one role of one implementation; the parent says what to do over IPC. */
import type { Mode, Peer, Setup } from "./peers/peer.ts"

/** What the parent may ask; every request is answered with `Reply`. */
export type Request =
  | { readonly _tag: "serve"; readonly setup: Setup; readonly mode: Mode }
  | { readonly _tag: "stop" }
  | {
      readonly _tag: "handshakes"
      readonly setup: Setup
      readonly port: number
      readonly count: number
      readonly atOnce: number
    }
  | { readonly _tag: "upload" | "download"; readonly setup: Setup; readonly port: number; readonly bytes: number }
  | {
      readonly _tag: "pingPong"
      readonly setup: Setup
      readonly port: number
      readonly size: number
      readonly count: number
    }
  | { readonly _tag: "hold"; readonly setup: Setup; readonly port: number; readonly count: number }
  | { readonly _tag: "usage" }
  // The same behind a collection of the heap. That throws compiled code away too, so it is for figures of memory alone.
  | { readonly _tag: "memory" }

export interface Reply {
  /** A port, how many handshakes were resumed, or nothing. */
  readonly value: number
  /** Microseconds of processor time of this process so far, and bytes of resident memory. */
  readonly cpu: number
  readonly rss: number
  readonly error?: string
}

const load = async (name: string): Promise<Peer> =>
  name === "node:tls"
    ? (await import("./peers/nodeTls.ts")).peer
    : (await import("./peers/effectTls.ts")).make(name.endsWith("noble") ? "noble" : "node")

const act = async (peer: Peer, request: Request): Promise<number> => {
  switch (request._tag) {
    case "serve":
      return peer.serve(request.setup, request.mode)
    case "stop":
      return peer.stop().then(() => 0)
    case "handshakes":
      return peer.handshakes(request.setup, request.port, request.count, request.atOnce)
    case "upload":
      return peer.upload(request.setup, request.port, request.bytes).then(() => 0)
    case "download":
      return peer.download(request.setup, request.port, request.bytes).then(() => 0)
    case "pingPong":
      return peer.pingPong(request.setup, request.port, request.size, request.count).then(() => 0)
    case "hold":
      return peer.hold(request.setup, request.port, request.count).then(() => 0)
    case "usage":
      return 0
    case "memory":
      globalThis.gc?.()
      return 0
  }
}

const usage = () => {
  const { user, system } = process.cpuUsage()
  return { cpu: user + system, rss: process.memoryUsage.rss() }
}

if (process.send !== undefined) {
  const peer = load(process.argv[2] ?? "")
  process.on("message", (request: Request) => {
    void peer
      .then((peer) => act(peer, request))
      .then((value) => process.send?.({ value, ...usage() } satisfies Reply))
      .catch((error: unknown) => process.send?.({ value: 0, ...usage(), error: String(error) } satisfies Reply))
  })
}
