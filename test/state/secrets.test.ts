/** Secrets end with what they were for: at Established, at a failure, at dispose. And what is not ours stays. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { Secret, secretsOf, unsafeBytes } from "../../src/crypto/secret.ts"
import type { Credential } from "../../src/state/command.ts"
import { type Failure, make as failure } from "../../src/state/failure.ts"
import * as KeySchedule from "../../src/state/tls13/keySchedule.ts"
import { credentials, toHex } from "../support/answers.ts"
import { followed } from "../support/edits.ts"
import { clientWorld, connected, serverWorld, suites } from "../support/pair.ts"
import { againstClient, againstServer, refused } from "../support/script.ts"
import { type Role, reachable } from "../support/travel.ts"
import { duo, mutual, notingSuites, type Plan, reached, resuming, retrying, type Side, until } from "./watched.ts"

const roles = ["client", "server"] as const
const none = new Uint8Array(0)
const reason = <A>(result: Result.Result<A, Failure>) => (Result.isFailure(result) ? result.failure.reason : "success")
const zeros = (bytes: Uint8Array) => bytes.every((byte) => byte === 0)

/** Without a PSK the early secret is the same for everybody. */
const common = suites.map(({ hash }) => toHex(unsafeBytes(KeySchedule.earlySecret(hash))))
/** The keys of HMAC that are secret and still there. */
const left = (keys: ReadonlySet<Uint8Array>): ReadonlyArray<string> =>
  [...keys]
    .filter((key) => !zeros(key))
    .map(toHex)
    .filter((key) => !common.includes(key))

describe("keying material", () => {
  const exported = ({ connection }: Pick<Side, "connection">, label = "EXPORTER-test", length = 32) =>
    connection.exportKeyingMaterial(label, none, length)

  it.each(roles)("a %s makes none after dispose, whatever is asked", (role) => {
    const end = connected()[role]
    const before = toHex(Result.getOrThrow(exported(end)))
    assert.match(before, /^[0-9a-f]{64}$/)
    end.connection.dispose()
    assert.strictEqual(reason(exported(end)), "ConnectionClosed")
    assert.strictEqual(reason(exported(end, "", 2 ** 24)), "ConnectionClosed")
  })

  it.each(roles)("a %s makes none after a failure", (role) => {
    const end = connected()[role]
    assert.strictEqual(reason(exported(end)), "success")
    end.receive(Uint8Array.of(23, 3, 3, 0, 20, ...new Uint8Array(20)))
    assert.strictEqual(end.failure?.reason, "BadRecordMac")
    assert.strictEqual(reason(exported(end)), "ConnectionClosed")
  })

  it("there is none before the handshake is done", () => {
    const { client } = duo()
    assert.strictEqual(reason(exported(client)), "NotEstablished")
  })

  it("an empty label, one over 249 bytes, and lengths out of range are refused", () => {
    const { client } = connected()
    const most = 255 * 32
    for (const [label, length] of [
      ["", 32],
      ["x".repeat(250), 32],
      ["é".repeat(125), 32],
      ["EXPORTER-test", -1],
      ["EXPORTER-test", 1.5],
      ["EXPORTER-test", Number.NaN],
      ["EXPORTER-test", most + 1],
      ["EXPORTER-test", Number.POSITIVE_INFINITY]
    ] as const) {
      assert.strictEqual(reason(exported(client, label, length)), "InvalidConfiguration", `${label} ${length}`)
    }
    for (const [label, length] of [
      ["x".repeat(249), 32],
      ["x", 0],
      ["x", most]
    ] as const) {
      assert.strictEqual(Result.getOrThrow(exported(client, label, length)).length, length)
    }
  })
})

describe("a secret", () => {
  it("says that it is wiped, and derives nothing any more", () => {
    const hash = suites[0]?.hash ?? assert.fail("no suite")
    const secret = new Secret("test", new Uint8Array(32).fill(7))
    assert.isFalse(secret.wiped)
    assert.strictEqual(secret.mac(hash)(none).length, hash.size)
    secret.wipe()
    assert.isTrue(secret.wiped)
    assert.isTrue(zeros(unsafeBytes(secret)))
    assert.strictEqual(secret.mac(hash)(none).length, 0)
  })

  it("is found in a state, but not in what a state was lent", () => {
    const [own, lent] = [new Secret("own", none), new Secret("lent", none)]
    const state = { a: { own }, config: { lent }, asks: { lent }, b: { credential: { key: lent }, proof: [lent] } }
    assert.deepStrictEqual([...secretsOf(state)], [own])
  })
})

