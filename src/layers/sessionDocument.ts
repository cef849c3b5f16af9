/** The sessions of a client as text, for stores and files. It holds their secrets in the clear. */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { NamedGroup } from "../codec/registry/namedGroup.ts"
import { decodeTicket, encodeTicket, type Ticket } from "../state/session.ts"
import { type Limits, SessionTable } from "./sessionTable.ts"

/** A list and not an object: the names of servers are the names of nothing else. */
const Document = Schema.fromJsonString(
  Schema.Struct({
    effectTlsSessions: Schema.Literals([1]),
    servers: Schema.Array(
      Schema.Struct({
        server: Schema.String,
        group: Schema.optionalKey(NamedGroup.schema),
        /** Base64, the newest last. */
        tickets: Schema.Array(Schema.String)
      })
    )
  })
)

const decodeDocument = Schema.decodeUnknownResult(Document)

/** The text was written by somebody else. */
export class NoSessionDocument extends Data.TaggedError("NoSessionDocument")<{ readonly message: string }> {}

const ticketOf = (text: string): Ticket | undefined =>
  Result.match(Base64.decode(text), {
    onFailure: () => undefined,
    onSuccess: (bytes) => {
      const ticket = decodeTicket(bytes)
      bytes.fill(0)
      return ticket
    }
  })

/** The table that a text holds: an empty text holds an empty table, and what is no ticket is left out. */
const parse = (
  text: string | undefined,
  limits: Limits,
  now: number
): Result.Result<SessionTable, NoSessionDocument> => {
  const table = new SessionTable(limits)
  if (text === undefined || text.trim() === "") return Result.succeed(table)
  return Result.mapBoth(decodeDocument(text), {
    onFailure: () => new NoSessionDocument({ message: "this is not a document of TLS sessions" }),
    onSuccess: ({ servers }) => {
      for (const { server, group, tickets } of servers) {
        if (group !== undefined) table.rememberGroup(server, group)
        for (const ticket of tickets.map(ticketOf)) if (ticket !== undefined) table.put(server, ticket, now)
      }
      return table
    }
  })
}

const textOf = (ticket: Ticket): ReadonlyArray<string> =>
  Result.match(encodeTicket(ticket), {
    onFailure: () => [],
    onSuccess: (bytes) => {
      const text = Base64.encode(bytes)
      bytes.fill(0)
      return [text]
    }
  })

const print = (table: SessionTable): string =>
  JSON.stringify({
    effectTlsSessions: 1,
    servers: Array.from(table.entries, ([server, { group, tickets }]) => ({
      server,
      group,
      tickets: tickets.flatMap(textOf)
    }))
  })

/** Where a document is. */
export interface Place<E> {
  /** The text; `undefined` or empty when there is none yet. */
  readonly read: Effect.Effect<string | undefined, E>
  readonly write: (text: string) => Effect.Effect<void, E>
  readonly limits: Limits
}

/**
 * Reads the document, lets `use` do something to its table, and writes it when that changed it. A ticket is handed out
 * only after the document without it has been written. Whoever calls sees to it that nobody else does so meanwhile.
 */
export const useDocument = Effect.fnUntraced(function* <A, E>(
  { read, write, limits }: Place<E>,
  use: (table: SessionTable, now: number) => A
) {
  const text = yield* read
  const now = yield* Clock.currentTimeMillis
  const table = yield* Effect.fromResult(parse(text, limits, now))
  const { revision } = table
  const value = use(table, now)
  if (table.revision > revision) yield* write(print(table))
  table.clear()
  return value
})
