/** The same bytes in other pieces. */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import * as Socket from "effect/socket/Socket"
import { listening } from "./node.ts"

/** Pieces whose sizes are what `next` says. */
export const chop = (bytes: Uint8Array, next: () => number): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, next())
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

/** A socket that gives what comes in pieces, each by a `pull` of its own. */
export const chopped =
  (next: () => number) =>
  (socket: Socket.Socket): Socket.Socket =>
    Socket.make({
      writer: socket.writer,
      reader: Effect.map(socket.reader, (reader) => {
        const waiting: Array<Uint8Array> = []
        const pull: typeof reader.pull = Effect.suspend(() => {
          const piece = waiting.shift()
          if (piece !== undefined) return Effect.succeed([piece] as const)
          return Effect.flatMap(reader.pull, (batch) => {
            for (const chunk of batch) waiting.push(...chop(Buffer.from(chunk), next))
            return pull
          })
        })
        return { ...reader, pull }
      })
    })

export const oneByte = chopped(() => 1)

/** Sizes that look random and are the same every time. */
export const sizes = (seed: number, most: number): (() => number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return 1 + (((state >>> 8) / 0x7fffff) * most ** 1.5) ** (2 / 3)
  }
}

/** A TCP proxy that passes everything on in pieces of other sizes, in both directions. */
export const proxy = (to: number, seed: number) =>
  listening(
    Net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = Net.connect({ host: "127.0.0.1", port: to, allowHalfOpen: true, noDelay: true })
      const next = sizes(seed, 20_000)
      for (const [from, into] of [
        [near, far],
        [far, near]
      ] as const) {
        from.on("data", (bytes) => {
          for (const piece of chop(bytes, () => Math.floor(next()))) into.write(piece)
          if (into.writableNeedDrain) {
            from.pause()
            into.once("drain", () => from.resume())
          }
        })
        from.on("end", () => into.end())
        from.on("error", () => into.destroy())
      }
    })
  )

/** A TCP proxy through which everything goes as `change` wants it, one for each direction, in pieces of `most` bytes. */
export const changing = (
  to: number,
  change: () => (bytes: Uint8Array) => Uint8Array,
  most = Number.POSITIVE_INFINITY
) =>
  listening(
    Net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = Net.connect({ host: "127.0.0.1", port: to, allowHalfOpen: true, noDelay: true })
      for (const [from, into] of [
        [near, far],
        [far, near]
      ] as const) {
        const changed = change()
        let latest = Promise.resolve()
        // A turn of the loop for every piece, so that each is a segment of its own.
        const pass = async (bytes: Uint8Array) => {
          for (const piece of chop(bytes, () => most)) {
            into.write(piece)
            await new Promise<void>((resume) => void setImmediate(resume))
          }
        }
        from.on("data", (bytes) => {
          const ready = changed(bytes)
          latest = latest.then(() => pass(ready))
        })
        from.on("end", () => void latest.then(() => into.end()))
        from.on("error", () => into.destroy())
      }
    })
  )
