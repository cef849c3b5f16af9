/** A step is a function: the same state and event give the same result, whenever they are asked. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { connected } from "../support/pair.ts"
import { arrowOf, plain, plans, steps, travel } from "../support/travel.ts"

describe.each(Object.entries(plans))("%s", (_, plan) => {
  it("makes the same transitions from the same answers", () => {
    assert.deepStrictEqual(plain(travel(plan)), plain(travel(plan)))
  })

  it("gives the old result when an old state is stepped again, transcript and all", () => {
    const trip = travel(plan)
    const told = trip.map(({ actions, to }) => plain({ actions, to }))
    // Backwards, when every later state has already been made of the earlier ones.
    for (const [i, { role, from, event }] of [...trip.entries()].reverse()) {
      const again = Result.getOrThrow(steps[role](from, event))
      assert.deepStrictEqual(
        plain({ actions: again.actions, to: again.state }),
        told[i],
        arrowOf(trip[i] ?? assert.fail())
      )
    }
  })

  it("takes a refused event without harm: the step after it is the same", () => {
    for (const { role, from, event, to, actions } of travel(plan)) {
      if (event._tag !== "Finished") continue
      const verify_data = event.body.verify_data.map((byte) => byte ^ 1)
      const refused = steps[role](from, { ...event, body: { verify_data } })
      assert.isTrue(Result.isFailure(refused))
      const step = Result.getOrThrow(steps[role](from, event))
      assert.deepStrictEqual(plain({ actions: step.actions, to: step.state }), plain({ actions, to }))
    }
  })
})

describe("two connections", () => {
  it("of the same seeds say the same bytes", () => {
    const raws = () => {
      const { client, server } = connected()
      return plain([client, server].map(({ events }) => events.flatMap((e) => (e._tag === "Message" ? [e.raw] : []))))
    }
    assert.deepStrictEqual(raws(), raws())
  })
})
