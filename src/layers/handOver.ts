/** The end of a connection whose records somebody else protects from here on. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Socket from "effect/socket/Socket"
import type { Connection, Progress } from "../state/connection.ts"
import { type Failure, fail } from "../state/failure.ts"
import type { TrafficSecrets } from "../state/handOver.ts"
import type { Inbox } from "./inbox.ts"
import type { Outbox } from "./outbox.ts"

/** Everything that a new owner of the records needs. */
export interface TrafficHandOver extends TrafficSecrets {
  /** The transport below: records go in and come out. It ends with the scope of the connection. */
  readonly reader: Socket.Reader
  readonly writer: Socket.Writer
}

/** Who has them so far. */
interface Owner {
  readonly connection: Connection
  readonly outbox: Outbox
  readonly inner: Socket.Reader
  readonly writer: Socket.Writer
  /** Data that came and was not pulled yet. */
  readonly ready: ReadonlyArray<Uint8Array>
  readonly take: (progress: Progress) => unknown
}

type Taken = Result.Result<TrafficHandOver, Failure>

/** Nothing may be left here that came and was not pulled, and nothing may be on its way here. */
const take = (owner: Owner, inbox: Inbox): Taken => {
  const { connection, inner: reader, writer } = owner
  if (inbox.pulling) return fail("UnreadData", "a pull is under way, which takes records off the transport")
  if (owner.ready.length > 0) return fail("UnreadData", "data came that was not pulled")
  return Result.map(connection.dangerouslyExtractTrafficSecrets(), (secrets) => {
    // The connection is over; its next call says so to whoever pulls and writes.
    owner.take(connection.end())
    return { ...secrets, reader, writer }
  })
}

/** In the order of what is written: when the keys are taken, all that was sealed with them is with the transport. */
export const handOver = (owner: Owner, inbox: Inbox): Effect.Effect<TrafficHandOver, Failure> =>
  Effect.suspend(() => {
    let taken: Taken = fail("ConnectionClosed", "the connection is closed")
    const inTurn = owner.outbox.records(() => {
      taken = take(owner, inbox)
      return Result.map(taken, () => [])
    })
    return Effect.andThen(
      inTurn,
      Effect.suspend(() => Effect.fromResult(taken))
    )
  })
