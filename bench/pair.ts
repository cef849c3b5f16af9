/** A client process and a server process of one implementation, and what one request cost both. */
import { type ChildProcess, fork } from "node:child_process"
import type { Mode, Setup } from "./peers/peer.ts"
import type { Reply, Request } from "./worker.ts"

/** What one request cost: wall time in seconds, processor time in microseconds. */
export interface Spent {
  readonly seconds: number
  readonly clientCpu: number
  readonly serverCpu: number
  /** What the client answered. */
  readonly value: number
}

export interface Pair {
  readonly name: string
  readonly client: (request: Request) => Promise<Reply>
  readonly serve: (setup: Setup, mode: Mode) => Promise<number>
  readonly stop: () => Promise<void>
  readonly measure: (request: Request) => Promise<Spent>
  readonly memory: () => Promise<{ readonly client: Reply; readonly server: Reply }>
  readonly end: () => void
}

/** No request of a benchmark takes longer; one that does is stuck. */
const deadline = 120_000

const ask = (child: ChildProcess, request: Request): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const settle = (error: Error | undefined, reply?: Reply) => {
      clearTimeout(timer)
      child.off("message", onReply)
      child.off("exit", onExit)
      if (reply === undefined) reject(error)
      else resolve(reply)
    }
    const onReply = (reply: Reply) =>
      reply.error === undefined ? settle(undefined, reply) : settle(new Error(`${request._tag}: ${reply.error}`))
    const onExit = () => settle(new Error(`${request._tag}: the process ended`))
    const timer = setTimeout(() => settle(new Error(`${request._tag}: no answer`)), deadline)
    child.on("message", onReply)
    child.on("exit", onExit)
    child.send(request)
  })

export const start = (implementation: string): Pair => {
  const spawn = () => fork(new URL("worker.ts", import.meta.url), [implementation], { execArgv: ["--expose-gc"] })
  const [clientProcess, serverProcess] = [spawn(), spawn()]
  const client = (request: Request) => ask(clientProcess, request)
  const server = (request: Request) => ask(serverProcess, request)
  const both = async (request: Request) => ({ client: await client(request), server: await server(request) })
  return {
    name: implementation,
    client,
    memory: () => both({ _tag: "memory" }),
    serve: async (setup, mode) => (await server({ _tag: "serve", setup, mode })).value,
    stop: async () => {
      await client({ _tag: "stop" })
      await server({ _tag: "stop" })
    },
    measure: async (request) => {
      const before = await both({ _tag: "usage" })
      const began = process.hrtime.bigint()
      const { value } = await client(request)
      const seconds = Number(process.hrtime.bigint() - began) / 1e9
      const after = await both({ _tag: "usage" })
      return {
        seconds,
        value,
        clientCpu: after.client.cpu - before.client.cpu,
        serverCpu: after.server.cpu - before.server.cpu
      }
    },
    end: () => {
      clientProcess.kill()
      serverProcess.kill()
    }
  }
}
