/** What the owner of a connection may do at any time: close it, and answer wrongly. Neither is the peer's fault. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { answer } from "../../src/core.ts"
import { type Answer, answerOf, type Command } from "../../src/state/command.ts"
import { make as failure } from "../../src/state/failure.ts"
import { peerAuthenticated } from "../../src/state/proof.ts"
import { okay, pairOf } from "../support/answers.ts"
import { serverConfig } from "../support/pair.ts"
import { reachable } from "../support/travel.ts"
import { reached, type Side } from "./watched.ts"

const roles = ["client", "server"] as const
const handshakeStates = roles.flatMap((role) =>
  reachable[role]
    .filter((state) => !["CONNECTED", "SEALING_TICKETS", "WAIT_EOED", "ESTABLISHED"].includes(state))
    .map((state) => [role, state] as const)
)
const nothing = { out: 0, events: 0, asks: undefined }
const amount = ({ out, events, asks }: ReturnType<Side["connection"]["close"]>) => ({
  out: out.length,
  events: events.length,
  asks
})

describe("close() before the handshake is done", () => {
  it.each(handshakeStates)("of a %s in %s says user_canceled, then close_notify, and is the end", (role, state) => {
    const pair = reached(role, state)
    const own = pair[role]
    const peer = pair[role === "client" ? "server" : "client"].settle()
    const heardBefore = peer.events.length
    own.take(own.connection.close())
    assert.strictEqual(own.connection.failure?.reason, "HandshakeCanceled")
    assert.include(own.connection.failure?.detail, state)
    const failed = own.events.filter(({ _tag }) => _tag === "Failed")
    assert.strictEqual(failed.length, 1)

    const [canceled, closed, ...more] = peer.inbox
    assert.strictEqual(more.length, 0)
    if (canceled === undefined || closed === undefined) assert.fail("two records were to be sent")
    // A protected alert of TLS 1.2 is longer.
    if (canceled[0] === 21 && canceled.length === 7) {
      assert.deepStrictEqual([...canceled], [21, 3, 3, 0, 2, 1, 90])
      assert.deepStrictEqual([...closed], [21, 3, 3, 0, 2, 1, 0])
    }
    // The only alert that a peer passes over is user_canceled.
    peer.step()
    const passedOver = peer.connection.failure
    assert.isUndefined(passedOver)
    assert.strictEqual(peer.events.length, heardBefore)
    peer.step()
    const last = peer.events.at(-1)
    if (last?._tag !== "PeerClosed") {
      assert.strictEqual(peer.connection.failure?.reason, "ClosedDuringHandshake")
      assert.include(peer.connection.failure?.detail, "close_notify")
    }
  })

  it.each(handshakeStates)("of a %s in %s is followed by nothing", (role, state) => {
    const own = reached(role, state)[role]
    const asked = own.asks
    own.connection.close()
    assert.deepStrictEqual(amount(own.connection.close()), nothing)
    assert.deepStrictEqual(amount(own.connection.end()), nothing)
    assert.deepStrictEqual(amount(own.connection.abort(failure("TooBusy", "no"))), nothing)
    assert.deepStrictEqual(amount(own.connection.receive(Uint8Array.of(22, 3, 3, 0, 1, 0))), nothing)
    if (asked !== undefined) {
      assert.deepStrictEqual(amount(own.connection.answer(okay(answer(own.world, asked)))), nothing)
    }
    assert.isTrue(Result.isFailure(own.connection.send(Uint8Array.of(1))))
    assert.strictEqual(own.connection.failure?.reason, "HandshakeCanceled")
  })
})

const pair = pairOf("x25519", new Uint8Array(32).fill(3))
/** One answer of every kind. */
const answers: { readonly [A in Answer["_tag"]]: () => Answer } = {
  HelloPrepared: () => ({
    _tag: "HelloPrepared",
    random: new Uint8Array(32),
    sessionId: new Uint8Array(32),
    shares: [pair],
    now: 0
  }),
  KeyShareMade: () => ({ _tag: "KeyShareMade", share: pair }),
  SecretAgreed: () => ({ _tag: "SecretAgreed", secret: new Uint8Array(32).fill(1), share: pair.share }),
  ConfigurationChosen: () => ({ _tag: "ConfigurationChosen", config: serverConfig() }),
  HelloResolved: () => ({ _tag: "HelloResolved", credential: undefined, random: new Uint8Array(32), now: 0 }),
  SessionTaken: () => ({ _tag: "SessionTaken", session: "taken", earlyData: "replayed" }),
  TicketsSealed: () => ({ _tag: "TicketsSealed", tickets: [] }),
  CredentialChosen: () => ({ _tag: "CredentialChosen", credential: undefined }),
  Signed: () => ({ _tag: "Signed", signature: new Uint8Array(64) }),
  PeerAuthenticated: () =>
    peerAuthenticated(
      { chain: [], description: "nobody" },
      { scheme: "ed25519", certificateType: "X509", ocsp: undefined, timestamps: undefined }
    )
}
const kinds = Object.values(answers)

const refusedAsOurs = (own: Side, given: Answer, state: string) => {
  own.take(own.connection.answer(given))
  assert.strictEqual(own.connection.failure?.reason, "InternalError", `${given._tag} in ${state}`)
  assert.include(own.connection.failure?.detail, `${given._tag} answers no question that is open in state ${state}`)
  assert.isUndefined(own.asks)
}

describe("an answer", () => {
  const states = roles.flatMap((role) => reachable[role].map((state) => [role, state] as const))
  it.each(states)("of the wrong kind, or to no question, to a %s in %s is InternalError", (role, state) => {
    const { asks } = reached(role, state)[role]
    const wrong = kinds.map((make) => make()).filter(({ _tag }) => asks === undefined || answerOf[asks._tag] !== _tag)
    assert.strictEqual(wrong.length, kinds.length - (asks === undefined ? 0 : 1))
    for (const given of wrong) refusedAsOurs(reached(role, state)[role], given, state)
  })

  const asking = states.filter(([role, state]) => reached(role, state)[role].asks !== undefined)
  it.each(asking)("given twice to a %s in %s is InternalError", (role, state) => {
    const own = reached(role, state)[role]
    const asks = own.asks ?? assert.fail("no question")
    const given = okay(answer(own.world, asks))
    own.take(own.connection.answer(given))
    const next: Command | undefined = own.asks
    // The next question may want an answer of the same kind; none does.
    assert.notStrictEqual(next === undefined ? undefined : answerOf[next._tag], given._tag)
    refusedAsOurs(own, given, own.connection.state)
  })

  it("that is wrong is told to the peer as internal_error, never as unexpected_message", () => {
    const { client, server } = reached("client", "WAIT_SH")
    client.take(client.connection.answer(answers.Signed()))
    assert.deepStrictEqual([...(server.inbox.at(-1) ?? [])], [21, 3, 3, 0, 2, 2, 80])
  })
})
