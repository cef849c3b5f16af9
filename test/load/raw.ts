/** Clients of plain TCP, which do as they like: say nothing, say something else, hang up in the middle. */
import * as net from "node:net"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Failure } from "../../src/state/failure.ts"
import { clientEnd, clientWorld, type End } from "../support/pair.ts"

export interface Raw {
  readonly socket: net.Socket
  /** What came. */
  readonly heard: Array<Buffer>
  /** When the other end hung up or broke off, in milliseconds since it was opened; `undefined` while it has not. */
  readonly ended: () => number | undefined
}

/** Opens a connection; whatever comes of it, it throws nothing. It is destroyed with the scope. */
export const dial = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Raw>((resume) => {
      const begin = performance.now()
      let ended: number | undefined
      const heard: Array<Buffer> = []
      const end = () => {
        ended ??= performance.now() - begin
      }
      const socket = net.connect({ port, host: "127.0.0.1", noDelay: true })
      const raw: Raw = { socket, heard, ended: () => ended }
      socket.on("connect", () => resume(Effect.succeed(raw)))
      socket.on("data", (chunk) => void heard.push(chunk))
      socket.on("end", end)
      socket.on("error", end)
      socket.on("close", () => {
        end()
        resume(Effect.succeed(raw))
      })
    }),
    ({ socket }) =>
      Effect.callback<void>((resume) => {
        if (socket.closed) return resume(Effect.void)
        socket.once("close", () => resume(Effect.void))
        socket.destroy()
      })
  )

/** Until the other end has hung up. */
export const hungUp = ({ socket, ended }: Raw): Effect.Effect<number> =>
  Effect.callback<number>((resume) => {
    const done = () => resume(Effect.succeed(ended() ?? Number.NaN))
    if (ended() !== undefined) return done()
    socket.once("end", done)
    socket.once("close", done)
  }).pipe(Effect.timeoutOrElse({ duration: "15 seconds", orElse: () => Effect.die(new Error("nobody hung up")) }))

/** Gone at once: the other end gets an RST. */
export const reset = ({ socket }: Raw): void => void socket.resetAndDestroy()

/** A TLS client by hand, which knows its keys. */
export interface ByHand extends Raw {
  readonly end: End
  /** What `end` has to say goes out. */
  readonly flush: () => void
}

/** One that has its ClientHello ready, and answers the server when it hears it. */
export const byHand = (port: number) =>
  Effect.map(dial(port), (raw): ByHand => {
    const world = clientWorld()
    const end = clientEnd({ server: { _tag: "DnsName", name: "localhost" } }, world, { keyLog: "on" }).start()
    raw.socket.on("data", (chunk) => void end.receive(chunk))
    return { ...raw, end, flush: () => void raw.socket.write(end.flush()) }
  })

/** A ClientHello in one record. */
export const clientHello = (): Uint8Array =>
  clientEnd({ server: { _tag: "DnsName", name: "localhost" } })
    .start()
    .flush()

/** Waits for the next bytes of the server, or its end. */
export const heardMore = ({ socket }: Raw): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const done = () => resume(Effect.void)
    if (socket.closed) return done()
    socket.once("data", done)
    socket.once("close", done)
  })

/** A handshake by hand, done. */
export const shakeHands = Effect.fnUntraced(function* (port: number) {
  const client = yield* byHand(port)
  client.flush()
  while (client.end.connection.established === undefined) {
    if (client.ended() !== undefined) assert.fail(`the server hung up: ${client.end.failure?.detail}`)
    yield* heardMore(client)
  }
  client.flush()
  return client
})

export const reasonOf = (failure: Failure | undefined) => [failure?.reason, failure?.received]
