/** Promises over arbitrary pairs of configurations: what both ends come to, and what they say when they cannot. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { suites13 } from "../../src/crypto/suite.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import { credentials, okay, toHex, world } from "../support/answers.ts"
import { carry, chunked, clientEnd, type End, handshake, serverEnd, suites } from "../support/pair.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** A choice among the first things of a list, by its bits, in their order or the other way round. */
const Some = (size: number, least: number) =>
  Schema.Struct({ bits: between(least, 2 ** size - 1), order: between(0, 1) })
const pick = <A>(list: ReadonlyArray<A>, { bits, order }: { readonly bits: number; readonly order: number }) => {
  const picked = list.filter((_, i) => (bits >> i) & 1)
  return order === 0 ? picked : picked.reverse()
}

const Side = Schema.Struct({
  suites: Some(3, 1),
  groups: Some(3, 1),
  protocols: Some(3, 0),
  compatibility: Schema.Literals(["middlebox", "none"]),
  credential: Schema.Literals(["ed25519", "p256"]),
  provider: Schema.Literals(["node", "noble"])
})
const Plan = Schema.Struct({
  client: Side,
  server: Side,
  shares: between(0, 7),
  authentication: Schema.Literals(["None", "Optional", "Required"]),
  answer: Schema.Literals(["shows", "declines"]),
  cuts: Schema.Array(Schema.Union([between(1, 30), between(1, 2000)])).check(
    Schema.isMinLength(1),
    Schema.isMaxLength(5)
  ),
  data: Schema.Array(between(0, 40_000)).check(Schema.isMaxLength(3)),
  label: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(40)),
  length: between(0, 255)
})
type Plan = typeof Plan.Type
type Side = typeof Side.Type

const groups = ["x25519", "secp256r1", "secp384r1"] as const
const protocols = ["h2", "http/1.1", "acme-tls/1"]
const providers = { node: suites, noble: suites13(noble) }

const common = (side: Side) => ({
  suites: pick(providers[side.provider], side.suites),
  groups: pick(groups, side.groups),
  protocols: pick(protocols, side.protocols),
  compatibility: side.compatibility
})
const configs = (plan: Plan): { readonly client: Partial<ClientConfig>; readonly server: Partial<ServerConfig> } => {
  const client = common(plan.client)
  const authorities: ReadonlyArray<Uint8Array> = []
  const asked = plan.authentication === "None" ? { _tag: "None" as const } : { _tag: plan.authentication, authorities }
  return {
    client: { ...client, shares: client.groups.filter((group) => (plan.shares >> groups.indexOf(group)) & 1) },
    server: { ...common(plan.server), clientAuthentication: asked }
  }
}
const ends = (plan: Plan): { readonly client: End; readonly server: End } => {
  const config = configs(plan)
  const own = plan.client.credential === "p256" ? credentials.clientP256 : credentials.clientEd25519
  const shown = plan.server.credential === "p256" ? credentials.serverP256 : credentials.serverEd25519
  return {
    client: clientEnd(config.client, world("client", plan.answer === "shows" ? own : undefined)),
    server: serverEnd(config.server, world("server", shown))
  }
}

/** What the RFC makes of two configurations, said without the library. */
const outcome = (plan: Plan) => {
  const { client, server } = configs(plan)
  const suite = server.suites?.find(({ name }) => client.suites?.some((each) => each.name === name))?.name
  const both = server.groups?.filter((group) => client.groups?.includes(group)) ?? []
  const group = both.find((each) => client.shares?.includes(each)) ?? both[0]
  const kind = group !== undefined && client.shares?.includes(group) ? "full" : "retried"
  const quiet = client.protocols?.length === 0 || server.protocols?.length === 0
  const protocol = quiet ? undefined : server.protocols?.find((each) => client.protocols?.includes(each))
  if (suite === undefined || group === undefined) return "handshake_failure"
  if (!quiet && protocol === undefined) return "no_application_protocol"
  if (plan.authentication === "Required" && plan.answer === "declines") return "certificate_required"
  const scheme = plan.server.credential === "p256" ? "ecdsa_secp256r1_sha256" : "ed25519"
  const known = plan.authentication !== "None" && plan.answer === "shows"
  return { suite, group, kind, protocol, scheme, known }
}

const summary = ({ connection: { established } }: End) =>
  established === undefined
    ? "nothing"
    : {
        version: established.version,
        suite: established.suite.name,
        group: established.group,
        kind: established.kind,
        protocol: established.protocol,
        scheme: established.scheme,
        serverName: established.serverName
      }

const bytes = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) + seed) & 255)

const agree = (plan: Plan, client: End, server: End): void => {
  const expected = outcome(plan)
  if (typeof expected === "string") {
    assert.strictEqual(client.failure?.received, expected, client.failure?.detail)
    assert.strictEqual(server.connection.established, undefined)
    return
  }
  const { known, ...agreed } = expected
  assert.strictEqual(client.failure ?? server.failure, undefined)
  const whole = { version: "TLSv1.3", serverName: "server.test", ...agreed }
  assert.deepStrictEqual(summary(client), whole as unknown as ReturnType<typeof summary>)
  assert.deepStrictEqual(summary(server), whole as unknown as ReturnType<typeof summary>)
  const identity = server.connection.established?.peer
  assert.strictEqual(identity !== undefined, known)
  assert.isDefined(client.connection.established?.peer)
  const material = ({ connection }: End) =>
    toHex(okay(connection.exportKeyingMaterial(plan.label, bytes(9, 1), plan.length)))
  assert.strictEqual(material(client), material(server))
}

const talk = (plan: Plan, client: End, server: End): void => {
  const link = chunked(plan.cuts)
  for (const [i, length] of plan.data.entries()) {
    client.send(bytes(length, i))
    if (i === 1) client.updateKeys("update_requested")
    server.send(bytes(length, i + 100))
    carry(client, server, link)
  }
  const sent = (seed: number) => plan.data.map((length, i) => toHex(bytes(length, i + seed))).join("")
  assert.strictEqual(toHex(server.data), sent(0))
  assert.strictEqual(toHex(client.data), sent(100))
  client.take(client.connection.close())
  server.take(server.connection.close())
  carry(client, server, link)
  for (const end of [client, server]) {
    end.take(end.connection.end())
    assert.strictEqual(end.failure, undefined)
    assert.isTrue(end.events.some(({ _tag }) => _tag === "PeerClosed"))
  }
}

/** How often each outcome was seen. */
const seen = new Map<string, number>()

describe("any two configurations, over a link that cuts where it likes", () => {
  it.prop(
    "come to what the RFC says they come to, export the same, carry data whole and close cleanly",
    [Plan],
    ([plan]) => {
      const { client, server } = ends(plan)
      const expected = outcome(plan)
      const kind = typeof expected === "string" ? expected : `${expected.kind}, ${expected.known ? "known" : "unknown"}`
      seen.set(kind, (seen.get(kind) ?? 0) + 1)
      handshake(client, server, chunked(plan.cuts))
      agree(plan, client, server)
      if (typeof expected !== "string") talk(plan, client, server)
    },
    { arbitrary: { runs: 150, seed: 1 } }
  )

  it("were of every kind", () => {
    const kinds = ["certificate_required", "handshake_failure", "no_application_protocol"]
    const connected = ["full", "retried"].flatMap((kind) => [`${kind}, known`, `${kind}, unknown`])
    assert.deepStrictEqual([...seen.keys()].sort(), [...kinds, ...connected].sort())
    for (const [kind, count] of seen) assert.isAtLeast(count, 3, kind)
  })
})
