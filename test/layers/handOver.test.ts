import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import { handOver } from "../../src/layers/handOver.ts"
import type { Inbox } from "../../src/layers/inbox.ts"
import type { Outbox } from "../../src/layers/outbox.ts"
import { connected } from "../support/pair.ts"

const inner = { pull: Effect.never, upgrade: Effect.never } as never
const writer = { write: () => Effect.void, writeAll: () => Effect.void } as never
const outbox = {
  records: (make: () => Result.Result<unknown, unknown>) => Effect.suspend(() => Effect.fromResult(make()))
} as unknown as Outbox
const idle = { pulling: false } as Inbox

it.effect("keys are not handed over while data has come that nobody pulled", () =>
  Effect.gen(function* () {
    const { connection } = connected().client
    const owner = { connection, outbox, inner, writer, take: () => undefined }
    const waiting = { ...owner, ready: [Uint8Array.of(1)] }
    assert.strictEqual((yield* Effect.flip(handOver(waiting, idle))).reason, "UnreadData")
    const pulled = { ...owner, ready: [] }
    const busy = { pulling: true } as Inbox
    assert.strictEqual((yield* Effect.flip(handOver(pulled, busy))).reason, "UnreadData")
    assert.isUndefined(connection.failure)
    const { reader, suite } = yield* handOver(pulled, idle)
    assert.strictEqual(reader, inner)
    assert.strictEqual(suite, "TLS_AES_128_GCM_SHA256")
  })
)
