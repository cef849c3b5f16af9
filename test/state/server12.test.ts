/** The TLS 1.2 server beside our client: where its keys change, that it is a function, and what both end up with. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { forget, unsafeBytes } from "../../src/crypto/secret.ts"
import type { Action } from "../../src/state/action.ts"
import { toHex } from "../support/answers.ts"
import { plansBoth12, travelBoth12 } from "../support/both12.ts"
import { arrowOf, plain, type Role, steps } from "../support/travel.ts"

const changes = (actions: ReadonlyArray<Action>): ReadonlyArray<string> =>
  actions.flatMap((action) => {
    switch (action._tag) {
      case "InstallKeys12":
        return [`K_${action.direction === "read" ? "recv" : "send"}: ${action.secret.stage}`]
      case "SendChangeCipherSpec":
        return ["says ChangeCipherSpec"]
      case "Send12":
        return [`says ${action.message._tag}`]
      case "Open":
        return [`opens ${action.direction}`]
      case "KeepSession":
        return ["keeps the session"]
      default:
        return []
    }
  })

const shown = ["says ServerHello", "says Certificate", "says ServerKeyExchange"]
const ourEnd = ["says ChangeCipherSpec", "K_send: server write", "says Finished"]
const open = ["opens read", "opens write"]

/** What happens on an arrow, where it is anything that the peer, the records or the store can tell. */
const expected: { readonly [arrow: string]: ReadonlyArray<ReadonlyArray<string>> } = {
  "SIGNING_KEY --Signed--> WAIT_CLIENT_KEY_EXCHANGE": [[...shown, "says ServerHelloDone"]],
  "SIGNING_KEY --Signed--> WAIT_CLIENT_CERTIFICATE": [[...shown, "says CertificateRequest", "says ServerHelloDone"]],
  "WAIT_CLIENT_CHANGE_CIPHER_SPEC --ChangeCipherSpec--> WAIT_CLIENT_FINISHED": [["K_recv: client write"]],
  "WAIT_CLIENT_FINISHED --Finished--> ESTABLISHED": [
    [...ourEnd, ...open],
    [...ourEnd, ...open, "keeps the session"]
  ],
  "SEALING_TICKET --TicketsSealed--> ESTABLISHED": [["says NewSessionTicket", ...ourEnd, ...open]],
  "RECVD_CLIENT_HELLO --HelloResolved--> RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC": [["says ServerHello", ...ourEnd]],
  "RESUMED_SEALING_TICKET --TicketsSealed--> RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC": [
    ["says ServerHello", "says NewSessionTicket", ...ourEnd],
    ["says ServerHello", ...ourEnd]
  ],
  "RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC --ChangeCipherSpec--> RESUMED_WAIT_CLIENT_FINISHED": [
    ["K_recv: client write"]
  ],
  "RESUMED_WAIT_CLIENT_FINISHED --Finished--> ESTABLISHED": [open, [...open, "keeps the session"]]
}

describe.each(Object.entries(plansBoth12))("%s", (_, plan) => {
  const trip = travelBoth12(plan())
  const of = (role: Role) => trip.filter((travelled) => travelled.role === role)

  it("changes keys, speaks, opens and keeps on the arrows that do, and nowhere else", () => {
    for (const travelled of of("server")) {
      const arrow = arrowOf(travelled)
      const seen = changes(travelled.actions)
      assert.isTrue(
        (expected[arrow] ?? [[]]).some((each) => each.join() === seen.join()),
        `${arrow}: ${seen.join()}`
      )
    }
  })

  it("makes the same transitions again, forwards and backwards", () => {
    assert.deepStrictEqual(plain(travelBoth12(plan())), plain(trip))
    const told = trip.map(({ actions, to }) => plain({ actions, to }))
    for (const [i, { role, from, event }] of [...trip.entries()].reverse()) {
      const again = Result.getOrThrow(steps[role](from, event))
      assert.deepStrictEqual(plain({ actions: again.actions, to: again.state }), told[i])
    }
  })

  it("gives both ends the same keys, each direction its own, and the same line for the key log", () => {
    const installed = (role: Role, direction: "read" | "write") =>
      of(role)
        .flatMap(({ actions }) => actions)
        .flatMap((a) => (a._tag === "InstallKeys12" && a.direction === direction ? [toHex(unsafeBytes(a.secret))] : []))
    assert.lengthOf(installed("client", "read"), 1)
    assert.deepStrictEqual(installed("client", "read"), installed("server", "write"))
    assert.deepStrictEqual(installed("server", "read"), installed("client", "write"))
    assert.notDeepEqual(installed("client", "read"), installed("client", "write"))
    const logged = (role: Role) =>
      of(role)
        .flatMap(({ actions }) => actions)
        .flatMap((a) => (a._tag === "LogKey" ? [[a.label, toHex(a.clientRandom), toHex(unsafeBytes(a.secret))]] : []))
    assert.lengthOf(logged("server"), 1)
    assert.deepStrictEqual(logged("client"), logged("server"))
  })

  it("holds no secret at its end but the one that its exporter needs", () => {
    for (const { from, to } of of("server")) forget(from, to)
    const to = of("server").at(-1)?.to
    if (to?._tag !== "ESTABLISHED") assert.fail(to?._tag)
    const { exporter } = to.established
    if (exporter !== undefined) assert.isFalse(exporter.master.wiped)
  })
})
