/** Traffic keys handed over on a real socket, with node:tls at the other end. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Socket from "effect/socket/Socket"
import type { TlsConnection } from "../../src/layers/TlsConnection.ts"
import { find } from "../../src/layers/TlsError.ts"
import { Kernel } from "../support/kernel.ts"
import * as Node from "./support/node.ts"
import * as Ours from "./support/ours.ts"

const reasonOf = (error: unknown) => find(error)?.reason._tag

/** Writes and reads through the library, then takes over, echoes and is echoed by hand. */
const takeOver = Effect.fnUntraced(function* (connection: TlsConnection) {
  const { pull } = yield* connection.socket.reader
  const { write } = yield* connection.socket.writer
  yield* write("by the library")
  assert.strictEqual(String(yield* Ours.take(pull, 14)), "by the library")
  const owner = yield* connection.dangerouslyExtractTrafficSecrets
  const kernel = new Kernel(owner)
  const read = Effect.fnUntraced(function* (size: number) {
    let text = ""
    while (text.length < size) {
      for (const chunk of yield* owner.reader.pull) {
        if (typeof chunk === "string") return assert.fail("text")
        for (const [type, content] of kernel.open(chunk)) if (type === 23) text += content
      }
    }
    return text
  })
  for (const text of ["by hand", "and by hand again"]) {
    yield* owner.writer.write(kernel.seal(Buffer.from(text)))
    assert.strictEqual(yield* read(text.length), text)
  }
  assert.strictEqual(reasonOf(yield* Effect.flip(write("no more"))), "ConnectionClosed")
  assert.strictEqual(reasonOf(yield* Effect.flip(pull)), "ConnectionClosed")
  assert.strictEqual(reasonOf(yield* Effect.flip(connection.dangerouslyExtractTrafficSecrets)), "ConnectionClosed")
  yield* owner.writer.write(kernel.seal(Uint8Array.of(1, 0), 21))
})

describe("keys handed over", () => {
  for (const suite of ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] as const) {
    it.live(`by our client, ${suite}, before a server of node:tls`, () =>
      Effect.gen(function* () {
        // A session ticket comes behind the handshake: it is read before the keys are taken.
        const { port, errors, attended } = yield* Node.serve({ ciphers: suite })
        const connection = yield* Ours.connect(port)
        yield* takeOver(connection)
        const [peer] = attended
        const socket = peer?.socket ?? assert.fail("nobody came")
        if (!socket.readableEnded) {
          yield* Effect.callback<void>((resume) => void socket.once("end", () => resume(Effect.void)))
        }
        assert.deepStrictEqual(errors, [])
      })
    )
  }

  it.live("by our server, before a client of node:tls", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ serve: takeOver })
      const socket = yield* Node.connect(port)
      socket.pipe(socket)
      assert.strictEqual((yield* Queue.take(served)).ended, "closed")
    })
  )

  it.live("not while somebody pulls; and what is refused goes on", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({})
      const connection = yield* Ours.connect(port)
      const pull = yield* Socket.readerBytes(connection.socket)
      const { write } = yield* connection.socket.writer
      const pulling = yield* Effect.forkChild(Ours.take(pull, 4))
      yield* Effect.sleep("20 millis")
      const refused = yield* Effect.flip(connection.dangerouslyExtractTrafficSecrets)
      assert.strictEqual(refused.reason._tag, "UnreadData")
      assert.include(refused.message, "Hint:")
      yield* write("ping")
      assert.strictEqual(String(yield* Fiber.join(pulling)), "ping")
      const owner = yield* connection.dangerouslyExtractTrafficSecrets
      assert.strictEqual(owner.write.sequence, 1n)
    })
  )
})