const kinds: ReadonlyArray<readonly [name: string, plan: Plan]> = [
  ["a plain handshake", {}],
  ["a retried one", retrying],
  ["one in which the client signs", mutual],
  [
    "one in which the client declines",
    {
      server: { clientAuthentication: { _tag: "Optional", authorities: [] } },
      clientWorld: clientWorld({ choose: () => undefined })
    }
  ]
]
/** What lives on in an open connection: both directions, and keying material. */
const lasting = ["client application traffic", "exporter main", "server application traffic"]
/** A client that keeps tickets makes their secrets of this. */
const withTickets = { client: [...lasting, "resumption main"].sort(), server: lasting }

describe.each(kinds)("after %s", (_, plan) => {
  it.each(roles)("a %s keeps three secrets, and after dispose none", (role) => {
    const pair = duo(plan)
    const own = pair[role]
    assert.isTrue(until(pair, role, "CONNECTED"))
    const stages = new Set([...own.secrets.keys()].map(({ stage }) => stage))
    for (const stage of ["handshake", "client handshake traffic", "server handshake traffic", ...lasting]) {
      assert.isTrue(stages.has(stage), `${stage} was never seen`)
    }
    assert.deepStrictEqual(own.alive, lasting)
    for (const [secret, before] of own.secrets) {
      assert.isFalse(zeros(before), `${secret.stage} was zeros from the start`)
      assert.strictEqual(zeros(unsafeBytes(secret)), secret.wiped)
    }
    own.connection.dispose()
    assert.deepStrictEqual(own.alive, [])
    for (const secret of own.secrets.keys()) assert.isTrue(zeros(unsafeBytes(secret)), secret.stage)
  })

  it.each(roles)("no key that a %s ever gave to HMAC is left, but the early secret, which everybody knows", (role) => {
    const keys = new Set<Uint8Array>()
    const pair = duo({ ...plan, [role]: { ...plan[role], suites: notingSuites(keys) } })
    assert.isTrue(until(pair, role, "CONNECTED"))
    assert.isAbove(keys.size, 8)
    const { length } = Result.getOrThrow(pair[role].connection.exportKeyingMaterial("EXPORTER-test", none, 32))
    assert.strictEqual(length, 32)
    assert.strictEqual(left(keys).length, 3, "the traffic secrets in use and the exporter's")
    pair[role].connection.dispose()
    assert.deepStrictEqual(left(keys), [])
  })
})

describe("after a session was resumed with early data, and left tickets", () => {
  it.each(roles)("a %s keeps what it still needs, and after dispose nothing", (role) => {
    const pair = duo(resuming())
    const own = pair[role]
    while (pair.client.step() || pair.server.step());
    const early = ["early exporter", "session"].filter((stage) => role === "client" || stage !== "session")
    const tickets = role === "client" ? own.events.filter(({ _tag }) => _tag === "StoreTicket").length : 0
    const sessions = own.alive.filter((stage) => stage === "session").length
    assert.strictEqual(sessions, tickets, "the sessions that a client was given are its own to keep")
    assert.deepStrictEqual(
      own.alive.filter((stage) => !early.includes(stage)),
      withTickets[role]
    )
    for (const stage of ["early", "client early traffic", "session", "binder"]) {
      const seen = [...own.secrets.keys()].some((secret) => secret.stage === stage)
      assert.strictEqual(seen, stage !== "binder", stage)
    }
    own.connection.dispose()
    assert.deepStrictEqual(
      own.alive,
      Array.from({ length: tickets }, () => "session")
    )
  })
})

describe("key updates", () => {
  it("leave no secret of an earlier generation", () => {
    const { client, server } = duo()
    while (client.step() || server.step());
    for (let i = 0; i < 3; i++) {
      client.take(Result.getOrThrow(client.connection.updateKeys("update_requested")))
      while (client.step() || server.step());
    }
    for (const end of [client, server]) {
      assert.strictEqual(
        [...end.secrets.keys()].filter(({ stage }) => stage === "client application traffic").length,
        4
      )
      assert.deepStrictEqual(end.alive, lasting)
    }
  })
})

