/** TLS inside QUIC against Go's crypto/tls, which has the same face: CRYPTO data, levels and secrets. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { CryptoLevel, World } from "../../src/core.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import { fromHex, okay, toHex, world } from "../support/answers.ts"
import {
  clientHost,
  clientParameters,
  type Host,
  joined,
  pieces,
  serverHost,
  serverParameters
} from "../support/quic.ts"
import { giving, keeping, kept, openTickets } from "../support/resumption.ts"
import { fixtures, type Pair } from "./support/fixtures.ts"
import { type Program, start } from "./support/programs.ts"

const source = new URL("support/quicPeer.go", import.meta.url).pathname
const binary = join(fixtures.folder, "quicPeer")
const version = spawnSync("go", ["version"], { encoding: "utf8", timeout: 20_000 }).stdout ?? ""
const hasGo = /go1\.(2[3-9]|[3-9]\d)/.test(version)

/** A world that shows one of the certificates that Go believes. */
const showing = (seed: string, { issued }: Pair): World => {
  const key = okay(node.privateKey(issued.privateKey))
  return world(seed, undefined, {
    choose: () => ({ chain: issued.chain, schemes: key.schemes, key }),
    sign: ({ scheme, content }) => {
      if (typeof scheme === "number") return assert.fail(`${scheme}`)
      const signature = key.sign(scheme, content)
      return Result.isResult(signature) ? signature : assert.fail("node signs at once")
    }
  })
}

/** What Go said up to where it waits, as words. */
const heard = async (program: Program, from: number): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  await program.until(new RegExp(`^[^]{${from}}(?:[^]*\\n)?\\.\\n`))
  const all = program.stdout().slice(from)
  return all.split("\n").map((line) => line.split(" "))
}

/** Carries data between our host and Go until both are silent, in pieces of `size` bytes; all that Go said. */
const converse = async (host: Host, program: Program, size: number, from = 0) => {
  const said: Array<ReadonlyArray<string>> = []
  let at = from
  const listen = async (): Promise<boolean> => {
    const lines = await heard(program, at)
    at = program.stdout().length
    said.push(...lines)
    const data = lines.flatMap(([kind, level = "", hex = ""]) =>
      kind === "data" ? [{ level: level as CryptoLevel, bytes: fromHex(hex) }] : []
    )
    for (const { level, bytes } of pieces(data, size)) host.receive(level, bytes)
    return data.length > 0
  }
  host.start()
  await listen()
  for (;;) {
    const data = pieces(joined(host.flush()), size)
    let answered = false
    for (const { level, bytes } of data) {
      program.write(`${level} ${toHex(bytes)}\n`)
      answered = (await listen()) || answered
    }
    if (data.length === 0) return said
    if (!answered && host.connection.failure !== undefined) return said
  }
}

interface Plan {
  readonly group?: "x25519" | "secp256r1"
  readonly authentication?: "none" | "require"
  readonly size?: number
}

const go = (role: "client" | "server", pair: Pair, { group = "x25519", authentication = "none" }: Plan) =>
  start(binary, [
    ...[role, fixtures.ca.cert, pair.cert, pair.key],
    // A client lists both groups, and sends a share of the first.
    role === "client" ? "x25519,secp256r1" : group,
    authentication
  ])

const goParameters = toHex(new TextEncoder().encode("parameters of Go"))

/** Both are done, have each other's parameters, and hold the same secrets. */
const assertAgreed = (host: Host, said: ReadonlyArray<ReadonlyArray<string>>, parameters: Uint8Array) => {
  assert.isUndefined(host.connection.failure, JSON.stringify(host.connection.failure))
  assert.strictEqual(host.connection.established?.protocol, "h3")
  assert.deepStrictEqual(host.parameters, [goParameters])
  assert.isTrue(said.some(([kind, protocol]) => kind === "done" && protocol === "h3"))
  assert.deepInclude(said, ["parameters", toHex(parameters)])
  const secrets = said.filter(([kind]) => kind === "secret")
  // Of early data there is one more, where some is offered.
  assert.strictEqual(secrets.length, host.connection.established?.earlyData === "accepted" ? 5 : 4)
  for (const [, direction, level, suite, secret] of secrets) {
    assert.strictEqual(
      host.keys[`${level} ${direction === "read" ? "write" : "read"}`],
      secret,
      `${level} ${direction}`
    )
    assert.strictEqual(host.connection.established?.suite.name, suite)
  }
}

