/** What `tshark` reads of a capture of ours with the lines of our key log, and without them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as KeyLog from "../../src/layers/KeyLog.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { open, read, world } from "../layers/support.ts"
import {
  carry,
  clientEnd,
  clientWorld,
  suites as coreSuites,
  type Link,
  serverEnd,
  serverWorld
} from "../support/pair.ts"
import { copy, giving, keeping, openTickets } from "../support/resumption.ts"
import { ticketFrom } from "../support/travel.ts"
import { suites } from "./support/fixtures.ts"
import { type Chunk, pcap, serverPort } from "./support/pcap.ts"
import { finish, hasTshark } from "./support/programs.ts"

/** The two streams that tshark puts together of what it could decrypt, and the handshake messages it could name. */
const decrypted = Effect.fnUntraced(function* (chunks: ReadonlyArray<Chunk>, lines: ReadonlyArray<string>) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-tls-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const [capture, keys] = [join(folder, "capture.pcap"), join(folder, "keys.log")]
  writeFileSync(capture, pcap(chunks))
  writeFileSync(keys, lines.map((line) => `${line}\n`).join(""))
  const { status, stdout, stderr } = yield* Effect.promise(() =>
    finish("tshark", [
      ...["-n", "-r", capture, "-o", `tls.keylog_file:${keys}`, "-d", `tcp.port==${serverPort},tls`],
      ...["-T", "fields", "-e", "tls.handshake.type", "-e", "tls.alert_message.desc", "-e", "_ws.expert.message"],
      ...["-z", "follow,tls,raw,0"]
    ])
  )
  assert.strictEqual(status, 0, stderr)
  const [packets = "", followed = ""] = stdout.split(/={10,}\n/)
  const field = (i: number) =>
    packets.split("\n").flatMap((line) => (line.split("\t")[i] ?? "").split(",").filter((value) => value !== ""))
  // Hexadecimal of what node 0 said; lines of the other one begin with a tab.
  const said = followed.split("\n").filter((line) => /^\t?[0-9a-f]+$/.test(line))
  const hex = (of: "node 0" | "node 1") => said.filter((line) => line.startsWith("\t") === (of === "node 1")).join("")
  const text = (of: "node 0" | "node 1") => Buffer.from(hex(of).replaceAll("\t", ""), "hex").toString()
  const [client, server] = followed.includes(`Node 0: 192.0.2.2:${serverPort}`)
    ? (["node 1", "node 0"] as const)
    : (["node 0", "node 1"] as const)
  // TCP has its say too, about how connections begin and end.
  const trouble = field(2).filter((remark) => !/^Connection |^This frame .* the connection closing$/.test(remark))
  return { messages: field(0), alerts: field(1), trouble, client: text(client), server: text(server) }
})

/** Of several records. */
const long = "x".repeat(40_000)

/** A connection in memory that says something both ways, before and after key updates of both ends. */
const talk = Effect.fnUntraced(function* (options: TlsTest.Options) {
  const [chunks, lines]: [Array<Chunk>, Array<string>] = [[], []]
  const noting = (from: Chunk["from"]) => ({
    alter: (bytes: Uint8Array) => {
      chunks.push({ from, bytes: bytes.slice() })
      return bytes
    }
  })
  const link = { leftToRight: noting("client"), rightToLeft: noting("server") }
  const keyLog = KeyLog.layerArray(lines)
  const { client, server } = yield* TlsTest.handshake({ ...options, link }).pipe(Effect.provide(keyLog))
  const [left, right] = [yield* open(client.socket), yield* open(server.socket)]
  const say = Effect.fnUntraced(function* (up: string, down: string) {
    yield* left.write(up)
    assert.strictEqual(String(yield* read(right.pull, up.length)), up)
    yield* right.write(down)
    assert.strictEqual(String(yield* read(left.pull, down.length)), down)
  })
  yield* say("the question; ", "the answer; ")
  yield* client.updateKeys({ requestPeer: true })
  yield* say("again; ", "once more; ")
  yield* server.updateKeys()
  yield* say("at last", long)
  yield* client.close
  yield* server.close
  return { chunks, lines, info: client.info }
})

/** The same suites for the machines alone. */
const cores = suites.flatMap((name) => coreSuites.filter((suite) => suite.name === name))

