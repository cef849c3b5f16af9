/**
 * DESIGN's illegal transitions: what must not compile. tsc reads this file; each `@ts-expect-error` is an error where
 * the types allow what follows it.
 */
import * as Result from "effect/Result"
import type { Secret } from "../../src/crypto/secret.ts"
import type { Action } from "../../src/state/action.ts"
import type { AgreeSecret, AnswerTo, Sign } from "../../src/state/command.ts"
import type { Event, Heard } from "../../src/state/event.ts"
import type { Failure } from "../../src/state/failure.ts"
import { land, machine, type Of, type Stepped } from "../../src/state/machine.ts"
import type { FinishedVerified, PeerAuthenticated } from "../../src/state/proof.ts"
import type { Connected } from "../../src/state/tls13/client/state.ts"
import * as KeySchedule from "../../src/state/tls13/keySchedule.ts"
import type { Hashing } from "../../src/state/transcript.ts"

interface Listening {
  readonly _tag: "LISTENING"
}
interface Done {
  readonly _tag: "DONE"
}
type State = Listening | Done

const make = machine<State, Event, State, Action, Failure>()
const done = (_: Listening, __: Of<Heard, "Finished">): Stepped<Done> => Result.succeed(land({ _tag: "DONE" }))
const again = (_: Listening, __: Of<Heard, "Finished">): Stepped<Listening> =>
  Result.succeed(land({ _tag: "LISTENING" }))

export const right = make({ LISTENING: { Finished: ["DONE"] }, DONE: {} }, { LISTENING: { Finished: done }, DONE: {} })

// 1. A figure that names a state which does not exist, or an event, or omits a state that does.
export const unknownTarget = make(
  // @ts-expect-error there is no state GONE
  { LISTENING: { Finished: ["GONE"] }, DONE: {} },
  { LISTENING: { Finished: done }, DONE: {} }
)
export const unknownEvent = make(
  // @ts-expect-error there is no event Goodbye
  { LISTENING: { Goodbye: ["DONE"] }, DONE: {} },
  { LISTENING: { Goodbye: done }, DONE: {} }
)
export const omitted = make(
  // @ts-expect-error DONE has no row
  { LISTENING: { Finished: ["DONE"] } },
  { LISTENING: { Finished: done } }
)

// 2. An arrow without a handler; a handler without an arrow.
export const unhandled = make(
  { LISTENING: { Finished: ["DONE"] }, DONE: {} },
  // @ts-expect-error Finished has an arrow and no handler
  { LISTENING: {}, DONE: {} }
)
export const arrowless = make(
  { LISTENING: { Finished: ["DONE"] }, DONE: {} },
  // @ts-expect-error KeyUpdate has a handler and no arrow
  { LISTENING: { Finished: done, KeyUpdate: done }, DONE: {} }
)

// 3. A handler that lands where its arrow does not point.
export const stray = make(
  { LISTENING: { Finished: ["DONE"] }, DONE: {} },
  // @ts-expect-error the arrow points to DONE, the handler lands in LISTENING
  { LISTENING: { Finished: again }, DONE: {} }
)

// 4. CONNECTED without a proof, and proofs written by hand.
export const unproven = ({ proof: _, ...rest }: Connected): Connected => {
  // @ts-expect-error a client that is CONNECTED has a ServerProof
  const connected: Connected = rest
  return connected
}
export const forged = (identity: PeerAuthenticated["identity"]) => {
  // @ts-expect-error only peerAuthenticated makes one: its brand is not exported
  const peer: PeerAuthenticated = { _tag: "PeerAuthenticated", identity, scheme: "ed25519" }
  // @ts-expect-error only verifyFinished makes one
  const finished: FinishedVerified = { _tag: "FinishedVerified" }
  return [peer, finished]
}

// 5. Secrets of two stages.
export const mixed = (early: KeySchedule.EarlySecret, handshake: KeySchedule.HandshakeSecret, transcript: Hashing) => {
  // @ts-expect-error traffic secrets come from the handshake secret
  KeySchedule.clientHandshakeTraffic(early, transcript)
  // @ts-expect-error the main secret comes from the handshake secret
  KeySchedule.mainSecret(transcript.hash, early)
  const server = KeySchedule.serverHandshakeTraffic(handshake, transcript)
  // @ts-expect-error one side's secret is not the other's
  const client: KeySchedule.ClientHandshakeTrafficSecret = server
  // @ts-expect-error only application secrets are updated
  KeySchedule.nextTraffic(transcript.hash, server)
  const any: Secret<string> = server
  return [client, any]
}

// 6. Another question's answer.
export const answers = (signed: AnswerTo<Sign>, agreed: AnswerTo<AgreeSecret>) => {
  // @ts-expect-error a signature is no shared secret
  const first: AnswerTo<AgreeSecret> = signed
  // @ts-expect-error nor the other way round
  const second: AnswerTo<Sign> = agreed
  const table: {
    readonly [Q in (AgreeSecret | Sign)["_tag"]]: (
      ask: Of<AgreeSecret | Sign, Q>
    ) => AnswerTo<Of<AgreeSecret | Sign, Q>>
  } = {
    AgreeSecret: () => agreed,
    // @ts-expect-error the row of Sign must answer Sign
    Sign: () => agreed
  }
  return [first, second, table]
}