describe("a failure forgets at once", () => {
  const states = (role: Role) => reachable[role]
  for (const role of roles) {
    it.each(states(role))(`in state %s of the ${role}`, (state) => {
      const own = reached(role, state)[role]
      const { alive } = own
      own.take(own.connection.abort(failure("AnswerFailed", "the world could not say")))
      assert.deepStrictEqual(own.alive, [])
      const { asks } = own
      assert.isUndefined(asks)
      if (own.secrets.size > 0) assert.isAbove(alive.length, 0)
    })
  }

  it.each(roles)("a %s zeroes the shared secret of the key exchange, after a failure too", (role) => {
    const pair = duo()
    assert.isTrue(until(pair, role, "CONNECTED"))
    assert.strictEqual(pair[role].agreed.length, 1)
    assert.isTrue(pair[role].agreed.every(zeros))
    const late = reached(role, "AGREEING")[role]
    late.take(late.connection.abort(failure("HandshakeTimeout", "too late")))
    const secret = new Uint8Array(32).fill(9)
    late.answer({ _tag: "SecretAgreed", secret, share: new Uint8Array(32) })
    assert.isTrue(zeros(secret))
    const early = reached(role, "START")[role]
    const other = new Uint8Array(32).fill(9)
    early.answer({ _tag: "SecretAgreed", secret: other, share: new Uint8Array(32) })
    assert.strictEqual(early.connection.failure?.reason, "InternalError")
    assert.isTrue(zeros(other))
  })

  it.each(roles)("a %s that was disposed of sends and reads nothing more", (role) => {
    const pair = connected()
    const [own, peer] = role === "client" ? [pair.client, pair.server] : [pair.server, pair.client]
    const late = peer.send(Uint8Array.of(1, 2, 3)).flush()
    own.connection.dispose()
    assert.strictEqual(reason(own.connection.send(Uint8Array.of(1))), "ConnectionClosed")
    const again = connected()[role]
    again.connection.dispose()
    assert.strictEqual(reason(again.connection.updateKeys("update_requested")), "ConnectionClosed")
    const third = connected()[role]
    third.connection.dispose()
    third.receive(late)
    assert.strictEqual(third.data.length, 0)
  })
})

describe("what is not ours", () => {
  const vault = (): Credential["key"] & { readonly secret: Secret<string> } => ({
    secret: new Secret("somebody else's", new Uint8Array(32).fill(5))
  })
  const lending = (own: typeof credentials.serverEd25519, key: Credential["key"]) => ({
    choose: () => ({ chain: own.chain, schemes: own.schemes, key }),
    sign: ({ scheme, content }: { scheme: string | number; content: Uint8Array }) => own.key.sign(scheme, content)
  })
  it.each(roles)("a %s never wipes a secret in its configuration or behind its credential's key", (role) => {
    const [inKey, inConfig] = [vault(), vault()]
    const spoiledClient = { compatibility: "none", vault: inConfig } as const
    const spoiled = { ...mutual.server, vault: inConfig }
    const plan: Plan = {
      client: spoiledClient,
      server: spoiled,
      clientWorld: clientWorld(lending(credentials.clientEd25519, inKey)),
      serverWorld: serverWorld(lending(credentials.serverEd25519, inKey))
    }
    const pair = duo(plan)
    assert.isTrue(until(pair, role, "CONNECTED"))
    const seen = pair[role].secrets
    assert.isTrue(seen.has(inKey.secret) && seen.has(inConfig.secret), "neither was ever in a state")
    pair[role].connection.dispose()
    for (const state of reachable[role]) {
      const own = reached(role, state, plan)[role]
      own.take(own.connection.abort(failure("AnswerFailed", "no")))
    }
    for (const { secret } of [inKey, inConfig]) {
      assert.isFalse(secret.wiped)
      assert.deepStrictEqual(unsafeBytes(secret), new Uint8Array(32).fill(5))
    }
  })
})

describe("a failure inside the step that ends the handshake", () => {
  it("forgets what the step before it held, too", () => {
    for (const behind of [[4], [24, 0, 0, 1, 0]]) {
      for (const play of [againstClient, againstServer]) {
        const keys = new Set<Uint8Array>()
        const run = play({ config: { suites: notingSuites(keys) }, Finished: followed(...behind) })
        refused(run, "MessageAcrossKeyChange", "unexpected_message")
        assert.deepStrictEqual(left(keys), [])
      }
    }
  })
})
