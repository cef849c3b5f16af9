/** Every state × event without an arrow is an unexpected_message, and nothing else happens. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { answerOf } from "../../src/state/command.ts"
import type { Event, Heard, Heard12 } from "../../src/state/event.ts"
import { alertOf } from "../../src/state/failure.ts"
import { type AnyState, everyTrip, figures, hearing, plain, type Role, steps } from "../support/travel.ts"

const trips = everyTrip()

/** Every state that some handshake went through: several of each tag, as they differ in what they hold. */
const statesOf = (role: Role): ReadonlyArray<AnyState> => {
  const found = new Map<string, AnyState>()
  for (const travelled of trips.filter((each) => each.role === role)) {
    for (const state of [travelled.from, travelled.to]) {
      const held = Object.keys(state).sort().join()
      const auth = "auth" in state ? state.auth._tag : ""
      found.set(`${state._tag} ${held} ${auth}`, state)
    }
  }
  return [...found.values()]
}

/** One event of every tag: what was heard and answered in those handshakes, and what no handshake has. */
const events: ReadonlyMap<string, Event> = new Map<string, Event>([
  ...trips.map(({ event }): [string, Event] => [event._tag, event]),
  ["EndOfEarlyData", hearing({ _tag: "EndOfEarlyData", body: {} })],
  ["UnknownHandshake", hearing({ _tag: "UnknownHandshake", type: 0, body: new Uint8Array(0) })]
])

const messages: { readonly [M in (Heard | Heard12)["_tag"]]: "a message" } = {
  ClientHello: "a message",
  ServerHello: "a message",
  HelloRetryRequest: "a message",
  EncryptedExtensions: "a message",
  CertificateRequest: "a message",
  Certificate: "a message",
  CompressedCertificate: "a message",
  CertificateVerify: "a message",
  Finished: "a message",
  EndOfEarlyData: "a message",
  NewSessionTicket: "a message",
  KeyUpdate: "a message",
  UnknownHandshake: "a message",
  HelloRequest: "a message",
  CertificateStatus: "a message",
  ServerKeyExchange: "a message",
  ServerHelloDone: "a message",
  ClientKeyExchange: "a message"
}

it("the events are all that there are", () => {
  const all = new Set([...Object.keys(messages), ...Object.values(answerOf), "UpdateKeys", "ChangeCipherSpec"])
  assert.deepStrictEqual([...events.keys()].sort(), [...all].sort())
})

describe.each(["client", "server"] as const)("the %s", (role) => {
  const states = statesOf(role)

  it("is seen in every state of its figure", () => {
    assert.deepStrictEqual([...new Set(states.map(({ _tag }) => _tag))].sort(), Object.keys(figures[role]).sort())
  })

  for (const state of states) {
    const row = figures[role][state._tag] ?? {}
    const strangers = [...events.values()].filter(({ _tag }) => row[_tag] === undefined)
    const held = "auth" in state ? ` (${state.auth._tag})` : ""
    it(`in ${state._tag}${held} refuses all ${strangers.length} events but ${Object.keys(row).join(", ")}`, () => {
      assert.strictEqual(strangers.length + Object.keys(row).length, events.size)
      const before = JSON.stringify(plain(state))
      for (const event of strangers) {
        const step = steps[role](state, event)
        if (Result.isSuccess(step)) assert.fail(`${event._tag} led to ${step.success.state._tag}`)
        const { failure } = step
        assert.strictEqual(failure.reason, "UnexpectedMessage")
        assert.strictEqual(alertOf(failure), "unexpected_message")
        const expected = Object.keys(row).join(" or ")
        assert.strictEqual(failure.detail, `${event._tag} in state ${state._tag}, where ${expected} may follow`)
      }
      assert.strictEqual(JSON.stringify(plain(state)), before)
    })
  }
})
