/** Keys and random values are new for every handshake (SECURITY row 37; RFC 9846 sections 1.2 and 4.2.4). */
import { assert, describe, it } from "@effect/vitest"
import { find } from "../../src/codec/extension/extension.ts"
import { answer, type World } from "../../src/core.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { Primitives } from "../../src/crypto/primitives.ts"
import { okay, toHex } from "../support/answers.ts"
import { run12 } from "../support/client12.ts"
import {
  clientConfig,
  clientEnd,
  clientWorld,
  handshake,
  retryingConfig,
  serverEnd,
  serverWorld
} from "../support/pair.ts"
import { giving } from "../support/resumption.ts"

/** A world with the randomness of the machine. */
const real = (primitives: Primitives, world: World): World => ({ ...world, primitives })

describe.each([
  ["node", node, 1000],
  ["noble", noble, 100]
] as const)("with the randomness of %s", (_, primitives, count) => {
  it(`${count} ClientHellos have shares, randoms and session IDs of their own`, () => {
    const world = real(primitives, clientWorld())
    const seen = new Set<string>()
    for (let i = 0; i < count; i++) {
      const prepared = okay(
        answer(world, { _tag: "PrepareHello", groups: ["X25519MLKEM768", "x25519"], config: clientConfig() })
      )
      if (prepared._tag !== "HelloPrepared") assert.fail(prepared._tag)
      const { random, sessionId, shares } = prepared
      const parts = shares.flatMap(({ share }) =>
        share.length === 32 ? [share] : [share.slice(0, 1184), share.slice(1184)]
      )
      for (const bytes of [random, sessionId, ...parts]) seen.add(toHex(bytes))
    }
    assert.strictEqual(seen.size, 5 * count)
  })
})

describe("a retry", () => {
  it("brings a new share for the new group only, and the same random", () => {
    const { client } = handshake(
      clientEnd({}, real(node, clientWorld())),
      serverEnd(retryingConfig(), real(node, serverWorld()))
    )
    assert.strictEqual(client.connection.state, "CONNECTED")
    const hellos = client.events.flatMap((e) =>
      e._tag === "Message" && e.message._tag === "ClientHello" ? [e.message.body] : []
    )
    const groups = hellos.map((hello) => find(hello.extensions, "key_share")?.client_shares.map(({ group }) => group))
    assert.deepStrictEqual(groups, [["x25519"], ["secp256r1"]])
    const randoms = new Set(hellos.map(({ random }) => toHex(random)))
    assert.strictEqual(randoms.size, 1)
  })
})

describe("a server of TLS 1.2", () => {
  it("has a share, a random and a session ID of its own for every handshake", () => {
    const seen = new Set<string>()
    const count = 50
    for (let i = 0; i < count; i++) {
      const world = { ...real(node, serverWorld()), takeSession: () => undefined }
      const puppet = run12({ config: giving(), world })
      const { random, legacy_session_id_echo } = puppet.heard("ServerHello").body
      const { params } = puppet.heard("ServerKeyExchange").body
      // The end of the random is the mark of a server that can do better.
      for (const bytes of [random.slice(0, 24), legacy_session_id_echo, params.public]) seen.add(toHex(bytes))
    }
    assert.strictEqual(seen.size, 3 * count)
  })
})
