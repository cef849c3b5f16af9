/** Somebody on the way, who changes the first message of a direction: one of the two that nothing protects. */
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import { decodeMessage, encodeMessage, type Message } from "../../src/codec/handshake/handshake.ts"
import { HEADER_LENGTH, lengthAt, typeAt, writeHeader } from "../../src/codec/record/record.ts"

type Hello<T extends "ClientHello" | "ServerHello"> = Extract<Message, { readonly _tag: T }>["body"]
/** What is said in the place of a hello. */
export type Lie<T extends "ClientHello" | "ServerHello"> = (hello: Hello<T>) => Partial<Hello<T>>

const nothing = new Uint8Array(0)

/** The bytes of one direction, in pieces, with another first message. */
const changed = (change: (message: Message) => Message) => {
  let waiting: Buffer | undefined = Buffer.alloc(0)
  return (chunk: Uint8Array): Uint8Array => {
    if (waiting === undefined) return chunk
    waiting = Buffer.concat([waiting, chunk])
    if (waiting.length < HEADER_LENGTH) return nothing
    // The first message may have others behind it in its record, and the record others behind it.
    const end = HEADER_LENGTH + lengthAt(waiting, 0)
    if (waiting.length < end) return nothing
    const [content, rest] = [waiting.subarray(HEADER_LENGTH, end), waiting.subarray(end)]
    const size = 4 + content.readUIntBE(1, 3)
    const said = change(Result.getOrThrow(decodeMessage(content.subarray(0, size))))
    const raw = Result.getOrThrow(encodeMessage(said))
    const header = new Uint8Array(HEADER_LENGTH)
    writeHeader(header, 0, 22, 0x0303, raw.length + content.length - size)
    waiting = undefined
    return Buffer.concat([header, raw, content.subarray(size), rest])
  }
}

/** For the way from the client to the server. */
export const clientHello = (lie: Lie<"ClientHello">) =>
  changed((message) =>
    message._tag === "ClientHello"
      ? { ...message, body: { ...message.body, ...lie(message.body) } }
      : assert.fail(`${message._tag} comes first`)
  )

/** For the way back. */
export const serverHello = (lie: Lie<"ServerHello">) =>
  changed((message) =>
    message._tag === "ServerHello"
      ? { ...message, body: { ...message.body, ...lie(message.body) } }
      : assert.fail(`${message._tag} comes first`)
  )

/** The client speaks nothing newer than TLS 1.2. */
export const stripped: Lie<"ClientHello"> = ({ extensions }) => ({
  extensions: extensions.filter(({ type }) => type !== "supported_versions")
})
/** It says so itself. */
export const lowered: Lie<"ClientHello"> = ({ extensions }) => ({
  extensions: extensions.map((extension) =>
    extension.type === "supported_versions" ? { ...extension, data: { versions: ["TLSv1.2"] } } : extension
  )
})
/** The server says nothing of a downgrade. */
export const unmarked: Lie<"ServerHello"> = ({ random }) => ({
  random: Buffer.concat([random.subarray(0, 24), Buffer.alloc(8, 7)])
})

/**
 * Handshake messages in the clear, in records of so many bytes at most: in more of them, or in fewer, as far as they
 * come together. From the first ChangeCipherSpec on everything stays as it is.
 */
export const reframed = (size: number) => {
  let waiting = Buffer.alloc(0)
  let clear = true
  return (chunk: Uint8Array): Uint8Array => {
    waiting = Buffer.concat([waiting, chunk])
    const out: Array<Uint8Array> = []
    let content = Buffer.alloc(0)
    const flush = () => {
      for (let at = 0; at < content.length; at += size) {
        const piece = content.subarray(at, at + size)
        const header = new Uint8Array(HEADER_LENGTH)
        writeHeader(header, 0, 22, 0x0303, piece.length)
        out.push(header, piece)
      }
      content = Buffer.alloc(0)
    }
    while (clear && waiting.length >= HEADER_LENGTH) {
      const end = HEADER_LENGTH + lengthAt(waiting, 0)
      clear = typeAt(waiting, 0) === 22
      if (!clear || waiting.length < end) break
      content = Buffer.concat([content, waiting.subarray(HEADER_LENGTH, end)])
      waiting = waiting.subarray(end)
    }
    flush()
    if (!clear) {
      out.push(waiting)
      waiting = Buffer.alloc(0)
    }
    return Buffer.concat(out)
  }
}