/** A session is resumed, with early data that is taken, and both ends keep a key log. */
const resume = (name: (typeof suites)[number]) => {
  const only = { suites: cores.filter((suite) => suite.name === name) }
  const ticket = ticketFrom({ client: keeping(only), server: giving({ maxEarlyData: 100 }, only) })
  const on = { keyLog: "on" } as const
  const client = clientEnd(keeping({ ...only, earlyData: 100 }), clientWorld({ takeTicket: () => copy(ticket) }), on)
  const world = serverWorld({ tickets: openTickets, judgeEarlyData: () => "fresh" })
  const server = serverEnd(giving({ maxEarlyData: 100 }, only), world, on)
  const chunks: Array<Chunk> = []
  const noting: Link = (bytes, direction) => {
    if (bytes.length > 0) chunks.push({ from: direction === "toServer" ? "client" : "server", bytes })
    return [bytes]
  }
  client.start().take(Result.getOrThrow(client.connection.sendEarlyData(Buffer.from("too early; "))))
  carry(client, server.start(), noting)
  client.send(Buffer.from("and late"))
  server.send(Buffer.from("an answer"))
  carry(client, server, noting)
  assert.strictEqual(client.connection.established?.earlyData, "accepted")
  const lines = [client, server].map(({ events }) =>
    events.flatMap((event) => (event._tag === "LogKey" ? [event.line] : [])).sort()
  )
  assert.deepStrictEqual(lines[0], lines[1], "both ends have the same")
  return { chunks, lines: lines[0] ?? [] }
}

const names = (lines: ReadonlyArray<string>) => [...new Set(lines.map((line) => line.split(" ")[0]))].sort()
const labels = [
  "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
  "CLIENT_TRAFFIC_SECRET_0",
  "EXPORTER_SECRET",
  "SERVER_HANDSHAKE_TRAFFIC_SECRET",
  "SERVER_TRAFFIC_SECRET_0"
]

describe.skipIf(!hasTshark)("tshark", () => {
  for (const [suite, kind] of [...suites.map((suite) => [suite, "full"] as const), [suites[0], "retried"] as const]) {
    it.live(`reads both directions, and on after key updates: ${suite}, ${kind}`, () =>
      Effect.gen(function* () {
        const groups = kind === "full" ? undefined : ["x25519", "secp384r1"]
        const { chunks, lines, info } = yield* talk({
          client: { suites: [suite], ...(groups === undefined ? {} : { groups, shares: ["x25519"] }) },
          server: kind === "full" ? {} : { groups: ["secp384r1"] }
        })
        assert.deepStrictEqual([info.suite, info.kind], [suite, kind])
        assert.deepStrictEqual(names(lines), labels, "an update has no line: its secret is derived")
        const seen = yield* decrypted(chunks, lines)
        assert.strictEqual(seen.client, "the question; again; at last")
        assert.strictEqual(seen.server.slice(0, 30), "the answer; once more; xxxxxxx")
        assert.isTrue(seen.server === `the answer; once more; ${long}`, `${seen.server.length} bytes`)
        // ClientHello, ServerHello (of a retry too), then what only the keys show, KeyUpdate at the end.
        const hellos = kind === "full" ? ["1", "2"] : ["1", "2", "1", "2"]
        assert.deepStrictEqual(seen.messages, [...hellos, "8", "11", "15", "20", "20", "24", "24", "24"])
        assert.deepStrictEqual(seen.alerts, ["0", "0"], "close_notify of both")
        assert.deepStrictEqual(seen.trouble, [])
      }).pipe(Effect.provide(world))
    )
  }

  for (const { name, hash } of cores) {
    it.live(`reads early data and what follows in a resumed connection: ${name}`, () =>
      Effect.gen(function* () {
        const { chunks, lines } = resume(name)
        assert.deepStrictEqual(names(lines), ["CLIENT_EARLY_TRAFFIC_SECRET", ...labels, "EARLY_EXPORTER_SECRET"].sort())
        for (const line of lines) assert.match(line, new RegExp(`^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{${2 * hash.size}}$`))
        const seen = yield* decrypted(chunks, lines)
        assert.deepStrictEqual([seen.client, seen.server], ["too early; and late", "an answer"])
        // Hellos, EncryptedExtensions, Finished, EndOfEarlyData, Finished, a NewSessionTicket.
        assert.deepStrictEqual(seen.messages, ["1", "2", "8", "20", "5", "20", "4"])
        assert.deepStrictEqual(seen.trouble, [])
        const less = yield* decrypted(
          chunks,
          lines.filter((line) => !line.startsWith("CLIENT_EARLY_TRAFFIC_SECRET"))
        )
        assert.notInclude(less.client, "too early", "only its own line tells it")
      })
    )
  }

  it.live("reads nothing without the lines", () =>
    Effect.gen(function* () {
      const { chunks } = yield* talk({})
      const { client, server, messages } = yield* decrypted(chunks, [])
      assert.deepStrictEqual({ client, server, messages }, { client: "", server: "", messages: ["1", "2"] })
    }).pipe(Effect.provide(world))
  )
})
