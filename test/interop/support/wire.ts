/** What goes over the wire of one of our sockets, both ways. */
import * as Effect from "effect/Effect"
import * as Socket from "effect/socket/Socket"
import { lengthAt, typeAt } from "../../../src/codec/record/record.ts"
import { records } from "../../support/pair.ts"

export interface Wire {
  readonly through: (socket: Socket.Socket) => Socket.Socket
  /** Bytes of content, type and padding of every protected record that is whole. */
  readonly heard: () => ReadonlyArray<number>
  readonly said: () => ReadonlyArray<number>
}

const inner = (chunks: ReadonlyArray<Uint8Array>): ReadonlyArray<number> =>
  records(Buffer.concat(chunks)).flatMap((record) =>
    typeAt(record, 0) === 23 && record.length === 5 + lengthAt(record, 0) ? [lengthAt(record, 0) - 16] : []
  )

export const make = (): Wire => {
  const [heard, said]: [Array<Buffer>, Array<Buffer>] = [[], []]
  return {
    heard: () => inner(heard),
    said: () => inner(said),
    through: (socket) =>
      Socket.make({
        reader: Effect.map(socket.reader, (reader) => ({
          ...reader,
          pull: Effect.tap(reader.pull, (chunks) =>
            Effect.sync(() => void heard.push(...chunks.map((chunk) => Buffer.from(chunk))))
          )
        })),
        writer: Effect.map(socket.writer, (writer) => ({
          write: (chunk) => {
            if (!Socket.isCloseEvent(chunk)) said.push(Buffer.from(chunk))
            return writer.write(chunk)
          },
          writeAll: (chunks) => {
            said.push(...chunks.map((chunk) => Buffer.from(chunk)))
            return writer.writeAll(chunks)
          }
        }))
      })
  }
}
