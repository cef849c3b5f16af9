/**
 * What a state machine is here: a figure, which is its picture as data, and one handler for every arrow of it.
 * Whoever adds an arrow must write its handler, and a handler can land only where its arrow points.
 */
import * as Result from "effect/Result"
import type { Returns } from "../codec/resultFn.ts"
import type { Action } from "./action.ts"
import { type Failure, fail } from "./failure.ts"

export interface Tagged {
  readonly _tag: string
}
export type Tag<U extends Tagged> = U["_tag"]
export type Of<U extends Tagged, T extends string> = Extract<U, { readonly _tag: T }>

/** What one transition yields: where the machine is now, and what must be done on the way, in order. */
export interface Step<S, A> {
  readonly state: S
  readonly actions: ReadonlyArray<A>
}

/** What a handler of this library yields. */
export type Stepped<S> = Result.Result<Step<S, Action>, Failure>

/** What the generator of such a handler returns. */
export type Steps<S> = Returns<Step<S, Action>, Failure>

export const land = <const S>(state: S, actions: ReadonlyArray<Action> = []): Step<S, Action> => ({ state, actions })

/** The picture of a machine: from a state, on an event, to one of these states. */
export type Figure<From extends Tagged, Event extends Tagged, To extends Tagged> = {
  readonly [S in Tag<From>]: { readonly [E in Tag<Event>]?: ReadonlyArray<Tag<To>> }
}
type Target<F, S, E> = S extends keyof F
  ? E extends keyof F[S]
    ? F[S][E] extends ReadonlyArray<infer T>
      ? Extract<T, string>
      : never
    : never
  : never

/** One handler for every arrow of the figure; each may land only where its arrow points. */
export type Handlers<F, From extends Tagged, Event extends Tagged, To extends Tagged, Action, Failure> = {
  readonly [S in keyof F & string]: {
    readonly [E in keyof F[S] & string]: (
      state: Of<From, S>,
      event: Of<Event, E>
    ) => Result.Result<Step<Of<To, Target<F, S, E>>, Action>, Failure>
  }
}

type Table<From, Event, To, Action, Failure> = {
  readonly [state: string]:
    | undefined
    | {
        readonly [event: string]: undefined | ((state: From, event: Event) => Result.Result<Step<To, Action>, Failure>)
      }
}
export interface Machine<From extends Tagged, Event extends Tagged, To extends Tagged, Action, Failure> {
  readonly figure: Figure<From, Event, To>
  readonly table: Table<From, Event, To, Action, Failure>
}

/** Ties a figure to its handlers. The one cast of the core lives here. */
export const machine =
  <From extends Tagged, Event extends Tagged, To extends Tagged, Action, Failure>() =>
  <const F extends Figure<From, Event, To>>(
    figure: F,
    handlers: NoInfer<Handlers<F, From, Event, To, Action, Failure>>
  ): Machine<From, Event, To, Action, Failure> => ({
    figure,
    table: handlers as unknown as Table<From, Event, To, Action, Failure>
  })

/**
 * Two machines as one: the prologue lands in states of the other. Tags are unique on a side, and a state hears its own
 * version only (`speaks` of a `Runnable`), so the events of one never reach the handlers of the other.
 */
export const compose = <
  F1 extends Tagged,
  T1 extends Tagged,
  F2 extends Tagged,
  T2 extends Tagged,
  E1 extends Tagged,
  E2 extends Tagged,
  A,
  X
>(
  prologue: Machine<F1, E1, T1, A, X>,
  body: Machine<F2, E2, T2, A, X>
): Machine<F1 | F2, E1 | E2, T1 | T2, A, X> => ({
  figure: { ...prologue.figure, ...body.figure } as Figure<F1 | F2, E1 | E2, T1 | T2>,
  table: { ...prologue.table, ...body.table } as unknown as Table<F1 | F2, E1 | E2, T1 | T2, A, X>
})

/** `unexpected_message` exists once: it is the absence of an arrow. */
const arrow = <From extends Tagged, Event extends Tagged, To extends Tagged, A>(
  self: Machine<From, Event, To, A, Failure>,
  state: From,
  event: string
) => {
  const row = self.table[state._tag] ?? {}
  const handler = row[event]
  if (handler !== undefined) return Result.succeed(handler)
  const expected = Object.keys(row).join(" or ")
  return fail("UnexpectedMessage", `${event} in state ${state._tag}, where ${expected} may follow`)
}

export const reduce =
  <From extends Tagged, Event extends Tagged, To extends Tagged, A>(self: Machine<From, Event, To, A, Failure>) =>
  (state: From, event: Event): Result.Result<Step<To, A>, Failure> =>
    Result.flatMap(arrow(self, state, event._tag), (handler) => handler(state, event))

/** Whether an event of this name may come now: a message too malformed to be one can still be an unexpected one. */
export const expects =
  <From extends Tagged, Event extends Tagged, To extends Tagged, A>(self: Machine<From, Event, To, A, Failure>) =>
  (state: From, event: string): Result.Result<void, Failure> =>
    Result.map(arrow(self, state, event), () => undefined)

/** A figure of any machine, as those who draw and compare it see it. */
export type Drawing = Readonly<Record<string, Readonly<Record<string, ReadonlyArray<string> | undefined>>>>

/** The figure as a Mermaid state diagram. */
export const mermaid = (figure: Drawing): string =>
  [
    "stateDiagram-v2",
    ...Object.entries(figure).flatMap(([from, row]) =>
      Object.entries(row).flatMap(([event, tos]) => (tos ?? []).map((to) => `  ${from} --> ${to}: ${event}`))
    )
  ].join("\n")

/** Merges away the states that wait for an answer; what is left must equal the RFC's figure. */
export const contract = (
  figure: Drawing,
  asking: ReadonlySet<string>
): Record<string, Record<string, Array<string>>> => {
  const settle = (to: string): ReadonlyArray<string> =>
    asking.has(to) ? Object.values(figure[to] ?? {}).flatMap((tos) => (tos ?? []).flatMap(settle)) : [to]
  return Object.fromEntries(
    Object.entries(figure)
      .filter(([from]) => !asking.has(from))
      .map(([from, row]) => [
        from,
        Object.fromEntries(
          Object.entries(row).map(([event, tos]) => [event, [...new Set((tos ?? []).flatMap(settle))].sort()])
        )
      ])
  )
}
