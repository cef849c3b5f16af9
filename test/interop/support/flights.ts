/** What clients say, recorded on the way and said again, as bytes on TCP. */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import { HEADER_LENGTH, lengthAt, typeAt } from "../../../src/codec/record/record.ts"
import { listening } from "./node.ts"

/** The types of the records that are whole. */
const types = (bytes: Buffer): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let at = 0; at + HEADER_LENGTH <= bytes.length; ) {
    const end = at + HEADER_LENGTH + lengthAt(bytes, at)
    if (end > bytes.length) break
    found.push(typeAt(bytes, at))
    at = end
  }
  return found
}

const applicationData = 23

/**
 * A port that passes on to `to` what is said there, in both directions, or that keeps it to itself; and the first flight
 * of who came first: its ClientHello and its early data.
 */
export const recorder = Effect.fnUntraced(function* (to: number | "nobody") {
  let recorded = Buffer.alloc(0)
  let resolve: (flight: Buffer) => void = () => {}
  const flight = new Promise<Buffer>((give) => {
    resolve = give
  })
  const port = yield* listening(
    Net.createServer((near) => {
      near.on("error", () => {})
      near.on("data", (bytes) => {
        recorded = Buffer.concat([recorded, bytes])
        if (types(recorded).includes(applicationData)) resolve(recorded)
      })
      if (to === "nobody") return
      const far = Net.connect({ host: "127.0.0.1", port: to })
      near.pipe(far)
      far.pipe(near)
      far.on("error", () => near.destroy())
    })
  )
  return { port, flight: Effect.promise(() => flight) }
})

/** Says these bytes and nothing more; yields the type of the first record that comes back, if any, at the end. */
export const say = (port: number, bytes: Uint8Array) =>
  Effect.callback<number | undefined>((resume) => {
    let first: number | undefined
    const socket = Net.connect({ host: "127.0.0.1", port, allowHalfOpen: true })
    socket.on("data", (answer) => {
      first ??= answer[0]
    })
    socket.on("error", () => {})
    socket.once("end", () => socket.destroy())
    socket.once("close", () => resume(Effect.succeed(first)))
    socket.end(bytes)
    return Effect.sync(() => void socket.destroy())
  })
