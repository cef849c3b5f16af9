/** Every arrow of both figures is travelled, and changes the keys that appendix A says it changes. */
import { assert, describe, it } from "@effect/vitest"
import { unsafeBytes } from "../../src/crypto/secret.ts"
import type { Action } from "../../src/state/action.ts"
import { toHex } from "../support/answers.ts"
import { arrowOf, everyTrip, figures, plans, type Role, travel } from "../support/travel.ts"

/**
 * K_send and K_recv of appendix A, by our arrows; an arrow that is not here changes no key. Where a state asks between
 * a message and what follows from it, the keys change at the answer.
 *
 * One deviation: in A.1 the client's K_send = handshake stands at Finished, but "clients ... SHOULD first rekey to the
 * handshake keys" so that alerts about what came after ServerHello are protected; so it stands at SecretAgreed. And
 * without 0-RTT nothing is received between A.2's K_send = application and its K_recv = handshake, which we set
 * together with K_send = handshake.
 */
const keys: { readonly [R in Role]: { readonly [arrow: string]: ReadonlyArray<string> } } = {
  client: {
    "AGREEING --SecretAgreed--> WAIT_EE": ["K_recv = handshake", "K_send = handshake"],
    "WAIT_FINISHED --Finished--> CONNECTED": ["K_recv = application", "K_send = application"],
    "SIGNING --Signed--> CONNECTED": ["K_recv = application", "K_send = application"],
    "CONNECTED --KeyUpdate--> CONNECTED": ["K_recv = application"],
    "CONNECTED --UpdateKeys--> CONNECTED": ["K_send = application"]
  },
  server: {
    "AGREEING --SecretAgreed--> NEGOTIATED": ["K_send = handshake", "K_recv = handshake"],
    "AGREEING_2 --SecretAgreed--> NEGOTIATED": ["K_send = handshake", "K_recv = handshake"],
    "AGREEING --SecretAgreed--> WAIT_FINISHED": ["K_send = handshake", "K_recv = handshake", "K_send = application"],
    "AGREEING_2 --SecretAgreed--> WAIT_FINISHED": ["K_send = handshake", "K_recv = handshake", "K_send = application"],
    "NEGOTIATED --Signed--> WAIT_CERT": ["K_send = application"],
    "NEGOTIATED --Signed--> WAIT_FINISHED": ["K_send = application"],
    "WAIT_FINISHED --Finished--> CONNECTED": ["K_recv = application"],
    "WAIT_FINISHED --Finished--> SEALING_TICKETS": ["K_recv = application"],
    "CONNECTED --KeyUpdate--> CONNECTED": ["K_recv = application"],
    "CONNECTED --UpdateKeys--> CONNECTED": ["K_send = application"]
  }
}

/** Where early data changes that. */
const withEarlyData: {
  readonly [plan: string]: { readonly [R in Role]?: { readonly [arrow: string]: ReadonlyArray<string> } }
} = {
  "early data": {
    client: {
      "START --HelloPrepared--> WAIT_SH": ["K_send = early"],
      "AGREEING --SecretAgreed--> WAIT_EE": ["K_recv = handshake"],
      "WAIT_FINISHED --Finished--> CONNECTED": ["K_send = handshake", "K_recv = application", "K_send = application"]
    },
    server: {
      "AGREEING --SecretAgreed--> WAIT_EOED": ["K_send = handshake", "K_send = application", "K_recv = early"],
      "WAIT_EOED --EndOfEarlyData--> WAIT_FINISHED": ["K_recv = handshake"]
    }
  },
  "early data again": {
    client: {
      "START --HelloPrepared--> WAIT_SH": ["K_send = early"],
      "AGREEING --SecretAgreed--> WAIT_EE": ["K_recv = handshake"],
      "WAIT_EE --EncryptedExtensions--> WAIT_FINISHED": ["K_send = handshake"]
    }
  },
  "early data refused by a retry": { client: { "START --HelloPrepared--> WAIT_SH": ["K_send = early"] } },
  "early data of a session that is forgotten": { client: { "START --HelloPrepared--> WAIT_SH": ["K_send = early"] } }
}

