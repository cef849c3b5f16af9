/** What the tests of the layers share: a world with node:crypto and certificates made for it, and small readers. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Socket from "effect/socket/Socket"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import type { ByteSocket } from "../../src/layers/TlsConnection.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"

/** Everything that a handshake needs, fast. */
export const world = TlsTest.layerCertificates.pipe(Layer.provideMerge(NodeCryptoProvider.layer))

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Pulls until `size` bytes are there. */
export const read = Effect.fnUntraced(function* (
  pull: Effect.Effect<ReadonlyArray<Uint8Array | string>, Socket.SocketError>,
  size: number
) {
  const parts: Array<Uint8Array> = []
  for (let length = 0; length < size; ) {
    for (const part of yield* pull) {
      const bytes = typeof part === "string" ? new TextEncoder().encode(part) : part
      parts.push(bytes)
      length += bytes.length
    }
  }
  return Buffer.concat(parts)
})

/** Reader and writer of a socket, for as long as the scope lives. */
export const open = Effect.fnUntraced(function* (socket: ByteSocket) {
  const reader = yield* socket.reader
  const writer = yield* socket.writer
  return { pull: reader.pull, ...writer }
})

/** Bytes that differ from each other. */
export const bytes = (size: number, seed = 1): Uint8Array => {
  const all = new Uint8Array(size)
  let state = seed
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    all[i] = state >>> 24
  }
  return all
}
