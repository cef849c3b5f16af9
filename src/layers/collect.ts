/** Streams of bytes from files and from the network, which may have no end. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { joined } from "./bytes.ts"

/** All bytes of a stream in one array; `undefined` for more than `maxSize` bytes, of which no further ones are read. */
export const collect = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  maxSize: number
): Effect.Effect<Uint8Array | undefined, E, R> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    const enough = Stream.takeUntil(bytes, (chunk) => {
      chunks.push(chunk)
      size += chunk.length
      return size > maxSize
    })
    return Effect.map(Stream.runDrain(enough), () => (size > maxSize ? undefined : joined(chunks)))
  })