const changes = (actions: ReadonlyArray<Action>): ReadonlyArray<string> =>
  actions.flatMap((action) =>
    action._tag === "InstallKeys" ? [`${action.direction === "read" ? "K_recv" : "K_send"} = ${action.epoch}`] : []
  )

describe.each(["client", "server"] as const)("the %s", (role) => {
  const trip = everyTrip().filter((travelled) => travelled.role === role)

  it("travels every arrow of its figure, and no other", () => {
    const drawn = Object.entries(figures[role]).flatMap(([from, row]) =>
      Object.entries(row).flatMap(([event, tos]) => (tos ?? []).map((to) => `${from} --${event}--> ${to}`))
    )
    assert.deepStrictEqual([...new Set(trip.map(arrowOf))].sort(), drawn.sort())
  })

  it("changes its keys where appendix A does, and nowhere else", () => {
    const unused = new Set(Object.keys(keys[role]))
    for (const [name, plan] of Object.entries(plans)) {
      const expected = { ...keys[role], ...withEarlyData[name]?.[role] }
      for (const travelled of travel(plan).filter((each) => each.role === role)) {
        const arrow = arrowOf(travelled)
        unused.delete(arrow)
        assert.deepStrictEqual(changes(travelled.actions), expected[arrow] ?? [], `${name}: ${arrow}`)
      }
    }
    assert.deepStrictEqual([...unused], [], "arrows of the table that nobody travelled")
  })

  it("opens both directions and reports once, on the arrow that ends the handshake", () => {
    for (const travelled of trip) {
      const { from, to } = travelled
      const done = ["CONNECTED", "SEALING_TICKETS", "ESTABLISHED"]
      const ends = done.includes(to._tag) && !done.includes(from._tag)
      const said = travelled.actions.flatMap((a) =>
        a._tag === "Open" ? [`open ${a.direction}`] : a._tag === "Established" ? ["established"] : []
      )
      assert.deepStrictEqual(said, ends ? ["open read", "open write", "established"] : [], arrowOf(travelled))
    }
  })
})

/** The handshakes that come to their end. */
const whole = Object.keys(plans).filter(
  (name) => plans[name]?.instead === undefined && plans[name]?.lastly === undefined
)

describe.each(whole)("both ends: %s", (name) => {
  const trip = travel(plans[name])

  it("say every message under the key that was installed before it", () => {
    for (const role of ["client", "server"] as const) {
      let epoch = "plaintext"
      for (const action of trip.filter((travelled) => travelled.role === role).flatMap(({ actions }) => actions)) {
        if (action._tag === "Send") assert.strictEqual(action.epoch, epoch, `${role} says ${action.message._tag}`)
        if (action._tag === "InstallKeys" && action.direction === "write") epoch = action.epoch
        // A retry takes the keys of early data back.
        if (action._tag === "EarlyDataJudged" && action.outcome === "rejected") epoch = "plaintext"
      }
      assert.strictEqual(epoch, "application")
    }
  })

  it("install the same secrets, in the same order, for each direction", () => {
    // A server that refuses early data has no keys for it.
    const taken = trip.some(({ actions }) => actions.some(({ _tag }) => _tag === "AcceptEarlyData"))
    const installed = (role: Role, direction: "read" | "write") =>
      trip
        .filter((travelled) => travelled.role === role)
        .flatMap(({ actions }) => actions)
        .flatMap((a) =>
          a._tag === "InstallKeys" && a.direction === direction && (taken || a.epoch !== "early")
            ? [toHex(unsafeBytes(a.secret))]
            : []
        )
    assert.deepStrictEqual(installed("client", "read"), installed("server", "write"))
    assert.deepStrictEqual(installed("server", "read"), installed("client", "write"))
    const all = [...installed("client", "read"), ...installed("client", "write")]
    assert.strictEqual(new Set(all).size, all.length, "no secret serves twice")
  })

  it("send a change_cipher_spec once each, and only for middleboxes (E.4)", () => {
    const sent = (role: Role) =>
      trip
        .filter((travelled) => travelled.role === role)
        .flatMap(({ actions }) => actions)
        .filter(({ _tag }) => _tag === "SendChangeCipherSpec").length
    const expected = name.endsWith("without middlebox compatibility") ? 0 : 1
    assert.deepStrictEqual([sent("client"), sent("server")], [expected, expected])
  })
})