const plans: { readonly [name: string]: Plan } = {
  full: {},
  "full, in pieces of 50 bytes": { size: 50 },
  retried: { group: "secp256r1" },
  "with client authentication": { authentication: "require" }
}

describe.skipIf(!hasGo)(`crypto/tls of ${version.trim()}`, () => {
  beforeAll(() => {
    const built = spawnSync("go", ["build", "-o", binary, source], { encoding: "utf8", timeout: 170_000 })
    assert.strictEqual(built.status, 0, built.stderr)
  }, 180_000)

  describe.each(Object.entries(plans))("%s", (name, plan) => {
    const size = plan.size ?? 2 ** 20
    const kind = name === "retried" ? "retried" : "full"

    it("our client and its server", async () => {
      const config: Partial<ClientConfig> = { server: { _tag: "DnsName", name: "localhost" } }
      const host = clientHost(config, showing("client", fixtures.client.p256))
      await using program = go("server", fixtures.server.p256, plan)
      const said = await converse(host, program, size)
      assertAgreed(host, said, clientParameters)
      assert.strictEqual(host.connection.established?.kind, kind)
      const messages = host.events.flatMap((e) => (e._tag === "Message" ? [`${e.direction} ${e.message._tag}`] : []))
      assert.include(messages, "heard NewSessionTicket")
    })

    it("its client and our server", async () => {
      const authentication =
        plan.authentication === "require"
          ? ({ _tag: "Required", authorities: [] } as const)
          : ({ _tag: "None" } as const)
      const config: Partial<ServerConfig> = { clientAuthentication: authentication, groups: [plan.group ?? "x25519"] }
      const host = serverHost(config, showing("server", fixtures.server.p256))
      await using program = go("client", fixtures.client.p256, plan)
      const said = await converse(host, program, size)
      assertAgreed(host, said, serverParameters)
      assert.strictEqual(host.connection.established?.kind, kind)
    })
  })

  /** A second connection with the same program, whose Go may resume the first. */
  const again = (host: Host, program: Program) => {
    const from = program.stdout().length
    program.write("again\n")
    return converse(host, program, 2 ** 20, from)
  }
  const outcomes = ({ events }: Host) => events.flatMap((e) => (e._tag === "EarlyDataJudged" ? [e.outcome] : []))

  describe("a session with early data", () => {
    const config = keeping({ server: { _tag: "DnsName", name: "localhost" } })

    it("our client resumes one of its server, which takes early data once", async () => {
      await using program = go("server", fixtures.server.p256, {})
      const first = clientHost(config, showing("client", fixtures.client.p256))
      await converse(first, program, 2 ** 20)
      const ticket = first.events.flatMap((e) => (e._tag === "StoreTicket" ? [kept(e)] : []))[0]
      assert.strictEqual(ticket?.session.maxEarlyData, 0xffffffff)
      const world = { ...showing("client again", fixtures.client.p256), takeTicket: () => ticket }
      const host = clientHost({ ...config, earlyData: 1 }, world)
      const said = await again(host, program)
      assert.strictEqual(host.connection.established?.kind, "resumed")
      assert.deepStrictEqual(outcomes(host), ["accepted"])
      assertAgreed(host, said, clientParameters)
    })

    it.each(["fresh", "replayed"] as const)("its client resumes one of our server, %s", async (verdict) => {
      await using program = go("client", fixtures.client.p256, {})
      const serving = (seed: string): Host =>
        serverHost(giving({ maxEarlyData: 1 }), {
          ...showing(seed, fixtures.server.p256),
          tickets: openTickets,
          judgeEarlyData: () => verdict
        })
      await converse(serving("server"), program, 2 ** 20)
      const host = serving("server again")
      const said = await again(host, program)
      assert.isUndefined(host.connection.failure, JSON.stringify(host.connection.failure))
      assert.strictEqual(host.connection.established?.kind, "resumed")
      assert.strictEqual(host.connection.established?.earlyData, verdict === "fresh" ? "accepted" : "rejected")
      assert.isTrue(said.some(([kind, , , how]) => kind === "done" && how === "resumed"))
      assert.strictEqual(
        said.some(([kind]) => kind === "rejected"),
        verdict === "replayed"
      )
      const offered = said.find(
        ([kind, direction, level]) => kind === "secret" && `${direction} ${level}` === "write early"
      )
      assert.strictEqual(host.keys["early read"], verdict === "fresh" ? offered?.[4] : undefined)
    })
  })
})
